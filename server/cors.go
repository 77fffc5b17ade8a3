package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// The values of the headers that let pages of allowed origins call (the Fetch
// standard, section 3.2). Credentials that a browser adds by itself, cookies above
// all, are never among what they may send.
const (
	sharedMethods = "GET, POST"
	sharedHeaders = "Authorization, Content-Type, X-Request-Id"
	sharedAnswers = "Retry-After, WWW-Authenticate, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
	sharedSeconds = "600" // for which a browser need not ask again
)

// share lets a page of an allowed origin read the answer, if it comes with what an
// operator comes with: no header ever invites an API token into a browser. It
// answers the question of a browser beforehand, and then reports true.
func (h *handlers) share(w http.ResponseWriter, r *http.Request) (answered bool) {
	if !h.isAllowedPage(r.Header) {
		return false
	}
	header := w.Header()
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		header.Set("Access-Control-Allow-Methods", sharedMethods)
		header.Set("Access-Control-Allow-Headers", sharedHeaders)
		header.Set("Access-Control-Max-Age", sharedSeconds)
		header.Add("Vary", "Origin")
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	if text, err := bearerText(r.Header); err == nil && h.isOperators(text) {
		header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		header.Set("Access-Control-Expose-Headers", sharedAnswers)
		header.Add("Vary", "Origin")
	}
	return false
}

// isAllowedPage reports whether a browser sent the request for a page of another
// origin that may come with what an operator comes with.
func (h *handlers) isAllowedPage(header http.Header) bool {
	origins := header["Origin"]
	return len(origins) == 1 && slices.Contains(h.allowedOrigins, origins[0])
}

// isOperators reports whether a credential, good or not, is of a kind that
// operators come with.
func (h *handlers) isOperators(text string) bool {
	if h.jwt != nil && identity.Looks(text) {
		return true
	}
	secret, err := bearer.Parse(text)
	return err == nil && secret.Kind() == bearer.Session
}

// bearerText reads the one Authorization header: "Bearer", a space and the
// credential (RFC 6750, section 2.1).
func bearerText(header http.Header) (string, error) {
	values := header["Authorization"]
	if len(values) != 1 {
		return "", token.ErrUnauthenticated
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", token.ErrUnauthenticated
	}
	return text, nil
}
