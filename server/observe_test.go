package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// requests are the lines that the log has of requests.
func (s *site) requests(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == "request" {
			lines = append(lines, record)
		}
	}
	return lines
}

func TestEveryRequestIsLogged(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "zapier-prod", ability.Read)
		for i, ask := range []func(){
			func() { s.ask(t, whoAmI, "Authorization: Bearer "+secret, "X-Request-Id: mine-1") },
			func() { s.raw(t, s.public, "GET /no/such?q=private", "", "X-Request-Id: "+secret) },
			func() { s.raw(t, s.internal, secret+" /", "") },
			func() { s.do(t, "GET", s.public+"/"+escaped(secret, "%%%02x"), "") },
		} {
			ask()
			// The line is written after the answer.
			await(t, func() bool { return len(s.requests(t)) == i+1 })
		}
		log := s.requests(t)
		want := []map[string]any{
			{"method": "POST", "path": "/graphql", "status": 200.0, "request_id": "mine-1", "caller_kind": "TOKEN", "caller_id": made.ID.String()},
			{"method": "GET", "path": "/no/such", "status": 404.0, "caller_kind": nil, "caller_id": nil},
			{"path": "/", "status": 404.0},
			{"path": "/keloa_pk_live_…" + secret[len(secret)-4:], "status": 400.0},
		}
		for i, line := range log {
			for key, value := range want[i] {
				if line[key] != value {
					t.Errorf("line %d: %s is %v, want %v", i, key, line[key], value)
				}
			}
			if line["request_id"] == "" || line["bytes"].(float64) == 0 || line["duration_ms"] == nil {
				t.Errorf("line %d: %v", i, line)
			}
		}
		if strings.Contains(s.log.String(), "private") {
			t.Error("a query is in the log")
		}
	})
}

func TestUnknownPathsAndMethods(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for _, line := range []string{
			"GET /x", "GET //", "GET //graphql", "GET /graphql/", "GET /GRAPHQL", "GET /../graphql", "GET /sign-in/..", "OPTIONS *", "GET /%2e",
			"GET /healthz", "GET /readyz", "GET /forward-auth", "GET http://evil.example/x", "POST /x", "BREW /pot", "CONNECT evil.example:443",
		} {
			a := s.raw(t, s.public, line, "")
			if a.status != http.StatusNotFound || a.code() != "NOT_FOUND" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d %s", line, a.status, a.body)
			}
		}
		for line, allow := range map[string]string{
			"POST /": "GET, HEAD", "OPTIONS /": "GET, HEAD", "DELETE /sign-in": "GET, HEAD", "PUT /graphql": "GET, POST",
		} {
			a := s.raw(t, s.public, line, "")
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != allow || a.code() != "BAD_USER_INPUT" {
				t.Errorf("%s: %d %s %s", line, a.status, a.header, a.body)
			}
		}
		for _, path := range []string{"/", "/graphql", "/schema.graphql", "/sign-in"} {
			if a := s.do(t, "GET", s.internal+path, ""); a.status != http.StatusNotFound {
				t.Errorf("the internal listener serves %s: %d", path, a.status)
			}
		}
	})
}

func TestPanicIsAnInternalError(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		secret := s.unknown(t, bearer.Live)
		panics := func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "half", Value: "done"})
			if r.URL.Path == "/late" {
				_, _ = io.WriteString(w, "half")
			}
			panic("dropped " + secret)
		}
		server := httptest.NewServer(s.handlers.observed(http.HandlerFunc(panics), forBrowsers))
		defer server.Close()
		a := s.do(t, "GET", server.URL, "")
		if a.status != http.StatusInternalServerError || a.code() != "INTERNAL" || strings.Contains(a.body, "dropped") || len(a.cookies()) > 0 {
			t.Errorf("%d %s %s", a.status, a.header, a.body)
		}
		log := s.log.String()
		for _, want := range []string{"dropped keloa_pk_live_…", "observe_test.go", a.header.Get("X-Request-Id")} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q: %s", want, log)
			}
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/late", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := server.Client().Do(request); err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
			if err == nil {
				t.Error("half an answer looks whole")
			}
		}
	})
}
