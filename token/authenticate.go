package token

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/bearer"
)

// recheckTimeout bounds the last look at a request's credentials, which no
// longer hears its client hang up.
const recheckTimeout = 5 * time.Second

// Authenticate says who comes with a secret: an API token or an operator's
// session. It reads the database each time, so a revocation counts from its
// commit.
//
// Whatever opens nothing is [ErrUnauthenticated], with no word of why. That a
// token was used after its end is recorded.
func (s *Service) Authenticate(ctx context.Context, secret bearer.Secret, from Origin) (Caller, error) {
	switch {
	case secret.IsToken():
		return s.authenticateToken(ctx, secret, from)
	case secret.Kind() == bearer.Session:
		return s.authenticateSession(ctx, secret, from)
	}
	return Caller{}, ErrUnauthenticated
}

func (s *Service) authenticateToken(ctx context.Context, secret bearer.Secret, from Origin) (Caller, error) {
	t, err := s.Lookup(ctx, secret)
	if err != nil {
		return Caller{}, err
	}
	by := tokenCaller(t, from)
	now := s.now()
	state := StateOf(t, now)
	if state == StateActive || state == StateRotating {
		return by, nil
	}
	event := by.tokenEvent(auditsink.ActionRefuse, now, t)
	event.Outcome = auditsink.Refused
	event.Changes = map[string][2]any{
		"attempted": {nil, "authenticate"},
		"reason":    {nil, "the token is " + string(state)},
	}
	if err := s.journal.Refuse(ctx, event); err != nil {
		return Caller{}, fmt.Errorf("record a refusal: %w", err)
	}
	return Caller{}, ErrUnauthenticated
}

// Lookup returns the token that secret is of, whatever its state, with its
// grants and workspace. A secret that was never minted, or is no token's, is
// [ErrUnauthenticated].
func (s *Service) Lookup(ctx context.Context, secret bearer.Secret) (*ent.Token, error) {
	if !secret.IsToken() {
		return nil, ErrUnauthenticated
	}
	hash := secret.Hash()
	t, err := s.db.Client().Token.Query().
		Where(enttoken.SecretHash(hash[:])).
		WithGrants().WithWorkspace().
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, fmt.Errorf("look up a secret: %w", err)
	}
	return t, nil
}

func (s *Service) authenticateSession(ctx context.Context, secret bearer.Secret, from Origin) (Caller, error) {
	hash := secret.Hash()
	found, err := s.db.Client().Session.Query().
		Where(
			session.SecretHash(hash[:]),
			session.EndedAtIsNil(),
			session.ExpiresAtGT(s.now()),
			session.HasOperatorWith(operator.RemovedAtIsNil()),
		).
		WithOperator(func(q *ent.OperatorQuery) { q.WithWorkspace() }).
		Only(ctx)
	if ent.IsNotFound(err) {
		return Caller{}, ErrUnauthenticated
	}
	if err != nil {
		return Caller{}, fmt.Errorf("look up a session: %w", err)
	}
	return sessionCaller(found, from), nil
}

// Recheck reports nil if by still holds what it authenticated with, and
// [ErrUnauthenticated] if that has ended meanwhile. It is asked just before an
// answer is sent, so that a request that was under way when its token was
// revoked is not answered, unless it is the one that revoked it.
func (s *Service) Recheck(ctx context.Context, by Caller) error {
	if s.inflight.endedItself(ctx) {
		return nil
	}
	// The request may have been cancelled: that is what is asked about here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recheckTimeout)
	defer cancel()
	client := s.db.Client()
	return s.recheck(ctx, by, client.Token.Query(), client.Session.Query())
}

// holds is Recheck inside a transaction, and keeps what by came with from
// ending before the transaction does: no write of a revoked token commits after
// the revocation has.
func (s *Service) holds(ctx context.Context, tx *ent.Tx, by Caller) error {
	tokens, sessions := tx.Token.Query(), tx.Session.Query()
	if s.lockRows() {
		// MariaDB does not know FOR SHARE, the newer words for it.
		share := sql.WithLockClause("LOCK IN SHARE MODE")
		tokens.ForShare(share)
		sessions.ForShare(share)
	}
	return s.recheck(ctx, by, tokens, sessions)
}

func (s *Service) recheck(ctx context.Context, by Caller, tokens *ent.TokenQuery, sessions *ent.SessionQuery) error {
	var err error
	switch by.Actor.Kind {
	case auditsink.System:
		return nil
	case auditsink.Token:
		_, err = tokens.Where(enttoken.ID(*by.Actor.ID), alive(s.now())).OnlyID(ctx)
	case auditsink.Operator:
		_, err = sessions.Where(
			session.ID(by.Session),
			session.EndedAtIsNil(),
			session.ExpiresAtGT(s.now()),
			session.HasOperatorWith(operator.RemovedAtIsNil()),
		).OnlyID(ctx)
	default:
		return ErrUnauthenticated
	}
	if ent.IsNotFound(err) {
		return ErrUnauthenticated
	}
	if err != nil {
		return fmt.Errorf("check the caller again: %w", err)
	}
	return nil
}
