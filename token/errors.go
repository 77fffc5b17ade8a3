package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/ratelimit"
)

// The errors that callers branch on. Whatever else a method returns is
// unforeseen, and its text is for the log only.
var (
	// ErrUnauthenticated is the one answer to every secret that opens
	// nothing: unknown, expired, revoked or of the wrong kind.
	ErrUnauthenticated = errors.New("the credentials are not valid")
	// ErrEnded is [ErrUnauthenticated] of a token that was good once. Nobody
	// outside is told of the difference.
	ErrEnded = fmt.Errorf("%w", ErrUnauthenticated)
	// ErrNotFound is the answer for what is not there, and for what belongs
	// to another workspace.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable is returned where only the database could tell, and it
	// does not answer. What was asked may be asked again.
	ErrUnavailable = errors.New("the database does not answer: try again")
	// ErrConflict is returned when an idempotency key comes again with
	// another input.
	ErrConflict = errors.New("the idempotency key was used before with another input")
	// ErrRevoked, ErrExpired and ErrRotated are returned for what is not done
	// to a token in that state.
	ErrRevoked = errors.New("the token is revoked: mint a new one")
	ErrExpired = errors.New("the token has expired: mint a new one")
	ErrRotated = errors.New("the token was rotated and its successor is in use: rotate that one, or revoke this one")
	// ErrUnused is returned for a rotation after too many in a row of which
	// none was used.
	ErrUnused = fmt.Errorf("the last %d tokens of this rotation were never used: use one of them, or revoke them and mint a new one", maxUnused)
	// ErrBehind is returned to who follows events and takes them too slowly.
	ErrBehind = journal.ErrBehind
	// ErrLastAdmin is returned for a removal after which nobody could administer
	// the workspace.
	ErrLastAdmin = errors.New("nobody else is an admin of the workspace: add one first")
	// ErrExists is returned for a name that is taken.
	ErrExists = errors.New("exists already")
)

// ForbiddenError is returned when the caller lacks an ability, or may not
// touch what it asked for. The refusal is recorded.
type ForbiddenError struct {
	Ability ability.Ability // what it would have needed; empty where none would do
	Reason  string          // said to the caller
}

func (e *ForbiddenError) Error() string { return e.Reason }

func lacks(a ability.Ability) error {
	return &ForbiddenError{Ability: a, Reason: fmt.Sprintf("this needs the ability %s", a)}
}

// AuditUnavailableError is returned while an audit sink that is required is down
// or too far behind. What was asked may be asked again.
type AuditUnavailableError = journal.UnavailableError

// LimitError is returned when the workspace's plan allows no more.
type LimitError struct {
	Plan  string
	Limit int // tokens that can be active at once
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the plan %s allows %d active tokens: revoke one or change the plan", e.Plan, e.Limit)
}

// RateError is returned when a token or session has made as many requests as the
// plan of its workspace allows.
type RateError struct{ Quota ratelimit.Quota }

func (e *RateError) Error() string {
	return fmt.Sprintf("the plan allows %d requests a minute: try again in %d s", e.Quota.Limit, e.RetryAfter())
}

// RetryAfter is in how many seconds, rounded up, one more request is let through.
func (e *RateError) RetryAfter() int { return int((e.Quota.Wait + time.Second - 1) / time.Second) }

// InputError says which field of an input is wrong and why. It never quotes
// the value, which may be a secret in the wrong place.
type InputError struct {
	Field  string // as GraphQL spells it: "label", "filter.mintedBy"
	Reason string
	Fault  Fault // empty where programs have nothing to choose between
}

func (e *InputError) Error() string { return e.Field + ": " + e.Reason }

// Fault tells programs what is wrong, where a field can be wrong in several ways
// that people are told of in their own language. Faults are API.
type Fault string

// The faults of an input.
const (
	FaultEmpty       Fault = "EMPTY"
	FaultTooLong     Fault = "TOO_LONG"
	FaultControl     Fault = "CONTROL_CHARACTERS"
	FaultInvisible   Fault = "INVISIBLE"
	FaultSecret      Fault = "HOLDS_SECRET"
	FaultMayBeSecret Fault = "MAY_BE_SECRET"
	FaultPast        Fault = "IN_PAST"
	FaultNotHeld     Fault = "NOT_HELD" // an ability that the token lacks
)

// The faults that a conflict is.
const (
	FaultKeyUsed Fault = "KEY_USED" // [ErrConflict]
	FaultRevoked Fault = "REVOKED"
	FaultExpired Fault = "EXPIRED"
	FaultRotated Fault = "ROTATED"
	FaultUnused  Fault = "UNUSED"
)
