// Package scalar says how the scalars of the schema are written and read. It is
// apart from package graph because the generated code needs it.
//
// What cannot be read is a [token.InputError] without a field: whoever knows
// where the value stood adds it. None quotes the value.
package scalar

import (
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/token"
)

// Node is whatever has an id of its own: *ent.Token or *journal.Entry.
type Node any

// MarshalID writes a UUID.
func MarshalID(id uuid.UUID) graphql.Marshaler { return text(id.String()) }

// UnmarshalID reads a UUID in its usual form of 36 characters, and no other.
func UnmarshalID(v any) (uuid.UUID, error) {
	s, _ := v.(string)
	id, err := uuid.Parse(s)
	if err != nil || len(s) != len(id.String()) {
		return uuid.UUID{}, &token.InputError{Reason: "must be a UUID"}
	}
	return id, nil
}

// MarshalTime writes a moment in RFC 3339, UTC, with the digits it needs.
func MarshalTime(t time.Time) graphql.Marshaler { return text(t.UTC().Format(time.RFC3339Nano)) }

// UnmarshalTime reads a moment in RFC 3339. In UTC it must be in the years 1 to
// 9999: MySQL has no others.
func UnmarshalTime(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	t = t.UTC()
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, &token.InputError{Reason: "must be a moment in RFC 3339, such as 2026-11-23T09:12:44Z"}
	}
	return t, nil
}

// MarshalCursor writes a place in a list.
func MarshalCursor(c keyset.Cursor) graphql.Marshaler { return text(c.String()) }

// UnmarshalCursor reads a place in a list.
func UnmarshalCursor(v any) (keyset.Cursor, error) {
	s, _ := v.(string)
	c, err := keyset.ParseCursor(s)
	if err != nil {
		return keyset.Cursor{}, &token.InputError{Reason: "must be a cursor of this list"}
	}
	return c, nil
}

// text writes a string of characters that JSON does not escape.
func text(s string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(s)) })
}

// MarshalChanges writes what became of each field.
func MarshalChanges(changes map[string][2]any) graphql.Marshaler {
	if changes == nil {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) { _ = json.NewEncoder(w).Encode(changes) })
}

// UnmarshalChanges refuses: no input holds a Map.
func UnmarshalChanges(any) (map[string][2]any, error) {
	return nil, &token.InputError{Reason: "cannot be given"}
}
