package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token"
)

const (
	oidcPath     = signInPath + "/oidc"
	callbackPath = oidcPath + "/callback"
	// flowLife is how long somebody may take to sign in with the provider.
	flowLife = 10 * time.Minute
	// retryProvider is when, in seconds, one may ask again for a provider that
	// does not answer.
	retryProvider = "5"
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

// turnedAway is the page of somebody who was not signed in.
var turnedAway = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not signed in - Keloa API tokens</title>
<h1>You are not signed in</h1>
<p>{{.}}.</p>
<p><a href="` + signInPath + `">Sign in</a></p>
`))

// turnAway says why somebody was not signed in. More of it is in the log.
func (h *handlers) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	var reason string
	status := http.StatusForbidden
	refusal, isRefusal := errors.AsType[*identity.Refusal](err)
	forbidden, isForbidden := errors.AsType[*token.ForbiddenError](err)
	input, isInput := errors.AsType[*token.InputError](err)
	switch {
	case isRefusal:
		reason = refusal.Reason
	case isForbidden:
		reason = forbidden.Reason
	case isInput:
		reason = "What the identity provider says of you cannot be used: " + input.Error()
	case errors.Is(err, identity.ErrInvalid):
		status, reason = http.StatusBadRequest, "This sign-in was not begun here, took too long, or is over: begin again"
	case errors.Is(err, identity.ErrUnreachable):
		status, reason = http.StatusServiceUnavailable, "The identity provider does not answer: try again in a while"
		w.Header().Set("Retry-After", retryProvider)
	default:
		h.refuse(w, r, err)
		return
	}
	h.log.WarnContext(r.Context(), "somebody was not signed in", slog.Any("error", err))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = turnedAway.Execute(w, reason) // the client has gone: there is nobody to tell
}
