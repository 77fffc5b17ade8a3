package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// TestWhatCountsAsUse looks at what is written of the use of a token: its
// requests, and the abilities that were not refused.
func TestWhatCountsAsUse(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		full, fullSecret := e.Mint(t, "full", ability.FullAccess)
		reader, readerSecret := e.Mint(t, "reader", ability.Read, ability.WriteContacts)
		idle, _ := e.Mint(t, "idle", ability.Read)
		request := func(by token.Caller, needed ...ability.Ability) {
			_, done := e.Service.Begin(t.Context(), by)
			defer done()
			for _, a := range needed {
				if err := e.Service.Can(t.Context(), by, a, "test"); err != nil && !by.Abilities.Allows(a) {
					continue // refused, as it should be
				} else if err != nil {
					t.Error(err)
				}
			}
		}
		request(e.Owner, ability.Read)
		request(e.As(t, fullSecret), ability.Read, ability.ManageWebhooks)
		request(e.As(t, readerSecret), ability.Read, ability.Read)
		request(e.As(t, readerSecret), ability.FullAccess, ability.WriteConversations)
		e.Advance(time.Second)
		e.Service.NoteUse(full.ID, ability.Of(ability.WriteContacts), token.NewOrigin("203.0.113.9", "gate/1", "r"))
		if err := e.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			of       *ent.Token
			used     string // the abilities, those not used in lower case
			requests int
			ip       string
		}{
			{full, "READ WRITE_CONTACTS MANAGE_WEBHOOKS full_access", 2, "203.0.113.9"},
			{reader, "READ write_contacts", 2, ""},
			{idle, "read", 0, ""},
		} {
			page, err := e.Service.List(t.Context(), e.Owner, token.Query{Filter: token.Filter{LabelContains: c.of.Label}})
			if err != nil {
				t.Fatal(err)
			}
			uses, err := e.Service.AbilityUsage(t.Context(), page.Tokens)
			if err != nil {
				t.Fatal(err)
			}
			var used []string
			for _, use := range uses[c.of.ID] {
				name := string(use.Ability)
				if use.LastUsedAt == nil {
					name = strings.ToLower(name)
				}
				used = append(used, name)
			}
			if got := strings.Join(used, " "); got != c.used {
				t.Errorf("%s used %q, want %q", c.of.Label, got, c.used)
			}
			hours, err := e.Service.Usage(t.Context(), page.Tokens, e.Now().Add(-time.Hour), new(e.Now().Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			requests := 0
			for _, hour := range hours[c.of.ID] {
				requests += hour.Requests
			}
			if requests != c.requests {
				t.Errorf("%s made %d requests, want %d", c.of.Label, requests, c.requests)
			}
			ip := ""
			if kept := page.Tokens[0].LastUsedIP; kept != nil {
				ip = *kept
			}
			if ip != c.ip || (page.Tokens[0].LastUsedAt != nil) != (c.requests > 0) {
				t.Errorf("%s was last used at %v from %q", c.of.Label, page.Tokens[0].LastUsedAt, ip)
			}
		}
	})
}

// TestUsageOfSeveralTokens reads hours from the edges of a span, and is refused
// what would be too many.
func TestUsageOfSeveralTokens(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		a, _ := e.Mint(t, "a", ability.Read)
		b, _ := e.Mint(t, "b", ability.Read)
		other, _ := e.Mint(t, "other", ability.Read)
		for i, of := range []*ent.Token{a, b, other} {
			for hour := range 4 {
				e.Client().UsageBucket.Create().SetTokenID(of.ID).
					SetStart(noon.Add(time.Duration(hour) * time.Hour)).SetRequests(int64(10*i + hour)).ExecX(t.Context())
			}
		}
		both := []*ent.Token{b, a}
		hours := func(since, until time.Duration) string {
			t.Helper()
			found, err := e.Service.Usage(t.Context(), both, noon.Add(since), new(noon.Add(until)))
			if err != nil {
				t.Fatal(err)
			}
			if len(found[other.ID]) > 0 {
				t.Error("hours of a token that was not asked about")
			}
			var list []string
			for _, of := range both {
				for _, hour := range found[of.ID] {
					list = append(list, fmt.Sprintf("%s%d:%d", of.Label, hour.Start.Hour(), hour.Requests))
				}
			}
			return strings.Join(list, " ")
		}
		for _, c := range []struct {
			since, until time.Duration
			want         string
		}{
			{time.Hour, 3 * time.Hour, "b13:11 b14:12 a13:1 a14:2"},
			{2*time.Hour - time.Microsecond, 2*time.Hour + time.Microsecond, "b13:11 b14:12 a13:1 a14:2"},
			{0, 0, ""},
			{3 * time.Hour, 4 * time.Hour, "b15:13 a15:3"},
		} {
			if got := hours(c.since, c.until); got != c.want {
				t.Errorf("%s to %s: got %q, want %q", c.since, c.until, got, c.want)
			}
		}
		full := make([]*ent.Token, 100)
		for i := range full {
			full[i] = a
		}
		for name, err := range map[string]error{
			"backward": func() error { _, err := e.Service.Usage(t.Context(), both, noon, new(noon.Add(-1))); return err }(),
			"too long": func() error {
				_, err := e.Service.Usage(t.Context(), both, noon, new(noon.Add(92*24*time.Hour+1)))
				return err
			}(),
			"too many": func() error {
				_, err := e.Service.Usage(t.Context(), full, noon, new(noon.Add(501*time.Hour)))
				return err
			}(),
		} {
			if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != "since" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.Service.Usage(t.Context(), full, noon, new(noon.Add(500*time.Hour))); err != nil {
			t.Error(err)
		}
	})
}
