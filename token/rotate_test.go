package token_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// rotate rotates a token as the owner.
func rotate(t *testing.T, e *tokentest.Env, id uuid.UUID, how token.RevokeOld) token.Rotated {
	t.Helper()
	rotated, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: id, RevokeOld: how})
	if err != nil {
		t.Fatal(err)
	}
	return rotated
}

// request makes a request with a secret.
func request(t *testing.T, e *tokentest.Env, secret bearer.Secret) error {
	t.Helper()
	by, err := e.Service.Authenticate(t.Context(), secret, token.Origin{})
	if err != nil {
		return err
	}
	ctx, done := e.Service.Begin(t.Context(), by)
	defer done()
	return e.Service.Answer(ctx, by, write)
}

func state(t *testing.T, e *tokentest.Env, id uuid.UUID) token.State {
	t.Helper()
	return e.Service.State(e.Client().Token.GetX(t.Context(), id))
}

// wantStates expects the tokens to be in these states, in this order.
func wantStates(t *testing.T, e *tokentest.Env, ids []uuid.UUID, want ...token.State) {
	t.Helper()
	var got []token.State
	for _, id := range ids {
		got = append(got, state(t, e, id))
	}
	if !slices.Equal(got, want) {
		t.Errorf("states are %v, want %v", got, want)
	}
}

const (
	minted  = "developers.api_token.mint SUCCEEDED owner@localhost x"
	rotated = "developers.api_token.rotate SUCCEEDED owner@localhost x"
	ended   = "developers.api_token.revoke SUCCEEDED rotation x"
)

func TestSuccessorCarriesEverything(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		at := e.Now().Add(time.Hour)
		old, secret := e.MintInput(t, token.MintInput{
			Label: "étiquette", Mode: enttoken.ModeTEST, ExpiresAt: &at, Abilities: []ability.Ability{ability.Read, ability.ManageWebhooks},
		})
		e.Advance(time.Minute)
		rotated := rotate(t, e, old.ID, token.WhenNewIsLive)
		got := rotated.Token
		if got.Label != old.Label || got.Mode != old.Mode || !got.ExpiresAt.Equal(at) || token.Abilities(got) != token.Abilities(old) || !got.CreatedAt.Equal(e.Now()) {
			t.Errorf("the successor is %v", got)
		}
		if rotated.Secret.Reveal() == secret.Reveal() || rotated.Secret.Kind() != bearer.Test {
			t.Errorf("the new secret is %s, the old one %s", rotated.Secret, secret)
		}
		if *got.RotatedFromID != old.ID || *rotated.Predecessor.RotatedToID != got.ID {
			t.Error("the two are not tied")
		}
	})
}

// TestFirstUseEndsTheOldToken uses a successor in each way there is.
func TestFirstUseEndsTheOldToken(t *testing.T) {
	ways := map[string]func(*testing.T, *tokentest.Env, bearer.Secret) error{
		"a request":               request,
		"a question of a gateway": vouch,
	}
	for name, use := range ways {
		t.Run(name, func(t *testing.T) {
			joined(t, func(t *testing.T, e *tokentest.Env) {
				old, secret := e.Mint(t, "x", ability.Read)
				successor := rotate(t, e, old.ID, token.WhenNewIsLive)
				ids := []uuid.UUID{old.ID, successor.Token.ID}
				for range 3 { // the old one goes on, and its use ends nothing
					if err := use(t, e, secret); err != nil {
						t.Fatal(err)
					}
				}
				wantStates(t, e, ids, token.StateRotating, token.StateActive)
				e.WantAudit(t, minted, rotated)

				if err := use(t, e, successor.Secret); err != nil {
					t.Fatal(err)
				}
				wantStates(t, e, ids, token.StateRevoked, token.StateActive)
				e.WantAudit(t, ended)
				before := inDatabase(e)
				for range 3 {
					if err := use(t, e, successor.Secret); err != nil {
						t.Error(err)
					}
				}
				if n := inDatabase(e) - before; n != 0 {
					t.Errorf("the slow path was taken again: %d queries", n)
				}
				// Its late use is recorded, and does nothing to the new one.
				if err := use(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
					t.Errorf("the old token: %v", err)
				}
				wantStates(t, e, ids, token.StateRevoked, token.StateActive)
				e.WantAudit(t, "developers.api_token.refuse REFUSED x x")
			})
		})
	}
}

func TestFirstUsesAtTheSameTime(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		old, _ := e.Mint(t, "x", ability.Read)
		successor := rotate(t, e, old.ID, token.WhenNewIsLive)
		var refused tokentest.Counter
		together(24, func(int) {
			if err := request(t, e, successor.Secret); err != nil {
				refused.Add(err)
			}
		})
		if refused.N() > 0 {
			t.Errorf("%d of the first uses were refused: %v", refused.N(), refused.First())
		}
		e.WantAudit(t, minted, rotated, ended)
	})
}

func TestRotateNowAndByHand(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		first, secret := e.Mint(t, "x", ability.Read)
		second := rotate(t, e, first.ID, token.Now)
		if err := request(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("ended now: %v", err)
		}
		e.WantAudit(t, minted, rotated, "developers.api_token.revoke SUCCEEDED owner@localhost x", "developers.api_token.refuse REFUSED x x")

		third := rotate(t, e, second.Token.ID, token.Manually)
		ids := []uuid.UUID{second.Token.ID, third.Token.ID}
		wantStates(t, e, ids, token.StateRotating, token.StateActive)
		for _, secret := range []bearer.Secret{third.Secret, second.Secret} {
			if err := request(t, e, secret); err != nil {
				t.Error(err)
			}
		}
		wantStates(t, e, ids, token.StateActive, token.StateActive)
		e.WantAudit(t, rotated)
		if _, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: second.Token.ID, RevokeOld: token.Now}); !errors.Is(err, token.ErrRotated) {
			t.Errorf("rotated although its successor is in use: %v", err)
		}
	})
}

// TestTokenThatEndsItself rotates a token by a request that came with it.
func TestTokenThatEndsItself(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		old, secret := e.Mint(t, "x", ability.FullAccess)
		by := e.As(t, secret)
		ctx, done := e.Service.Begin(t.Context(), by)
		defer done()
		rotated, err := e.Service.Rotate(ctx, by, token.RotateInput{ID: old.ID, RevokeOld: token.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Service.Answer(ctx, by, write); err != nil {
			t.Errorf("the answer with the new secret: %v", err)
		}
		if err := request(t, e, rotated.Secret); err != nil {
			t.Error(err)
		}
	})
}

func TestRotateWhatHasEnded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		revoked, _ := e.Mint(t, "x", ability.Read)
		if _, err := e.Service.Revoke(t.Context(), e.Owner, revoked.ID, ""); err != nil {
			t.Fatal(err)
		}
		at := e.Now().Add(time.Second)
		expired, _ := e.MintInput(t, token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &at})
		e.Advance(time.Second)
		stranger := e.Stranger(t)
		e.NewAudit(t)
		for _, c := range []struct {
			by   token.Caller
			id   uuid.UUID
			want error
		}{
			{e.Owner, revoked.ID, token.ErrRevoked},
			{e.Owner, expired.ID, token.ErrExpired},
			{e.Owner, uuid.New(), token.ErrNotFound},
			{stranger, revoked.ID, token.ErrNotFound},
		} {
			_, err := e.Service.Rotate(t.Context(), c.by, token.RotateInput{ID: c.id, RevokeOld: token.WhenNewIsLive})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		}
		if n := e.Client().Token.Query().CountX(t.Context()); n != 2 {
			t.Errorf("there are %d tokens", n)
		}
		e.WantAudit(t)
	})
}

// TestLostAnswer rotates again, since nobody has the new secret.
func TestLostAnswer(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		old, secret := e.Mint(t, "x", ability.Read)
		lost := rotate(t, e, old.ID, token.WhenNewIsLive)
		if _, err := e.Service.Verify(t.Context(), lost.Secret, token.Origin{}); err != nil { // which is no use yet
			t.Fatal(err)
		}
		second := rotate(t, e, old.ID, token.WhenNewIsLive)
		ids := []uuid.UUID{old.ID, lost.Token.ID, second.Token.ID}
		wantStates(t, e, ids, token.StateRotating, token.StateRevoked, token.StateActive)
		e.WantAudit(t, minted, rotated, "developers.api_token.revoke SUCCEEDED owner@localhost x", rotated)
		if err := request(t, e, lost.Secret); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the one that was lost: %v", err)
		}
		for _, secret := range []bearer.Secret{secret, second.Secret} {
			if err := request(t, e, secret); err != nil {
				t.Error(err)
			}
		}
		wantStates(t, e, ids, token.StateRevoked, token.StateRevoked, token.StateActive)
	})
}

// TestChainOfRotations rotates successors that were not used: the first use of
// the last ends those before it that wait for it, and no others.
func TestChainOfRotations(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		a, _ := e.Mint(t, "x", ability.Read)
		b := rotate(t, e, a.ID, token.WhenNewIsLive)
		c := rotate(t, e, b.Token.ID, token.Manually)
		d := rotate(t, e, c.Token.ID, token.WhenNewIsLive)
		ids := []uuid.UUID{a.ID, b.Token.ID, c.Token.ID, d.Token.ID}
		wantStates(t, e, ids, token.StateRotating, token.StateRotating, token.StateRotating, token.StateActive)
		if _, err := e.Service.Revoke(t.Context(), e.Owner, c.Token.ID, ""); err != nil { // by hand, unused
			t.Fatal(err)
		}
		wantStates(t, e, ids, token.StateRotating, token.StateRotating, token.StateRevoked, token.StateActive)
		e.NewAudit(t)
		if err := request(t, e, d.Secret); err != nil {
			t.Fatal(err)
		}
		wantStates(t, e, ids, token.StateRevoked, token.StateActive, token.StateRevoked, token.StateActive)
		e.WantAudit(t, ended)
	})
}

func TestChainIsBounded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		first, _ := e.Mint(t, "x", ability.Read)
		last := token.Rotated{Token: first}
		for range 10 {
			last = rotate(t, e, last.Token.ID, token.WhenNewIsLive)
		}
		_, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: last.Token.ID, RevokeOld: token.WhenNewIsLive})
		if !errors.Is(err, token.ErrUnused) {
			t.Errorf("the eleventh in a row: %v", err)
		}
		if err := request(t, e, last.Secret); err != nil {
			t.Fatal(err)
		}
		if n := e.Client().Token.Query().Where(enttoken.RevokedAtIsNil()).CountX(t.Context()); n != 1 {
			t.Errorf("%d tokens are left, want the last one", n)
		}
		rotate(t, e, last.Token.ID, token.WhenNewIsLive)
	})
}

// TestSuccessorThatEndsUnused calls its rotation off.
func TestSuccessorThatEndsUnused(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		old, secret := e.Mint(t, "x", ability.Read)
		grace := 60
		successor, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: old.ID, RevokeOld: token.WhenNewIsLive, GraceSeconds: &grace})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.Revoke(t.Context(), e.Owner, successor.Token.ID, ""); err != nil {
			t.Fatal(err)
		}
		wantStates(t, e, []uuid.UUID{old.ID, successor.Token.ID}, token.StateActive, token.StateRevoked)
		e.Advance(time.Minute)
		if _, err := e.Service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := request(t, e, secret); err != nil {
			t.Errorf("a token whose rotation is off: %v", err)
		}
		rotate(t, e, old.ID, token.Now)
	})
}

func TestPairCountsAsOne(t *testing.T) {
	plans := token.Plans{workspace.PlanSTARTER: {Tokens: 2}}
	tokentest.EachWith(t, tokentest.Config{Plans: plans}, func(t *testing.T, e *tokentest.Env) {
		if err := e.Service.SetPlan(t.Context(), e.Owner, workspace.PlanSTARTER); err != nil {
			t.Fatal(err)
		}
		e.Mint(t, "other", ability.Read)
		a, _ := e.Mint(t, "x", ability.Read)
		count := func(want int) {
			t.Helper()
			if n, err := e.Service.ActiveTokens(t.Context(), e.Owner); n != want || err != nil {
				t.Errorf("%d tokens count, want %d: %v", n, want, err)
			}
		}
		b := rotate(t, e, a.ID, token.Manually)
		count(2)
		if err := request(t, e, b.Secret); err != nil {
			t.Fatal(err)
		}
		count(2)
		// A third in the chain counts, or a plan would have no limit.
		third := token.RotateInput{ID: b.Token.ID, RevokeOld: token.Manually}
		var limit *token.LimitError
		if _, err := e.Service.Rotate(t.Context(), e.Owner, third); !errors.As(err, &limit) {
			t.Errorf("a third token where two may be: %v", err)
		}
		_, err := e.Service.Mint(t.Context(), e.Owner, token.MintInput{Label: "y", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
		if !errors.As(err, &limit) {
			t.Errorf("minted beyond the plan: %v", err)
		}
		if _, err := e.Service.Revoke(t.Context(), e.Owner, a.ID, ""); err != nil {
			t.Fatal(err)
		}
		count(2)
		rotate(t, e, b.Token.ID, token.Manually)
		count(2)
	})
}

// TestDeadline ends the old token at its time, if nobody has used the new one.
func TestDeadline(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		old, secret := e.Mint(t, "x", ability.Read)
		grace := 60
		if err := request(t, e, secret); err != nil { // it is cached
			t.Fatal(err)
		}
		rotation, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: old.ID, RevokeOld: token.WhenNewIsLive, GraceSeconds: &grace})
		if err != nil {
			t.Fatal(err)
		}
		ids := []uuid.UUID{old.ID, rotation.Token.ID}
		e.Advance(time.Minute - time.Microsecond)
		if err := request(t, e, secret); err != nil {
			t.Errorf("a microsecond before its time: %v", err)
		}
		sweep(t, e)
		wantStates(t, e, ids, token.StateRotating, token.StateActive)
		e.WantAudit(t, minted, rotated)

		e.Advance(time.Microsecond)
		if err := request(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("at its time, before the sweep: %v", err)
		}
		sweep(t, e)
		wantStates(t, e, ids, token.StateRevoked, token.StateActive)
		e.WantAudit(t, "developers.api_token.refuse REFUSED x x", ended)
		if err := request(t, e, rotation.Secret); err != nil {
			t.Error(err)
		}
		e.WantAudit(t)
	})
}

// TestNothingBringsBackWhatIsPastItsDeadline has nobody sweep: what opens nothing
// any more must not be let go on by a change that comes first.
func TestNothingBringsBackWhatIsPastItsDeadline(t *testing.T) {
	for name, change := range map[string]func(*tokentest.Env, *ent.Token, token.Rotated) error{
		"another rotation": func(e *tokentest.Env, old *ent.Token, _ token.Rotated) error {
			_, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: old.ID, RevokeOld: token.Manually})
			return err
		},
		"an update": func(e *tokentest.Env, old *ent.Token, _ token.Rotated) error {
			_, err := e.Service.Update(t.Context(), e.Owner, token.UpdateInput{ID: old.ID, Label: new("y")})
			return err
		},
		"the end of its successor": func(e *tokentest.Env, _ *ent.Token, rotation token.Rotated) error {
			_, err := e.Service.Revoke(t.Context(), e.Owner, rotation.Token.ID, "")
			return cmp.Or(err, token.ErrRevoked)
		},
	} {
		t.Run(name, func(t *testing.T) {
			joined(t, func(t *testing.T, e *tokentest.Env) {
				old, secret := e.Mint(t, "x", ability.Read)
				rotation, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: old.ID, RevokeOld: token.WhenNewIsLive, GraceSeconds: new(1)})
				if err != nil {
					t.Fatal(err)
				}
				e.Advance(time.Second)
				if state := e.Service.State(rotation.Predecessor); state != token.StateRevoked {
					t.Errorf("it is %s", state)
				}
				if err := change(e, old, rotation); !errors.Is(err, token.ErrRevoked) {
					t.Errorf("%s: %v", name, err)
				}
				if err := request(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
					t.Errorf("after %s, before the sweep: %v", name, err)
				}
				sweep(t, e)
				if err := request(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
					t.Errorf("after %s and the sweep: %v", name, err)
				}
			})
		})
	}
}

// TestDeadlineNeverExtendsAnExpiry is about a mistake that others made: a reroll
// that lets a token live longer than it was to.
func TestDeadlineNeverExtendsAnExpiry(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		at := e.Now().Add(time.Minute)
		old, secret := e.MintInput(t, token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &at})
		grace := 3600
		rotation, err := e.Service.Rotate(t.Context(), e.Owner, token.RotateInput{ID: old.ID, RevokeOld: token.WhenNewIsLive, GraceSeconds: &grace})
		if err != nil || !rotation.Token.ExpiresAt.Equal(at) || !rotation.Predecessor.ExpiresAt.Equal(at) {
			t.Fatalf("rotated to %v, %v", rotation.Token, err)
		}
		e.Advance(time.Minute)
		for _, secret := range []bearer.Secret{secret, rotation.Secret} {
			if err := request(t, e, secret); !errors.Is(err, token.ErrUnauthenticated) {
				t.Errorf("after its expiry: %v", err)
			}
		}
		e.NewAudit(t)
		sweep(t, e)
		wantStates(t, e, []uuid.UUID{old.ID, rotation.Token.ID}, token.StateExpired, token.StateExpired)
		e.WantAudit(t, "developers.api_token.expire SUCCEEDED expiry x", "developers.api_token.expire SUCCEEDED expiry x")
		e.Advance(time.Hour)
		sweep(t, e)
		e.WantAudit(t)
	})
}

func TestListOfWhatRotates(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		var old []*ent.Token
		for range 5 {
			one, _ := e.Mint(t, "x", ability.Read)
			old = append(old, one)
		}
		for _, one := range old[:3] {
			rotate(t, e, one.ID, token.WhenNewIsLive)
		}
		count := func(want int, states ...token.State) {
			t.Helper()
			for _, order := range []token.OrderField{token.OrderCreatedAt, token.OrderLabel, token.OrderExpiresAt, token.OrderLastUsedAt} {
				page, err := e.Service.List(t.Context(), e.Owner, token.Query{Filter: token.Filter{States: states}, Order: token.Order{Field: order}, Count: true})
				if err != nil || len(page.Tokens) != want || *page.Total != want {
					t.Errorf("%v by %s: %d of %d, want %d, %v", states, order, len(page.Tokens), *page.Total, want, err)
				}
				for _, one := range page.Tokens {
					if len(states) > 0 && !slices.Contains(states, e.Service.State(one)) {
						t.Errorf("%v holds one that is %s", states, e.Service.State(one))
					}
				}
			}
		}
		count(8)
		count(3, token.StateRotating)
		count(5, token.StateActive)
		count(8, token.StateActive, token.StateRotating, token.StateRevoked)
		count(3, token.StateRotating, token.StateExpired)
	})
}

// TestSuccessorIsPendingInTheCache: the one use that matters is known without a
// query for all the others.
func TestSuccessorIsPendingInTheCache(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		old, _ := e.Mint(t, "x", ability.Read)
		rotation := rotate(t, e, old.ID, token.WhenNewIsLive)
		pending := func(want bool) {
			t.Helper()
			v, err := e.Service.Verify(t.Context(), rotation.Secret, token.Origin{})
			if err != nil || v.Pending != want {
				t.Errorf("pending: %t, want %t, %v", v.Pending, want, err)
			}
		}
		pending(true)
		pending(true) // from the cache
		if err := vouch(t, e, rotation.Secret); err != nil {
			t.Error(err)
		}
		pending(false)
	})
}
