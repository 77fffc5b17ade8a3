package token_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// TestNarrowingIsEffectiveInFlight takes an ability away while requests are under
// way: the one that has made use of it is refused, the other is answered.
func TestNarrowingIsEffectiveInFlight(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.Read, ability.WriteContacts)
		by := e.As(t, secret)
		writes, done := e.Service.Begin(t.Context(), by)
		defer done()
		reads, done := e.Service.Begin(t.Context(), by)
		defer done()
		if err := e.Service.Can(writes, by, ability.WriteContacts, "write"); err != nil {
			t.Fatal(err)
		}
		if err := e.Service.Can(reads, by, ability.Read, "read"); err != nil {
			t.Fatal(err)
		}
		_, err := e.Service.Update(t.Context(), e.Owner, token.UpdateInput{ID: minted.ID, Abilities: []ability.Ability{ability.Read}})
		if err != nil {
			t.Fatal(err)
		}
		if !isForbidden(context.Cause(writes)) || !isForbidden(e.Service.Answer(writes, by, mustNotWrite(t))) {
			t.Errorf("a request that used what is lost: %v", context.Cause(writes))
		}
		if err := e.Service.Answer(reads, by, write); err != nil || reads.Err() != nil {
			t.Errorf("a request that reads: %v, %v", err, reads.Err())
		}
		v, err := e.Service.Verify(t.Context(), secret, token.Origin{})
		if err != nil || v.Abilities != ability.Of(ability.Read) {
			t.Errorf("verified with %v, %v", v.Abilities.List(), err)
		}
	})
}

// TestTokenThatNarrowsItself is answered, and can do no more from then on.
func TestTokenThatNarrowsItself(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "x", ability.FullAccess)
		by := e.As(t, secret)
		ctx, done := e.Service.Begin(t.Context(), by)
		defer done()
		if _, err := e.Service.Update(ctx, by, token.UpdateInput{ID: minted.ID, Abilities: []ability.Ability{ability.Read}}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.Update(ctx, by, token.UpdateInput{ID: minted.ID, Label: new("y")}); !isForbidden(err) {
			t.Errorf("it did more: %v", err)
		}
		if err := e.Service.Answer(ctx, by, write); !isForbidden(err) {
			t.Errorf("what made use of full access after that is answered: %v", err)
		}
	})
}

// TestRelabelledTokenIsKnownByItsNewLabel wherever it was known by the old one.
func TestRelabelledTokenIsKnownByItsNewLabel(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		minted, secret := e.Mint(t, "before", ability.Read)
		label := func() string {
			v, err := e.Service.Verify(t.Context(), secret, token.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			return v.Label
		}
		if label() != "before" {
			t.Error("it is not known by its label")
		}
		if _, err := e.Service.Update(t.Context(), e.Owner, token.UpdateInput{ID: minted.ID, Label: new("after")}); err != nil {
			t.Fatal(err)
		}
		if got := label(); got != "after" {
			t.Errorf("it is known as %q", got)
		}
		page, err := e.Service.List(t.Context(), e.Owner, token.Query{Filter: token.Filter{LabelContains: "AFT"}})
		if err != nil || len(page.Tokens) != 1 {
			t.Errorf("found by its new label: %v, %v", page.Tokens, err)
		}
	})
}

// TestNothingIsWidened is about a mistake that others made: a token that ends up
// with more than it was granted.
func TestNothingIsWidened(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read, ability.WriteContacts, ability.WriteConversations, ability.ManageWebhooks)
		for _, wider := range [][]ability.Ability{
			{ability.FullAccess},
			{ability.Read, ability.FullAccess},
			{ability.Read, ability.WriteContacts, ability.WriteConversations, ability.ManageWebhooks, ability.FullAccess},
		} {
			_, err := e.Service.Update(t.Context(), e.Owner, token.UpdateInput{ID: minted.ID, Abilities: wider})
			if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != "abilities" {
				t.Errorf("%v: %v", wider, err)
			}
		}
		if got := e.Client().Grant.Query().CountX(t.Context()); got != 4 {
			t.Errorf("it has %d grants", got)
		}
		e.WantAudit(t, "developers.api_token.mint SUCCEEDED owner@localhost x")
	})
}
