package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/keloa/apitokens/token"
)

// signInLife is how long a link lasts, for people.
var signInLife = fmt.Sprintf("%.0f minutes", token.SignInCodeLife.Minutes())

type signInCommand struct {
	databaseFlag
	publicFlags
	workspaceFlag

	Operator string `default:"owner@localhost" placeholder:"EMAIL" help:"The operator. Default: owner@localhost."`
}

// Run prints a link that signs the operator in.
func (c signInCommand) Run(ctx context.Context, std streams) error {
	origin, err := c.origin()
	if err != nil {
		return err
	}
	return c.useOrMake(ctx, std, nil, func(tokens *token.Service) error {
		link, err := signInLink(ctx, tokens, origin, c.Workspace, c.Operator)
		if errors.Is(err, token.ErrNotFound) {
			return fmt.Errorf("there is no operator %q in a workspace %q: check --operator and --workspace", c.Operator, c.Workspace)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(std.out, link); err != nil {
			return fmt.Errorf("print the link: %w", err)
		}
		std.note("The link signs %s in to workspace %s, once, within %s.", c.Operator, c.Workspace, signInLife)
		return nil
	})
}

// origin is where users reach the server.
func (f publicFlags) origin() (*url.URL, error) {
	var err error
	listen := take(&err, setting("listen"), f.Listen, parseAddress)
	public := f.publicURL(&err)
	if err != nil || public != nil {
		return public, err
	}
	return originAt(listen)
}

// signInLink makes a link that signs an operator in. It is a credential, and
// the one secret that a URL may hold: it is used up by opening it.
func signInLink(ctx context.Context, tokens *token.Service, origin *url.URL, workspace, email string) (string, error) {
	code, err := tokens.SignInCode(ctx, workspace, email)
	if err != nil {
		return "", err
	}
	link := origin.JoinPath("sign-in")
	link.RawQuery = url.Values{"code": {code.Reveal()}}.Encode()
	return link.String(), nil
}
