package token_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestRevokeCancelsRequestsUnderWay(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "busy", ability.FullAccess)
		_, other := e.Mint(t, "other", ability.FullAccess)
		by := e.As(t, secret)
		first, done := e.Service.Begin(t.Context(), by)
		defer done()
		second, done := e.Service.Begin(t.Context(), by)
		done() // answered before the token ends
		third, done := e.Service.Begin(t.Context(), e.As(t, other))
		defer done()
		own, done := e.Service.Begin(t.Context(), by)
		defer done()

		// The token ends itself, in the fourth of its requests.
		revoked, err := e.Service.Revoke(own, by, minted.ID, "")
		if err != nil || revoked.Receipt.RequestsCancelled != 1 {
			t.Fatalf("%d requests were cancelled, want 1: %v", revoked.Receipt.RequestsCancelled, err)
		}
		if !errors.Is(context.Cause(first), token.ErrUnauthenticated) {
			t.Errorf("a request under way goes on: %v", context.Cause(first))
		}
		if errors.Is(context.Cause(second), token.ErrUnauthenticated) || third.Err() != nil || own.Err() != nil {
			t.Errorf("others were cancelled: %v, %v, %v", context.Cause(second), third.Err(), own.Err())
		}
		if err := e.Service.Answer(first, by, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a cancelled request is answered: %v", err)
		}
		written := false
		if err := e.Service.Answer(own, by, func() error { written = true; return nil }); err != nil || !written {
			t.Errorf("the request that revoked is not answered: %v", err)
		}
	})
}

func TestSignOutCancelsRequestsUnderWay(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx, done := e.Service.Begin(t.Context(), e.Owner)
		defer done()
		if err := e.Service.SignOut(t.Context(), e.Owner); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(ctx), token.ErrUnauthenticated) {
			t.Errorf("a request of the session goes on: %v", context.Cause(ctx))
		}
	})
}

// mustNotWrite is the answer to a request that must not be answered.
func mustNotWrite(t *testing.T) func() error {
	return func() error {
		t.Error("an answer is written")
		return nil
	}
}
