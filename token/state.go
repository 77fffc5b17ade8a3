package token

import (
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/predicate"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/bearer"
)

// State is where a token is in its life. It is derived, never stored.
type State string

// The states. A token that is both expired and revoked is revoked.
const (
	StateActive   State = "ACTIVE"
	StateRotating State = "ROTATING" // has a successor that is not live yet
	StateExpired  State = "EXPIRED"
	StateRevoked  State = "REVOKED"
)

// StateOf is the state of t at that moment. A token expires at the first
// instant of its expiry.
func StateOf(t *ent.Token, now time.Time) State {
	switch {
	case t.RevokedAt != nil:
		return StateRevoked
	case t.ExpiresAt != nil && !t.ExpiresAt.After(now):
		return StateExpired
	case t.Rotating:
		return StateRotating
	}
	return StateActive
}

// State is the state of t now. One whose rotation is at its end is revoked, also
// in the moment before the sweep records that.
func (s *Service) State(t *ent.Token) State {
	if overdue(t, s.now()) {
		return StateRevoked
	}
	return StateOf(t, s.now())
}

// overdue reports whether the rotation of t was at its end at that moment, and
// the sweep has not been there yet: it opens nothing, and nothing may change that.
func overdue(t *ent.Token, now time.Time) bool {
	ends := t.RotationEndsAt
	return t.RevokedAt == nil && ends != nil && !ends.After(now) && (t.ExpiresAt == nil || ends.Before(*t.ExpiresAt))
}

// Hint is what people recognise t by: "keloa_pk_live_…a1b2".
func Hint(t *ent.Token) string {
	if t.Mode == enttoken.ModeTEST {
		return bearer.Hint(bearer.Test, t.SecretTail)
	}
	return bearer.Hint(bearer.Live, t.SecretTail)
}

// alive is the rows whose state is ACTIVE or ROTATING.
func alive(now time.Time) predicate.Token {
	return enttoken.And(
		enttoken.RevokedAtIsNil(),
		enttoken.Or(enttoken.ExpiresAtIsNil(), enttoken.ExpiresAtGT(now)),
	)
}

// usable is the rows whose secrets open something: those that are alive, and not
// at the end of their rotation. The sweep ends those within a second.
func usable(now time.Time) predicate.Token {
	return enttoken.And(alive(now), enttoken.Or(enttoken.RotationEndsAtIsNil(), enttoken.RotationEndsAtGT(now)))
}

// rotating is the rows that have a successor that is not live yet. It compares,
// which ent does not for a boolean: SQLite takes an index for nothing else.
func rotating(s *sql.Selector) {
	s.Where(sql.P(func(b *sql.Builder) { b.WriteString(s.C(enttoken.FieldRotating) + " = ").Arg(true) }))
}

// inState is the rows in any of the states.
func inState(states []State, now time.Time) predicate.Token {
	var where []predicate.Token
	if slices.Contains(states, StateActive) && slices.Contains(states, StateRotating) {
		// In one condition, which an index has in the order of any list.
		where = append(where, alive(now))
		states = slices.DeleteFunc(slices.Clone(states), func(s State) bool { return s == StateActive || s == StateRotating })
	}
	for _, state := range states {
		switch state {
		case StateActive:
			where = append(where, enttoken.And(alive(now), enttoken.Rotating(false)))
		case StateRotating:
			where = append(where, enttoken.And(rotating, alive(now)))
		case StateExpired:
			where = append(where, enttoken.And(enttoken.RevokedAtIsNil(), enttoken.ExpiresAtLTE(now)))
		case StateRevoked:
			where = append(where, enttoken.RevokedAtNotNil())
		}
	}
	return either(where)
}

// either is the rows that any of the predicates holds for: none if there is no
// predicate, where ent's Or would let everything through.
func either(where []predicate.Token) predicate.Token {
	if len(where) == 0 {
		return enttoken.IDIn()
	}
	return enttoken.Or(where...)
}
