package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// originalURIs are the headers in which gateways say what was asked of them:
// nginx by its usual configuration, ingress-nginx, and Traefik and Caddy.
var originalURIs = []string{"X-Original-Uri", "X-Original-Url", "X-Forwarded-Uri"}

// forwardAuth lets a gateway ask whether to let a request through that it sends
// on with its headers, whatever the method. With ability=… in the query the
// token must have that ability; without, any token will do.
//
// It answers 200 with whose token it is in headers, for the gateway to hand on.
// Cookies are not looked at: they are those of the site behind the gateway. The
// label is percent-encoded where it is not printable ASCII.
func (h *handlers) forwardAuth(w http.ResponseWriter, r *http.Request) {
	by, err := h.forwarded(r)
	if err == nil {
		err = h.tokens.Answer(r.Context(), by, func() error {
			graph.Flush(w, func() { allow(w, by) })
			return nil
		})
	}
	if err != nil {
		h.refuse(w, r, err)
	}
}

// allow answers that the request may pass.
func allow(w http.ResponseWriter, by token.Caller) {
	mode := "live"
	if by.TestOnly {
		mode = "test"
	}
	header := w.Header()
	header.Set("X-Keloa-Workspace", by.Workspace.Slug)
	header.Set("X-Keloa-Token-Id", by.Token.String())
	header.Set("X-Keloa-Token-Label", headerText(by.Actor.Name))
	header.Set("X-Keloa-Abilities", by.Abilities.Scope())
	header.Set("X-Keloa-Mode", mode)
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// forwarded is whose token the request came with, if it may pass.
func (h *handlers) forwarded(r *http.Request) (token.Caller, error) {
	needed, err := neededAbility(r.URL.RawQuery)
	if err != nil {
		return token.Caller{}, err
	}
	for _, name := range originalURIs {
		if secrets := secretsIn(strings.Join(r.Header.Values(name), " ")); len(secrets) > 0 {
			h.exposed(r.Context(), secrets, token.ExposedInURL, "a request through a gateway")
			// Gateways hand a 403 on, and make a 500 of a 400.
			problem := *errTokenInURL
			problem.Status = http.StatusForbidden
			return token.Caller{}, &problem
		}
	}
	// Pages of the site behind the gateway are not foreign to it.
	by, err := h.bearerCaller(r, cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host))
	if err != nil {
		return token.Caller{}, err
	}
	if by.Token == uuid.Nil { // an operator's session
		return token.Caller{}, token.ErrUnauthenticated
	}
	if needed == "" {
		return by, nil
	}
	return by, h.tokens.Can(r.Context(), by, needed, "forward-auth")
}

// neededAbility reads the query. It is strict: a gateway with a mistake in its
// configuration must not let everyone through.
func neededAbility(query string) (ability.Ability, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", badRequest(http.StatusBadRequest, "the query must be ability=… or nothing")
	}
	for name, given := range values {
		if name != "ability" || len(given) > 1 {
			return "", badRequest(http.StatusBadRequest, "the query must be ability=…, once, or nothing")
		}
	}
	if !values.Has("ability") {
		return "", nil
	}
	needed, err := ability.Parse(values.Get("ability"))
	if err != nil {
		return "", badRequest(http.StatusBadRequest, "ability must be one of "+strings.Join(ability.FullAccess.Values(), ", "))
	}
	return needed, nil
}

// headerText is text fit for a header: what is not printable ASCII, and "%"
// itself, is percent-encoded as UTF-8.
func headerText(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}
