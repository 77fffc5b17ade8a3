package main

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/ratelimit/redistest"
	"github.com/keloa/apitokens/token/tokentest"
)

// limitedSites runs test on every kind of database, in a workspace whose tokens
// and sessions may make so many requests a minute. Time stands still there.
func limitedSites(t *testing.T, perMinute int, test func(t *testing.T, s *site)) {
	t.Helper()
	plans := token.DefaultPlans()
	plans[workspace.PlanSTARTER] = token.Limits{RequestsPerMinute: perMinute}
	tokentest.EachWith(t, tokentest.Config{Plans: plans}, func(t *testing.T, e *tokentest.Env) {
		if err := e.Service.SetPlan(t.Context(), e.Owner, workspace.PlanSTARTER); err != nil {
			t.Fatal(err)
		}
		e.Join(t)
		e.NewAudit(t)
		test(t, openSite(t, e, "http", nil))
	})
}

// ways are the ways to make a request with a token.
var ways = map[string]func(t *testing.T, s *site, secret string) answer{
	"POST": func(t *testing.T, s *site, secret string) answer {
		t.Helper()
		return s.ask(t, `{"query":"{viewer {actor {name}}}"}`, "Authorization: Bearer "+secret)
	},
	"GET": func(t *testing.T, s *site, secret string) answer {
		t.Helper()
		return s.do(t, "GET", s.public+"/graphql?query={viewer{actor{name}}}", "", "Authorization: Bearer "+secret)
	},
	"forward-auth": func(t *testing.T, s *site, secret string) answer {
		t.Helper()
		return s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+secret)
	},
	"introspection": func(t *testing.T, s *site, secret string) answer {
		t.Helper()
		return s.introspect(t, form("token", secret))
	},
}

// wantQuota checks what an answer says of a limit.
func wantQuota(t *testing.T, name string, a answer, limit, remaining int, reset time.Duration) {
	t.Helper()
	if got := a.header.Get("X-RateLimit-Limit") + " " + a.header.Get("X-RateLimit-Remaining"); got != strconv.Itoa(limit)+" "+strconv.Itoa(remaining) {
		t.Errorf("%s: limit and what remains are %q, want %d %d", name, got, limit, remaining)
	}
	at, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
	if off := time.Until(time.Unix(at, 0)) - reset; err != nil || off.Abs() > 20*time.Second {
		t.Errorf("%s: the reset is %q, off by %v", name, a.header.Get("X-RateLimit-Reset"), off)
	}
}

// TestRateLimit uses a limit up in every way, of which each counts as one
// request, and then is refused in every way.
func TestRateLimit(t *testing.T) {
	limitedSites(t, len(ways), func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		_, other := s.mint(t, "other", ability.Read)
		limit, used := len(ways), 0
		for name, ask := range ways {
			used++
			a := ask(t, s, secret)
			if a.status != http.StatusOK || a.header.Get("Retry-After") != "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			wantQuota(t, name, a, limit, limit-used, time.Duration(used)*time.Minute/time.Duration(limit))
		}
		for name, ask := range ways {
			a := ask(t, s, secret)
			if a.status != http.StatusTooManyRequests || a.code() != "RATE_LIMITED" || a.header.Get("Retry-After") != "15" ||
				a.header.Get("X-Keloa-Token-Id") != "" {
				t.Errorf("%s, beyond the limit: %d %s %s", name, a.status, a.header, a.body)
			}
			wantQuota(t, name, a, limit, 0, time.Minute)
			if a := ask(t, s, other); a.status != http.StatusOK {
				t.Errorf("%s: another token got %d", name, a.status)
			}
		}
		// What was refused cost nothing.
		s.Advance(15 * time.Second)
		if a := ways["POST"](t, s, secret); a.status != http.StatusOK {
			t.Errorf("once one has come back: %d", a.status)
		}
	})
}

// TestRateLimitOfSessions has each session counted by itself, in a cookie as in a
// header.
func TestRateLimitOfSessions(t *testing.T) {
	limitedSites(t, 2, func(t *testing.T, s *site) {
		owner := "Authorization: Bearer " + s.keep(s.OwnerSession)
		cookie := s.session(t)
		const question = `{"query":"{viewer {actor {name}}}"}`
		for _, headers := range [][]string{{owner}, {cookie, "Origin: " + s.public}} {
			for n := range 3 {
				a := s.ask(t, question, headers...)
				if want := []int{200, 200, 429}[n]; a.status != want {
					t.Errorf("request %d: %d, want %d", n, a.status, want)
				}
				wantQuota(t, "a session", a, 2, max(0, 1-n), min(time.Minute, time.Duration(n+1)*30*time.Second))
			}
		}
		if a := s.do(t, "GET", s.public+"/audit-log.csv", "", owner); a.status != http.StatusTooManyRequests {
			t.Errorf("the audit log: %d", a.status)
		}
	})
}

// TestRateLimitIsSilentOnWhatOpensNothing has nobody learn from the limit that a
// secret was good once.
func TestRateLimitIsSilentOnWhatOpensNothing(t *testing.T) {
	limitedSites(t, 1, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "busy", ability.Read)
		for _, ask := range ways {
			ask(t, s, secret)
		}
		if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
			t.Fatal(err)
		}
		for name, ask := range ways {
			a := ask(t, s, secret)
			inactive := a.status == http.StatusOK && a.body == string(inactive)
			if a.status != http.StatusUnauthorized && !inactive {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			for header := range a.header {
				if strings.HasPrefix(strings.ToLower(header), "x-ratelimit") || header == "Retry-After" {
					t.Errorf("%s: the answer has %s", name, header)
				}
			}
		}
	})
}

// TestRateLimitFollowsThePlan changes the plan of a workspace whose tokens are in
// the cache.
func TestRateLimitFollowsThePlan(t *testing.T) {
	limitedSites(t, 1, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		ways["forward-auth"](t, s, secret)
		for _, c := range []struct {
			plan  workspace.Plan
			limit string
		}{{workspace.PlanGROWTH, "600"}, {workspace.PlanSTARTER, "1"}} {
			if err := s.Service.SetPlan(t.Context(), s.Owner, c.plan); err != nil {
				t.Fatal(err)
			}
			for name, ask := range ways {
				s.Advance(time.Minute)
				if a := ask(t, s, secret); a.status != http.StatusOK || a.header.Get("X-RateLimit-Limit") != c.limit {
					t.Errorf("%s, %s: %d, a limit of %q", c.plan, name, a.status, a.header.Get("X-RateLimit-Limit"))
				}
			}
		}
	})
}

// TestNoRateLimit has answers say nothing of a limit that is not there.
func TestNoRateLimit(t *testing.T) {
	limitedSites(t, 0, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		for name, ask := range ways {
			if a := ask(t, s, secret); a.status != http.StatusOK || a.header.Get("X-RateLimit-Limit") != "" {
				t.Errorf("%s: %d %s", name, a.status, a.header)
			}
		}
	})
}

// TestRateLimitOfASocket counts the opening and each operation.
func TestRateLimitOfASocket(t *testing.T) {
	limitedSites(t, 3, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		conn, _ := s.introduce(t, initAs(secret))
		ask := func(id string) string {
			t.Helper()
			text := `{"id":"` + id + `","type":"subscribe","payload":{"query":"{viewer {actor {name}}}"}}`
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
			got, err := hear(t, conn)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for _, id := range []string{"1", "2"} {
			if got := ask(id); !strings.Contains(got, `"next"`) {
				t.Errorf("operation %s: %s", id, got)
			}
			if got, err := hear(t, conn); !strings.Contains(got, `"complete"`) {
				t.Errorf("operation %s: %s %v", id, got, err)
			}
		}
		if got := ask("3"); !strings.Contains(got, `"error"`) || !strings.Contains(got, `"RATE_LIMITED"`) || !strings.Contains(got, `"retryAfter":20`) {
			t.Errorf("beyond the limit: %s", got)
		}
		if _, code := s.introduce(t, initAs(secret)); code != websocket.StatusTryAgainLater {
			t.Errorf("another socket beyond the limit is closed with %d", code)
		}
		if _, status := s.socket(t, "Authorization: Bearer "+secret); status != http.StatusTooManyRequests {
			t.Errorf("another upgrade beyond the limit: %d", status)
		}
		// The limit is the one of now, not of when the socket was opened.
		if err := s.Service.SetPlan(t.Context(), s.Owner, workspace.PlanSCALE); err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Second)
		if got := ask("4"); !strings.Contains(got, `"next"`) {
			t.Errorf("under a higher plan: %s", got)
		}
	})
}

// TestRateLimitThroughRedis takes Redis away: requests go on, and the metrics say
// so.
func TestRateLimitThroughRedis(t *testing.T) {
	server := redistest.Start(t)
	options, err := ratelimit.ParseURL("redis://" + server.Addr + "/0")
	if err != nil {
		t.Fatal(err)
	}
	limits := ratelimit.New(ratelimit.Options{Redis: options, Timeout: 20 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = limits.Close() })
	s := openSite(t, sqliteEnv(t, tokentest.Config{Limits: limits}), "http", nil)
	_, secret := s.mint(t, "busy", ability.Read)
	for _, shared := range []string{"1", "0"} {
		for name, ask := range ways {
			if a := ask(t, s, secret); a.status != http.StatusOK || a.header.Get("X-RateLimit-Limit") == "" {
				t.Errorf("%s: %d %s", name, a.status, a.header)
			}
		}
		if a := s.do(t, "GET", s.internal+"/metrics", ""); !strings.Contains(a.body, "\nkeloa_rate_limit_shared "+shared+"\n") {
			t.Errorf("the metrics do not say keloa_rate_limit_shared %s", shared)
		}
		server.Kill()
	}
}
