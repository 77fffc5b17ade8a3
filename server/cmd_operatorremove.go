package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/keloa/apitokens/token"
)

type operatorRemoveCommand struct {
	emailArgument
	databaseFlag
	workspaceFlag
	jsonFlag

	Tokens string `default:"keep" help:"What becomes of the tokens that they minted: keep or revoke. Default: keep, and list them."`
}

// operatorRemoval is what is printed of a removal.
type operatorRemoval struct {
	Operator operatorView `json:"operator"`
	Tokens   []tokenView  `json:"tokens"` // that the operator minted, as they are now
}

// Run removes an operator and shows, or ends, what they minted.
func (c operatorRemoveCommand) Run(ctx context.Context, std streams) error {
	var err error
	fate := take(&err, "--tokens", c.Tokens, oneOf("keep", "revoke"))
	if err != nil {
		return err
	}
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		removed, err := tokens.RemoveOperator(ctx, by, c.Email)
		if errors.Is(err, token.ErrNotFound) {
			return fmt.Errorf("there is no operator %q in workspace %s: see %s operator list --workspace %s", c.Email, c.Workspace, programName, c.Workspace)
		}
		if err != nil {
			return err
		}
		removal := operatorRemoval{viewOperator(removed.Operator), []tokenView{}}
		for _, t := range removed.Tokens {
			if fate == "revoke" {
				ended, err := tokens.Revoke(ctx, by, t.ID, "minted by "+removed.Operator.Email+", who was removed")
				if err != nil {
					return err
				}
				t = ended.Token
			}
			removal.Tokens = append(removal.Tokens, viewToken(tokens, c.Workspace, t))
		}
		return c.print(std, removal)
	})
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
	printer := tokenPrinter{out: std.out}
	if err := printer.page(removal.Tokens); err != nil {
		return err
	}
	if c.Tokens == "keep" {
		std.note("They still work. Who left may know their secrets: replace them, or remove with --tokens revoke.")
	}
	return nil
}
