package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestHome(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "<b>&\"'", ability.Read)
		cookie := s.session(t)
		for name, c := range map[string]struct {
			header, says, not string
		}{
			"nobody":         {"X: y", signedOut, "Sign out"},
			"the owner":      {cookie, "as <strong>" + tokentest.OwnerEmail + "</strong>", signedOut},
			"an old session": {"Cookie: keloa_session=" + s.unknown(t, bearer.Session), signedOut, "Sign out"},
			"a token":        {"Authorization: Bearer " + secret, "&lt;b&gt;&amp;", "<b>&"},
		} {
			a := s.do(t, "GET", s.public, "", c.header)
			if a.status != http.StatusOK || !strings.Contains(a.body, c.says) || strings.Contains(a.body, c.not) {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			for _, want := range []string{`<html lang="en">`, "<title>", s.public + "/graphql", "/schema.graphql", "keloa-tokens token mint"} {
				if !strings.Contains(a.body, want) {
					t.Errorf("%s: the page lacks %s", name, want)
				}
			}
		}
		if a := s.do(t, "GET", s.public, "", "Authorization: Bearer x"); a.status != http.StatusUnauthorized {
			t.Errorf("bad credentials: %d", a.status)
		}
	})
}

// TestPagesAreLockedDown expects of the browser what a page of ours never needs.
func TestPagesAreLockedDown(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for _, path := range []string{"/", "/sign-in"} {
			a := s.do(t, "GET", s.public+path, "")
			policy := a.header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "style-src '" + styleDigest() + "'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
				}
			}
			if !strings.Contains(a.body, "<style>"+pageStyle+"</style>") {
				t.Errorf("%s: the style is not the one that the policy lets through", path)
			}
			if strings.Contains(policy, "unsafe") || strings.Contains(a.body, "<script") || strings.Contains(a.body, "style=") {
				t.Errorf("%s: %s\n%s", path, policy, a.body)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
				"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
		}
	})
}

func TestHomeAsksAgainWhenTheCookieWasHeldBack(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		for _, c := range []struct {
			headers []string
			refresh string
		}{
			{[]string{"Sec-Fetch-Site: cross-site"}, "0; url=/"},
			{[]string{"Sec-Fetch-Site: same-site"}, "0; url=/"},
			{[]string{"Sec-Fetch-Site: same-origin"}, ""},
			{[]string{"Sec-Fetch-Site: none"}, ""},
			{nil, ""},
			{[]string{"Sec-Fetch-Site: cross-site", cookie}, ""},
		} {
			if got := s.do(t, "GET", s.public, "", c.headers...).header.Get("Refresh"); got != c.refresh {
				t.Errorf("%d headers: Refresh %q, want %q", len(c.headers), got, c.refresh)
			}
		}
	})
}

func TestHomeOfAMember(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		s.Client().Operator.Update().Where(operator.Email(tokentest.OwnerEmail)).SetRole(operator.RoleMEMBER).ExecX(t.Context())
		cookie := s.session(t)
		if a := s.do(t, "GET", s.public, "", cookie); !strings.Contains(a.body, tokentest.OwnerEmail) {
			t.Errorf("%d %s", a.status, a.body)
		}
		a := s.ask(t, `{"query":"mutation { mintToken(input: {label: \"x\", abilities: [READ]}) { token { id } } }"}`, cookie)
		if a.code() != "FORBIDDEN" || s.Client().Token.Query().CountX(t.Context()) != 0 {
			t.Errorf("a member minted: %d %s", a.status, a.body)
		}
	})
}

func TestSchemaFile(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		a := s.do(t, "GET", s.public+"/schema.graphql", "")
		if a.status != http.StatusOK || a.body != graph.SDL() || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%d %s", a.status, a.header)
		}
		etag := a.header.Get("ETag")
		if a := s.do(t, "GET", s.public+"/schema.graphql", "", "If-None-Match: "+etag); etag == "" || a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("with its ETag %q: %d", etag, a.status)
		}
		if a := s.do(t, "POST", s.public+"/schema.graphql", ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("a POST: %d %s", a.status, a.header)
		}
	})
}
