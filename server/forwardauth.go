package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

// maxForwardedBody is how many bytes are read of the body that a gateway sends
// along. Nobody looks at them.
const maxForwardedBody = 256 << 10

// originalURIs are the headers in which gateways say what was asked of them:
// nginx by its usual configuration, ingress-nginx, and Traefik and Caddy.
var originalURIs = []string{"X-Original-Uri", "X-Original-Url", "X-Forwarded-Uri"}

var (
	errAbilityQuery = badRequest(http.StatusBadRequest, "the query must be ability=…, once, or nothing")
	errAbility      = badRequest(http.StatusBadRequest, "ability must be one of "+strings.Join(ability.FullAccess.Values(), ", "))
)

// forwardAuth lets a gateway ask whether to let a request through that it sends
// on with its headers, whatever the method. With ability=… in the query the
// token must have that ability; without, any token will do.
//
// It answers 200 with whose token it is in headers, for the gateway to hand on.
// Cookies are not looked at: they are those of the site behind the gateway. The
// label is percent-encoded where it is not printable ASCII.
func (h *handlers) forwardAuth(w http.ResponseWriter, r *http.Request) {
	if err := h.forward(w, r); err != nil {
		h.refuse(w, r, err)
	}
}

// errTooLittle is why a token that lacks an ability is refused where it is not
// known which.
var errTooLittle = errors.New("the token lacks the ability")

// forward answers that the request may pass, or that its token can too little or
// asks too often; or returns why not, and answers nothing.
func (h *handlers) forward(w http.ResponseWriter, r *http.Request) error {
	needed, err := neededAbility(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if err := h.secretInOriginalURI(r); err != nil {
		return err
	}
	if err := drain(w, r); err != nil {
		return err
	}
	// Pages of the site behind the gateway are not foreign to it.
	host := cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host)
	secret, err := h.secret(r)
	if err != nil {
		return err
	}
	// An operator's session is known here, and not let through; nor is a page that
	// is foreign to the site. Neither is a use that has consequences, as Vouch's
	// may have.
	if !secret.IsToken() || h.isForeignPage(r.Header, host) {
		_, err := h.bearerCaller(r, host)
		return cmp.Or(err, token.ErrUnauthenticated)
	}
	visit := visitOf(r.Context())
	v, err := h.tokens.Vouch(r.Context(), secret, visit.origin)
	h.tried(r, err)
	if err != nil {
		return err
	}
	visit.token = v.Token
	switch {
	case h.overLimit(r, v):
		return nil
	case needed != "" && !v.Abilities.Allows(needed):
		v.Answering.Unlock()
		h.tokens.NoteUse(v.Token, 0, forwardedFrom(r, visit))
		return h.refuseForward(w, r, secret, needed)
	}
	h.tokens.NoteUse(v.Token, ability.Of(needed), forwardedFrom(r, visit))
	visit.out.vouched(v.Answering, func() { visit.out.allow(v.Verdict) })
	return nil
}

// secretInOriginalURI refuses a request to the gateway with a secret in its URL.
func (h *handlers) secretInOriginalURI(r *http.Request) error {
	for _, name := range originalURIs {
		for _, uri := range r.Header[name] {
			if secrets := secretsIn(uri); len(secrets) > 0 {
				h.exposed(r.Context(), secrets, token.ExposedInURL, "a request through a gateway")
				// Gateways hand a 403 on, and make a 500 of a 400.
				problem := *errTokenInURL
				problem.Status = http.StatusForbidden
				return &problem
			}
		}
	}
	return nil
}

// refuseForward records that a token lacks an ability, and answers that, unless
// the token has ended meanwhile. If it returns nil, it has answered.
func (h *handlers) refuseForward(w http.ResponseWriter, r *http.Request, secret bearer.Secret, needed ability.Ability) error {
	by, err := h.tokens.Authenticate(r.Context(), secret, visitOf(r.Context()).origin)
	if err != nil {
		return err
	}
	err = cmp.Or(h.tokens.Can(r.Context(), by, needed, "forward-auth"), errTooLittle)
	if _, ok := errors.AsType[*token.ForbiddenError](err); !ok {
		return err
	}
	return h.refuseKnown(w, r, by, err)
}

// allow answers that the request may pass, with whose token it came.
func (w *recorder) allow(v verdict.Verdict) {
	var id [36]byte
	w.add("X-Keloa-Workspace", v.Slug)
	w.add("X-Keloa-Token-Id", string(appendUUID(id[:0], v.Token)))
	w.add("X-Keloa-Token-Label", headerText(v.Label))
	w.add("X-Keloa-Abilities", v.Abilities.Scope())
	w.add("X-Keloa-Mode", modeOf(v))
	w.WriteHeader(http.StatusOK)
}

// neededAbility reads the query. It is strict: a gateway with a mistake in its
// configuration must not let everyone through.
func neededAbility(query string) (ability.Ability, error) {
	if needed, ok := usualQueries[query]; ok {
		return needed, nil
	}
	var given parameters
	err := given.parse(query)
	text, ok := given.get("ability")
	switch {
	case err != nil || given.n > 1 || given.n == 1 && !ok:
		return "", errAbilityQuery
	case !ok:
		return "", nil
	}
	needed, err := ability.Parse(text)
	if err != nil {
		return "", errAbility
	}
	return needed, nil
}

// usualQueries are the queries that gateways are set up with.
var usualQueries = func() map[string]ability.Ability {
	all := map[string]ability.Ability{"": ""}
	for _, info := range ability.All() {
		all["ability="+info.Name.Scope()] = info.Name
	}
	return all
}()

// drain reads a body that a gateway has sent along. Left to itself, net/http
// would wait for it before the answer leaves, under the lock of the token, and so
// would a revocation. What is too long is left unread, with the connection.
func drain(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	switch n, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxForwardedBody+1)); {
	case err != nil:
		return graph.CutShort(err)
	case n > maxForwardedBody:
		w.Header().Set("Connection", "close")
	}
	return nil
}

// headerText is text fit for a header: what is not printable ASCII, and "%"
// itself, is percent-encoded as UTF-8.
func headerText(text string) string {
	fit := true
	for i := range len(text) {
		fit = fit && !unfitForHeader(text[i])
	}
	if fit {
		return text
	}
	var out strings.Builder
	for _, c := range []byte(text) {
		if unfitForHeader(c) {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

func unfitForHeader(c byte) bool { return c < ' ' || c > '~' || c == '%' }
