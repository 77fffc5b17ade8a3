package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestSignInAndOut(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		code := s.code(t)
		a := s.do(t, "GET", s.public+"/sign-in?code="+code, "")
		if a.status != http.StatusSeeOther || a.header.Get("Location") != settingsPath || len(a.cookies()) != 1 {
			t.Fatalf("%d %s", a.status, a.header)
		}
		c := a.cookies()[0]
		secret, err := bearer.Parse(c.Value)
		if err != nil || secret.Kind() != bearer.Session {
			t.Fatalf("the cookie holds %v, %v", secret, err)
		}
		cookie := "Cookie: keloa_session=" + s.keep(secret)
		if c.Name != "keloa_session" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != int(token.SessionLife.Seconds()) {
			t.Errorf("Set-Cookie has %v", *c)
		}
		wantViewer(t, s.ask(t, whoAmI, cookie), tokentest.OwnerEmail)
		a = s.do(t, "POST", s.public+"/sign-out", "", cookie)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != settingsPath || len(a.cookies()) != 1 || a.cookies()[0].MaxAge >= 0 || a.cookies()[0].Value != "" {
			t.Errorf("sign-out: %d %s", a.status, a.header)
		}
		if a := s.ask(t, whoAmI, cookie); a.status != http.StatusUnauthorized {
			t.Errorf("the session goes on: %d %s", a.status, a.body)
		}
		s.WantAudit(t, signedIn, signedOff)
	})
}

func TestSignInSecureCookie(t *testing.T) {
	s := openSite(t, sqliteEnv(t, tokentest.Config{}), "https", nil)
	cookie := s.session(t)
	if !strings.HasPrefix(cookie, "Cookie: __Host-keloa_session=") {
		t.Errorf("the name is wrong: %s", bearer.Redact(cookie))
	}
	wantViewer(t, s.ask(t, whoAmI, cookie, "Origin: "+strings.Replace(s.public, "http:", "https:", 1)), tokentest.OwnerEmail)
	if a := s.ask(t, whoAmI, strings.Replace(cookie, "__Host-", "", 1)); a.status != http.StatusUnauthorized {
		t.Errorf("without the prefix: %d %s", a.status, a.body)
	}
	c := s.do(t, "POST", s.public+"/sign-out", "", cookie).cookies()
	if len(c) != 1 || c[0].Name != "__Host-keloa_session" || !c[0].Secure || c[0].Path != "/" {
		t.Errorf("sign-out sets %v", c)
	}
}

func TestSignInRefusesBadCodes(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		used := s.code(t)
		s.do(t, "GET", s.public+"/sign-in?code="+used, "")
		late := s.code(t)
		_, apiToken := s.mint(t, "zapier-prod", ability.FullAccess)
		s.Advance(token.SignInCodeLife)
		fresh := s.code(t)
		for name, query := range map[string]string{
			"used": "?code=" + used, "expired": "?code=" + late, "unknown": "?code=" + s.unknown(t, bearer.SignIn),
			"none": "", "empty": "?code=", "short": "?code=" + fresh[:len(fresh)-1], "long": "?code=" + fresh + "x",
			"two": "?code=" + fresh + "&code=" + fresh, "another name": "?Code=" + fresh, "a semicolon": "?code=" + fresh + ";x", "bad escape": "?code=" + fresh + "&x=%zz",
		} {
			a := s.raw(t, s.public, "GET /sign-in"+query, "")
			if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "<!doctype html>") || len(a.cookies()) > 0 {
				t.Errorf("%s: %d %s %s", name, a.status, a.header, a.body)
			}
		}
		if a := s.do(t, "GET", s.public+"/sign-in?code="+apiToken, ""); a.code() != "TOKEN_IN_URL" {
			t.Errorf("an API token: %d %s", a.status, a.body)
		}
		if a := s.do(t, "POST", s.public+"/sign-in?code="+fresh, ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("a POST: %d %s", a.status, a.header)
		}
		// None of this has spent the fresh one.
		if a := s.do(t, "GET", s.public+"/sign-in?code="+fresh, ""); a.status != http.StatusSeeOther {
			t.Errorf("fresh: %d %s", a.status, a.body)
		}
	})
}

// TestSignInLeadsBack follows the link with the note that the sign-in page made
// of where one wanted to go.
func TestSignInLeadsBack(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for noted, want := range map[string]string{
			"":                                  settingsPath,
			"/settings/audit-log":               "/settings/audit-log",
			"/settings/api-tokens?show=idle&q=": "/settings/api-tokens?q=&show=idle",
			"/settings/audit-log?x=\r\nSet-Cookie: a=b":          settingsPath,
			"https://evil.example/settings/audit-log":            "/settings/audit-log",
			"//evil.example/settings/audit-log":                  "/settings/audit-log",
			"/settings/audit-log?actor=a b":                      "/settings/audit-log?actor=a+b",
			"/settings/audit-log#x":                              "/settings/audit-log",
			"//evil.example":                                     settingsPath,
			"/settings/../x":                                     settingsPath,
			"/sign-out":                                          settingsPath,
			"javascript:alert(1)":                                settingsPath,
			"/settings/audit-log?x=" + s.unknown(t, bearer.Live): settingsPath,
			"/settings/audit-log?x=" + strings.Repeat("x", 2000): settingsPath,
			"%": settingsPath,
		} {
			a := s.do(t, "GET", s.public+"/sign-in?code="+s.code(t), "", "Cookie: keloa_return="+url.QueryEscape(noted))
			if a.status != http.StatusSeeOther || a.header.Get("Location") != want {
				t.Errorf("%q leads to %q, want %q", noted, a.header.Get("Location"), want)
			}
			if c := a.cookies(); len(c) != 2 || c[1].Name != "keloa_return" || c[1].MaxAge >= 0 || c[1].Path != signInPath {
				t.Errorf("%q: the note stays: %v", noted, c)
			}
		}
	})
}

func TestLookingAheadSpendsNothing(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		link := s.public + "/sign-in?code=" + s.code(t)
		for _, a := range []answer{
			s.do(t, "HEAD", link, ""),
			s.do(t, "GET", link, "", "Sec-Purpose: prefetch"),
			s.do(t, "GET", link, "", "Sec-Purpose: prefetch;prerender"),
			s.do(t, "GET", link, "", "Purpose: prefetch"),
			s.do(t, "GET", link, "", "X-Purpose: preview"),
			s.do(t, "GET", link, "", "X-Moz: prefetch"),
		} {
			if a.status != http.StatusNoContent || len(a.cookies()) > 0 || a.body != "" {
				t.Errorf("%d %s %s", a.status, a.header, a.body)
			}
		}
		s.WantAudit(t)
		if a := s.do(t, "GET", link, ""); a.status != http.StatusSeeOther || len(a.cookies()) != 1 {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.WantAudit(t, signedIn)
	})
}

func TestSignInWhenSignedIn(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		code := s.code(t)
		a := s.do(t, "GET", s.public+"/sign-in?code="+code, "")
		cookie := "Cookie: keloa_session=" + a.cookies()[0].Value
		a = s.do(t, "GET", s.public+"/sign-in?code="+code, "", cookie)
		if a.status != http.StatusSeeOther || len(a.cookies()) > 0 {
			t.Errorf("the same link again: %d %s", a.status, a.header)
		}
		wantViewer(t, s.ask(t, whoAmI, cookie), tokentest.OwnerEmail)
		a = s.do(t, "GET", s.public+"/sign-in?code="+s.code(t), "", cookie)
		if a.status != http.StatusSeeOther || len(a.cookies()) != 1 {
			t.Fatalf("another link: %d %s", a.status, a.header)
		}
		if a := s.ask(t, whoAmI, cookie); a.status != http.StatusUnauthorized {
			t.Errorf("the session before goes on: %d %s", a.status, a.body)
		}
		wantViewer(t, s.ask(t, whoAmI, "Cookie: keloa_session="+a.cookies()[0].Value), tokentest.OwnerEmail)
		s.WantAudit(t, signedIn, notAgain, signedIn, signedOff)
	})
}

func TestSignOutWithoutSession(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		if a := s.do(t, "POST", s.public+"/sign-out", ""); a.status != http.StatusSeeOther {
			t.Errorf("%d %s", a.status, a.body)
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
			a := s.do(t, method, s.public+"/sign-out", "")
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" || len(a.cookies()) > 0 {
				t.Errorf("%s: %d %s", method, a.status, a.header)
			}
		}
		s.WantAudit(t)
	})
}
