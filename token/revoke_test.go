package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/change"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestRevoke(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "zapier-prod", ability.Read)
		by := e.As(t, secret)
		revoked, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, " the consumer is gone ")
		if err != nil {
			t.Fatal(err)
		}
		got := revoked.Token
		if e.Service.State(got) != token.StateRevoked || *got.RevokeReason != "the consumer is gone" ||
			*got.RevokedByName != tokentest.OwnerEmail || !revoked.Receipt.EffectiveAt.Equal(*got.RevokedAt) {
			t.Errorf("revoked %v", got)
		}
		if _, err := e.Service.Authenticate(t.Context(), secret, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the secret still authenticates: %v", err)
		}
		if err := e.Service.Answer(t.Context(), by, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a request under way is still answered: %v", err)
		}
		again, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, "another reason")
		if err != nil || !again.Token.RevokedAt.Equal(*got.RevokedAt) || *again.Token.RevokeReason != "the consumer is gone" {
			t.Errorf("revoked again: %v, %v", again.Token, err)
		}
		e.WantAudit(t,
			"developers.api_token.mint SUCCEEDED owner@localhost zapier-prod",
			"developers.api_token.revoke SUCCEEDED owner@localhost zapier-prod",
			"developers.api_token.refuse REFUSED zapier-prod zapier-prod",
		)
		if n := e.Client().Change.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d changes were announced, want 1", n)
		}
	})
}

// What is revoked already waits for the last change that there is, which may be of
// another token, and of another workspace: what that cancelled is not told.
func TestReceiptOfWhatWasRevokedBefore(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		first, _ := e.Mint(t, "first", ability.Read)
		second, _ := e.Mint(t, "second", ability.Read)
		for _, id := range []uuid.UUID{first.ID, second.ID} {
			if _, err := e.Service.Revoke(t.Context(), e.Owner, id, ""); err != nil {
				t.Fatal(err)
			}
		}
		e.Client().Change.Update().Where(change.Subject(second.ID)).SetCancelled(7).ExecX(t.Context()) // by a poll
		for id, want := range map[uuid.UUID]int{first.ID: 0, second.ID: 7} {
			again, err := e.Service.Revoke(t.Context(), e.Owner, id, "")
			if err != nil || again.Receipt.RequestsCancelled != want {
				t.Errorf("%d requests were cancelled, want %d: %v", again.Receipt.RequestsCancelled, want, err)
			}
		}
		many, err := e.Service.RevokeMany(t.Context(), e.Owner, token.RevokeManyInput{Filter: token.Filter{LabelContains: "nothing"}})
		if err != nil || many.Receipt.RequestsCancelled != 0 {
			t.Errorf("%+v, %v", many.Receipt, err)
		}
	})
}

func TestRevokeRefuses(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, reader := e.Mint(t, "reader", ability.Read)
		if _, err := e.Service.Revoke(t.Context(), e.As(t, reader), minted.ID, ""); !isForbidden(err) {
			t.Errorf("a reader revoked: %v", err)
		}
		if _, err := e.Service.Revoke(t.Context(), e.Owner, uuid.New(), ""); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("what is not there was revoked: %v", err)
		}
		for _, reason := range []string{strings.Repeat("x", 1001), "a\x07b", "leaked " + reader.Reveal()} {
			_, err := e.Service.Revoke(t.Context(), e.Owner, minted.ID, reason)
			if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != "reason" {
				t.Errorf("a bad reason: %v", err)
			}
		}
		if _, err := e.Service.Authenticate(t.Context(), reader, token.Origin{}); err != nil {
			t.Errorf("the token ended all the same: %v", err)
		}
	})
}

// TestRevokedTokenWritesNothing lets tokens with full access mint while they
// are revoked: a mint either committed before its own token's revocation, or
// not at all.
func TestRevokedTokenWritesNothing(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		for range 5 {
			minter, secret := e.Mint(t, "minter", ability.FullAccess)
			by := e.As(t, secret)
			in := token.MintInput{Label: "child", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
			together(8, func(i int) {
				if i == 3 {
					if _, err := e.Service.Revoke(t.Context(), e.Owner, minter.ID, ""); err != nil {
						t.Errorf("revoke: %v", err)
					}
					return
				}
				if _, err := e.Service.Mint(t.Context(), by, in); err != nil && !errors.Is(err, token.ErrUnauthenticated) {
					t.Errorf("mint: %v", err)
				}
			})
			if _, err := e.Service.Mint(t.Context(), by, in); !errors.Is(err, token.ErrUnauthenticated) {
				t.Errorf("minted with a revoked token: %v", err)
			}
		}
		e.WantNoMintAfterRevoke(t)
	})
}

// TestCaseFlippedSecret is about MySQL, whose default collation takes "a" for
// "A".
func TestCaseFlippedSecret(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "x", ability.Read)
		prefix, body := secret.Reveal()[:14], secret.Reveal()[14:]
		flipped := strings.Map(func(c rune) rune {
			switch {
			case c >= 'a' && c <= 'z':
				return c - 'a' + 'A'
			case c >= 'A' && c <= 'Z':
				return c - 'A' + 'a'
			}
			return c
		}, body)
		other, err := bearer.Parse(prefix + flipped)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.Authenticate(t.Context(), other, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the secret in another letter case authenticates: %v", err)
		}
	})
}

func TestExpose(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "leaky", ability.Read)
		if revoked, err := e.Service.Expose(t.Context(), secret, token.ExposedInURL, "/x/"+secret.Reveal(), token.Origin{}); err != nil || revoked {
			t.Fatal(revoked, err)
		}
		unknown, err := bearer.New(bearer.Live, tokentest.Rand())
		if err != nil {
			t.Fatal(err)
		}
		if revoked, err := e.Service.Expose(t.Context(), unknown, token.ExposedInURL, "/x", token.Origin{}); err != nil || revoked {
			t.Fatal(revoked, err)
		}
		got := e.Client().Token.GetX(t.Context(), minted.ID)
		if got.ExposedAt == nil || got.RevokedAt != nil {
			t.Errorf("exposed at %v, revoked at %v", got.ExposedAt, got.RevokedAt)
		}
		e.WantAudit(t,
			"developers.api_token.mint SUCCEEDED owner@localhost leaky",
			"developers.api_token.expose REFUSED leaky leaky",
		)
		if strings.Contains(string(e.Dump(t)), secret.Reveal()) {
			t.Error("the secret is in the database")
		}
	})
}

func TestExposeRevokesWhereAsked(t *testing.T) {
	tokentest.EachWith(t, tokentest.Config{RevokeExposed: true}, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "leaky", ability.Read)
		for i := range 2 {
			revoked, err := e.Service.Expose(t.Context(), secret, token.ExposedInBrowser, "/graphql", token.Origin{})
			if err != nil || revoked != (i == 0) {
				t.Fatal(revoked, err)
			}
		}
		if _, err := e.Service.Authenticate(t.Context(), secret, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("an exposed token authenticates: %v", err)
		}
		e.WantAudit(t,
			"developers.api_token.mint SUCCEEDED owner@localhost leaky",
			"developers.api_token.expose REFUSED leaky leaky",
			"developers.api_token.revoke SUCCEEDED exposure policy leaky",
			"developers.api_token.expose REFUSED leaky leaky",
			"developers.api_token.refuse REFUSED leaky leaky",
		)
	})
}
