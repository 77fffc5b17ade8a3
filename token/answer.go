package token

import (
	"context"
	"sync"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/session"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/verdict"
)

// Vouched is what [Service.Vouch] says.
type Vouched struct {
	verdict.Verdict

	// Quota is what is left of the token's limit. If that is nothing, the
	// answer says so, and no more.
	Quota ratelimit.Quota
	// Answering keeps the verdict true until it is unlocked: a revocation that
	// is under way waits for it. So the answer must be made at once, and this
	// be unlocked when it has been handed to the operating system, or is given
	// up.
	Answering sync.Locker
}

// Vouch counts a request of the token that a secret opens as, and says what it
// opens. The first use of a successor has ended its predecessor by then. Errors
// are those of [Service.Verify]; there is nothing to unlock then.
func (s *Service) Vouch(ctx context.Context, secret bearer.Secret, from Origin) (Vouched, error) {
	if !secret.IsToken() {
		return Vouched{}, ErrUnauthenticated
	}
	hash := secret.Hash()
	// Whose it is says which lock to take, and never changes: that much the
	// cache may be asked at any time.
	v, state := s.verdicts.Get(hash)
	if state != verdict.Known || v.Ended() {
		var err error
		if v, err = s.verify(ctx, hash, from); err != nil {
			return Vouched{}, err
		}
	}
	if v.Pending {
		s.takeOver(ctx, tokenCaller(v, hash, from))
	}
	// Before the lock is taken: Redis may be asked, and may not answer. If the
	// token has ended, what is counted matters to nobody.
	quota := s.limits.Take(ctx, v.Token, v.RequestsPerMinute)
	answering := s.inflight.shard(v.Token).answering.RLocker()
	answering.Lock()
	v, err := s.verify(ctx, hash, from)
	if err != nil {
		answering.Unlock()
		return Vouched{}, err
	}
	return Vouched{v, quota, answering}, nil
}

// Answer calls write if by still holds what it authenticated with, and what the
// request has made use of; and keeps that so until write has returned, as
// [Service.Vouch] does. If it does not, Answer reports [ErrUnauthenticated] or a
// [ForbiddenError], and nothing is written. A request that has itself ended what
// it came with is answered all the same.
func (s *Service) Answer(ctx context.Context, by Caller, write func() error) error {
	id := by.credential()
	answering := &s.inflight.shard(id).answering
	answering.RLock()
	defer answering.RUnlock()
	if !s.inflight.spared(ctx, id) {
		// The request may have been cancelled: that is what is asked here.
		if err := s.check(context.WithoutCancel(ctx), by); err != nil {
			return err
		}
	}
	return write()
}

// check reports nil if by still holds what it authenticated with, and what the
// request has made use of.
func (s *Service) check(ctx context.Context, by Caller) error {
	if by.Token != uuid.Nil {
		if v, state := s.cached(by.hash); state == verdict.Known && s.fresh(v) {
			return lost(needed(ctx, by), v.Abilities)
		}
	}
	return s.inTime(ctx, func(ctx context.Context) error {
		client := s.db.Client()
		return s.checkIn(ctx, by, client.Token.Query(), client.Session.Query())
	})
}

// holds is check inside a transaction, and keeps what by came with from ending
// or narrowing before the transaction does: no write of a revoked token commits
// after the revocation has.
func (s *Service) holds(ctx context.Context, tx *ent.Tx, by Caller) error {
	tokens, sessions := tx.Token.Query(), tx.Session.Query()
	if s.lockRows() {
		// MariaDB does not know FOR SHARE, the newer words for it.
		share := sql.WithLockClause("LOCK IN SHARE MODE")
		tokens.ForShare(share)
		sessions.ForShare(share)
	}
	return s.checkIn(ctx, by, tokens, sessions)
}

func (s *Service) checkIn(ctx context.Context, by Caller, tokens *ent.TokenQuery, sessions *ent.SessionQuery) error {
	var now ability.Set
	var err error
	switch by.Actor.Kind {
	case auditsink.System:
		return nil
	case auditsink.Token:
		var t *ent.Token
		if t, err = tokens.Where(enttoken.ID(by.Token), usable(s.now())).WithGrants().Only(ctx); err == nil {
			now = Abilities(t)
		}
	case auditsink.Operator:
		_, err = sessions.Where(session.ID(by.Session), s.open()).OnlyID(ctx)
		now = by.Abilities // nothing changes the role of a session
	default:
		return ErrUnauthenticated
	}
	if ent.IsNotFound(err) {
		return ErrUnauthenticated
	}
	if err != nil {
		return unavailable("check the caller again", err)
	}
	return lost(needed(ctx, by), now)
}

// needed is what the request that ctx belongs to has made use of; all that by
// may do where there is none.
func needed(ctx context.Context, by Caller) ability.Set {
	if r := requestOf(ctx); r != nil {
		return ability.Set(r.needed.Load())
	}
	return by.Abilities
}
