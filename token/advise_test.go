package token_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/advice"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// codes is what is advised of a token, as it is in the database.
func codes(t *testing.T, e *tokentest.Env, minted *ent.Token) []advice.Code {
	t.Helper()
	got, err := e.Service.Get(t.Context(), e.Owner, minted.ID)
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Service.Advice(t.Context(), []*ent.Token{got})
	if err != nil {
		t.Fatal(err)
	}
	list := []advice.Code{}
	for _, a := range all[minted.ID] {
		list = append(list, a.Code)
	}
	return list
}

// later moves the clock, and has the owner sign in again.
func later(t *testing.T, e *tokentest.Env, d time.Duration) {
	t.Helper()
	e.Advance(d)
	e.Owner = e.SignIn(t, tokentest.Slug, tokentest.OwnerEmail)
}

// TestAdviceFollowsFromWhatIsRecorded has things happen, and looks what is advised.
func TestAdviceFollowsFromWhatIsRecorded(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		want := func(minted *ent.Token, what string, want ...advice.Code) {
			t.Helper()
			if err := e.Usage.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := codes(t, e, minted); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		full, secret := e.Mint(t, "full", ability.FullAccess)
		want(full, "a new token")
		by := e.As(t, secret)
		if _, err := e.Service.Get(t.Context(), by, full.ID); err != nil {
			t.Fatal(err)
		}
		e.Service.NoteUse(full.ID, 0, token.Origin{})
		want(full, "full access that reads", advice.FullAccessUnneeded)
		if _, err := e.Service.Mint(t.Context(), by, token.MintInput{Label: "y", Mode: full.Mode, Abilities: []ability.Ability{ability.Read}}); err != nil {
			t.Fatal(err)
		}
		want(full, "full access that mints")
		later(t, e, 90*24*time.Hour)
		want(full, "idle", advice.Stale)

		idle, _ := e.Mint(t, "idle", ability.Read)
		later(t, e, 30*24*time.Hour)
		want(idle, "never used", advice.NeverUsed)

		leaked, leak := e.Mint(t, "leaked", ability.Read)
		if _, err := e.Service.Expose(t.Context(), leak, token.ExposedInURL, "/", token.Origin{}); err != nil {
			t.Fatal(err)
		}
		want(leaked, "exposed", advice.Exposed)
		successor := rotate(t, e, leaked.ID, token.Now)
		want(leaked, "exposed and rotated")
		want(successor.Token, "what took its place")

		e.Client().Operator.UpdateOneID(*e.Owner.Actor.ID).SetRemovedAt(e.Now()).ExecX(t.Context())
		want(successor.Token, "its minter left", advice.MinterLeft)
	})
}

// TestSharedByConsumers notes uses on two servers, and looks whether they are
// taken for one consumer's.
func TestSharedByConsumers(t *testing.T) {
	type use struct {
		ip, agent string
		before    time.Duration
	}
	const hour = time.Hour
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		here, there := e.Usage, usage.New(usage.Options{Database: e.DB, Logger: slog.New(slog.DiscardHandler), Interval: hour, Now: e.Now})
		// Which bits they draw depends on the hour: in this one, different ones.
		later(t, e, time.Date(2031, 1, 1, 12, 30, 0, 0, time.UTC).Sub(e.Now()))
		for name, c := range map[string]struct {
			here, there use
			want        bool
		}{
			"one":                             {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.2.1", "zapier/1.2", 0}, false},
			"one that is updated":             {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.2.1", "zapier/1.3 (linux)", 0}, false},
			"two programs":                    {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.2.1", "curl/8.0", 0}, true},
			"two addresses in one network":    {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.2.254", "zapier/1.2", 0}, false},
			"two networks":                    {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.3.1", "zapier/1.2", 0}, true},
			"two networks of IPv6":            {use{"2001:db8:1::1", "zapier/1.2", 0}, use{"2001:db8:2::1", "zapier/1.2", 0}, true},
			"two addresses of IPv6":           {use{"2001:db8:1::1", "zapier/1.2", 0}, use{"2001:db8:1:ffff::1", "zapier/1.2", 0}, false},
			"both kinds of address":           {use{"192.0.2.1", "zapier/1.2", 0}, use{"2001:db8:1::1", "zapier/1.2", 0}, false},
			"IPv4 as IPv6":                    {use{"192.0.2.1", "zapier/1.2", 0}, use{"::ffff:192.0.2.1", "zapier/1.2", 0}, false},
			"two programs in different hours": {use{"192.0.2.1", "zapier/1.2", 0}, use{"192.0.2.1", "curl/8.0", hour}, false},
			"nothing is known":                {use{"", "", 0}, use{"", "", 0}, false},
			"two programs a week ago":         {use{"192.0.2.1", "zapier/1.2", 8 * 24 * hour}, use{"192.0.2.1", "curl/8.0", 8 * 24 * hour}, false},
			"two programs six days ago":       {use{"192.0.2.1", "zapier/1.2", 6 * 24 * hour}, use{"192.0.2.1", "curl/8.0", 6 * 24 * hour}, true},
		} {
			minted, _ := e.Mint(t, "x", ability.Read)
			for r, use := range map[*usage.Recorder]use{here: c.here, there: c.there} {
				r.Mark(usage.Mark{Token: minted.ID, Requests: 1, IP: use.ip, UserAgent: use.agent, At: e.Now().Add(-use.before)})
				if err := r.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := slices.Contains(codes(t, e, minted), advice.SharedByConsumers); got != c.want {
				t.Errorf("%s: shared %t, want %t", name, got, c.want)
			}
		}
	})
}
