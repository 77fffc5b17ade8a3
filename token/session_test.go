package token_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/tokentest"
)

func nothing() error { return nil }

func TestSessionSlidesToItsEnd(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		began := e.Now()
		for e.Now().Sub(began) < token.SessionLife-token.SessionIdle {
			e.Advance(token.SessionIdle - time.Minute)
			e.As(t, e.OwnerSession)
		}
		e.Advance(began.Add(token.SessionLife).Sub(e.Now()) - time.Microsecond)
		by := e.As(t, e.OwnerSession)
		if err := e.Service.Answer(t.Context(), by, nothing); err != nil {
			t.Errorf("within its life: %v", err)
		}
		e.Advance(time.Microsecond)
		if _, err := e.Service.Authenticate(t.Context(), e.OwnerSession, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("used to the last, and after its life: %v", err)
		}
		if err := e.Service.Answer(t.Context(), by, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a request that was under way: %v", err)
		}
	})
}

func TestSessionEndsUnused(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		e.Advance(token.SessionIdle)
		if _, err := e.Service.Authenticate(t.Context(), e.OwnerSession, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("unused: %v", err)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		member := e.Member(t, "mem@example.com")
		other := e.SignIn(t, tokentest.Slug, "mem@example.com")
		stranger := e.Stranger(t)
		e.NewAudit(t)
		for _, c := range []struct {
			name string
			by   token.Caller
			of   *uuid.UUID
			want []uuid.UUID
		}{
			{"a member's own", member, nil, []uuid.UUID{other.Session, member.Session}},
			{"a member's of the owner", member, e.Owner.Actor.ID, nil},
			{"an admin's", e.Owner, nil, []uuid.UUID{other.Session, member.Session, e.Owner.Session}},
			{"an admin's of the member", e.Owner, member.Actor.ID, []uuid.UUID{other.Session, member.Session}},
			{"a stranger's of the member", stranger, member.Actor.ID, nil},
		} {
			found, err := e.Service.Sessions(t.Context(), c.by, c.of)
			var got []uuid.UUID
			for _, s := range found {
				got = append(got, s.ID)
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
			}
		}
		for name, by := range map[string]token.Caller{"a stranger": stranger, "a member": member} {
			if _, err := e.Service.EndSession(t.Context(), by, e.Owner.Session); !errors.Is(err, token.ErrNotFound) {
				t.Errorf("%s ends the owner's session: %v", name, err)
			}
		}
		held, done := e.Service.Begin(t.Context(), other)
		defer done()
		receipt, err := e.Service.EndSession(t.Context(), member, other.Session)
		if err != nil || receipt.RequestsCancelled != 1 || !errors.Is(context.Cause(held), token.ErrUnauthenticated) {
			t.Errorf("a member ends their other session: %+v, %v, %v", receipt, err, context.Cause(held))
		}
		if err := e.Service.Answer(t.Context(), other, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("an ended session: %v", err)
		}
		if again, err := e.Service.EndSession(t.Context(), member, other.Session); err != nil || !again.EffectiveAt.Equal(receipt.EffectiveAt) {
			t.Errorf("again: %+v, %v", again, err)
		}
		if _, err := e.Service.EndSession(t.Context(), e.Owner, member.Session); err != nil {
			t.Errorf("an admin ends the member's session: %v", err)
		}
		e.WantAudit(t,
			"operator.sign_out SUCCEEDED mem@example.com mem@example.com",
			"operator.sign_out SUCCEEDED owner@localhost mem@example.com",
		)
	})
}

func TestSessionsOfOneOperatorAreBounded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		for range 100 {
			e.SignIn(t, tokentest.Slug, tokentest.OwnerEmail)
		}
		if _, err := e.Service.Authenticate(t.Context(), e.OwnerSession, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the oldest of 101: %v", err)
		}
		last := e.SignIn(t, tokentest.Slug, tokentest.OwnerEmail)
		if found, err := e.Service.Sessions(t.Context(), last, nil); err != nil || len(found) != 100 {
			t.Errorf("%d are open, %v", len(found), err)
		}
	})
}

func TestMemberRoleIsThatOfTheSession(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		// Whatever becomes of the operator, a session does not gain by it.
		member := e.Member(t, "mem@example.com")
		e.Client().Operator.Update().Where(operator.ID(*member.Actor.ID)).SetRole(operator.RoleADMIN).ExecX(t.Context())
		if _, err := e.Service.Operators(t.Context(), member); !isForbidden(err) {
			t.Errorf("a member's session lists operators: %v", err)
		}
	})
}
