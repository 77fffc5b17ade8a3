package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestAddOperator(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		added, err := e.Service.AddOperator(ctx, e.Owner, " Ana@Example.com ", "", operator.RoleMEMBER)
		if err != nil || added.Email != "ana@example.com" || added.Name != "ana@example.com" || added.Role != operator.RoleMEMBER {
			t.Fatalf("%v, %v", added, err)
		}
		if _, err := e.Service.AddOperator(ctx, e.Owner, "ana@example.com", "", operator.RoleADMIN); !errors.Is(err, token.ErrExists) {
			t.Errorf("again: %v", err)
		}
		for field, in := range map[string][3]string{
			"email": {"ana", "", "ADMIN"}, "name": {"bob@example.com", strings.Repeat("x", 101), "ADMIN"}, "role": {"bob@example.com", "", "BOSS"},
		} {
			_, err := e.Service.AddOperator(ctx, e.Owner, in[0], in[1], operator.Role(in[2]))
			if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != field {
				t.Errorf("a bad %s: %v", field, err)
			}
		}
		ana := e.SignIn(t, tokentest.Slug, "ana@example.com")
		e.NewAudit(t)
		if _, err := e.Service.AddOperator(ctx, ana, "bob@example.com", "", operator.RoleADMIN); !isForbidden(err) {
			t.Errorf("by a member: %v", err)
		}
		if _, err := e.Service.RemoveOperator(ctx, ana, tokentest.OwnerEmail); !isForbidden(err) {
			t.Errorf("a member removes: %v", err)
		}
		if _, err := e.Service.RemoveOperator(ctx, e.Stranger(t), "ana@example.com"); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("a stranger removes: %v", err)
		}
		e.WantAudit(t,
			"developers.api_token.refuse REFUSED ana@example.com ",
			"developers.api_token.refuse REFUSED ana@example.com ",
			"operator.sign_in SUCCEEDED stranger@localhost stranger@localhost",
		)
	})
}

func TestRemoveOperator(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		if _, err := e.Service.AddOperator(ctx, e.Owner, "ana@example.com", "Ana", operator.RoleADMIN); err != nil {
			t.Fatal(err)
		}
		ana := e.SignIn(t, tokentest.Slug, "ana@example.com")
		minted, err := e.Service.Mint(ctx, ana, token.MintInput{Label: "hers", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
		if err != nil {
			t.Fatal(err)
		}
		e.Mint(t, "the owner's", ability.Read)
		code, err := e.Service.SignInCode(ctx, tokentest.Slug, "ana@example.com")
		if err != nil {
			t.Fatal(err)
		}
		e.NewAudit(t)

		held, done := e.Service.Begin(ctx, ana)
		defer done()
		removed, err := e.Service.RemoveOperator(ctx, e.Owner, "Ana@example.com")
		if err != nil || removed.Receipt.RequestsCancelled != 1 || !errors.Is(context.Cause(held), token.ErrUnauthenticated) {
			t.Fatalf("%+v, %v, %v", removed.Receipt, err, context.Cause(held))
		}
		if len(removed.Tokens) != 1 || removed.Tokens[0].ID != minted.Token.ID {
			t.Errorf("she minted %v", removed.Tokens)
		}
		if err := e.Service.Answer(ctx, ana, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("her session: %v", err)
		}
		if _, err := e.Service.SignIn(ctx, code, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("her link: %v", err)
		}
		if _, err := e.Service.Authenticate(ctx, *minted.Secret, token.Origin{}); err != nil {
			t.Errorf("her token: %v", err)
		}
		if again, err := e.Service.RemoveOperator(ctx, e.Owner, "ana@example.com"); err != nil || again.Receipt.EffectiveAt != removed.Receipt.EffectiveAt {
			t.Errorf("again: %+v, %v", again.Receipt, err)
		}
		back, err := e.Service.AddOperator(ctx, e.Owner, "ana@example.com", "", operator.RoleMEMBER)
		if err != nil || back.ID != *ana.Actor.ID || back.Role != operator.RoleMEMBER || back.RemovedAt != nil {
			t.Errorf("added again: %v, %v", back, err)
		}
		if err := e.Service.Answer(ctx, ana, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("her old session: %v", err)
		}
		if _, err := e.Service.SignIn(ctx, code, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("her old link: %v", err)
		}
		e.WantAudit(t,
			"operator.remove SUCCEEDED owner@localhost ana@example.com",
			"operator.add SUCCEEDED owner@localhost ana@example.com",
		)
	})
}

// TestTheLastAdminStays removes two admins at once, again and again: one is left
// each time.
func TestTheLastAdminStays(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		home, err := e.Service.Workspace(ctx, tokentest.Slug)
		if err != nil {
			t.Fatal(err)
		}
		by := token.System(home, "test")
		e.Member(t, "mem@example.com")
		for range 5 {
			if _, err := e.Service.RemoveOperator(ctx, by, tokentest.OwnerEmail); !errors.Is(err, token.ErrLastAdmin) {
				t.Fatalf("the owner alone: %v", err)
			}
			if _, err := e.Service.AddOperator(ctx, by, "ana@example.com", "", operator.RoleADMIN); err != nil {
				t.Fatal(err)
			}
			var errs [2]error
			together(2, func(i int) {
				_, errs[i] = e.Service.RemoveOperator(ctx, by, []string{tokentest.OwnerEmail, "ana@example.com"}[i])
			})
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs[:]...), token.ErrLastAdmin) {
				t.Fatalf("both at once: %v, %v", errs[0], errs[1])
			}
			if errs[0] == nil {
				if _, err := e.Service.AddOperator(ctx, by, tokentest.OwnerEmail, "", operator.RoleADMIN); err != nil {
					t.Fatal(err)
				}
				if _, err := e.Service.RemoveOperator(ctx, by, "ana@example.com"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := e.Service.RemoveOperator(ctx, by, "mem@example.com"); err != nil {
			t.Errorf("a member: %v", err)
		}
	})
}

// TestNothingIsMintedAfterRemoval has an operator mint as fast as they can while
// they are removed.
func TestNothingIsMintedAfterRemoval(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		if _, err := e.Service.AddOperator(ctx, e.Owner, "ana@example.com", "", operator.RoleADMIN); err != nil {
			t.Fatal(err)
		}
		ana := e.SignIn(t, tokentest.Slug, "ana@example.com")
		minted := func() int {
			return e.Client().Token.Query().Where(enttoken.MintedByID(*ana.Actor.ID)).CountX(ctx)
		}
		before := 0
		together(5, func(i int) {
			if i == 0 {
				for minted() == 0 && ctx.Err() == nil {
					continue
				}
				if _, err := e.Service.RemoveOperator(ctx, e.Owner, "ana@example.com"); err != nil {
					t.Error(err)
				}
				before = minted()
				return
			}
			for {
				_, err := e.Service.Mint(ctx, ana, token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
				if err != nil {
					if !errors.Is(err, token.ErrUnauthenticated) {
						t.Error(err)
					}
					return
				}
			}
		})
		if after := minted(); after != before {
			t.Errorf("%d tokens when the removal returned, %d in the end", before, after)
		}
	})
}
