package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

// maxIntrospect is how many bytes the form of an introspection may have.
const maxIntrospect = 4 << 10

// introspection is what RFC 7662 has us say of an active token. Times are
// seconds since 1970.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope"`
	Subject   string `json:"sub"`       // the id of the token
	ClientID  string `json:"client_id"` // its label
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp,omitempty"` // absent if it never does
	Issuer    string `json:"iss"`
	Workspace string `json:"workspace"` // the slug
	Mode      string `json:"mode"`      // live or test
}

// inactive is all that is said of everything else.
type inactive struct {
	Active bool `json:"active"`
}

// introspect tells a resource server whether a token is good, and for what (RFC
// 7662). An operator's session is not a token, and not active here.
func (h *handlers) introspect(w http.ResponseWriter, r *http.Request) {
	if !h.isResourceServer(r) {
		h.refuse(w, r, errResourceServer)
		return
	}
	text, err := introspected(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	secret, err := bearer.Parse(text)
	if err != nil || !secret.IsToken() {
		writeJSON(w, http.StatusOK, inactive{})
		return
	}
	err = h.tokens.Vouch(r.Context(), secret, visitOf(r.Context()).origin, func(v verdict.Verdict) error {
		graph.Flush(w, func() { writeJSON(w, http.StatusOK, h.introspection(v)) })
		return nil
	})
	switch {
	case errors.Is(err, token.ErrUnauthenticated):
		writeJSON(w, http.StatusOK, inactive{})
	case err != nil:
		h.refuse(w, r, err)
	}
}

func (h *handlers) introspection(v verdict.Verdict) introspection {
	answer := introspection{
		Active:    true,
		Scope:     v.Abilities.Scope(),
		Subject:   v.Token.String(),
		ClientID:  v.Label,
		IssuedAt:  v.IssuedAt.Unix(),
		Issuer:    h.publicOrigin,
		Workspace: v.Slug,
		Mode:      modeOf(v),
	}
	if !v.ExpiresAt.IsZero() {
		answer.ExpiresAt = v.ExpiresAt.Unix()
	}
	return answer
}

// modeOf is the mode as the secret spells it: live or test.
func modeOf(v verdict.Verdict) string {
	if v.Test {
		return "test"
	}
	return "live"
}

// introspected reads the token parameter of the form. A parameter that comes
// twice is refused and one that is not known is ignored, as RFC 6749, section
// 3.2, has it.
func introspected(w http.ResponseWriter, r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return "", badRequest(http.StatusUnsupportedMediaType, "the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxIntrospect))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return "", badRequest(http.StatusRequestEntityTooLarge, "the body is too large")
	}
	if err != nil {
		return "", badRequest(http.StatusBadRequest, "the body ended too early")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", badRequest(http.StatusBadRequest, "the body must be application/x-www-form-urlencoded")
	}
	for _, values := range form {
		if len(values) > 1 {
			return "", badRequest(http.StatusBadRequest, "no parameter may come twice")
		}
	}
	if form.Get("token") == "" {
		return "", badRequest(http.StatusBadRequest, "the form must have the parameter token")
	}
	return form.Get("token"), nil
}

// digest hides how long a credential is from who measures the comparison.
type digest [sha256.Size]byte

// digests are those of all "name:secret", as HTTP Basic sends them.
func digests(credentials map[string]string) []digest {
	list := make([]digest, 0, len(credentials))
	for name, secret := range credentials {
		list = append(list, sha256.Sum256([]byte(name+":"+secret)))
	}
	return list
}

// isResourceServer reports whether the request has the credentials of one, if
// any are configured. It compares with all of them, so that the time it takes
// tells nothing.
func (h *handlers) isResourceServer(r *http.Request) bool {
	if len(h.resourceServers) == 0 {
		return true
	}
	name, secret, ok := r.BasicAuth()
	if !ok || len(r.Header["Authorization"]) != 1 {
		return false
	}
	given := digest(sha256.Sum256([]byte(name + ":" + secret)))
	match := 0
	for _, known := range h.resourceServers {
		match |= subtle.ConstantTimeCompare(given[:], known[:])
	}
	return match == 1
}
