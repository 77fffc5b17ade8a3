package token_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/grant"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/verdict"
)

// joined is a test on a service that has joined.
func joined(t *testing.T, test func(t *testing.T, e *tokentest.Env)) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		e.Join(t)
		test(t, e)
	})
}

func write() error { return nil }

// vouch is a request that is vouched for and answered.
func vouch(t *testing.T, e *tokentest.Env, secret bearer.Secret) error {
	t.Helper()
	vouched, err := e.Service.Vouch(t.Context(), secret, token.Origin{})
	if err == nil {
		vouched.Answering.Unlock()
	}
	return err
}

// commit announces a change in a transaction that does something.
func commit(t *testing.T, e *tokentest.Env, kind feed.Kind, subject uuid.UUID, do func(context.Context, *ent.Tx) error) {
	t.Helper()
	err := e.DB.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		_, err := feed.Announce(ctx, tx, kind, subject, e.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ends waits until a context has ended, and returns why.
func ends(ctx context.Context, t *testing.T) error {
	t.Helper()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Minute):
		t.Fatal("the request goes on")
		return nil
	}
}

// inDatabase counts the lookups that the cache could not answer.
func inDatabase(e *tokentest.Env) uint64 { return e.Service.Verdicts().Lookups[verdict.Unknown] }

func TestVerifyFromTheCache(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.Read)
		unknown, err := bearer.New(bearer.Live, tokentest.Rand())
		if err != nil {
			t.Fatal(err)
		}
		before := inDatabase(e)
		for range 3 {
			v, err := e.Service.Verify(t.Context(), secret, token.Origin{})
			if err != nil || v.Token != minted.ID || v.Slug != tokentest.Slug || !v.Abilities.Allows(ability.Read) {
				t.Errorf("verified as %+v, %v", v, err)
			}
			if err := vouch(t, e, secret); err != nil {
				t.Error(err)
			}
			if err := e.Service.Answer(t.Context(), e.As(t, secret), write); err != nil {
				t.Error(err)
			}
			if _, err := e.Service.Verify(t.Context(), unknown, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
				t.Errorf("a secret that was never minted: %v", err)
			}
		}
		if n := inDatabase(e) - before; n != 2 {
			t.Errorf("%d queries, want one for each secret", n)
		}
		if _, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := vouch(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("after the revocation: %v", err)
		}
	})
}

func TestCachedTokenExpires(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		at := e.Now().Add(time.Hour)
		_, secret := e.MintInput(t, token.MintInput{
			Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &at,
		})
		by := e.As(t, secret)
		e.Advance(time.Hour)
		if err := e.Service.Answer(t.Context(), by, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("expired meanwhile: %v", err)
		}
		if _, err := e.Service.Verify(t.Context(), secret, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("expired: %v", err)
		}
	})
}

func TestExpiryEndsRequests(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		at := e.Now().Add(time.Millisecond)
		_, secret := e.MintInput(t, token.MintInput{
			Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &at,
		})
		ctx, done := e.Service.Begin(t.Context(), e.As(t, secret))
		defer done()
		if why := ends(ctx, t); !errors.Is(why, token.ErrUnauthenticated) {
			t.Errorf("it ended because of %v", why)
		}
	})
}

// A request that needed what the token has lost is refused; one that did not
// goes on. Neither can the token write any more with what it had.
func TestNarrowedMeanwhile(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.Read, ability.FullAccess)
		by := e.As(t, secret)
		reading, done := e.Service.Begin(t.Context(), by)
		defer done()
		writing, done := e.Service.Begin(t.Context(), by)
		defer done()
		if err := e.Service.Can(reading, by, ability.Read, "x"); err != nil {
			t.Fatal(err)
		}
		if err := e.Service.Can(writing, by, ability.WriteContacts, "x"); err != nil {
			t.Fatal(err)
		}
		commit(t, e, feed.TokenNarrowed, minted.ID, func(ctx context.Context, tx *ent.Tx) error {
			_, err := tx.Grant.Delete().Where(grant.TokenID(minted.ID), grant.AbilityEQ(ability.FullAccess)).Exec(ctx)
			return err
		})
		forbidden, ok := errors.AsType[*token.ForbiddenError](ends(writing, t))
		if !ok || forbidden.Ability != ability.WriteContacts {
			t.Errorf("it ended because of %v", context.Cause(writing))
		}
		if err := e.Service.Answer(writing, by, mustNotWrite(t)); !isForbidden(err) {
			t.Errorf("a request that needed more: %v", err)
		}
		if err := e.Service.Answer(reading, by, write); err != nil || reading.Err() != nil {
			t.Errorf("a request that needed no more: %v, %v", err, reading.Err())
		}
		in := token.MintInput{Label: "child", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
		if _, err := e.Service.Mint(t.Context(), by, in); !isForbidden(err) {
			t.Errorf("minted with an ability that was lost: %v", err)
		}
	})
}

func TestRemovedOperatorEndsRequests(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		stranger, done := e.Service.Begin(t.Context(), e.Stranger(t))
		defer done()
		owner, done := e.Service.Begin(t.Context(), e.Owner)
		defer done()
		commit(t, e, feed.OperatorRemoved, *e.Owner.Actor.ID, func(ctx context.Context, tx *ent.Tx) error {
			return tx.Operator.UpdateOneID(*e.Owner.Actor.ID).SetRemovedAt(e.Now()).Exec(ctx)
		})
		if why := ends(owner, t); !errors.Is(why, token.ErrUnauthenticated) {
			t.Errorf("it ended because of %v", why)
		}
		if stranger.Err() != nil {
			t.Error("a request of someone else was cancelled")
		}
		if err := e.Service.Answer(owner, e.Owner, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a removed operator is answered: %v", err)
		}
	})
}

// What a newer server announces may be anything, so nothing cached is kept.
func TestUnknownChange(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "x", ability.Read)
		e.As(t, secret)
		before := inDatabase(e)
		commit(t, e, "token.from_the_future", uuid.New(), func(context.Context, *ent.Tx) error { return nil })
		for deadline := time.Now().Add(time.Minute); inDatabase(e) == before; e.As(t, secret) {
			if time.Now().After(deadline) {
				t.Fatal("the cache is still used")
			}
		}
	})
}

// A revocation does not return while an answer that was checked before it is
// being written.
func TestRevokeWaitsForAnswers(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.Read)
		by := e.As(t, secret)
		writing, finish := make(chan struct{}), make(chan struct{})
		answered := make(chan error, 1)
		go func() {
			answered <- e.Service.Answer(t.Context(), by, func() error {
				close(writing)
				<-finish
				return nil
			})
		}()
		<-writing
		revoked := make(chan error, 1)
		go func() {
			_, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, "")
			revoked <- err
		}()
		for e.Client().Token.GetX(t.Context(), minted.ID).RevokedAt == nil {
			if t.Context().Err() != nil {
				t.Fatal("it is not revoked")
			}
		}
		select {
		case err := <-revoked:
			t.Fatalf("it returned while the answer was written: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		close(finish)
		if err := errors.Join(<-answered, <-revoked); err != nil {
			t.Fatal(err)
		}
	})
}

// Neither does it while an answer that was vouched for has not been handed over.
func TestRevokeWaitsForWhatWasVouchedFor(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.Read)
		vouched, err := e.Service.Vouch(t.Context(), secret, token.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		revoked := make(chan error, 1)
		go func() {
			_, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, "")
			revoked <- err
		}()
		for e.Client().Token.GetX(t.Context(), minted.ID).RevokedAt == nil {
			if t.Context().Err() != nil {
				t.Fatal("it is not revoked")
			}
		}
		select {
		case err := <-revoked:
			t.Fatalf("it returned while the answer was written: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		vouched.Answering.Unlock()
		if err := <-revoked; err != nil {
			t.Fatal(err)
		}
	})
}

// A server that was swept joins anew, and forgets what it knew: but not while an
// answer that rests on it has not been handed over, which would be trusted again.
func TestForgettingWaitsForAnswers(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "x", ability.Read)
		vouched, err := e.Service.Vouch(t.Context(), secret, token.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		swept := e.Client().Server.Query().OnlyIDX(t.Context())
		e.Client().Server.DeleteOneID(swept).ExecX(t.Context())
		known := func() int { return e.Service.Verdicts().Entries }
		for ids := []uuid.UUID(nil); len(ids) == 0; ids = e.Client().Server.Query().IDsX(t.Context()) {
			if t.Context().Err() != nil {
				t.Fatal("it does not join again")
			}
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
		if known() == 0 {
			t.Error("it forgot what an answer rests on")
		}
		vouched.Answering.Unlock()
		for deadline := time.Now().Add(time.Minute); known() > 0; {
			if time.Now().After(deadline) {
				t.Fatal("it forgets nothing")
			}
		}
	})
}

// Without its database a server knows what it knew for a lease, and then says
// that it does not know.
func TestUnavailable(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		dbtest.Migrated(t, url)
		db, err := database.Open(t.Context(), url, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e := tokentest.New(t, db, tokentest.Config{})
		var elapsed atomic.Int64
		s := token.New(token.Options{
			Database: db, Journal: e.Journal, Now: e.Now,
			Elapsed: func() time.Duration { return time.Duration(elapsed.Load()) },
		})
		if _, err := s.Join(t.Context(), time.Second, nil); err != nil {
			t.Fatal(err)
		}
		minted, secret := e.Mint(t, "x", ability.Read)
		by, err := s.Authenticate(t.Context(), secret, token.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Answer(t.Context(), by, write); err != nil {
			t.Errorf("within the lease: %v", err)
		}
		elapsed.Store(int64(time.Second))
		if _, err := s.Verify(t.Context(), secret, token.Origin{}); !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("after the lease: %v", err)
		}
		if err := s.Answer(t.Context(), by, mustNotWrite(t)); !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("an answer after the lease: %v", err)
		}
		if _, err := s.Authenticate(t.Context(), e.OwnerSession, token.Origin{}); !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("a session: %v", err)
		}
		if _, err := s.Revoke(t.Context(), e.Owner, minted.ID, ""); err == nil {
			t.Error("revoked without a database")
		}
	})
}

// What the database says is too old to be answered with once a lease has passed
// since it was asked: a revocation has not waited for it any longer.
func TestReadTooSlowToAnswerWith(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		e := tokentest.New(t, db, tokentest.Config{})
		var elapsed, slow atomic.Int64 // slow is how many looks at the clock are still to be a lease after the one before
		s := token.New(token.Options{
			Database: db, Journal: e.Journal, Now: e.Now,
			Elapsed: func() time.Duration {
				if slow.Add(-1) >= 0 {
					return time.Duration(elapsed.Add(int64(time.Second)))
				}
				return time.Duration(elapsed.Load())
			},
		})
		if _, err := s.Join(t.Context(), time.Second, nil); err != nil {
			t.Fatal(err)
		}
		_, secret := e.Mint(t, "x", ability.Read)
		by, err := s.Authenticate(t.Context(), secret, token.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		elapsed.Store(int64(time.Second)) // the lease has passed

		slow.Store(7)
		if err := s.Answer(t.Context(), by, write); err != nil || slow.Load() > 0 {
			t.Errorf("read again until it was in time: %v, and %d looks at the clock are left", err, slow.Load())
		}
		hurried, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		slow.Store(math.MaxInt64)
		if _, err := s.Verify(hurried, secret, token.Origin{}); !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("read too slowly each time: %v", err)
		}
	})
}
