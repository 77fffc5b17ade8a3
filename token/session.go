package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/predicate"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

const (
	// SessionLife is how long a session of our own pages lasts at most.
	SessionLife = 12 * time.Hour
	// SessionIdle is how long such a session lasts unused.
	SessionIdle = 2 * time.Hour
	// slideEvery is how often it is written that a session is in use.
	slideEvery = time.Minute
	// maxSessions is how many sessions one operator has open: a further one
	// ends the oldest.
	maxSessions = 100
)

// newSession is a session before it is saved.
type newSession struct {
	hash     bearer.Hash
	operator *ent.Operator // with the workspace
	role     operator.Role
	way      session.Way
	ends     time.Time         // at the latest
	places   map[string]string // see memberships in the schema
	subject  string            // what whoever vouches calls the operator; empty for nothing
	from     Origin
}

// ofPages reports whether sessions of that way are for our own pages. They last
// while they are used; the others have an end that somebody else gave them.
func ofPages(way session.Way) bool { return way == session.WayLINK || way == session.WayOIDC }

// expiry is when a session that is used now ends if it is not used again.
func expiry(way session.Way, now, ends time.Time) time.Time {
	if idle := now.Add(SessionIdle); ofPages(way) && idle.Before(ends) {
		return idle
	}
	return ends
}

// start saves a session and records the sign-in. The caller holds the row of the
// operator, so that nobody is removed meanwhile.
func (s *Service) start(ctx context.Context, tx *ent.Tx, n newSession) (*ent.Session, error) {
	now := s.now()
	// What has expired opens nothing: it goes when the next one is made.
	if _, err := tx.Session.Delete().Where(session.ExpiresAtLT(now)).Exec(ctx); err != nil {
		return nil, err
	}
	if err := s.makeRoom(ctx, tx, n.operator.ID, now); err != nil {
		return nil, err
	}
	create := tx.Session.Create().
		SetSecretHash(n.hash[:]).SetOperatorID(n.operator.ID).
		SetRole(session.Role(n.role)).SetWay(n.way).SetMemberships(n.places).
		SetCreatedAt(now).SetExpiresAt(expiry(n.way, now, n.ends)).SetEndsAt(n.ends)
	if n.from.IP != "" {
		create.SetIP(n.from.IP)
	}
	if n.from.UserAgent != "" {
		create.SetUserAgent(n.from.UserAgent)
	}
	made, err := create.Save(ctx)
	if err != nil {
		return nil, err
	}
	made.Edges.Operator = n.operator
	by := sessionCaller(made, n.from)
	event := by.operatorEvent(auditsink.ActionSignIn, now, n.operator)
	event.Changes = map[string][2]any{"way": {nil, n.way}, "role": {nil, n.role}}
	if n.subject != "" {
		event.Changes["subject"] = [2]any{nil, n.subject}
	}
	return made, journal.Append(ctx, tx, event)
}

// makeRoom ends the oldest session of an operator who has as many as there may
// be. Other servers hear of it as of any end; nobody waits for them.
func (s *Service) makeRoom(ctx context.Context, tx *ent.Tx, operatorID uuid.UUID, now time.Time) error {
	open, err := tx.Session.Query().
		Where(session.OperatorID(operatorID), s.open()).
		Order(session.ByID(sql.OrderDesc())).
		Offset(maxSessions - 1).Limit(maxSessions).
		IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range open {
		if err := tx.Session.UpdateOneID(id).SetEndedAt(now).Exec(ctx); err != nil {
			return err
		}
		if _, err := feed.Announce(ctx, tx, feed.SessionEnded, id, now); err != nil {
			return err
		}
	}
	return nil
}

// open is the sessions that have not ended.
func (s *Service) open() predicate.Session {
	return session.And(
		session.EndedAtIsNil(),
		session.ExpiresAtGT(s.now()),
		session.HasOperatorWith(operator.RemovedAtIsNil()),
	)
}

func (s *Service) authenticateSession(ctx context.Context, secret bearer.Secret, from Origin) (Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	hash := secret.Hash()
	found, err := s.db.Client().Session.Query().
		Where(session.SecretHash(hash[:]), s.open()).
		WithOperator(func(q *ent.OperatorQuery) { q.WithWorkspace() }).
		Only(ctx)
	if ent.IsNotFound(err) {
		return Caller{}, ErrUnauthenticated
	}
	if err != nil {
		return Caller{}, unavailable("look up a session", err)
	}
	if err := s.slide(ctx, found); err != nil {
		return Caller{}, unavailable("keep a session alive", err)
	}
	return s.sessionCaller(found, from), nil
}

// sessionCaller is the caller of a session, whose operator and workspace are
// loaded.
func (s *Service) sessionCaller(found *ent.Session, from Origin) Caller {
	by := sessionCaller(found, from)
	by.perMinute = s.plans[found.Edges.Operator.Edges.Workspace.Plan].RequestsPerMinute
	return by
}

// slide has a session last longer, because it is used. That it ended meanwhile
// stays so.
func (s *Service) slide(ctx context.Context, found *ent.Session) error {
	now := s.now()
	if found.EndsAt == nil || !ofPages(found.Way) {
		return nil
	}
	until := expiry(found.Way, now, *found.EndsAt)
	if until.Sub(found.ExpiresAt) < slideEvery {
		return nil
	}
	return s.db.Client().Session.Update().
		Where(session.ID(found.ID), session.ExpiresAtLT(until)).
		SetExpiresAt(until).SetSeenAt(now).
		Exec(ctx)
}

// SessionActor is the operator whose session it is, who is loaded.
func SessionActor(found *ent.Session) auditsink.Actor { return operatorActor(found.Edges.Operator) }

// SessionEnd is when a session ends at the latest.
func SessionEnd(found *ent.Session) time.Time {
	if found.EndsAt == nil {
		return found.ExpiresAt
	}
	return *found.EndsAt
}

// OwnSession returns the session that the caller came with, with its operator and
// their workspace.
func (s *Service) OwnSession(ctx context.Context, by Caller) (*ent.Session, error) {
	own, err := s.db.Client().Session.Query().
		Where(session.ID(by.Session)).
		WithOperator(func(q *ent.OperatorQuery) { q.WithWorkspace() }).
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, fmt.Errorf("read the caller's session: %w", err)
	}
	return own, nil
}

// Sessions returns the sessions that have not ended, the newest first and at
// most 100: the caller's own, or of who has full access those of the whole
// workspace; of one operator if an id is given. Their operators are loaded.
func (s *Service) Sessions(ctx context.Context, by Caller, of *uuid.UUID) ([]*ent.Session, error) {
	theirs, err := s.sessionsFor(ctx, by, "sessions")
	if err != nil {
		return nil, err
	}
	query := s.db.Client().Session.Query().Where(theirs, s.open())
	if of != nil {
		query.Where(session.OperatorID(*of))
	}
	found, err := query.WithOperator().Order(session.ByID(sql.OrderDesc())).Limit(maxSessions).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return found, nil
}

// sessionsFor is the sessions that the caller may see and end.
func (s *Service) sessionsFor(ctx context.Context, by Caller, attempted string) (predicate.Session, error) {
	if by.Actor.Kind == auditsink.Operator && !by.Abilities.Allows(ability.FullAccess) {
		return session.OperatorID(*by.Actor.ID), nil
	}
	if err := s.Can(ctx, by, ability.FullAccess, attempted); err != nil {
		return nil, err
	}
	if by.TestOnly { // nobody signs in for tests only
		return session.IDIn(), nil
	}
	return session.HasOperatorWith(operator.WorkspaceID(by.Workspace.ID)), nil
}

// EndSession ends a session that the caller can see, everywhere, as Revoke ends a
// token. Ending it again changes nothing. It reports [ErrNotFound] and
// [ForbiddenError], and [ErrUnavailable] as Revoke does.
func (s *Service) EndSession(ctx context.Context, by Caller, id uuid.UUID) (Receipt, error) {
	theirs, err := s.sessionsFor(ctx, by, auditsink.ActionSignOut)
	if err != nil {
		return Receipt{}, err
	}
	undo := s.inflight.spare(ctx, id)
	receipt, err := s.endSession(ctx, by, id, theirs)
	if err != nil {
		undo()
		return Receipt{}, fmt.Errorf("end session %s: %w", id, err)
	}
	return receipt, nil
}

// SignOut ends the session that the caller came with. For a caller without one,
// or whose session is gone, it does nothing.
func (s *Service) SignOut(ctx context.Context, by Caller) error {
	if by.Session == uuid.Nil {
		return nil
	}
	_, err := s.endSession(ctx, by, by.Session, session.OperatorID(*by.Actor.ID))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

func (s *Service) endSession(ctx context.Context, by Caller, id uuid.UUID, theirs predicate.Session) (Receipt, error) {
	var n int64
	var at time.Time
	err := s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) (err error) {
		if id != by.Session { // one's own may have ended already
			if err := s.holds(ctx, tx, by); err != nil {
				return err
			}
		}
		n, at, err = s.markEnded(ctx, tx, by, id, theirs)
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	s.journal.Wake()
	return s.settle(ctx, at, feed.Change{N: n, Kind: feed.SessionEnded, Subject: id})
}

// markEnded returns when the session ended, and the number of the change that it
// ended by at the latest.
func (s *Service) markEnded(ctx context.Context, tx *ent.Tx, by Caller, id uuid.UUID, theirs predicate.Session) (int64, time.Time, error) {
	now := s.now()
	query := tx.Session.Query().Where(session.ID(id), theirs, session.ExpiresAtGT(now)).WithOperator()
	if s.lockRows() {
		query.ForUpdate()
	}
	found, err := query.Only(ctx)
	if ent.IsNotFound(err) {
		return 0, now, ErrNotFound
	}
	if err != nil {
		return 0, now, err
	}
	if found.EndedAt != nil {
		n, err := feed.Last(ctx, tx)
		return n, *found.EndedAt, err
	}
	if err := tx.Session.UpdateOneID(id).SetEndedAt(now).Exec(ctx); err != nil {
		return 0, now, err
	}
	n, err := feed.Announce(ctx, tx, feed.SessionEnded, id, now)
	if err != nil {
		return 0, now, err
	}
	event := by.operatorEvent(auditsink.ActionSignOut, now, found.Edges.Operator)
	event.Changes = map[string][2]any{"session": {id, nil}}
	return n, now, journal.Append(ctx, tx, event)
}
