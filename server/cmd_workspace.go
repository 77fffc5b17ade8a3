package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
)

type workspaceCommands struct {
	Create  workspaceCreateCommand  `cmd:"" help:"Create a workspace with its first operator, an admin."`
	List    workspaceListCommand    `cmd:"" help:"List the workspaces."`
	SetPlan workspaceSetPlanCommand `cmd:"" help:"Change the plan of a workspace."`
}

type slugArgument struct {
	Slug string `arg:"" help:"The name in URLs and commands: lower-case letters, digits and hyphens."`
}

type workspaceCreateCommand struct {
	slugArgument
	databaseFlag

	Name  string `placeholder:"TEXT" help:"The name that people see. Default: the slug."`
	Plan  string `default:"starter" help:"The plan: starter, growth, business or scale."`
	Owner string `default:"owner@localhost" help:"The e-mail address that the first operator is known by. No mail is sent."`
}

// Run creates a workspace.
func (c workspaceCreateCommand) Run(ctx context.Context, std streams) error {
	var err error
	plan := take(&err, "--plan", c.Plan, token.ParsePlan)
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name = c.Slug
	}
	return c.useOrMake(ctx, std, nil, func(tokens *token.Service) error {
		made, err := tokens.CreateWorkspace(ctx, c.Slug, name, plan, c.Owner)
		if errors.Is(err, token.ErrExists) {
			return fmt.Errorf("there is a workspace %q already: choose another slug", c.Slug)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "Created workspace %s (%s) on plan %s with operator %s.\n", made.Slug, made.ID, made.Plan, c.Owner)
		return err
	})
}

type workspaceListCommand struct {
	databaseFlag
	jsonFlag
}

// workspaceView is what is printed of a workspace. As JSON its fields have the
// names that GraphQL gives them.
type workspaceView struct {
	ID   uuid.UUID      `json:"id"`
	Slug string         `json:"slug"`
	Name string         `json:"name"`
	Plan workspace.Plan `json:"plan"`
}

// Run prints the workspaces, by slug.
func (c workspaceListCommand) Run(ctx context.Context, std streams) error {
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		all, err := tokens.Workspaces(ctx)
		if err != nil {
			return err
		}
		views := make([]workspaceView, len(all))
		for i, w := range all {
			views[i] = workspaceView{w.ID, w.Slug, w.Name, w.Plan}
		}
		if c.JSON {
			return printJSON(std.out, views)
		}
		rows := [][]string{{"SLUG", "PLAN", "ID", "NAME"}}
		for _, w := range views {
			rows = append(rows, []string{w.Slug, string(w.Plan), w.ID.String(), w.Name})
		}
		return printTable(std.out, rows)
	})
}

type workspaceSetPlanCommand struct {
	slugArgument
	databaseFlag

	Plan string `arg:"" help:"The plan: starter, growth, business or scale."`
}

// Run changes the plan.
func (c workspaceSetPlanCommand) Run(ctx context.Context, std streams) error {
	var err error
	plan := take(&err, "PLAN", c.Plan, token.ParsePlan)
	if err != nil {
		return err
	}
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Slug)
		if err != nil {
			return err
		}
		if err := tokens.SetPlan(ctx, by, plan); err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "Workspace %s is on plan %s.\n", c.Slug, plan)
		return err
	})
}
