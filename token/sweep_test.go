package token_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// sweep runs the sweep until nothing is due.
func sweep(t *testing.T, e *tokentest.Env) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = e.Service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpiryIsRecordedOnce has several servers find the same tokens due.
func TestExpiryIsRecordedOnce(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		const tokens = 120 // more than a sweep takes at once
		var want []string
		for i := range tokens {
			at := e.Now().Add(time.Duration(1+i%3) * time.Minute)
			e.MintInput(t, token.MintInput{Label: fmt.Sprint(i), Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &at})
			want = append(want, fmt.Sprintf("developers.api_token.expire SUCCEEDED expiry %d", i))
		}
		dead := e.Client().Token.Query().Where(enttoken.LabelEQ("0")).OnlyX(t.Context())
		if _, err := e.Service.Revoke(t.Context(), e.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		want = want[1:] // what is revoked does not expire any more
		e.NewAudit(t)
		sweep(t, e)
		e.WantAudit(t)

		e.Advance(time.Hour)
		var failed tokentest.Counter
		together(4, func(int) {
			for range 3 {
				if _, err := e.Service.Sweep(t.Context()); err != nil {
					failed.Add(err)
				}
			}
		})
		if failed.N() > 0 {
			t.Errorf("%d sweeps failed: %v", failed.N(), failed.First())
		}
		got := e.NewAudit(t)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d entries, want %d:\n%q", len(got), len(want), got)
		}
		sweep(t, e)
		e.WantAudit(t)
	})
}
