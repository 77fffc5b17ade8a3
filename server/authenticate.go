package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// authenticate says who asks on the public listener: by the Authorization
// header, or else by the session cookie of our own pages. A caller without an
// actor is nobody in particular; so is one whose session has ended, since a
// browser cannot help sending an old cookie.
//
// It reports [token.ErrUnauthenticated] for a header that opens nothing, and
// refuses web pages of other origins.
func (h *handlers) authenticate(r *http.Request) (token.Caller, error) {
	nobody := token.Caller{Origin: visitOf(r.Context()).origin}
	switch {
	case r.Header["Authorization"] != nil:
		return h.bearerCaller(r, "")
	case h.isAllowedPage(r.Header):
		return nobody, nil // its browser may send a cookie of ours, which is not for it
	}
	by, err := h.cookieCaller(r)
	if errors.Is(err, token.ErrUnauthenticated) {
		return nobody, nil
	}
	return by, err
}

// bearerCaller is who comes with the secret in the Authorization header. No
// secret is taken from a page of another origin, whose visitors can all read it;
// pages of the site behind a gateway, empty for none, are not foreign to it.
//
// What an operator comes with is taken from pages of the allowed origins too.
func (h *handlers) bearerCaller(r *http.Request, gatewaySite string) (token.Caller, error) {
	if text, err := bearerText(r.Header); err == nil && h.jwt != nil && identity.Looks(text) {
		return h.signedCaller(r, text)
	}
	secret, err := h.secret(r)
	if err != nil {
		return token.Caller{}, err
	}
	by, err := h.caller(r, secret)
	if err != nil {
		return token.Caller{}, err
	}
	switch {
	case secret.Kind() == bearer.Session && h.isAllowedPage(r.Header):
	case h.isForeignPage(r.Header, gatewaySite):
		if h.exposed(r.Context(), []bearer.Secret{secret}, token.ExposedInBrowser, cleanPath(r.URL.Path)) {
			return token.Caller{}, errBrowserUse // to whoever has just ended it
		}
		return token.Caller{}, &knownError{errBrowserUse}
	}
	return by, nil
}

// signedCaller is who comes with a JSON Web Token of the host application.
func (h *handlers) signedCaller(r *http.Request, text string) (token.Caller, error) {
	if h.isForeignPage(r.Header, "") && !h.isAllowedPage(r.Header) {
		return token.Caller{}, errBrowserUse
	}
	signed, err := h.jwt.Verify(r.Context(), text)
	var by token.Caller
	if err == nil {
		by, err = h.tokens.AuthenticateSigned(r.Context(), signed.Content, token.Entry{
			Person: signed.Person, Way: session.WayJWT, Ends: signed.Ends, From: visitOf(r.Context()).origin,
		})
	}
	switch {
	case err == nil:
		visitOf(r.Context()).caller = by
		return by, nil
	case errors.Is(err, identity.ErrUnreachable):
		return token.Caller{}, fmt.Errorf("%w: %w", token.ErrUnavailable, err)
	case errors.Is(err, token.ErrUnavailable):
		return token.Caller{}, err
	}
	// To whom it is good for nothing, all of this looks the same.
	h.log.InfoContext(r.Context(), "a JSON Web Token is refused", slog.Any("error", err))
	return token.Caller{}, token.ErrUnauthenticated
}

// socketCaller is who opened a WebSocket, by an Authorization header that came in
// its first message. A page that sends one is held to what holds of headers.
func (h *handlers) socketCaller(r *http.Request, authorization string) (token.Caller, error) {
	said := r.Clone(r.Context())
	said.Header.Set("Authorization", authorization)
	return h.bearerCaller(said, "")
}

// secret reads the Authorization header, and refuses who has come with too many
// that open nothing. That there is none is no guess.
func (h *handlers) secret(r *http.Request) (bearer.Secret, error) {
	secret, err := bearerSecret(r.Header)
	if r.Header["Authorization"] == nil {
		return secret, err
	}
	if err := h.mayTry(r, secret); err != nil {
		return bearer.Secret{}, err
	}
	h.tried(r, err)
	return secret, err
}

// bearerSecret reads the secret in the Authorization header. The other two ways of
// RFC 6750, a form field and a query parameter, are not there: they leak.
func bearerSecret(header http.Header) (bearer.Secret, error) {
	text, err := bearerText(header)
	if err != nil {
		return bearer.Secret{}, err
	}
	secret, err := bearer.Parse(text)
	if err != nil {
		return bearer.Secret{}, token.ErrUnauthenticated
	}
	return secret, nil
}

// cookieCaller is the operator whose session is in the cookie. A request that
// changes something, and one for a WebSocket, which browsers let any page open,
// must come from our own pages.
func (h *handlers) cookieCaller(r *http.Request) (token.Caller, error) {
	cookies := r.CookiesNamed(h.cookieName)
	if len(cookies) != 1 {
		return token.Caller{}, token.ErrUnauthenticated
	}
	if h.isForeignWrite(r) || graph.IsSocket(r) && h.isForeignPage(r.Header, "") {
		return token.Caller{}, errCrossOrigin
	}
	secret, err := bearer.Parse(cookies[0].Value)
	if err != nil || secret.Kind() != bearer.Session {
		return token.Caller{}, token.ErrUnauthenticated
	}
	if err := h.mayTry(r, secret); err != nil {
		return token.Caller{}, err
	}
	return h.caller(r, secret)
}

// caller asks the domain, counts the request, and has the visit know the answer.
func (h *handlers) caller(r *http.Request, secret bearer.Secret) (token.Caller, error) {
	ctx := r.Context()
	v := visitOf(ctx)
	by, err := h.tokens.Authenticate(ctx, secret, v.origin)
	h.tried(r, err)
	if err != nil {
		return token.Caller{}, err
	}
	h.guesses.remember(secret)
	v.caller = by
	quota, err := h.tokens.Admit(ctx, by)
	v.sayQuota(quota)
	if err != nil {
		return token.Caller{}, err
	}
	return by, nil
}

// isForeignPage reports whether a browser sent the request for a page that is
// neither ours nor of the site behind the gateway, if there is one. Unlike
// [http.CrossOriginProtection] it minds every method: it is about where a secret
// is kept, not about what is done with it.
func (h *handlers) isForeignPage(header http.Header, gatewaySite string) bool {
	for _, origin := range header["Origin"] {
		if !h.isOwnOrigin(origin) && (gatewaySite == "" || !isHost(origin, gatewaySite)) {
			return true
		}
	}
	for _, site := range header["Sec-Fetch-Site"] {
		// "none" is a person who typed the address.
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	return false
}

// isForeignWrite reports whether a page that is not ours had a browser send a
// request that may change something. The standard library takes a page for ours
// if it is of the host that the request names; with a host name of their own
// that leads here, strangers can name any, so it must also be a public one.
func (h *handlers) isForeignWrite(r *http.Request) bool {
	if h.crossOrigin.Check(r) != nil {
		return true
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	return slices.ContainsFunc(r.Header.Values("Origin"), func(origin string) bool { return !h.isOwnOrigin(origin) })
}

func (h *handlers) isOwnOrigin(origin string) bool { return slices.Contains(h.ownOrigins, origin) }

func isHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == host
}
