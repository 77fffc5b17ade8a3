package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

// lookupTimeout bounds how long it takes to look up in the database whether
// credentials are good.
const lookupTimeout = 3 * time.Second

// Authenticate says who comes with a secret: an API token, as [Service.Verify]
// does, or an operator's session. Sessions are read from the database each time:
// people do not ask often enough for a cache to pay.
//
// Whatever opens nothing is [ErrUnauthenticated], with no word of why.
func (s *Service) Authenticate(ctx context.Context, secret bearer.Secret, from Origin) (Caller, error) {
	switch {
	case secret.IsToken():
		v, err := s.Verify(ctx, secret, from)
		if err != nil {
			return Caller{}, err
		}
		return tokenCaller(v, secret.Hash(), from), nil
	case secret.Kind() == bearer.Session:
		return s.authenticateSession(ctx, secret, from)
	}
	return Caller{}, ErrUnauthenticated
}

// Verify says what the secret of an API token opens. It answers from the cache
// while this server may trust that, and from the database otherwise; either way
// no token is verified after its revocation has returned.
//
// What opens nothing is [ErrUnauthenticated]. That a token was used after its end
// is recorded. [ErrUnavailable] is returned where only the database could tell,
// and it does not answer.
func (s *Service) Verify(ctx context.Context, secret bearer.Secret, from Origin) (verdict.Verdict, error) {
	if !secret.IsToken() {
		return verdict.Verdict{}, ErrUnauthenticated
	}
	return s.verify(ctx, secret.Hash(), from)
}

func (s *Service) verify(ctx context.Context, hash bearer.Hash, from Origin) (verdict.Verdict, error) {
	v, state := s.cached(hash)
	switch {
	case state == verdict.Missing:
		return verdict.Verdict{}, ErrUnauthenticated
	case state == verdict.Known && s.over(v):
		return verdict.Verdict{}, s.refuseEnded(ctx, tokenCaller(v, hash, from), v)
	case state == verdict.Known && s.fresh(v):
		return v, nil
	}
	err := s.inTime(ctx, func(ctx context.Context) (err error) {
		v, err = s.read(ctx, hash, from)
		return err
	})
	return v, err
}

// inTime has look ask the database whether credentials are good, and asks again if
// it took so long to say so that a revocation would not have waited for the answer
// that rests on it. Each look but the last takes about a lease, so they are few.
func (s *Service) inTime(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for {
		member := s.member.Load()
		if member == nil {
			return look(ctx)
		}
		began := member.Clock()
		if err := look(ctx); err != nil || member.Timely(began) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return unavailable("look up credentials in time", err)
		}
	}
}

// Verdicts says what the cache holds.
func (s *Service) Verdicts() verdict.Stats { return s.verdicts.Stats() }

// cached is what the cache says of a hash; nothing if it is not to be trusted.
// Trust is looked at last: a process that was stopped after it had looked, and
// goes on once its lease has lapsed, must not take what it holds for true.
func (s *Service) cached(hash bearer.Hash) (verdict.Verdict, verdict.State) {
	v, state := s.verdicts.Get(hash)
	if state == verdict.Unknown || !s.Trusted() {
		return verdict.Verdict{}, verdict.Unknown
	}
	return v, state
}

// fresh reports whether v has not ended. A token expires at the first instant of
// its expiry.
func (s *Service) fresh(v verdict.Verdict) bool {
	return !v.Ended() && (v.ExpiresAt.IsZero() || v.ExpiresAt.After(s.now()))
}

// over reports whether v has ended for good. When an expiry was found, the clock may
// have been wrong.
func (s *Service) over(v verdict.Verdict) bool {
	return v.Revoked || v.Expired && !v.ExpiresAt.After(s.now())
}

// read asks the database what a hash opens, and has the cache know the answer.
func (s *Service) read(ctx context.Context, hash bearer.Hash, from Origin) (verdict.Verdict, error) {
	epoch := s.verdicts.Epoch()
	t, err := s.readToken(ctx, hash)
	if errors.Is(err, sql.ErrNoRows) {
		s.verdicts.PutMissing(hash, epoch)
		return verdict.Verdict{}, ErrUnauthenticated
	}
	if err != nil {
		return verdict.Verdict{}, unavailable("look up a secret", err)
	}
	v := s.verdictOn(t)
	state := s.State(t)
	if state == StateRotating && !s.fresh(v) {
		state = StateRevoked // the sweep is about to write that
	}
	v.Expired, v.Revoked = state == StateExpired, state == StateRevoked
	// What has ended is kept too: who goes on with it, however fast, costs the
	// database no more.
	if !v.Revoked || t.RevokedAt != nil {
		s.verdicts.Put(hash, v, epoch)
	}
	if v.Ended() {
		return verdict.Verdict{}, s.refuseEnded(ctx, tokenCaller(v, hash, from), v)
	}
	return v, nil
}

// Knows reports whether the cache knows a token that the secret opens: it is a
// good one, as far as one can tell without the database.
func (s *Service) Knows(secret bearer.Secret) bool {
	if !secret.IsToken() {
		return false
	}
	v, known := s.verdicts.Peek(secret.Hash())
	return known && s.fresh(v) && s.Trusted()
}

// refuseEnded records that a token was used after its end, and returns [ErrEnded].
func (s *Service) refuseEnded(ctx context.Context, by Caller, v verdict.Verdict) error {
	state := StateRevoked
	if v.Expired {
		state = StateExpired
	}
	event := by.event(auditsink.ActionRefuse, s.now())
	event.Target = auditsink.Target{Type: "ApiToken", ID: &v.Token, Label: v.Label}
	event.Outcome = auditsink.Refused
	event.Changes = map[string][2]any{
		"attempted": {nil, "authenticate"},
		"reason":    {nil, "the token is " + string(state)},
	}
	if err := s.journal.Refuse(ctx, event); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return ErrEnded
}

// Whose returns what a verdict rests on of the token that secret is of, whatever
// its state, with its workspace's slug, from the database: one query, whether there
// is one or not. A secret that was never minted, or is no token's, is
// [ErrUnauthenticated].
func (s *Service) Whose(ctx context.Context, secret bearer.Secret) (*ent.Token, error) {
	if !secret.IsToken() {
		return nil, ErrUnauthenticated
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	t, err := s.readToken(ctx, secret.Hash())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnauthenticated
	}
	if err != nil {
		return nil, unavailable("look up a secret", err)
	}
	return t, nil
}

// Lookup returns the token that secret is of, whatever its state, with its
// grants and workspace, from the database. A secret that was never minted, or is
// no token's, is [ErrUnauthenticated].
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

func (s *Service) verdictOn(t *ent.Token) verdict.Verdict {
	v := verdict.Verdict{
		Token:     t.ID,
		Workspace: t.WorkspaceID,
		Slug:      t.Edges.Workspace.Slug,
		Label:     t.Label,
		Abilities: Abilities(t),
		Test:      t.Mode == enttoken.ModeTEST,
		Pending:   t.Pending,
		IssuedAt:  t.CreatedAt,

		RequestsPerMinute: s.plans[t.Edges.Workspace.Plan].RequestsPerMinute,
	}
	if t.ExpiresAt != nil {
		v.ExpiresAt = *t.ExpiresAt
	}
	if ends := t.RotationEndsAt; ends != nil && (v.ExpiresAt.IsZero() || ends.Before(v.ExpiresAt)) {
		v.ExpiresAt = *ends
	}
	return v
}
