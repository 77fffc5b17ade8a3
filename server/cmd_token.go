package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/keyset"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

type tokenCommands struct {
	Mint   mintCommand   `cmd:"" help:"Mint a token. Prints the secret, once, alone on standard output."`
	List   listCommand   `cmd:"" help:"List the tokens of a workspace, newest first."`
	Show   showCommand   `cmd:"" help:"Show one token."`
	Rotate rotateCommand `cmd:"" help:"Mint a successor of a token and end the old one. Prints the new secret, once, alone on standard output."`
	Revoke revokeCommand `cmd:"" help:"Revoke a token, for good."`
	Whose  whoseCommand  `cmd:"" help:"Read a secret on standard input and say whose it is."`
}

type workspaceFlag struct {
	Workspace string `default:"default" placeholder:"SLUG" help:"The workspace. Default: default."`
}

type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON."`
}

type mintCommand struct {
	databaseFlag
	plansFlag
	workspaceFlag

	Label     string   `required:"" placeholder:"TEXT" help:"What the token is for: 1 to 100 characters."`
	Ability   []string `required:"" sep:"none" placeholder:"ABILITY" help:"What it may do: READ, WRITE_CONTACTS, WRITE_CONVERSATIONS, MANAGE_WEBHOOKS or FULL_ACCESS. The flag repeats."`
	Mode      string   `default:"live" help:"live, or test for a token that touches test data only."`
	ExpiresIn string   `placeholder:"DURATION" help:"When it ends, from now, such as 720h. Default: never."`
}

// Run mints a token and prints its secret.
func (c mintCommand) Run(ctx context.Context, std streams) error {
	plans, in, err := c.input(time.Now())
	if err != nil {
		return err
	}
	return c.useOrMake(ctx, std, plans, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		minted, err := tokens.Mint(ctx, by, in)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(std.out, minted.Secret.Reveal()); err != nil {
			return fmt.Errorf("print the secret, which is lost now (revoke token %s and mint another): %w", minted.Token.ID, err)
		}
		std.note("Minted token %s (%s) in workspace %s. The secret is not shown again.",
			minted.Token.ID, token.Hint(minted.Token), c.Workspace)
		return nil
	})
}

func (c mintCommand) input(now time.Time) (token.Plans, token.MintInput, error) {
	plans, err := c.load()
	in := token.MintInput{
		Label:     c.Label,
		Abilities: take(&err, "--ability", c.Ability, parseAbilities),
		Mode:      take(&err, "--mode", c.Mode, parseMode),
	}
	if c.ExpiresIn != "" {
		at := now.Add(take(&err, "--expires-in", c.ExpiresIn, parseLife))
		in.ExpiresAt = &at
	}
	return plans, in, err
}

func parseAbilities(texts []string) ([]ability.Ability, error) {
	abilities := make([]ability.Ability, len(texts))
	for i, text := range texts {
		var err error
		if abilities[i], err = ability.Parse(text); err != nil {
			return nil, err
		}
	}
	return abilities, nil
}

func parseMode(text string) (enttoken.Mode, error) {
	mode := enttoken.Mode(strings.ToUpper(text))
	if enttoken.ModeValidator(mode) != nil {
		return "", errors.New("must be live or test")
	}
	return mode, nil
}

func parseLife(text string) (time.Duration, error) {
	life, err := time.ParseDuration(text)
	if err != nil || life <= 0 {
		return 0, errors.New("must be a duration such as 720h, longer than zero")
	}
	return life, nil
}

type listCommand struct {
	databaseFlag
	workspaceFlag
	jsonFlag

	All bool `help:"List expired and revoked tokens as well."`
}

// Run prints the tokens a page at a time, so that any number takes little
// memory.
func (c listCommand) Run(ctx context.Context, std streams) error {
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := commandLine(ctx, tokens, c.Workspace)
		if err != nil {
			return err
		}
		query := token.Query{}
		query.First = new(keyset.MaxSize)
		if c.All {
			query.Filter.States = []token.State{token.StateActive, token.StateRotating, token.StateExpired, token.StateRevoked}
		}
		printer := tokenPrinter{out: std.out, asJSON: c.JSON}
		for {
			page, err := tokens.List(ctx, by, query)
			if err != nil {
				return err
			}
			views, err := viewTokens(ctx, tokens, by.Workspace.Slug, page.Tokens...)
			if err != nil {
				return err
			}
			if err := printer.page(views); err != nil {
				return err
			}
			if !page.HasNext {
				return printer.end()
			}
			query.After = new(query.Order.Cursor(page.Tokens[len(page.Tokens)-1]))
		}
	})
}

type tokenArgument struct {
	ID string `arg:"" help:"The token's id, as token list prints it."`
}

func (a tokenArgument) parse() (uuid.UUID, error) {
	id, err := uuid.Parse(a.ID)
	if err != nil || len(a.ID) != 36 {
		return uuid.UUID{}, usagef("the token's id must be a UUID, as %s token list prints it", programName)
	}
	return id, nil
}

type showCommand struct {
	tokenArgument
	databaseFlag
	jsonFlag
}

// Run prints one token.
func (c showCommand) Run(ctx context.Context, std streams) error {
	id, err := c.parse()
	if err != nil {
		return err
	}
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := ownerOf(ctx, tokens, id)
		if err != nil {
			return err
		}
		t, err := tokens.Get(ctx, by, id)
		if err != nil {
			return err
		}
		return printToken(ctx, std, tokens, by.Workspace.Slug, t, c.JSON)
	})
}

func printToken(ctx context.Context, std streams, tokens *token.Service, workspace string, t *ent.Token, asJSON bool) error {
	views, err := viewTokens(ctx, tokens, workspace, t)
	if err != nil {
		return err
	}
	return views[0].print(std.out, asJSON)
}

type revokeCommand struct {
	tokenArgument
	databaseFlag
	jsonFlag

	Reason string `placeholder:"TEXT" help:"Why, for the audit log."`
}

// Run revokes a token. Revoking one that is revoked changes nothing.
func (c revokeCommand) Run(ctx context.Context, std streams) error {
	id, err := c.parse()
	if err != nil {
		return err
	}
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		by, err := ownerOf(ctx, tokens, id)
		if err != nil {
			return err
		}
		revoked, err := tokens.Revoke(ctx, by, id, c.Reason)
		if err != nil {
			return err
		}
		if c.JSON {
			return printToken(ctx, std, tokens, by.Workspace.Slug, revoked.Token, true)
		}
		_, err = fmt.Fprintf(std.out, "Token %s (%s) is revoked since %s.\n", id, token.Hint(revoked.Token), stamp(revoked.Receipt.EffectiveAt))
		return err
	})
}

type whoseCommand struct {
	databaseFlag
	jsonFlag
}

// maxSecretLine bounds what is read on standard input: a secret and blanks.
const maxSecretLine = 1024

// Run reads a secret and prints the token that it is of.
func (c whoseCommand) Run(ctx context.Context, std streams) error {
	secret, err := readStandardInput(std.in)
	if err != nil {
		return err
	}
	return c.use(ctx, std, nil, func(tokens *token.Service) error {
		t, err := tokens.Lookup(ctx, secret)
		if errors.Is(err, token.ErrUnauthenticated) {
			return fmt.Errorf("no token of this database has that secret (%s): check --database", secret)
		}
		if err != nil {
			return err
		}
		return printToken(ctx, std, tokens, t.Edges.Workspace.Slug, t, c.JSON)
	})
}

// readStandardInput reads the secret of a token from the first line.
func readStandardInput(in io.Reader) (bearer.Secret, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxSecretLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return bearer.Secret{}, fmt.Errorf("read standard input: %w", err)
	}
	secret, err := bearer.Parse(strings.TrimSpace(line))
	if err != nil || !secret.IsToken() {
		return bearer.Secret{}, errors.New("standard input does not hold the secret of a token: " +
			"it begins with keloa_pk_live_ or keloa_pk_test_ and has 32 characters more")
	}
	return secret, nil
}
