package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/operator"
	entsession "github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/token"
)

// maxHostSession is how long a session lasts at most that the host application
// asks for, and how long it does if it does not say.
const maxHostSession = time.Hour

var errNotJSON = badRequest(http.StatusUnsupportedMediaType, "the body must be application/json")

// hostSession is what the host application asks for.
type hostSession struct {
	workspace       string
	id, email, name string // of the operator
	role            operator.Role
	life            time.Duration
}

// newHostSession begins a session for an operator whom the host application
// names: a resource server, whose word is enough. It is for pages of the host's
// own, which send it as a bearer secret.
func (h *handlers) newHostSession(w http.ResponseWriter, r *http.Request) {
	// Unlike introspection this gives rights away: without credentials to ask
	// for, it is closed.
	if len(h.resourceServers) == 0 || !h.isResourceServer(r.Header) {
		h.refuse(w, r, errResourceServer)
		return
	}
	asked, err := readHostSession(w, r)
	if err == nil {
		_, err = h.tokens.Workspace(r.Context(), asked.workspace)
		if errors.Is(err, token.ErrNotFound) {
			err = &token.InputError{Field: "workspace", Reason: "is the slug of none"}
		}
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	entered, err := h.tokens.LetIn(r.Context(), token.Entry{
		Person: token.Person{
			Email: asked.email, Name: asked.name, Subject: asked.id,
			Roles: map[string]operator.Role{asked.workspace: asked.role},
		},
		Way: entsession.WayHOST, Ends: h.tokens.Now().Add(asked.life), From: visitOf(r.Context()).origin,
	})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, hostSessionAnswer{
		Session: entered.Secret.Reveal(), ID: entered.Session.ID, OperatorID: entered.Session.OperatorID, ExpiresAt: entered.Session.ExpiresAt,
	})
}

type hostSessionAnswer struct {
	Session    string    `json:"session"` // the secret, which is not to be had again
	ID         uuid.UUID `json:"id"`
	OperatorID uuid.UUID `json:"operatorId"`
	ExpiresAt  time.Time `json:"expiresAt"`
}

func readHostSession(w http.ResponseWriter, r *http.Request) (hostSession, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return hostSession{}, errNotJSON
	}
	text, err := readForm(w, r)
	if err != nil {
		return hostSession{}, err
	}
	var asked hostSession
	var who json.RawMessage
	var role string
	seconds := int64(maxHostSession / time.Second)
	err = readObject([]byte(text), "body", map[string]any{"workspace": &asked.workspace, "operator": &who, "role": &role, "ttlSeconds": &seconds})
	if err == nil && who == nil {
		err = &token.InputError{Field: "operator", Reason: "must be given"}
	}
	if err == nil {
		err = readObject(who, "operator", map[string]any{"id": &asked.id, "email": &asked.email, "name": &asked.name})
	}
	if err != nil {
		return asked, err
	}
	switch {
	case asked.workspace == "":
		return asked, &token.InputError{Field: "workspace", Reason: "must be given"}
	case asked.id == "":
		return asked, &token.InputError{Field: "operator.id", Reason: "must be given"}
	case seconds < 1 || seconds > int64(maxHostSession/time.Second):
		return asked, &token.InputError{Field: "ttlSeconds", Reason: fmt.Sprintf("must be 1 to %.0f", maxHostSession.Seconds())}
	}
	asked.life = time.Duration(seconds) * time.Second
	if asked.role = operator.Role(role); operator.RoleValidator(asked.role) != nil {
		return asked, &token.InputError{Field: "role", Reason: "must be ADMIN or MEMBER"}
	}
	return asked, nil
}

// readObject reads the fields of a JSON object into what they are named for. It
// is strict where encoding/json is not: names are as they are written, each comes
// once, and all are known. The object is called what in errors, and body is the
// outermost.
func readObject(text []byte, what string, fields map[string]any) error {
	noObject := &token.InputError{Field: what, Reason: "must be a JSON object"}
	path := func(key string) string { return strings.TrimPrefix(what+"."+key, "body.") }
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return noObject
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return noObject
		}
		key, _ := name.(string) // every name in an object is
		into, known := fields[key]
		switch {
		case !known:
			return &token.InputError{Field: what, Reason: "has a field that is none of " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")}
		case seen[key]:
			return &token.InputError{Field: path(key), Reason: "must not come twice"}
		}
		seen[key] = true
		if err := decoder.Decode(into); err != nil {
			reason := "must be a string"
			if _, number := into.(*int64); number {
				reason = "must be a whole number"
			}
			return &token.InputError{Field: path(key), Reason: reason}
		}
	}
	if _, err := decoder.Token(); err != nil {
		return noObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return &token.InputError{Field: what, Reason: "must be one JSON object"}
	}
	return nil
}
