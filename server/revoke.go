package main

import (
	"errors"
	"net/http"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// revoke ends the token whose secret is in the form (RFC 7009). Whoever holds a
// secret may do that, without other credentials: it is what one wants of who has
// found it. The answer is 200 also where there was nothing to end, so that it
// tells nothing of what was sent. An operator's session is ended by signing out.
func (h *handlers) revoke(w http.ResponseWriter, r *http.Request) {
	text, err := formToken(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	secret, err := bearer.Parse(text)
	if err != nil {
		return
	}
	err = h.tokens.Surrender(r.Context(), secret, visitOf(r.Context()).origin)
	if err != nil && !errors.Is(err, token.ErrUnauthenticated) {
		h.refuse(w, r, err)
	}
}
