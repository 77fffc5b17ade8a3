package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/token"
)

type operatorCommands struct {
	Add    operatorAddCommand    `cmd:"" help:"Add a person to a workspace."`
	Remove operatorRemoveCommand `cmd:"" help:"Remove a person from a workspace: their sessions end at once."`
	List   operatorListCommand   `cmd:"" help:"List the people in a workspace."`
}

type emailArgument struct {
	Email string `arg:"" help:"The e-mail address that the person is known by."`
}

type operatorAddCommand struct {
	emailArgument
	databaseFlag
	workspaceFlag

	Role string `default:"member" help:"admin, who may do everything, or member, who reads. Default: member."`
	Name string `placeholder:"TEXT" help:"The name that people see. Default: the e-mail address."`
}

// Run adds an operator.
func (c operatorAddCommand) Run(ctx context.Context, std streams) error {
	var err error
	role := take(&err, "--role", c.Role, parseRole)
	if err != nil {
		return err
	}
	return c.useOrMake(ctx, std, nil, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		added, err := tokens.AddOperator(ctx, by, c.Email, c.Name, role)
		if errors.Is(err, token.ErrExists) {
			return fmt.Errorf("%q is an operator of workspace %s already: to change the role, remove them and add them again", c.Email, c.Workspace)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(std.out, "Added %s to workspace %s as %s.\n", added.Email, c.Workspace, added.Role); err != nil {
			return err
		}
		std.note("%s signin --workspace %s --operator %s prints a link that signs them in.", programName, c.Workspace, added.Email)
		return nil
	})
}

func parseRole(text string) (operator.Role, error) {
	role := operator.Role(strings.ToUpper(text))
	if operator.RoleValidator(role) != nil {
		return "", errors.New("must be admin or member")
	}
	return role, nil
}

type operatorListCommand struct {
	databaseFlag
	workspaceFlag
	jsonFlag

	All bool `help:"List those who were removed as well."`
}

// operatorView is what is printed of an operator.
type operatorView struct {
	ID        uuid.UUID     `json:"id"`
	Email     string        `json:"email"`
	Name      string        `json:"name"`
	Role      operator.Role `json:"role"`
	CreatedAt time.Time     `json:"createdAt"`
	RemovedAt *time.Time    `json:"removedAt"`
}

func viewOperator(o *ent.Operator) operatorView {
	return operatorView{o.ID, o.Email, o.Name, o.Role, o.CreatedAt, o.RemovedAt}
}

// Run prints the operators of a workspace, by e-mail address.
func (c operatorListCommand) Run(ctx context.Context, std streams) error {
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		all, err := tokens.Operators(ctx, by)
		if err != nil {
			return err
		}
		views := []operatorView{}
		for _, o := range all {
			if o.RemovedAt == nil || c.All {
				views = append(views, viewOperator(o))
			}
		}
		if c.JSON {
			return printJSON(std.out, views)
		}
		return printOperators(std.out, views)
	})
}

func printOperators(out io.Writer, views []operatorView) error {
	rows := [][]string{{"EMAIL", "ROLE", "ADDED", "REMOVED", "ID", "NAME"}}
	for _, o := range views {
		rows = append(rows, []string{o.Email, string(o.Role), stamp(o.CreatedAt), moment(o.RemovedAt, "-"), o.ID.String(), o.Name})
	}
	return printTable(out, rows)
}
