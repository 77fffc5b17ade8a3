package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestSignIn(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		code, err := e.Service.SignInCode(t.Context(), tokentest.Slug, " Owner@LocalHost ")
		if err != nil {
			t.Fatal(err)
		}
		session, err := e.Service.SignIn(t.Context(), code, token.Origin{IP: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		by, err := e.Service.Authenticate(t.Context(), session, token.Origin{})
		if err != nil || by.Actor.Kind != auditsink.Operator || !by.Abilities.Allows(ability.FullAccess) {
			t.Errorf("signed in as %v, %v", by.Actor, err)
		}
		if _, err := e.Service.SignIn(t.Context(), code, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the code was used twice: %v", err)
		}
		if _, err := e.Service.Authenticate(t.Context(), code, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a sign-in code authenticates a request: %v", err)
		}
		if err := e.Service.SignOut(t.Context(), by); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.Authenticate(t.Context(), session, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("signed out and still in: %v", err)
		}
		e.WantAudit(t,
			"operator.sign_in SUCCEEDED owner@localhost owner@localhost",
			"operator.sign_in REFUSED owner@localhost owner@localhost",
			"operator.sign_out SUCCEEDED owner@localhost owner@localhost",
		)
	})
}

func TestSignInCodeLetsOneThrough(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		code, err := e.Service.SignInCode(t.Context(), tokentest.Slug, tokentest.OwnerEmail)
		if err != nil {
			t.Fatal(err)
		}
		var in, out, failed tokentest.Counter
		together(12, func(int) {
			switch _, err := e.Service.SignIn(t.Context(), code, token.Origin{}); {
			case err == nil:
				in.Add(nil)
			case errors.Is(err, token.ErrUnauthenticated):
				out.Add(nil)
			default:
				failed.Add(err)
			}
		})
		if in.N() != 1 || out.N() != 11 {
			t.Errorf("%d signed in, %d were refused, %d failed: %v", in.N(), out.N(), failed.N(), failed.First())
		}
	})
}

func TestSignInEnds(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		late, err := e.Service.SignInCode(t.Context(), tokentest.Slug, tokentest.OwnerEmail)
		if err != nil {
			t.Fatal(err)
		}
		e.Advance(token.SignInCodeLife)
		if _, err := e.Service.SignIn(t.Context(), late, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("an expired code signs in: %v", err)
		}
		code, err := e.Service.SignInCode(t.Context(), tokentest.Slug, tokentest.OwnerEmail)
		if err != nil {
			t.Fatal(err)
		}
		e.Advance(token.SignInCodeLife - time.Microsecond)
		if _, err := e.Service.SignIn(t.Context(), code, token.Origin{}); err != nil {
			t.Errorf("within its life: %v", err)
		}
	})
}

func TestRemovedOperatorIsOut(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		e.Client().Operator.Update().Where(operator.Email(tokentest.OwnerEmail)).SetRemovedAt(e.Now()).ExecX(t.Context())
		if err := e.Service.Answer(t.Context(), e.Owner, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a removed operator's session: %v", err)
		}
		if _, err := e.Service.SignInCode(t.Context(), tokentest.Slug, tokentest.OwnerEmail); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("a removed operator's link: %v", err)
		}
	})
}

func TestMemberReads(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read)
		e.Client().Operator.Update().Where(operator.Email(tokentest.OwnerEmail)).SetRole(operator.RoleMEMBER).ExecX(t.Context())
		member := e.SignIn(t, tokentest.Slug, tokentest.OwnerEmail)
		if _, err := e.Service.Get(t.Context(), member, minted.ID); err != nil {
			t.Errorf("a member reads: %v", err)
		}
		if _, err := e.Service.Revoke(t.Context(), member, minted.ID, ""); !isForbidden(err) {
			t.Errorf("a member revokes: %v", err)
		}
	})
}
