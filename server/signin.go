package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// signIn exchanges the code of a one-time link for a session. A session that
// the browser had already ends.
func (h *handlers) signIn(w http.ResponseWriter, r *http.Request) {
	if isLookAhead(r) {
		// Nobody has followed the link yet: it must still work when they do.
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if reason := r.URL.Query().Get("reason"); reasons[reason] != 0 {
		h.sayWhy(w, r, reason)
		return
	}
	before, err := h.cookieCaller(r)
	if err != nil && !errors.Is(err, token.ErrUnauthenticated) {
		h.turnAway(w, r, err)
		return
	}
	signedIn := err == nil
	session, err := h.spend(r)
	switch {
	case errors.Is(err, token.ErrUnauthenticated) && signedIn:
		// They followed a link again that has done its work.
		http.Redirect(w, r, h.whereTheyWere(w, r), http.StatusSeeOther)
		return
	case errors.Is(err, token.ErrUnauthenticated):
		h.sayWhy(w, r, deadLink)
		return
	case err != nil:
		h.turnAway(w, r, err)
		return
	}
	if signedIn {
		if err := h.tokens.SignOut(r.Context(), before); err != nil {
			h.log.ErrorContext(r.Context(), "end the session before", slog.Any("error", err))
		}
	}
	h.setSession(w, session.Reveal(), int(token.SessionLife.Seconds()))
	http.Redirect(w, r, h.whereTheyWere(w, r), http.StatusSeeOther)
}

// returnCookie is where the sign-in page notes the page that it stands in for.
const (
	returnCookie  = "keloa_return"
	maxReturnPath = 1024 // bytes
)

// whereTheyWere is the page that sign-in leads to, and forgets it: the one that
// was asked for, or else the settings page. It is one of ours whatever the
// cookie says.
func (h *handlers) whereTheyWere(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(returnCookie)
	if err != nil {
		return settingsPath
	}
	http.SetCookie(w, &http.Cookie{Name: returnCookie, Path: signInPath, MaxAge: -1, Secure: h.secureCookie, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // as for the session
	text, err := url.QueryUnescape(cookie.Value)
	if err != nil || len(text) > maxReturnPath || len(secretsIn(text)) > 0 {
		return settingsPath
	}
	asked, err := url.Parse(text)
	if err != nil || !slices.Contains(pagePaths, asked.Path) {
		return settingsPath
	}
	return (&url.URL{Path: asked.Path, RawQuery: asked.Query().Encode()}).String()
}

// spend signs in with the code in the query.
func (h *handlers) spend(r *http.Request) (bearer.Secret, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(values["code"]) != 1 {
		return bearer.Secret{}, token.ErrUnauthenticated
	}
	code, err := bearer.Parse(values.Get("code"))
	if err != nil {
		return bearer.Secret{}, token.ErrUnauthenticated
	}
	if err := h.mayTry(r, code); err != nil {
		return bearer.Secret{}, err
	}
	session, err := h.tokens.SignIn(r.Context(), code, visitOf(r.Context()).origin)
	h.tried(r, err)
	return session, err
}

// isLookAhead reports whether a program looks at the link before a person
// follows it: a preview, or a browser that fetches ahead.
func isLookAhead(r *http.Request) bool {
	purpose := strings.ToLower(r.Header.Get("Sec-Purpose") + " " + r.Header.Get("Purpose") + " " + r.Header.Get("X-Purpose") + " " + r.Header.Get("X-Moz"))
	return r.Method == http.MethodHead || strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "preview")
}

// signOut ends the session. A page of another origin may not even take the
// cookie away.
func (h *handlers) signOut(w http.ResponseWriter, r *http.Request) {
	if h.isForeignWrite(r) {
		h.refuse(w, r, errCrossOrigin)
		return
	}
	by, err := h.authenticate(r)
	if err == nil {
		err = h.tokens.SignOut(r.Context(), by)
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	h.setSession(w, "", -1)
	http.Redirect(w, r, settingsPath, http.StatusSeeOther)
}

// setSession sets the session cookie for that many seconds; a negative number
// takes it away.
func (h *handlers) setSession(w http.ResponseWriter, secret string, seconds int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure would keep the cookie from a server without TLS
		Name:     h.cookieName,
		Value:    secret,
		Path:     "/",
		MaxAge:   seconds,
		HttpOnly: true,
		Secure:   h.secureCookie,
		SameSite: http.SameSiteStrictMode,
	})
}
