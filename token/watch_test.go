package token_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

func use(t *ent.Token) usage.Use { return usage.Use{Token: t.ID, Workspace: t.WorkspaceID} }

// TestWatchSeesWhatItsCallerSees has every token used that there is.
func TestWatchSeesWhatItsCallerSees(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		live, _ := e.Mint(t, "live", ability.Read)
		test, secret := e.MintInput(t, token.MintInput{Label: "test", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeTEST})
		stranger := e.Stranger(t)
		foreign, err := e.Service.Mint(t.Context(), stranger, token.MintInput{Label: "foreign", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			by   token.Caller
			ids  []uuid.UUID
			want []string
		}{
			{e.Owner, nil, []string{"live", "test"}},
			{e.Owner, []uuid.UUID{live.ID}, []string{"live"}},
			{e.Owner, []uuid.UUID{test.ID, test.ID}, []string{"test"}},
			{e.Owner, []uuid.UUID{}, nil},
			{e.As(t, secret), nil, []string{"test"}},
			{stranger, nil, []string{"foreign"}},
		} {
			w, err := e.Service.WatchUsed(t.Context(), c.by, c.ids)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // a use more is not an event more
				w.Hear([]usage.Use{use(live), use(test), use(foreign.Token)})
			}
			wantUsed(t, w, c.want...)
			w.Close()
			wantUsed(t, w)
		}
		for _, id := range []uuid.UUID{live.ID, foreign.Token.ID, {}} {
			if _, err := e.Service.WatchUsed(t.Context(), e.As(t, secret), []uuid.UUID{id}); !errors.Is(err, token.ErrNotFound) {
				t.Errorf("a token that is not to be seen: %v", err)
			}
		}
	})
}

// wantUsed expects the next tokens, in any order, and nothing after them.
func wantUsed(t *testing.T, w *token.Watch, want ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, label := range want {
		left[label] = true
	}
	for range want {
		got, err := w.Next(t.Context())
		if err != nil || !left[got.Label] {
			t.Fatalf("got %v, %v; want one of %v", got, err, left)
		}
		delete(left, got.Label)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := w.Next(done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want nothing more", got, err)
	}
}

func TestWatchIsBounded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		w, err := e.Service.WatchUsed(t.Context(), e.Owner, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for range 1001 {
			w.Hear([]usage.Use{{Token: uuid.New(), Workspace: e.Owner.Workspace.ID}})
		}
		if _, err := w.Next(t.Context()); !errors.Is(err, token.ErrBehind) {
			t.Errorf("got %v, want ErrBehind", err)
		}
	})
}

func TestWhoCannotReadCannotFollow(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		var forbidden *token.ForbiddenError
		blind := e.Owner
		blind.Abilities = 0
		if _, err := e.Service.WatchUsed(t.Context(), blind, nil); !errors.As(err, &forbidden) {
			t.Errorf("uses: %v", err)
		}
		if _, err := e.Service.FollowAudit(t.Context(), blind, journal.Filter{}); !errors.As(err, &forbidden) {
			t.Errorf("the audit log: %v", err)
		}
	})
}
