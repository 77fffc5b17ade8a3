package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

func TestMetrics(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		for range 3 {
			s.do(t, "GET", s.internal+forwardAuthPath, "", "Authorization: Bearer "+secret)
		}
		s.do(t, "GET", s.internal+forwardAuthPath, "", "Authorization: Bearer "+s.unknown(t, bearer.Live))
		s.do(t, "GET", s.internal+forwardAuthPath+"?ability=manage_webhooks", "", "Authorization: Bearer "+secret)
		s.do(t, "GET", s.internal+"/a/path/nobody/serves", "")
		s.do(t, "GET", s.internal+"/another", "")
		var text string
		for _, want := range []string{
			`keloa_http_requests_total{route="/forward-auth",status="200"} 3`,
			`keloa_http_requests_total{route="/forward-auth",status="401"} 1`,
			`keloa_http_requests_total{route="/forward-auth",status="403"} 1`,
			`keloa_http_requests_total{route="other",status="404"} 2`,
			"keloa_verdicts ", `keloa_verdict_lookups_total{found="token"} `, "keloa_tokens_ended_total ", "keloa_streams 0",
			"go_goroutines ",
		} {
			// A request is counted once it is answered.
			await(t, func() bool {
				text = s.do(t, "GET", s.internal+"/metrics", "").body
				return strings.Contains(text, want)
			})
		}
		if strings.Contains(text, "nobody") {
			t.Error("a path that is not served has a series of its own")
		}
		if a := s.do(t, "GET", s.public+"/metrics", ""); a.status != http.StatusNotFound {
			t.Errorf("the public listener has them too: %d", a.status)
		}
	})
}

func TestProfiles(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for path, want := range map[string]int{
			"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine?debug=1": 200,
			"/debug/pprof/cmdline": 404, "/debug/pprof/no-such": 404,
		} {
			if a := s.do(t, "GET", s.internal+path, ""); a.status != want {
				t.Errorf("%s: %d, want %d", path, a.status, want)
			}
		}
		if a := s.do(t, "GET", s.public+"/debug/pprof/", ""); a.status != http.StatusNotFound {
			t.Errorf("the public listener has them too: %d", a.status)
		}
	})
}
