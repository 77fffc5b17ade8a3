package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/tokentest"
)

// TestGateways runs the recipes in docs/gateways.md, on real gateways.
func TestGateways(t *testing.T) {
	for language, start := range map[string]func(*testing.T, string) string{"nginx": startNginx, "caddy": startCaddy} {
		t.Run(language, func(t *testing.T) { testGateway(t, language, start) })
	}
}

func testGateway(t *testing.T, language string, start func(*testing.T, string) string) {
	oneSite(t, func(t *testing.T, s *site) {
		reached := make(chan http.Header, 1) // the API
		var got http.Header                  // the last that did; nil for none
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			reached <- r.Header.Clone()
			w.WriteHeader(http.StatusTeapot)
		}))
		defer api.Close()
		gateway := start(t, strings.NewReplacer(
			"127.0.0.1:8081", strings.TrimPrefix(s.internal, "http://"),
			"127.0.0.1:9000", strings.TrimPrefix(api.URL, "http://"),
		).Replace(block(t, "gateways.md", language)))
		ask := func(method, path string, headers ...string) int {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), method, gateway+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range headers {
				name, value, _ := strings.Cut(h, ": ")
				request.Header.Set(name, value)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			select {
			case got = <-reached:
			default:
				got = nil
			}
			if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "1" {
				t.Errorf("%s %s: 429 with Retry-After %q", method, bearer.Redact(path), response.Header.Get("Retry-After"))
			}
			if response.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s %s: 401 without the challenge", method, bearer.Redact(path))
			}
			if passed := response.StatusCode == http.StatusTeapot; passed != (got != nil) {
				t.Errorf("%s %s: %d, and the API was asked: %t", method, bearer.Redact(path), response.StatusCode, got != nil)
			}
			return response.StatusCode
		}

		made, reading := s.mint(t, "reader é", ability.Read)
		_, writing := s.mint(t, "writer", ability.WriteContacts)
		const passed = http.StatusTeapot
		if status := ask("GET", "/contacts?page=2", "Authorization: Bearer "+reading, "X-Keloa-Workspace: mine", "X-Keloa-Abilities: full_access"); status != passed {
			t.Fatalf("a good token: %d", status)
		}
		for name, want := range map[string]string{
			"X-Keloa-Workspace": tokentest.Slug, "X-Keloa-Token-Id": made.ID.String(), "X-Keloa-Token-Label": "reader %C3%A9",
			"X-Keloa-Abilities": "read", "X-Keloa-Mode": "live", "Authorization": "",
		} {
			if value := got.Get(name); value != want {
				t.Errorf("the API got %s %q, want %q", name, value, want)
			}
		}
		for _, c := range []struct {
			name, method, path, header string
			want                       int
		}{
			{"to write with a token that may", "POST", "/contacts", "Authorization: Bearer " + writing, passed},
			{"to write with one that may not", "POST", "/contacts", "Authorization: Bearer " + reading, 403},
			{"to read with one that may not", "GET", "/contacts", "Authorization: Bearer " + writing, 403},
			{"an unknown token", "GET", "/contacts", "Authorization: Bearer " + s.unknown(t, bearer.Live), 401},
			{"no token", "GET", "/contacts", "X-Keloa-Token-Id: " + made.ID.String(), 401},
			{"a secret in the URL", "GET", "/contacts?t=" + reading, "Authorization: Bearer " + reading, 403},
			{"a foreign page", "GET", "/contacts", "Origin: https://evil.example", 401},
		} {
			if status := ask(c.method, c.path, c.header); status != c.want {
				t.Errorf("%s: %d, want %d", c.name, status, c.want)
			}
		}
		if status := ask("GET", "/_keloa", "Authorization: Bearer "+reading); language == "nginx" && status != http.StatusNotFound {
			t.Errorf("the inner location: %d", status)
		}
		if status := ask("GET", "/contacts", "Authorization: Bearer "+reading, "Origin: "+gateway); status != passed {
			t.Errorf("a page of the site itself: %d", status)
		}
		if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
			t.Fatal(err)
		}
		if status := ask("GET", "/contacts", "Authorization: Bearer "+reading); status != http.StatusUnauthorized {
			t.Errorf("a revoked token: %d", status)
		}
		for range ratelimit.FailuresPerMinute {
			ask("GET", "/contacts", "Authorization: Bearer "+s.unknown(t, bearer.Live), "X-Forwarded-For: 203.0.113.9")
		}
		if status := ask("GET", "/contacts", "Authorization: Bearer "+s.unknown(t, bearer.Live), "X-Forwarded-For: 203.0.113.10"); status != http.StatusTooManyRequests {
			t.Errorf("an address that has guessed too often: %d", status)
		}
	})
}

// startNginx runs nginx with that configuration of its HTTP part until the test
// ends, and returns where it listens.
func startNginx(t *testing.T, recipe string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // which is not on everybody's path
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("this test needs nginx: run .ci/install, or apt-get install nginx-light")
	}
	folder, address := t.TempDir(), freeAddress(t)
	configuration := `daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
` + strings.ReplaceAll(recipe, "127.0.0.1:8000", address) + "}\n"
	path := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return startGateway(t, address, program, "-p", folder, "-c", path)
}

// startCaddy runs Caddy with that configuration of a site until the test ends, by
// HTTP, and returns where it listens.
func startCaddy(t *testing.T, recipe string) string {
	t.Helper()
	if _, err := exec.LookPath("caddy"); err != nil {
		t.Fatal("this test needs Caddy: run .ci/install, or apt-get install caddy")
	}
	address := freeAddress(t)
	configuration := "{\n\tadmin off\n}\n" + strings.ReplaceAll(recipe, "api.example.com", "http://"+address)
	path := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return startGateway(t, address, "caddy", "run", "--adapter", "caddyfile", "--config", path)
}

// startGateway runs a program until the test ends, and returns the URL of where it
// listens once it does.
func startGateway(t *testing.T, address, program string, args ...string) string {
	t.Helper()
	log := &transcript{}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it ends before t.Context does, in order
	gateway := exec.CommandContext(ctx, program, args...)
	gateway.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_DATA_HOME=", "XDG_CONFIG_HOME=")
	gateway.Stderr = log
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = gateway.Wait() // it was killed
		if t.Failed() {
			t.Log(log)
		}
	})
	await(t, func() bool {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
