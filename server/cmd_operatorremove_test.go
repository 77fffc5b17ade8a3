package main

import (
	"testing"

	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// TestWhatBecomesOfTheTokensOfWhoWasRemoved has one token kept, one rotated and one
// revoked.
func TestWhatBecomesOfTheTokensOfWhoWasRemoved(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		if _, err := e.Service.AddOperator(ctx, e.Owner, "ana@example.com", "", operator.RoleADMIN); err != nil {
			t.Fatal(err)
		}
		ana := e.SignIn(t, tokentest.Slug, "ana@example.com")
		for _, label := range []string{"keep", "rotate", "revoke"} {
			in := token.MintInput{Label: label, Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
			if _, err := e.Service.Mint(ctx, ana, in); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := e.Service.RemoveOperator(ctx, e.Owner, "ana@example.com")
		if err != nil || len(removed.Tokens) != 3 {
			t.Fatalf("%v, %v", removed.Tokens, err)
		}
		for _, old := range removed.Tokens {
			left, err := dispose(ctx, e.Service, e.Owner, removed.Operator, old, old.Label)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]token.State{"keep": token.StateActive, "rotate": token.StateActive, "revoke": token.StateRevoked}[old.Label]
			if left.State != want || (left.ID == old.ID) != (old.Label != "rotate") || (left.Secret != "") != (old.Label == "rotate") {
				t.Errorf("%s: %+v", old.Label, left.tokenView)
			}
			if old.Label == "keep" && len(left.Advice) == 0 {
				t.Error("no advice that its minter has left")
			}
			if left.Secret == "" {
				continue
			}
			secret, err := bearer.Parse(left.Secret)
			if err != nil {
				t.Fatal(err)
			}
			if by := e.As(t, secret); by.Token != left.ID {
				t.Errorf("the new secret opens %s", by.Token)
			}
		}
	})
}
