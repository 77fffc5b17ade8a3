package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestMint(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		expires := e.Now().Add(time.Hour)
		minted, err := e.Service.Mint(t.Context(), e.Owner, token.MintInput{
			Label:     "  zapier-prod ",
			Abilities: []ability.Ability{ability.WriteContacts, ability.Read, ability.Read},
			Mode:      enttoken.ModeLIVE,
			ExpiresAt: &expires,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := minted.Token
		if got.Label != "zapier-prod" || got.Mode != enttoken.ModeLIVE || !got.ExpiresAt.Equal(expires) ||
			got.MintedByName != tokentest.OwnerEmail || !got.CreatedAt.Equal(e.Now()) {
			t.Errorf("minted %v", got)
		}
		if list := token.Abilities(got).List(); !slices.Equal(list, []ability.Ability{ability.Read, ability.WriteContacts}) {
			t.Errorf("abilities %v", list)
		}
		if want := "keloa_pk_live_…" + minted.Secret.Tail(); token.Hint(got) != want {
			t.Errorf("hint %q, want %q", token.Hint(got), want)
		}
		by, err := e.Service.Authenticate(t.Context(), *minted.Secret, token.Origin{})
		if err != nil || by.Token != got.ID || by.Workspace.Slug != tokentest.Slug {
			t.Errorf("the new secret authenticates as %v, %v", by.Actor, err)
		}
		e.WantAudit(t, "developers.api_token.mint SUCCEEDED owner@localhost zapier-prod")
	})
}

// TestMintStoresNoSecret looks for the secret in every column of every table.
func TestMintStoresNoSecret(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "zapier-prod", ability.Read)
		if dump := e.Dump(t); bytes.Contains(dump, []byte(secret.Reveal()[len("keloa_pk_live_"):])) {
			t.Error("the secret is in the database")
		} else if !bytes.Contains(dump, []byte("zapier-prod")) {
			t.Error("the dump does not hold the label: it proves nothing")
		}
	})
}

func TestMintRefusesBadInput(t *testing.T) {
	secret, err := bearer.New(bearer.Test, tokentest.Rand())
	if err != nil {
		t.Fatal(err)
	}
	past := time.Unix(0, 0)
	far := time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)
	good := token.MintInput{Label: "ok", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
	cases := map[string]func(*token.MintInput){
		"label":           func(in *token.MintInput) { in.Label = "" },
		"label blank":     func(in *token.MintInput) { in.Label = " \t\n " },
		"label long":      func(in *token.MintInput) { in.Label = strings.Repeat("é", 101) },
		"label control":   func(in *token.MintInput) { in.Label = "a\x00b" },
		"label newline":   func(in *token.MintInput) { in.Label = "a\nb" },
		"label line":      func(in *token.MintInput) { in.Label = "a\u2028b" },
		"label direction": func(in *token.MintInput) { in.Label = "a\u202eb" },
		"label invisible": func(in *token.MintInput) { in.Label = "\u200b\u200d" },
		"label not UTF-8": func(in *token.MintInput) { in.Label = "a\xff" },
		"label secret":    func(in *token.MintInput) { in.Label = "key " + secret.Reveal() },
		"label encoded":   func(in *token.MintInput) { in.Label = strings.ReplaceAll(secret.Reveal(), "_", "%5F") },
		"label twice":     func(in *token.MintInput) { in.Label = strings.ReplaceAll(secret.Reveal(), "_", "%255f") },
		"label base64":    func(in *token.MintInput) { in.Label = base64.StdEncoding.EncodeToString([]byte(secret.Reveal())) },
		"label Basic": func(in *token.MintInput) {
			in.Label = base64.StdEncoding.EncodeToString([]byte("u:" + secret.Reveal()))
		},
		"label Basic URL": func(in *token.MintInput) {
			in.Label = base64.RawURLEncoding.EncodeToString([]byte("us:" + secret.Reveal()))
		},
		"label bare":        func(in *token.MintInput) { in.Label = "key 0aA" + secret.Reveal()[14:] },
		"abilities":         func(in *token.MintInput) { in.Abilities = nil },
		"abilities unknown": func(in *token.MintInput) { in.Abilities = []ability.Ability{"ADMIN"} },
		"mode":              func(in *token.MintInput) { in.Mode = "PROD" },
		"expiresAt past":    func(in *token.MintInput) { in.ExpiresAt = &past },
		"expiresAt far":     func(in *token.MintInput) { in.ExpiresAt = &far },
		"idempotencyKey":    func(in *token.MintInput) { in.IdempotencyKey = strings.Repeat("k", 256) },
	}
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		for name, spoil := range cases {
			in := good
			spoil(&in)
			_, err := e.Service.Mint(t.Context(), e.Owner, in)
			input, ok := errors.AsType[*token.InputError](err)
			if !ok || !strings.HasPrefix(name, input.Field) {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), secret.Reveal()) {
				t.Errorf("%s: the error holds the secret", name)
			}
		}
		if n := e.Client().Token.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d tokens were minted", n)
		}
		e.WantAudit(t)
	})
}

func TestMintKeepsLabelsAsTheyAre(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		for _, label := range []string{strings.Repeat("𝄞", 100), "ß", "مرحبا", "\u200fשלום", "👩\u200d💻", `"; DROP TABLE tokens; --`, "a%b_c\\d"} {
			minted, _ := e.Mint(t, label, ability.Read)
			got, err := e.Service.Get(t.Context(), e.Owner, minted.ID)
			if err != nil || got.Label != label {
				t.Errorf("%q came back as %q, %v", label, got.Label, err)
			}
		}
	})
}

func TestMintNeedsFullAccess(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		in := token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
		_, everything := e.Mint(t, "everything-else", ability.Read, ability.WriteContacts, ability.WriteConversations, ability.ManageWebhooks)
		_, err := e.Service.Mint(t.Context(), e.As(t, everything), in)
		if forbidden, ok := errors.AsType[*token.ForbiddenError](err); !ok || forbidden.Ability != ability.FullAccess {
			t.Errorf("a token with everything but full access: %v", err)
		}
		_, full := e.Mint(t, "full", ability.FullAccess)
		minted, err := e.Service.Mint(t.Context(), e.As(t, full), in)
		if err != nil || minted.Token.MintedByKind != auditsink.Token || minted.Token.MintedByName != "full" {
			t.Errorf("a token with full access minted %v, %v", minted.Token, err)
		}
		e.WantAudit(t,
			"developers.api_token.mint SUCCEEDED owner@localhost everything-else",
			"developers.api_token.refuse REFUSED everything-else ",
			"developers.api_token.mint SUCCEEDED owner@localhost full",
			"developers.api_token.mint SUCCEEDED full x",
		)
	})
}

func TestTestModeStaysInTestMode(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		live, _ := e.Mint(t, "live", ability.Read)
		_, secret := e.MintInput(t, token.MintInput{Label: "tester", Abilities: []ability.Ability{ability.FullAccess}, Mode: enttoken.ModeTEST})
		tester := e.As(t, secret)

		in := token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE}
		if _, err := e.Service.Mint(t.Context(), tester, in); !isForbidden(err) {
			t.Errorf("minted a live token: %v", err)
		}
		if _, err := e.Service.Get(t.Context(), tester, live.ID); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("saw a live token: %v", err)
		}
		if _, err := e.Service.Revoke(t.Context(), tester, live.ID, ""); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("revoked a live token: %v", err)
		}
		page, err := e.Service.List(t.Context(), tester, token.Query{Count: true})
		if err != nil || len(page.Tokens) != 1 || *page.Total != 1 || page.Tokens[0].Label != "tester" {
			t.Errorf("listed %v, %v", page.Tokens, err)
		}
		in.Mode = enttoken.ModeTEST
		if _, err := e.Service.Mint(t.Context(), tester, in); err != nil {
			t.Errorf("could not mint a test-mode token: %v", err)
		}
	})
}

func isForbidden(err error) bool {
	_, ok := errors.AsType[*token.ForbiddenError](err)
	return ok
}

func TestIdempotencyKey(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		in := token.MintInput{Label: "once", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, IdempotencyKey: "k1"}
		first, _ := e.MintInput(t, in)

		again, err := e.Service.Mint(t.Context(), e.Owner, in)
		if err != nil || again.Token.ID != first.ID || again.Secret != nil {
			t.Errorf("replayed: %v, secret %v, %v", again.Token, again.Secret, err)
		}
		other := in
		other.Label = "twice"
		if _, err := e.Service.Mint(t.Context(), e.Owner, other); !errors.Is(err, token.ErrConflict) {
			t.Errorf("the key with another input: %v", err)
		}
		// The key is the caller's: another caller's is another one.
		_, full := e.Mint(t, "full", ability.FullAccess)
		theirs, err := e.Service.Mint(t.Context(), e.As(t, full), in)
		if err != nil || theirs.Token.ID == first.ID || theirs.Secret == nil {
			t.Errorf("another caller's key: %v, %v", theirs.Token, err)
		}
		if dump := e.Dump(t); bytes.Contains(dump, []byte("k1\"")) {
			t.Error("the key itself is stored")
		}
		e.WantAudit(t,
			"developers.api_token.mint SUCCEEDED owner@localhost once",
			"developers.api_token.mint SUCCEEDED owner@localhost full",
			"developers.api_token.mint SUCCEEDED full once",
		)
	})
}

func TestIdempotencyKeyUnderConcurrency(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		in := token.MintInput{Label: "once", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, IdempotencyKey: "k"}
		var secrets, failures tokentest.Counter
		together(16, func(int) {
			minted, err := e.Service.Mint(t.Context(), e.Owner, in)
			if err != nil {
				failures.Add(err)
			} else if minted.Secret != nil {
				secrets.Add(nil)
			}
		})
		if secrets.N() != 1 || failures.N() != 0 {
			t.Errorf("%d secrets were shown, %d calls failed: %v", secrets.N(), failures.N(), failures.First())
		}
		e.WantAudit(t, "developers.api_token.mint SUCCEEDED owner@localhost once")
	})
}

func TestPlanLimitUnderConcurrency(t *testing.T) {
	tokentest.EachWith(t, tokentest.Config{Plans: token.Plans{workspace.PlanSTARTER: {Tokens: 10}}}, func(t *testing.T, e *tokentest.Env) {
		if err := e.Service.SetPlan(t.Context(), e.Owner, workspace.PlanSTARTER); err != nil {
			t.Fatal(err)
		}
		var minted, limited, other tokentest.Counter
		together(50, func(i int) {
			_, err := e.Service.Mint(t.Context(), e.Owner, token.MintInput{
				Label: fmt.Sprint(i), Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE,
			})
			limit, isLimit := errors.AsType[*token.LimitError](err)
			switch {
			case err == nil:
				minted.Add(nil)
			case isLimit && limit.Limit == 10:
				limited.Add(nil)
			default:
				other.Add(err)
			}
		})
		if minted.N() != 10 || limited.N() != 40 || other.N() != 0 {
			t.Errorf("%d minted, %d limited, %d failed otherwise: %v", minted.N(), limited.N(), other.N(), other.First())
		}
		// Ending one makes room for one.
		page, err := e.Service.List(t.Context(), e.Owner, token.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.Revoke(t.Context(), e.Owner, page.Tokens[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		e.Mint(t, "again", ability.Read)
	})
}

// TestADowngradeKeepsTokens goes to a plan for fewer tokens than there are: they
// go on working, and new ones are refused until there are few enough.
func TestADowngradeKeepsTokens(t *testing.T) {
	tokentest.EachWith(t, tokentest.Config{Plans: token.Plans{workspace.PlanSTARTER: {Tokens: 2}}}, func(t *testing.T, e *tokentest.Env) {
		e.Join(t)
		var ids []uuid.UUID
		var secrets []bearer.Secret
		for i := range 4 {
			made, secret := e.Mint(t, fmt.Sprint(i), ability.Read)
			ids, secrets = append(ids, made.ID), append(secrets, secret)
		}
		if err := e.Service.SetPlan(t.Context(), e.Owner, workspace.PlanSTARTER); err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if _, err := e.Service.Verify(t.Context(), secret, token.Origin{}); err != nil {
				t.Errorf("after the downgrade: %v", err)
			}
		}
		mint := func() error {
			_, err := e.Service.Mint(t.Context(), e.Owner, token.MintInput{
				Label: "new", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE,
			})
			return err
		}
		for _, id := range ids[:3] {
			if _, isLimit := errors.AsType[*token.LimitError](mint()); !isLimit {
				t.Error("a new token was not refused")
			}
			if _, err := e.Service.Revoke(t.Context(), e.Owner, id, ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := mint(); err != nil {
			t.Errorf("with one token left: %v", err)
		}
	})
}

func together(n int, do func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func TestExpiryIsExact(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		expires := e.Now().Add(time.Minute)
		_, secret := e.MintInput(t, token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE, ExpiresAt: &expires})
		e.Advance(time.Minute - time.Microsecond)
		if _, err := e.Service.Authenticate(t.Context(), secret, token.Origin{}); err != nil {
			t.Errorf("a microsecond before its expiry: %v", err)
		}
		e.Advance(time.Microsecond)
		if _, err := e.Service.Authenticate(t.Context(), secret, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("at its expiry: %v", err)
		}
		page, err := e.Service.List(t.Context(), e.Owner, token.Query{Filter: token.Filter{States: []token.State{token.StateExpired}}})
		if err != nil || len(page.Tokens) != 1 || e.Service.State(page.Tokens[0]) != token.StateExpired {
			t.Errorf("listed as expired: %v, %v", page.Tokens, err)
		}
	})
}
