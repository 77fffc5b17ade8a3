package main

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// finding is what a service is told of a secret that somebody has found. Of one
// that was never minted it is told just that.
type finding struct {
	Known     bool          `json:"known"`
	ID        *uuid.UUID    `json:"id,omitempty"`
	Label     string        `json:"label,omitempty"`
	Workspace string        `json:"workspace,omitempty"` // the slug
	Mode      enttoken.Mode `json:"mode,omitempty"`
	State     token.State   `json:"state,omitempty"`
}

// whose tells a resource server whose a secret is, whatever its state. That is no
// use of the token, and the same work for every secret.
func (h *handlers) whose(w http.ResponseWriter, r *http.Request) {
	if err := h.checkResourceServer(r); err != nil {
		h.refuse(w, r, err)
		return
	}
	text, err := formToken(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	var found finding
	if secret, err := bearer.Parse(text); err == nil {
		t, err := h.tokens.Whose(r.Context(), secret)
		switch {
		case err == nil:
			found = finding{true, &t.ID, t.Label, t.Edges.Workspace.Slug, t.Mode, h.tokens.State(t)}
		case !errors.Is(err, token.ErrUnauthenticated):
			h.refuse(w, r, err)
			return
		}
	}
	writeJSON(w, http.StatusOK, found)
}
