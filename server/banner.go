package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/keloa/apitokens/token"
)

// printBanner tells the person who started the server where things are: on
// standard output, unless the audit log goes there. The sign-in link is a
// credential: it is made only where nobody but this machine can follow it, not
// behind a proxy either.
func printBanner(ctx context.Context, cfg config, std streams, tokens *token.Service, origin *url.URL, internal string) error {
	out := std.out
	if toStandardOutput(cfg.sinks) {
		out = std.err
	}
	lines := [][]string{
		{"Settings", origin.JoinPath(settingsPath).String()},
		{"Playground", origin.JoinPath(playgroundPath).String()},
		{"GraphQL", origin.JoinPath("graphql").String()},
		{"Schema", origin.JoinPath("schema.graphql").String()},
	}
	if internal != "" {
		lines = append(lines, []string{"Internal", "http://" + internal + "  (introspection, forward-auth, health)"})
	}
	if onLoopback(cfg.listen) && onThisMachine(origin) {
		link, err := signInLink(ctx, tokens, origin, token.DefaultWorkspace, token.DefaultOperator)
		if err == nil {
			lines = append(lines, []string{"Sign in", link + "  (once, within " + signInLife + ")"})
		} else if !errors.Is(err, token.ErrNotFound) { // the owner may have left
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "Keloa API tokens %s\n\n", readBuild().version); err != nil {
		return err
	}
	if err := printTable(out, lines); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, "\nStop with Ctrl-C.\n")
	return err
}
