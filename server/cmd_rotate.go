package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keloa/apitokens/token"
)

type rotateCommand struct {
	tokenArgument
	databaseFlag
	plansFlag
	jsonFlag

	RevokeOld string `default:"when-new-is-live" placeholder:"WHEN" help:"When the old token ends: when-new-is-live, at the first use of the new one; now; or manually. Default: when-new-is-live."`
	Grace     string `placeholder:"DURATION" help:"When the old token ends if the new one is not used by then, such as 24h. Default: not before that."`
}

// rotation is what is printed of one as JSON: the secret is on standard output
// alone, so it is in here too.
type rotation struct {
	Secret      string    `json:"secret"`
	Token       tokenView `json:"token"`
	Predecessor tokenView `json:"predecessor"`
}

// Run rotates a token and prints the secret of the new one.
func (c rotateCommand) Run(ctx context.Context, std streams) error {
	id, err := c.parse()
	if err != nil {
		return err
	}
	plans, err := c.load()
	in := token.RotateInput{
		ID:           id,
		RevokeOld:    take(&err, "--revoke-old", c.RevokeOld, parseRevokeOld),
		GraceSeconds: take(&err, "--grace", c.Grace, parseGrace),
	}
	if err == nil && c.Grace != "" && in.RevokeOld != token.WhenNewIsLive {
		err = usagef("--grace: goes with --revoke-old when-new-is-live only")
	}
	if err != nil {
		return err
	}
	return c.use(ctx, std, plans, func(tokens *token.Service) error {
		by, err := ownerOf(ctx, tokens, id)
		if err != nil {
			return err
		}
		rotated, err := tokens.Rotate(ctx, by, in)
		if err != nil {
			return err
		}
		views, err := viewTokens(ctx, tokens, by.Workspace.Slug, rotated.Token, rotated.Predecessor)
		if err == nil && c.JSON {
			err = printJSON(std.out, rotation{rotated.Secret.Reveal(), views[0], views[1]})
		} else if err == nil {
			_, err = fmt.Fprintln(std.out, rotated.Secret.Reveal())
		}
		if err != nil {
			return fmt.Errorf("print the secret, which is lost now (rotate token %s again): %w", id, err)
		}
		std.note("Token %s (%s) takes the place of %s, which %s. The secret is not shown again.",
			rotated.Token.ID, token.Hint(rotated.Token), id, fate(rotated))
		return nil
	})
}

// fate is what becomes of the old token.
func fate(r token.Rotated) string {
	old := r.Predecessor
	switch {
	case old.RevokedAt != nil:
		return "has ended"
	case old.RotationEndsAt != nil:
		return "works until the new one is used, or until " + stamp(*old.RotationEndsAt)
	case old.RevokeOld != nil && string(*old.RevokeOld) == string(token.WhenNewIsLive):
		return "works until the new one is used"
	}
	return "works until it is revoked"
}

func parseRevokeOld(text string) (token.RevokeOld, error) {
	how := token.RevokeOld(strings.ToUpper(strings.ReplaceAll(text, "-", "_")))
	switch how {
	case token.WhenNewIsLive, token.Now, token.Manually:
		return how, nil
	}
	return "", errors.New("must be when-new-is-live, now or manually")
}

// parseGrace reads a duration in whole seconds; nil for none.
func parseGrace(text string) (*int, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none was given
	}
	grace, err := parseLife(text)
	if err != nil || grace%time.Second != 0 || grace > token.MaxGrace {
		return nil, fmt.Errorf("must be a duration in whole seconds such as 24h, longer than zero and at most %.0fh", token.MaxGrace.Hours())
	}
	return new(int(grace / time.Second)), nil
}
