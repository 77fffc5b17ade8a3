package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

func (s *site) surrender(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, "POST", s.public+revokePath, body, append(headers, asForm)...)
}

func TestWhoeverHoldsASecretMayRevokeIt(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "leaked", ability.Read)
		_, other := s.mint(t, "other", ability.Read)
		for range 2 { // the second time there is nothing left to do
			if a := s.surrender(t, form("token", secret, "token_type_hint", "refresh_token")); a.status != http.StatusOK || a.body != "" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if a := s.introspect(t, form("token", secret)); strings.TrimSpace(a.body) != `{"active":false}` {
				t.Errorf("after the answer: %s", a.body)
			}
		}
		if a := s.introspect(t, form("token", other)); !strings.Contains(a.body, `"active":true`) {
			t.Errorf("another token: %s", a.body)
		}
		refused := "developers.api_token.refuse REFUSED leaked leaked"
		s.WantAudit(t, minted("leaked"), minted("other"),
			"developers.api_token.revoke SUCCEEDED leaked leaked",
			refused, refused, refused)
	})
}

func TestNothingToRevokeLooksTheSame(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		session := strings.TrimPrefix(cookie, "Cookie: keloa_session=")
		for name, text := range map[string]string{
			"unknown": s.unknown(t, bearer.Live), "malformed": "keloa_pk_live_short", "nonsense": "\x00",
			"a session": session, "a code": s.code(t),
		} {
			if a := s.surrender(t, form("token", text)); a.status != http.StatusOK || a.body != "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		wantViewer(t, s.ask(t, whoAmI, cookie), owner)
	})
}

func TestRevokeBadRequests(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		path := s.public + revokePath
		for name, c := range map[string]struct {
			got    answer
			status int
		}{
			"no token":          {s.surrender(t, ""), 400},
			"two tokens":        {s.surrender(t, form("token", secret, "token", secret)), 400},
			"JSON":              {s.do(t, "POST", path, `{"token":"`+secret+`"}`, asJSON), 415},
			"a GET":             {s.do(t, "GET", path, ""), 405},
			"the internal side": {s.do(t, "POST", s.internal+revokePath, form("token", secret), asForm), 404},
		} {
			if c.got.status != c.status {
				t.Errorf("%s: %d %s", name, c.got.status, c.got.body)
			}
		}
		if a := s.introspect(t, form("token", secret)); !strings.Contains(a.body, `"active":true`) {
			t.Error("one of them revoked the token")
		}
		if a := s.surrender(t, "", "X: y"); a.code() != "BAD_USER_INPUT" {
			t.Errorf("%s", a.body)
		}
		s.WantAudit(t, minted("zapier-prod"))
	})
}
