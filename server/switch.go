package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keloa/apitokens/token"
)

// maxReturn is how many bytes the path has that one comes back to.
const maxReturn = 512

var errNoWorkspace = badRequest(http.StatusBadRequest, "the form must have the parameter workspace")

// switchWorkspace has the operator of our own pages go on in another workspace of
// theirs.
func (h *handlers) switchWorkspace(w http.ResponseWriter, r *http.Request) {
	by, err := h.cookieCaller(r)
	var form parameters
	if err == nil {
		form, err = readParameters(w, r)
	}
	slug, _ := form.get("workspace")
	if err == nil && slug == "" {
		err = errNoWorkspace
	}
	var entered token.Entered
	if err == nil {
		entered, err = h.tokens.SwitchWorkspace(r.Context(), by, slug)
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	back, _ := form.get("return")
	h.setSession(w, entered.Secret.Reveal(), int(token.SessionEnd(entered.Session).Sub(h.tokens.Now())/time.Second))
	http.Redirect(w, r, ownPath(back), http.StatusSeeOther)
}

// ownPath is the path on this server that somebody asked to come back to, or that
// of the home page if it is none: a browser takes much for the address of another
// host.
func ownPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxReturn || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsFunc(text, unfitForPath) {
		return homePath
	}
	return text
}

// unfitForPath reports the backslash, which browsers take for a slash, and what
// they leave out or encode.
func unfitForPath(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }
