package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token/ability"
)

// TestLastUseThroughTheInternalListener expects the last use of a token to be
// that of whoever the gateway asks for, whether or not it may pass.
func TestLastUseThroughTheInternalListener(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "x", ability.Read)
		bearer := "Authorization: Bearer " + secret
		for _, c := range []struct {
			path, body string
			forwarded  string
			status     int
			ip         string
			requests   int
		}{
			{"/forward-auth?ability=read", "", "", http.StatusOK, "127.0.0.1", 1},
			{"/forward-auth", "", "192.0.2.1", http.StatusOK, "192.0.2.1", 2},
			{"/forward-auth", "", "10.0.0.1, 2001:DB8::1", http.StatusOK, "2001:db8::1", 3},
			{"/forward-auth?ability=write-contacts", "", "192.0.2.2,::ffff:192.0.2.3 ", http.StatusForbidden, "192.0.2.3", 4},
			{"/forward-auth", "", "unknown", http.StatusOK, "127.0.0.1", 5},
			{"/oauth2/introspect", "token=" + secret, "192.0.2.4", http.StatusOK, "192.0.2.4", 6},
		} {
			headers := []string{"User-Agent: consumer/1"}
			if c.forwarded != "" {
				headers = append(headers, "X-Forwarded-For: "+c.forwarded)
			}
			if c.body == "" {
				headers = append(headers, bearer)
			} else {
				headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
			}
			if a := s.do(t, "POST", s.internal+c.path, c.body, headers...); a.status != c.status {
				t.Fatalf("%s: %d %s", c.path, a.status, a.body)
			}
			if err := s.Usage.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			requests := s.Client().UsageBucket.Query().Aggregate(ent.Sum("requests")).IntX(t.Context())
			found := s.Client().Token.GetX(t.Context(), made.ID)
			if found.LastUsedIP == nil || *found.LastUsedIP != c.ip || *found.LastUsedUserAgent != "consumer/1" || requests != c.requests {
				t.Errorf("%s for %q: %d requests, the last from %v by %v", c.path, c.forwarded, requests, found.LastUsedIP, found.LastUsedUserAgent)
			}
			s.Advance(time.Millisecond)
		}
		if n := s.Client().AbilityUse.Query().CountX(t.Context()); n != 1 {
			t.Errorf("%d abilities were exercised, want 1", n)
		}
	})
}
