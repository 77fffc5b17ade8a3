package token_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/keyset"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// TestListWalksEveryOrderBothWays mints tokens with equal and missing values in
// what they are sorted by, and expects each walk to find each of them once.
func TestListWalksEveryOrderBothWays(t *testing.T) {
	const tokens, size = 23, 4
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		random := rand.New(rand.NewPCG(1, 2))
		for range tokens {
			in := token.MintInput{Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
			in.Label = fmt.Sprintf("%c%d", "aBcÉé"[random.IntN(3)], random.IntN(3))
			if random.IntN(2) == 0 {
				at := e.Now().Add(time.Hour * time.Duration(1+random.IntN(3)))
				in.ExpiresAt = &at
			}
			minted, _ := e.MintInput(t, in)
			if random.IntN(3) > 0 {
				at := e.Now().Add(time.Microsecond * time.Duration(random.IntN(4)))
				e.Client().Token.UpdateOne(minted).SetLastUsedAt(at).ExecX(t.Context())
			}
		}
		all := e.Client().Token.Query().AllX(t.Context())
		for _, order := range []token.Order{
			{},
			{Field: token.OrderCreatedAt}, {Field: token.OrderCreatedAt, Desc: true},
			{Field: token.OrderLabel}, {Field: token.OrderLabel, Desc: true},
			{Field: token.OrderExpiresAt}, {Field: token.OrderExpiresAt, Desc: true},
			{Field: token.OrderLastUsedAt}, {Field: token.OrderLastUsedAt, Desc: true},
		} {
			want := labels(sorted(all, order))
			if got := labels(walk(t, e, order, size, false)); !slices.Equal(got, want) {
				t.Errorf("%v forward:\n got %v\nwant %v", order, got, want)
			}
			if got := labels(walk(t, e, order, size, true)); !slices.Equal(got, want) {
				t.Errorf("%v back:\n got %v\nwant %v", order, got, want)
			}
		}
	})
}

// walk reads a whole list in pages, from the front or from the back.
func walk(t *testing.T, e *tokentest.Env, order token.Order, size int, back bool) []*ent.Token {
	t.Helper()
	q := token.Query{Order: order, Request: keyset.Request{First: &size}}
	if back {
		q.Request = keyset.Request{Last: &size}
	}
	var all []*ent.Token
	for range 1000 {
		page, err := e.Service.List(t.Context(), e.Owner, q)
		if err != nil {
			t.Fatal(err)
		}
		if back {
			all = append(slices.Clone(page.Tokens), all...)
			if !page.HasPrevious {
				return all
			}
			q.Before = place(order, page.Tokens[0])
		} else {
			all = append(all, page.Tokens...)
			if !page.HasNext {
				return all
			}
			q.After = place(order, page.Tokens[len(page.Tokens)-1])
		}
	}
	t.Fatal("the walk does not end")
	return nil
}

// place is a cursor that has been to a client and back.
func place(order token.Order, t *ent.Token) *keyset.Cursor {
	c, err := keyset.ParseCursor(order.Cursor(t).String())
	if err != nil {
		panic(err)
	}
	return &c
}

func sorted(all []*ent.Token, order token.Order) []*ent.Token {
	return slices.SortedFunc(slices.Values(all), func(a, b *ent.Token) int {
		by := 0
		switch order.Field {
		case token.OrderLabel:
			by = cmp.Compare(a.LabelKey, b.LabelKey)
		case token.OrderExpiresAt:
			by = orNever(a.ExpiresAt).Compare(orNever(b.ExpiresAt))
		case token.OrderLastUsedAt:
			by = orNever(a.LastUsedAt).Compare(orNever(b.LastUsedAt))
		case token.OrderCreatedAt:
		}
		by = cmp.Or(by, cmp.Compare(a.ID.String(), b.ID.String()))
		if order.Desc || order.Field == "" {
			return -by
		}
		return by
	})
}

// orNever sorts null where it belongs: first.
func orNever(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return *at
}

func labels(tokens []*ent.Token) []string {
	list := make([]string, len(tokens))
	for i, t := range tokens {
		list[i] = t.Label + " " + t.ID.String()
	}
	return list
}

func TestListFilters(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		soon := e.Now().Add(time.Hour)
		mint := func(label string, mode enttoken.Mode, expires *time.Time, abilities ...ability.Ability) *ent.Token {
			minted, _ := e.MintInput(t, token.MintInput{Label: label, Mode: mode, ExpiresAt: expires, Abilities: abilities})
			return minted
		}
		mint("Zapier-Prod", enttoken.ModeLIVE, nil, ability.Read, ability.WriteContacts)
		mint("zapier-test", enttoken.ModeTEST, nil, ability.Read)
		mint("ÉCOLE", enttoken.ModeLIVE, &soon, ability.ManageWebhooks)
		full := mint("100%_full", enttoken.ModeLIVE, nil, ability.FullAccess)
		used := e.Now().Add(time.Minute)
		e.Client().Token.UpdateOne(full).SetLastUsedAt(used).ExecX(t.Context())
		dead := mint("dead", enttoken.ModeLIVE, &soon, ability.Read)
		if _, err := e.Service.Revoke(t.Context(), e.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		owner, nobody := *e.Owner.Actor.ID, uuid.New()
		later, usedLater := soon.Add(time.Second), used.Add(time.Microsecond)
		yes, no := true, false
		for name, c := range map[string]struct {
			filter token.Filter
			want   string
		}{
			"nothing":            {token.Filter{}, "100%_full Zapier-Prod zapier-test ÉCOLE"},
			"active":             {token.Filter{States: []token.State{token.StateActive}}, "100%_full Zapier-Prod zapier-test ÉCOLE"},
			"revoked":            {token.Filter{States: []token.State{token.StateRevoked}}, "dead"},
			"two states":         {token.Filter{States: []token.State{token.StateRevoked, token.StateActive}}, "100%_full Zapier-Prod dead zapier-test ÉCOLE"},
			"no state":           {token.Filter{States: []token.State{}}, ""},
			"rotating":           {token.Filter{States: []token.State{token.StateRotating}}, ""},
			"test mode":          {token.Filter{Modes: []enttoken.Mode{enttoken.ModeTEST}}, "zapier-test"},
			"label":              {token.Filter{LabelContains: "ZAPIER"}, "Zapier-Prod zapier-test"},
			"label with accents": {token.Filter{LabelContains: "e\u0301co"}, "ÉCOLE"},
			"label, percent":     {token.Filter{LabelContains: "%"}, "100%_full"},
			"label, underscore":  {token.Filter{LabelContains: "_"}, "100%_full"},
			"label, backslash":   {token.Filter{LabelContains: `\`}, ""},
			"search a label":     {token.Filter{Search: "ZAPIER"}, "Zapier-Prod zapier-test"},
			"search a hint":      {token.Filter{Search: " keloa_pk_live_…" + full.SecretTail}, "100%_full"},
			"search its end":     {token.Filter{Search: full.SecretTail}, "100%_full"},
			"search its start":   {token.Filter{Search: "keloa_pk_live_"}, ""},
			"search another end": {token.Filter{Search: "…" + full.SecretTail[:3]}, ""},
			"idle":               {token.Filter{IdleSince: &usedLater}, "100%_full Zapier-Prod zapier-test ÉCOLE"},
			"idle for less":      {token.Filter{IdleSince: &used}, "Zapier-Prod zapier-test ÉCOLE"},
			"idle before it was": {token.Filter{IdleSince: &full.CreatedAt}, ""},
			"expires":            {token.Filter{NeverExpires: &no}, "ÉCOLE"},
			"never expires":      {token.Filter{NeverExpires: &yes}, "100%_full Zapier-Prod zapier-test"},
			"abilities":          {token.Filter{Abilities: []ability.Ability{ability.ManageWebhooks, ability.FullAccess}}, "100%_full ÉCOLE"},
			"no ability":         {token.Filter{Abilities: []ability.Ability{}}, ""},
			"minted by":          {token.Filter{MintedBy: &owner}, "100%_full Zapier-Prod zapier-test ÉCOLE"},
			"minted by nobody":   {token.Filter{MintedBy: &nobody}, ""},
			"expires before":     {token.Filter{ExpiresBefore: &later}, "ÉCOLE"},
			"expires before it":  {token.Filter{ExpiresBefore: &soon}, ""},
			"never used":         {token.Filter{NeverUsed: &yes}, "Zapier-Prod zapier-test ÉCOLE"},
			"ever used":          {token.Filter{NeverUsed: &no}, "100%_full"},
			"used since":         {token.Filter{LastUsedSince: &used}, "100%_full"},
			"used since later":   {token.Filter{LastUsedSince: &usedLater}, ""},
			"used before":        {token.Filter{LastUsedBefore: &usedLater}, "100%_full"},
			"used before it":     {token.Filter{LastUsedBefore: &used}, ""},
			"all at once":        {token.Filter{LabelContains: "z", Modes: []enttoken.Mode{enttoken.ModeLIVE}, Abilities: []ability.Ability{ability.Read}, MintedBy: &owner}, "Zapier-Prod"},
		} {
			page, err := e.Service.List(t.Context(), e.Owner, token.Query{Filter: c.filter, Count: true})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, found := range page.Tokens {
				got = append(got, found.Label)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want || *page.Total != len(got) {
				t.Errorf("%s: got %q, counted %d, want %q", name, got, *page.Total, c.want)
			}
		}
	})
}

func TestListChecksItsArguments(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "x", ability.Read)
		byLabel := place(token.Order{Field: token.OrderLabel}, minted)
		ofAudit := keyset.NewCursor(keyset.Order{List: "audit"}, keyset.Key{ID: minted.ID})
		zero, many, one := 0, 101, 1
		for field, request := range map[string]keyset.Request{
			"first":                  {First: &zero},
			"first, many":            {First: &many},
			"last":                   {Last: &zero},
			"last, many":             {Last: &many},
			"last and first":         {First: &one, Last: &one},
			"after":                  {After: byLabel},
			"before":                 {Before: byLabel},
			"after, of another list": {After: &ofAudit},
		} {
			_, err := e.Service.List(t.Context(), e.Owner, token.Query{Request: request})
			argument, ok := errors.AsType[*keyset.ArgumentError](err)
			if !ok || !strings.HasPrefix(field, argument.Field) {
				t.Errorf("%s: %v", field, err)
			}
		}
	})
}

// TestWorkspacesAreWalls asks for everything in one workspace with the ids of
// another.
func TestWorkspacesAreWalls(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		theirs, _ := e.Mint(t, "theirs", ability.Read)
		stranger := e.Stranger(t)
		if _, err := e.Service.Get(t.Context(), stranger, theirs.ID); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		if _, err := e.Service.Revoke(t.Context(), stranger, theirs.ID, ""); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("Revoke: %v", err)
		}
		for name, filter := range map[string]token.Filter{
			"all":       {States: []token.State{token.StateActive, token.StateExpired, token.StateRevoked}},
			"label":     {LabelContains: "theirs"},
			"minted by": {MintedBy: e.Owner.Actor.ID},
		} {
			page, err := e.Service.List(t.Context(), stranger, token.Query{Filter: filter, Count: true})
			if err != nil || len(page.Tokens) != 0 || *page.Total != 0 || page.HasNext {
				t.Errorf("List by %s: %v, %v", name, page, err)
			}
		}
		page, err := e.Service.List(t.Context(), stranger, token.Query{Request: keyset.Request{Before: place(token.Order{}, theirs)}})
		if err != nil || len(page.Tokens) != 0 {
			t.Errorf("List with their cursor: %v, %v", page, err)
		}
		if n, err := e.Service.ActiveTokens(t.Context(), stranger); n != 0 || err != nil {
			t.Errorf("ActiveTokens: %d, %v", n, err)
		}
		if got := e.Client().Token.GetX(t.Context(), theirs.ID); got.RevokedAt != nil {
			t.Error("their token was revoked")
		}
	})
}
