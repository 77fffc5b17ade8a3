package main

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keloa/apitokens/graph"
)

func TestHomeLeadsToTheSettings(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		a := s.do(t, "GET", s.public, "")
		if a.status != http.StatusFound || a.header.Get("Location") != "/settings/api-tokens" {
			t.Errorf("%d %s", a.status, a.header)
		}
	})
}

// TestPagesAreLockedDown expects of the browser what a page of ours never needs.
func TestPagesAreLockedDown(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for path, status := range map[string]int{
			"/settings/api-tokens": http.StatusOK, "/settings/audit-log": http.StatusOK, "/sign-in": http.StatusUnauthorized,
			"/playground": http.StatusOK,
		} {
			a := s.do(t, "GET", s.public+path, "")
			if a.status != status {
				t.Errorf("%s: %d", path, a.status)
			}
			policy := a.header.Get("Content-Security-Policy")
			wants := []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"}
			if path == playgroundPath {
				wants = append(wants, "form-action 'none'", "worker-src 'self'", "font-src 'self'")
			} else {
				wants = append(wants, "form-action 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'")
			}
			for _, want := range wants {
				if !slices.Contains(strings.Split(policy, "; "), want) {
					t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
				}
			}
			if strings.Contains(policy, "unsafe") || strings.Contains(a.body, "<style") || strings.Contains(a.body, "style=") || strings.Contains(a.body, "://") {
				t.Errorf("%s: %s\n%s", path, policy, a.body)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
				"Cross-Origin-Opener-Policy": "same-origin", "Vary": "Accept-Encoding",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
		}
	})
}

// TestPagesLoad follows the pages to what they load.
func TestPagesLoad(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for _, path := range []string{settingsPath, playgroundPath} {
			page := s.do(t, "GET", s.public+path, "")
			if page.header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: %s", path, page.header)
			}
			etag := page.header.Get("ETag")
			if a := s.do(t, "GET", s.public+path, "", "If-None-Match: "+etag); etag == "" || a.status != http.StatusNotModified || a.body != "" {
				t.Errorf("%s with its ETag %q: %d", path, etag, a.status)
			}
			paths := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
			if len(paths) < 3 {
				t.Fatalf("%s loads %q", path, paths)
			}
			for _, found := range paths {
				a := s.do(t, "GET", s.public+found[1], "")
				if a.status != http.StatusOK || a.body == "" || a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
					t.Errorf("%s: %d %s", found[1], a.status, a.header)
				}
			}
		}
		if a := s.do(t, "GET", s.public+"/assets/settings-00000000.js", ""); a.code() != "NOT_FOUND" {
			t.Errorf("what is not built: %d %s", a.status, a.body)
		}
	})
}

// TestEmbedScript expects that pages of any origin may load the script.
func TestEmbedScript(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		a := s.do(t, "GET", s.public+"/embed.js", "")
		if a.status != http.StatusOK || a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || a.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%d %s", a.status, a.header)
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
