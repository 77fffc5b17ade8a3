package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

const asForm = "Content-Type: application/x-www-form-urlencoded"

func (s *site) introspect(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, "POST", s.internal+"/oauth2/introspect", body, append(headers, asForm)...)
}

func TestIntrospect(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		soon := s.Now().Add(time.Hour)
		always, secret := s.mint(t, "zapier-prod", ability.WriteContacts, ability.Read)
		brief, limited := s.mintInput(t, token.MintInput{
			Label: "brief <é>", Mode: enttoken.ModeTEST, ExpiresAt: &soon, Abilities: []ability.Ability{ability.FullAccess},
		})
		for sent, want := range map[string]map[string]any{
			form("token", secret): {
				"active": true, "scope": "read write_contacts", "sub": always.ID.String(), "client_id": "zapier-prod",
				"token_type": "Bearer", "iat": float64(always.CreatedAt.Unix()), "iss": s.public, "workspace": tokentest.Slug, "mode": "live",
			},
			form("token", limited, "token_type_hint", "access_token", "extra", "x"): {
				"active": true, "scope": "full_access", "sub": brief.ID.String(), "client_id": "brief <é>",
				"token_type": "Bearer", "iat": float64(brief.CreatedAt.Unix()), "exp": float64(soon.Unix()), "iss": s.public, "workspace": tokentest.Slug, "mode": "test",
			},
		} {
			a := s.introspect(t, sent)
			var got map[string]any
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %s", a.header)
			}
		}
		s.WantAudit(t,
			minted("zapier-prod"),
			minted("brief <é>"),
		)
	})
}

// TestIntrospectInactive expects two words about everything that is no active
// token, and not one more.
func TestIntrospectInactive(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		soon := s.Now().Add(time.Hour)
		_, expired := s.mintInput(t, token.MintInput{Label: "expired", Mode: enttoken.ModeLIVE, ExpiresAt: &soon, Abilities: []ability.Ability{ability.Read}})
		dead, revoked := s.mint(t, "revoked", ability.Read)
		_, good := s.mint(t, "good", ability.Read)
		if _, err := s.Service.Revoke(t.Context(), s.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		session := strings.TrimPrefix(s.session(t), "Cookie: keloa_session=")
		s.Advance(time.Hour)
		for name, text := range map[string]string{
			"expired": expired, "revoked": revoked, "a session": session, "a code": s.code(t),
			"unknown": s.unknown(t, bearer.Live), "case-flipped": swapCase(good), "short": good[:45], "long": good + "x",
			"spaces": " " + good, "nonsense": "\x00\xff", "bearer": "Bearer " + good,
		} {
			a := s.introspect(t, form("token", text))
			if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"active":false}` {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})
}

func TestIntrospectBadRequests(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		path := s.internal + "/oauth2/introspect"
		for name, c := range map[string]struct {
			got    answer
			status int
		}{
			"no token":         {s.introspect(t, ""), 400},
			"an empty token":   {s.introspect(t, "token="), 400},
			"another name":     {s.introspect(t, form("Token", secret)), 400},
			"two tokens":       {s.introspect(t, form("token", secret, "token", secret)), 400},
			"a hint twice":     {s.introspect(t, form("token", secret, "token_type_hint", "a", "token_type_hint", "b")), 400},
			"a bad escape":     {s.introspect(t, "token=%zz"), 400},
			"a semicolon":      {s.introspect(t, "token="+secret+";x=y"), 400},
			"too large":        {s.introspect(t, form("token", secret, "x", strings.Repeat("x", maxForm))), 413},
			"JSON":             {s.do(t, "POST", path, `{"token":"`+secret+`"}`, asJSON), 415},
			"no type":          {s.do(t, "POST", path, form("token", secret)), 415},
			"a multipart form": {s.do(t, "POST", path, form("token", secret), "Content-Type: multipart/form-data; boundary=x"), 415},
			"a GET":            {s.do(t, "GET", path, ""), 405},
			"a PUT":            {s.do(t, "PUT", path, form("token", secret), asForm), 405},
			"the public side":  {s.do(t, "POST", s.public+"/oauth2/introspect", form("token", secret), asForm), 404},
		} {
			want := "BAD_USER_INPUT"
			if c.status == http.StatusNotFound {
				want = "NOT_FOUND"
			}
			if c.got.status != c.status || c.got.code() != want {
				t.Errorf("%s: %d %s", name, c.got.status, c.got.body)
			}
			if allow := c.got.header.Get("Allow"); (c.status == http.StatusMethodNotAllowed) != (allow == "POST") {
				t.Errorf("%s: Allow %q", name, allow)
			}
		}
		s.WantAudit(t, minted("zapier-prod"))
	})
}

func TestIntrospectNeedsCredentials(t *testing.T) {
	s := openSite(t, sqliteEnv(t, tokentest.Config{}), "http", map[string]string{"billing": "s3cret:with:colons", "mail": "other"})
	_, secret := s.mint(t, "zapier-prod", ability.Read)
	basic := func(name, password string) string {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(name, password)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	for _, good := range []string{
		basic("billing", "s3cret:with:colons"), basic("mail", "other"),
		basic("billing", url.QueryEscape("s3cret:with:colons")), // as OAuth clients write it
		strings.Replace(basic("mail", "other"), "Basic", "bASIC", 1),
	} {
		if a := s.introspect(t, form("token", secret), good); a.status != http.StatusOK || !strings.Contains(a.body, "zapier-prod") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for _, bad := range [][]string{
		{},
		{basic("billing", "other")},
		{basic("mail", "")},
		{basic("", "other")},
		{basic("Mail", "other")},
		{basic("mail", "other ")},
		{"Authorization: Basic !!!"},
		{"Authorization: Bearer " + secret},
		{basic("mail", "other"), basic("mail", "other")},
		{"Cookie: mail=other"},
	} {
		for _, body := range []string{form("token", secret), ""} {
			a := s.introspect(t, body, bad...)
			if a.status != http.StatusUnauthorized || a.code() != "UNAUTHENTICATED" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%q: %d %q %s", bad, a.status, a.header.Get("WWW-Authenticate"), a.body)
			}
		}
	}
	// A gateway sends the credentials of those it asks about.
	if a := s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+secret); a.status != http.StatusOK {
		t.Errorf("forward-auth: %d %s", a.status, a.body)
	}
}
