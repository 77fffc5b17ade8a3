package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

// Receipt says what a revocation has reached by the time it returns.
type Receipt struct {
	EffectiveAt       time.Time
	ServersConfirmed  int // this one included; of the others the lease had lapsed
	RequestsCancelled int // on the servers that confirmed
}

// Join makes this process one of the servers that share the database: from then
// on it may answer from what it has cached, as long as the lease lasts, which
// running what Join returns renews. Before, and without, every verification
// reads the database. It is called once.
func (s *Service) Join(ctx context.Context, lease time.Duration, log *slog.Logger) (*feed.Server, error) {
	member, err := feed.Join(ctx, feed.Options{
		Database: s.db, Lease: lease, Apply: s.apply, Forget: s.forget, Clock: s.elapsed, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	s.member.Store(member)
	return member, nil
}

// forget drops all that is cached. It waits for the answers that rest on it: one
// that had read the cache, and found it trusted again afterwards, would rest on
// what the server knew before it was swept.
func (s *Service) forget() {
	s.inflight.endAll(s.verdicts.Clear, func(*request) error { return nil })
}

// Trusted reports whether verifications are answered without the database.
func (s *Service) Trusted() bool {
	member := s.member.Load()
	return member != nil && member.Trusted()
}

// settle has changes that were committed together, at that time and in this
// order, count here, and returns when they count everywhere.
func (s *Service) settle(ctx context.Context, at time.Time, changes ...feed.Change) (Receipt, error) {
	if len(changes) == 0 {
		return Receipt{}, nil
	}
	cancelled := 0
	apply := func() {
		for _, c := range changes {
			cancelled += s.apply(ctx, c)
		}
	}
	var self uuid.UUID
	if member := s.member.Load(); member != nil {
		// Since the commit, this server's poll may have cancelled some of the
		// requests: those are counted in the feed, the others here.
		member.Between(apply)
		self = member.ID()
	} else {
		apply()
	}
	settled, err := s.settler.Settle(ctx, self, changes...)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: it is done, but not known to count everywhere, so do it again: %w", ErrUnavailable, err)
	}
	return Receipt{
		EffectiveAt:       at,
		ServersConfirmed:  1 + settled.Confirmed,
		RequestsCancelled: cancelled + settled.Cancelled,
	}, nil
}

// apply acts on a change on this server: when it returns, nothing that was
// cached or checked before is still to be answered. It returns how many requests
// it cancelled. Applying a change again does nothing.
func (s *Service) apply(ctx context.Context, c feed.Change) int {
	ended := func(*request) error { return ErrUnauthenticated }
	switch c.Kind {
	case feed.TokenRevoked:
		return s.inflight.end(c.Subject, func() { s.verdicts.End(c.Subject) }, ended)
	case feed.TokenNarrowed:
		return s.narrow(ctx, c.Subject)
	case feed.SessionEnded:
		return s.inflight.end(c.Subject, func() {}, ended) // sessions are not cached
	case feed.OperatorRemoved:
		return s.inflight.endAll(func() {}, func(r *request) error {
			if r.operator == c.Subject {
				return ErrUnauthenticated
			}
			return nil
		})
	case feed.WorkspacePlan:
		s.verdicts.EndWorkspace(c.Subject) // which hold what the plan allows
		return 0
	}
	// A newer server knows what this is. Whatever it ends, it does not rest
	// on our cache.
	return s.inflight.endAll(s.verdicts.Clear, func(*request) error { return nil })
}

// narrow cancels the requests of a token that have made use of what it has lost.
func (s *Service) narrow(ctx context.Context, id uuid.UUID) int {
	left, err := s.granted(ctx, id)
	return s.inflight.end(id, func() { s.verdicts.End(id) }, func(r *request) error {
		if err != nil {
			return err // they were to be checked again, and cannot be
		}
		return r.lost(left)
	})
}

// granted is what token id may do, according to the database.
func (s *Service) granted(ctx context.Context, id uuid.UUID) (ability.Set, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	t, err := s.db.Client().Token.Query().Where(enttoken.ID(id)).WithGrants().Only(ctx)
	if ent.IsNotFound(err) {
		return 0, ErrUnauthenticated
	}
	if err != nil {
		return 0, unavailable("read what a token may do", err)
	}
	return Abilities(t), nil
}

// unavailable is the error of a database that does not answer. What the caller
// itself broke off is no such error.
func unavailable(doing string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}
