// Package token is the domain: what an API token is and what may be done with
// it, by whom.
//
// GraphQL, HTTP, the command line and the tests are four clients of [Service].
// Every method that changes something checks, records and acts in one
// transaction; what is refused is recorded in a transaction of its own, so that
// the refusal outlives the rollback.
//
// # Errors
//
// Methods return the errors declared in this package for what a caller can do
// something about. Anything else is unforeseen.
//
// # Concurrency
//
// A Service may be used by any number of goroutines, and any number of servers
// may share a database.
package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/usage"
	"github.com/keloa/apitokens/token/verdict"
)

// Options are what a Service stands on.
type Options struct {
	Database *database.DB
	Journal  *journal.Journal
	Plans    Plans // nil for [DefaultPlans]
	// RevokeExposed ends a token that was seen in a URL or in a browser,
	// where the default only flags it.
	RevokeExposed bool
	// Usage records what tokens are used for; nil where nobody comes with one,
	// as on the command line.
	Usage *usage.Recorder
	// Limits counts requests; nil to count them in memory.
	Limits *ratelimit.Limiter
	// Gate is asked before a token is minted, rotated or updated, and never
	// before one is revoked; nil lets all through.
	Gate *journal.Gate

	Logger  *slog.Logger     // nil for the default logger
	Now     func() time.Time // nil for the system's clock
	Elapsed feed.Clock       // nil for feed.Boot
	Rand    io.Reader        // nil for the system's generator
}

// Service holds every operation on tokens, on the workspaces they belong to
// and on the operators who manage them.
type Service struct {
	db            *database.DB
	journal       *journal.Journal
	plans         Plans
	revokeExposed bool
	clock         func() time.Time
	rand          io.Reader
	inflight      inflight
	verdicts      *verdict.Table
	member        atomic.Pointer[feed.Server] // nil until Join
	settler       *feed.Settler
	elapsed       feed.Clock
	uses          *usage.Recorder
	gate          *journal.Gate
	log           *slog.Logger
	firstUses     singleflight.Group // of successors, by token
	limits        *ratelimit.Limiter
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{
		db:            o.Database,
		journal:       o.Journal,
		plans:         o.Plans,
		revokeExposed: o.RevokeExposed,
		clock:         o.Now,
		rand:          o.Rand,
		verdicts:      verdict.New(verdict.Options{Now: o.Now}),
		settler:       feed.NewSettler(o.Database, o.Elapsed),
		elapsed:       o.Elapsed,
		uses:          o.Usage,
		gate:          o.Gate,
		log:           o.Logger,
		limits:        o.Limits,
	}
	if s.limits == nil {
		s.limits = ratelimit.New(ratelimit.Options{Now: o.Now})
	}
	if s.plans == nil {
		s.plans = DefaultPlans()
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	return s
}

// Now is the present by the clock of the service: UTC, whole microseconds, as the
// database keeps it.
func (s *Service) Now() time.Time { return s.now() }

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Can reports nil if by holds a, and notes that a was exercised. If not, it
// records the refusal of attempted, one of the Action constants or the name of a
// query, and returns a [ForbiddenError].
func (s *Service) Can(ctx context.Context, by Caller, a ability.Ability, attempted string) error {
	if by.Abilities.Allows(a) {
		if r := requestOf(ctx); r != nil {
			r.uses(a)
		}
		s.noteCaller(by, ability.Of(a), 0)
		return nil
	}
	return s.refuse(ctx, by, attempted, lacks(a))
}

// auditable reports an [AuditUnavailableError] while what is done could not be
// copied to where it must be. Whatever mints a right or changes one asks first;
// what ends one never does.
func (s *Service) auditable(ctx context.Context) error {
	if s.gate == nil {
		return nil
	}
	return s.gate.Check(ctx)
}

// refuse records that by was refused what it attempted, and returns why. A
// refusal that cannot be recorded is an unforeseen error: the caller is refused
// all the same.
func (s *Service) refuse(ctx context.Context, by Caller, attempted string, why error) error {
	event := by.event(auditsink.ActionRefuse, s.now())
	event.Outcome = auditsink.Refused
	event.Target.Type = "ApiToken" // which one, if any, is not known yet
	event.Changes = map[string][2]any{
		"attempted": {nil, attempted},
		"reason":    {nil, why.Error()},
	}
	if err := s.journal.Refuse(ctx, event); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return why
}

// act runs fn in a transaction and wakes the sealer once it has committed. A
// refusal that fn returns is recorded after the rollback.
func (s *Service) act(ctx context.Context, by Caller, action string, fn func(context.Context, *ent.Tx) error) error {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		if err := s.holds(ctx, tx, by); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
	var forbidden *ForbiddenError
	var limit *LimitError
	switch {
	case err == nil:
		s.journal.Wake()
		return nil
	case errors.As(err, &forbidden), errors.As(err, &limit):
		return s.refuse(ctx, by, action, err)
	}
	return err
}

// event is the record of something that by did, at that time.
func (c Caller) event(action string, at time.Time) auditsink.Event {
	return auditsink.Event{
		At:        at,
		Workspace: c.Workspace,
		Actor:     c.Actor,
		Action:    action,
		Outcome:   auditsink.Succeeded,
		Test:      c.TestOnly,
		IP:        c.IP,
		UserAgent: c.UserAgent,
		RequestID: c.RequestID,
	}
}
