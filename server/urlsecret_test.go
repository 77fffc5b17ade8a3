package main

import (
	"fmt"
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

func TestSecretsInURLEndWhereThePolicySaysSo(t *testing.T) {
	s := openSite(t, sqliteEnv(t, tokentest.Config{RevokeExposed: true}), "http", nil)
	_, secret := s.mint(t, "zapier-prod", ability.Read)
	if a := s.do(t, "GET", s.public+"/?t="+secret, ""); a.code() != "TOKEN_IN_URL" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.ask(t, whoAmI, "Authorization: Bearer "+secret); a.status != http.StatusUnauthorized {
		t.Errorf("afterwards: %d %s", a.status, a.body)
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

// FuzzUnescape holds unescape against net/url, on what that accepts.
func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{"", "%", "%4", "%41", "%4g", "%%41", "a%2Bb%2f", "%25%34%31"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := unescape(text)
		if want, err := url.PathUnescape(text); err == nil && got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := url.PathEscape(text); unescape(again) != text {
			t.Errorf("%q does not come back from %q", text, again)
		}
		if secrets := secretsIn(text); len(secrets) > 0 && slices.Contains(secrets, bearer.Secret{}) {
			t.Errorf("%q holds a secret that is none", text)
		}
	})
}
