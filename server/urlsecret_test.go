package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// escaped percent-encodes every byte, with hex digits in the case of format.
func escaped(text, format string) string {
	var out strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&out, format, text[i])
	}
	return out.String()
}

// disguises are ways that a secret stands in a request URI.
func disguises(secret string) map[string]string {
	once := escaped(secret, "%%%02X")
	half := len(secret) / 2
	mixed := escaped(secret[:half], "%%%02x") + secret[half:]
	return map[string]string{
		"the path":               "/" + secret,
		"a known path":           "/graphql/" + secret,
		"a query parameter":      "/graphql?access_token=" + secret,
		"a parameter's name":     "/schema.graphql?" + secret,
		"behind a semicolon":     "/?a=b;t=" + secret + ";c",
		"after a plus":           "/?q=my+token+is+" + secret + "+ok",
		"inside a word":          "/?q=abc" + secret + "def",
		"encoded":                "/?t=" + once,
		"encoded, lower case":    "/?t=" + escaped(secret, "%%%02x"),
		"encoded in part":        "/?t=" + mixed,
		"encoded in the path":    "/" + once,
		"encoded twice":          "/?t=" + strings.ReplaceAll(once, "%", "%25"),
		"encoded twice, path":    "/" + strings.ReplaceAll(mixed, "%", "%25"),
		"a bad escape beside it": "/?x=%zz&y=%&t=" + once,
		"the user of a URL":      "http://" + secret + "@localhost/",
		"an absolute URI":        "http://localhost/?t=" + secret,
		"a fragment":             "/#" + secret,
		"inside another URL":     "/?next=" + url.QueryEscape("https://example.com/?t="+url.QueryEscape(secret)),
		"the sign-in link":       "/sign-in?code=" + secret,
		"the password of a URL":  "http://x:" + secret + "@localhost/",
		"a matrix parameter":     "/graphql;token=" + secret + ";x=1/y",
		"base64":                 "/?t=" + base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64, not padded":     "/?t=" + base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"base64, encoded":        "/?t=" + url.QueryEscape(base64.URLEncoding.EncodeToString([]byte(secret))),
		"base64 in the path":     "/" + base64.StdEncoding.EncodeToString([]byte(secret)),
	}
}

func TestSecretsInURLAreRefused(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		var audit []string
		for name := range disguises("") {
			known, secret := s.mint(t, name, ability.FullAccess)
			audit = append(audit, minted(name))
			for base, method := range map[string]string{s.public: "GET", s.internal: "POST"} {
				a := s.raw(t, base, method+" "+disguises(secret)[name], "", "Authorization: Bearer "+secret)
				if a.status != http.StatusBadRequest || a.code() != "TOKEN_IN_URL" {
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
				audit = append(audit, exposed(name))
			}
			if now := s.Client().Token.GetX(t.Context(), known.ID); now.ExposedAt == nil || now.RevokedAt != nil {
				t.Errorf("%s: exposed at %v, revoked at %v", name, now.ExposedAt, now.RevokedAt)
			}
		}
		s.WantAudit(t, audit...)
	})
}

func TestSecretsInURLOnEveryRouteAndMethod(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		s.mint(t, "zapier-prod", ability.FullAccess)
		for _, kind := range []bearer.Kind{bearer.Live, bearer.Test, bearer.Session} {
			unknown := s.unknown(t, kind)
			for _, line := range []string{
				"OPTIONS /graphql?t=", "OPTIONS /?", "HEAD /?t=", "DELETE /no/such/path/", "POST /sign-out?", "TRACE /",
				"GET /sign-in?code=", "GET /healthz?", "GET /readyz?", "GET /forward-auth?ability=", "POST /oauth2/introspect?token=",
			} {
				for _, base := range []string{s.public, s.internal} {
					a := s.raw(t, base, line+unknown, "")
					if a.status != http.StatusBadRequest || a.header.Get("Allow") != "" || len(a.cookies()) > 0 {
						t.Errorf("%s: %d %s", line, a.status, a.body)
					}
				}
			}
		}
		// The code of a sign-in link belongs on one path of one listener.
		for _, uri := range []string{s.public + "/?code=", s.public + "/sign-in/?code=", s.internal + "/sign-in?code="} {
			if a := s.do(t, "GET", uri+s.code(t), ""); a.code() != "TOKEN_IN_URL" {
				t.Errorf("%s: %d %s", uri, a.status, a.body)
			}
		}
		// Secrets that were never minted are nobody's exposure.
		s.WantAudit(t, minted("zapier-prod"))
	})
}

// TestSecretsInURLOnEveryPath walks the tables of both listeners.
func TestSecretsInURLOnEveryPath(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		paths := slices.Sorted(maps.Keys(s.handlers.metrics.known))
		if len(paths) < 20 {
			t.Fatalf("the paths are %v", paths)
		}
		secret := s.unknown(t, bearer.Live)
		for _, path := range paths {
			for _, ending := range []string{"/" + secret, ";t=" + secret, "?" + secret, "?a=b&t=" + escaped(secret, "%%%02x")} {
				for _, base := range []string{s.public, s.internal} {
					if a := s.raw(t, base, "POST "+path+ending, ""); a.status != http.StatusBadRequest || a.code() != "TOKEN_IN_URL" {
						t.Errorf("%s: %d %s", path, a.status, a.body)
					}
				}
			}
			if a := s.raw(t, s.public, "GET "+path, "", "Host: "+secret); a.code() != "TOKEN_IN_URL" {
				t.Errorf("%s, by host: %d %s", path, a.status, a.body)
			}
		}
	})
}

// TestSecretsInReferer has a page send requests that has a secret in its URL: they
// are answered, and it is known.
func TestSecretsInReferer(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		known, leaked := s.mint(t, "leaked", ability.Read)
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		page := "Referer: https://app.example/?t=" + escaped(leaked, "%%%02x")
		if a := s.ask(t, whoAmI, page, "Authorization: Bearer "+secret); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := s.do(t, "GET", s.internal+"/forward-auth", "", page, "Authorization: Bearer "+secret); a.status != http.StatusOK {
			t.Errorf("through a gateway: %d %s", a.status, a.body)
		}
		if s.Client().Token.GetX(t.Context(), known.ID).ExposedAt == nil {
			t.Error("it does not show on the token")
		}
		s.WantAudit(t, minted("leaked"), minted("zapier-prod"), exposed("leaked"), exposed("leaked"))
	})
}

func TestSecretsInURLAreAllFound(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, first := s.mint(t, "first", ability.Read)
		_, second := s.mint(t, "second", ability.Read)
		decoy := s.unknown(t, bearer.Live)
		s.do(t, "GET", s.public+"/?a="+decoy+"&b="+first+"&c="+escaped(second, "%%%02x")+"&d="+first, "")
		s.WantAudit(t,
			minted("first"),
			minted("second"),
			exposed("first"),
			exposed("second"),
		)
	})
}

// TestExposedTokensEndWhereThePolicySaysSo has tokens be seen in each place.
func TestExposedTokensEndWhereThePolicySaysSo(t *testing.T) {
	s := openSite(t, sqliteEnv(t, tokentest.Config{RevokeExposed: true}), "http", nil)
	_, other := s.mint(t, "another", ability.Read)
	foreign := "Origin: https://evil.example"
	for place, expose := range map[string]func(secret string) answer{
		"a URL": func(secret string) answer { return s.do(t, "GET", s.public+"/?t="+secret, "") },
		"the URL of a request through a gateway": func(secret string) answer {
			return s.do(t, "GET", s.internal+"/forward-auth", "", "X-Original-URI: /contacts?t="+secret, "Authorization: Bearer "+other)
		},
		"a page": func(secret string) answer { return s.ask(t, whoAmI, foreign, "Authorization: Bearer "+secret) },
		"a page behind a gateway": func(secret string) answer {
			return s.do(t, "GET", s.internal+"/forward-auth", "", foreign, "Authorization: Bearer "+secret)
		},
	} {
		known, secret := s.mint(t, place, ability.Read)
		if a := expose(secret); a.code() != "TOKEN_IN_URL" && a.code() != "BROWSER_USE" {
			t.Errorf("%s: %d %s", place, a.status, a.body)
		}
		if a := s.ask(t, whoAmI, "Authorization: Bearer "+secret); a.status != http.StatusUnauthorized {
			t.Errorf("%s, afterwards: %d %s", place, a.status, a.body)
		}
		if now := s.Client().Token.GetX(t.Context(), known.ID); now.ExposedAt == nil || now.RevokedAt == nil {
			t.Errorf("%s: exposed at %v, revoked at %v", place, now.ExposedAt, now.RevokedAt)
		}
	}
	if a := s.ask(t, whoAmI, "Authorization: Bearer "+other); a.status != http.StatusOK {
		t.Errorf("the token that came with it: %d %s", a.status, a.body)
	}
}

func TestSecretsInIsBounded(t *testing.T) {
	var uri strings.Builder
	for i := range 100 {
		fmt.Fprintf(&uri, "/keloa_pk_live_%032d", i)
	}
	if n := len(secretsIn(uri.String())); n != maxSecretsInURL {
		t.Errorf("found %d, want %d", n, maxSecretsInURL)
	}
	for _, harmless := range []string{"", "/", "/keloa_pk_live_", "/keloa_pk_live_…a1b2", "/graphql?query=%7B__typename%7D", "/%", "/%6", "/keloa_pk_live_" + strings.Repeat("a", 31)} {
		if found := secretsIn(harmless); len(found) > 0 {
			t.Errorf("%q: %v", harmless, found)
		}
	}
}

func TestCleanPath(t *testing.T) {
	secret := "keloa_pk_test_" + strings.Repeat("b", 32)
	for path, want := range map[string]string{
		"/graphql":                         "/graphql",
		"/" + secret + "/x":                "/keloa_pk_test_…bbbb/x",
		"/" + escaped(secret, "%%%02X"):    "/keloa_pk_test_…bbbb",
		"/%25":                             "/%",
		"/\xff":                            "/\uFFFD",
		"/" + strings.Repeat("y", maxPath): "/" + strings.Repeat("y", maxPath-1),
	} {
		if got := cleanPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
