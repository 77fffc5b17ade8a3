package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token"
)

type operatorRemoveCommand struct {
	emailArgument
	databaseFlag
	plansFlag
	workspaceFlag
	jsonFlag

	Tokens string `default:"keep" help:"What becomes of the tokens that they minted: keep; rotate, and print the new secrets, at whose first use the old ones end; or revoke. Default: keep, and list them."`
}

// operatorRemoval is what is printed of a removal.
type operatorRemoval struct {
	Operator operatorView   `json:"operator"`
	Tokens   []removedToken `json:"tokens"` // that the operator minted, as they are now
}

// removedToken is a token of somebody who was removed, or the one that takes its
// place.
type removedToken struct {
	tokenView

	Secret string `json:"secret,omitempty"` // of one that takes another's place
}

// Run removes an operator and shows, replaces or ends what they minted.
func (c operatorRemoveCommand) Run(ctx context.Context, std streams) error {
	plans, err := c.load()
	fate := take(&err, "--tokens", c.Tokens, oneOf("keep", "rotate", "revoke"))
	if err != nil {
		return err
	}
	return c.use(ctx, std, plans, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		removed, err := tokens.RemoveOperator(ctx, by, c.Email)
		if errors.Is(err, token.ErrNotFound) {
			return fmt.Errorf("there is no operator %q in workspace %s: see %s operator list --workspace %s", c.Email, c.Workspace, programName, c.Workspace)
		}
		if errors.Is(err, token.ErrLastAdmin) {
			return fmt.Errorf("%s is the only admin of workspace %s: make somebody else one first, with %s operator add EMAIL --role admin --workspace %s", c.Email, c.Workspace, programName, c.Workspace)
		}
		if err != nil {
			return err
		}
		removal := operatorRemoval{viewOperator(removed.Operator), []removedToken{}}
		var failed error
		for _, t := range removed.Tokens {
			left, err := dispose(ctx, tokens, by, removed.Operator, t, fate)
			if err != nil && failed == nil {
				failed = fmt.Errorf("%s token %s: %w", fate, t.ID, err)
			}
			removal.Tokens = append(removal.Tokens, left)
		}
		// What was replaced must be printed, also if another was not.
		return errors.Join(c.print(std, removal), failed)
	})
}

// dispose does with a token of somebody who was removed what was asked for, and
// shows what there is then.
func dispose(ctx context.Context, tokens *token.Service, by token.Caller, who *ent.Operator, t *ent.Token, fate string) (removedToken, error) {
	var left removedToken
	var failed error
	switch fate {
	case "rotate":
		rotated, err := tokens.Rotate(ctx, by, token.RotateInput{ID: t.ID, RevokeOld: token.WhenNewIsLive})
		if failed = err; err == nil {
			t, left.Secret = rotated.Token, rotated.Secret.Reveal()
		}
	case "revoke":
		ended, err := tokens.Revoke(ctx, by, t.ID, "minted by "+who.Email+", who was removed")
		if failed = err; err == nil {
			t = ended.Token
		}
	}
	views, err := viewTokens(ctx, tokens, by.Workspace.Slug, t)
	if err != nil {
		// The secret must be printed all the same.
		left.tokenView = viewToken(tokens, by.Workspace.Slug, t)
		return left, errors.Join(failed, err)
	}
	left.tokenView = views[0]
	return left, failed
}

func (c operatorRemoveCommand) print(std streams, removal operatorRemoval) error {
	if c.JSON {
		return printJSON(std.out, removal)
	}
	_, err := fmt.Fprintf(std.out, "Removed %s from workspace %s. Tokens that they minted: %d.\n",
		removal.Operator.Email, c.Workspace, len(removal.Tokens))
	if err != nil || len(removal.Tokens) == 0 {
		return err
	}
	rows := [][]string{{"ID", "STATE", "LABEL", "NEW SECRET"}}
	for _, t := range removal.Tokens {
		rows = append(rows, []string{t.ID.String(), string(t.State), t.Label, cmp.Or(t.Secret, "-")})
	}
	if err := printTable(std.out, rows); err != nil {
		return err
	}
	if c.Tokens == "keep" {
		std.note("They still work. Who left may know their secrets: rotate or revoke them.")
	}
	return nil
}
