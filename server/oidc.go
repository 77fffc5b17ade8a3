package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/server/ui"
	"github.com/keloa/apitokens/token"
)

const (
	oidcPath     = signInPath + "/oidc"
	callbackPath = oidcPath + "/callback"
	// flowLife is how long somebody may take to sign in with the provider.
	flowLife = 10 * time.Minute
	// retryAfter is when, in seconds, one may try again where a provider or a
	// database does not answer.
	retryAfter = "5"
)

// flowCookie is what a sign-in remembers in the browser that began it.
type flowCookie struct {
	identity.Flow
	Workspace string `json:"workspace,omitempty"` // the one that was asked for
	Return    string `json:"return,omitempty"`    // the page to come back to
}

// ways says how one may sign in, for the sign-in page.
func (h *handlers) ways(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]bool{"link": true, "oidc": h.provider != nil})
}

// beginOIDC sends the browser to the identity provider.
func (h *handlers) beginOIDC(w http.ResponseWriter, r *http.Request) {
	if isLookAhead(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	to, flow, err := h.provider.Begin(r.Context())
	if err != nil {
		h.turnAway(w, r, err)
		return
	}
	query := r.URL.Query()
	remembered := flowCookie{Flow: flow, Return: ownPath(query.Get("return"))}
	if slug := query.Get("workspace"); len(slug) <= maxSlug {
		remembered.Workspace = slug
	}
	text, err := json.Marshal(remembered)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	h.setFlow(w, base64.RawURLEncoding.EncodeToString(text), int(flowLife/time.Second))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// maxSlug is how long the slug of a workspace is: what is longer is none, and has
// no place in a cookie.
const maxSlug = 63

// finishOIDC begins a session for whom the identity provider sends back.
func (h *handlers) finishOIDC(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	answer := identity.Answer{State: query.Get("state"), Code: query.Get("code"), Error: query.Get("error"), Issuer: query.Get("iss")}
	flow := h.flow(r)
	h.setFlow(w, "", -1)
	who, err := h.provider.Finish(r.Context(), flow.Flow, answer)
	entry := token.Entry{
		Person: who, Way: session.WayOIDC, Workspace: flow.Workspace,
		Ends: h.tokens.Now().Add(token.SessionLife), From: visitOf(r.Context()).origin,
	}
	if refusal, ok := errors.AsType[*identity.Refusal](err); ok && refusal.Email != "" {
		entry.Email = refusal.Email
		err = h.tokens.RefuseEntry(r.Context(), entry, refusal.Reason)
		if _, recorded := errors.AsType[*token.ForbiddenError](err); recorded {
			err = refusal
		}
	}
	var entered token.Entered
	if err == nil {
		entered, err = h.tokens.LetIn(r.Context(), entry)
	}
	if err != nil {
		h.turnAway(w, r, err)
		return
	}
	h.setSession(w, entered.Secret.Reveal(), int(token.SessionLife.Seconds()))
	back := flow.Return
	if back == homePath {
		back = h.whereTheyWere(w, r)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// flow is what the browser remembers of the sign-in that it began; nothing if
// there is none.
func (h *handlers) flow(r *http.Request) (flow flowCookie) {
	cookies := r.CookiesNamed(h.flowName)
	if len(cookies) != 1 {
		return flow
	}
	text, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil || json.Unmarshal(text, &flow) != nil {
		return flowCookie{}
	}
	flow.Return = ownPath(flow.Return)
	return flow
}

// setFlow sets the cookie of a sign-in. The browser is to send it when the provider
// sends it back, which SameSite=Strict would not let it.
func (h *handlers) setFlow(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // as for the session
		Name: h.flowName, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: h.secureCookie, SameSite: http.SameSiteLaxMode,
	})
}

// The reasons why somebody was not signed in that are no [identity.Refusal]'s.
const (
	deadLink    = "link"        // it was used, has expired, or is not whole
	notMember   = "not-member"  // they belong to no workspace here, or not to the one they asked for
	unusable    = "unusable"    // what the provider says of them
	interrupted = "interrupted" // the sign-in was begun elsewhere, took too long, or is over
	unreachable = "unreachable" // the provider does not answer
	unavailable = "unavailable" // the database does not, or the audit log cannot be written
	failed      = "failed"      // for a cause that nobody foresaw
)

// reasons are all that the sign-in page has words for, with the status that it is
// answered under.
var reasons = map[string]int{
	deadLink:                 http.StatusUnauthorized,
	notMember:                http.StatusForbidden,
	unusable:                 http.StatusForbidden,
	interrupted:              http.StatusBadRequest,
	unreachable:              http.StatusServiceUnavailable,
	unavailable:              http.StatusServiceUnavailable,
	failed:                   http.StatusInternalServerError,
	identity.Declined:        http.StatusForbidden,
	identity.EmailMissing:    http.StatusForbidden,
	identity.EmailUnverified: http.StatusForbidden,
	identity.RoleMissing:     http.StatusForbidden,
}

// turnAway leads somebody who was not signed in to the sign-in page, which says
// why. More of it is in the log.
func (h *handlers) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	reason := reasonOf(err)
	if reason == "" {
		h.refuse(w, r, err)
		return
	}
	level := slog.LevelWarn
	if reason == failed {
		level = slog.LevelError
	}
	h.log.Log(r.Context(), level, "somebody was not signed in", slog.String("reason", reason), slog.Any("error", err))
	http.Redirect(w, r, signInPath+"?"+url.Values{"reason": {reason}}.Encode(), http.StatusSeeOther)
}

// reasonOf is the reason that err is; empty if it is none of theirs.
func reasonOf(err error) string {
	refusal, isRefusal := errors.AsType[*identity.Refusal](err)
	_, isForbidden := errors.AsType[*token.ForbiddenError](err)
	_, isInput := errors.AsType[*token.InputError](err)
	switch {
	case isRefusal:
		return refusal.Code
	case isForbidden:
		return notMember
	case isInput:
		return unusable
	case errors.Is(err, identity.ErrInvalid):
		return interrupted
	case errors.Is(err, identity.ErrUnreachable):
		return unreachable
	}
	switch graph.Explain(err).Code {
	case graph.CodeUnavailable, graph.CodeAuditUnavailable:
		return unavailable
	case graph.CodeInternal:
		return failed
	default:
		return ""
	}
}

// sayWhy answers with the sign-in page under the status of the reason.
func (h *handlers) sayWhy(w http.ResponseWriter, r *http.Request, reason string) {
	if reasons[reason] == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	h.pages[ui.Settings].Answer(w, r, reasons[reason])
}
