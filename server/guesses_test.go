package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/verdict"
)

// guessingSite serves a service that answers from its cache.
func guessingSite(t *testing.T) *site {
	t.Helper()
	e := sqliteEnv(t, tokentest.Config{})
	e.Join(t)
	return openSite(t, e, "http", map[string]string{"api": "resource-secret"})
}

// guess fails to authenticate as often as an address may, and checks that each
// time it was told so.
func guess(t *testing.T, once func() answer) {
	t.Helper()
	for n := range ratelimit.FailuresPerMinute {
		if a := once(); a.status != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d %s", n, a.status, a.body)
		}
	}
}

func wantTooMany(t *testing.T, name string, a answer) {
	t.Helper()
	if a.status != http.StatusTooManyRequests || a.code() != "RATE_LIMITED" || a.header.Get("Retry-After") != "1" {
		t.Errorf("%s: %d %s %s", name, a.status, a.header, a.body)
	}
}

const whoAsks = `{"query":"{viewer {actor {name}}}"}`

// TestGuessing guesses from one address, which those who have good credentials
// share. Whatever is in X-Forwarded-For, it is the connection's.
func TestGuessing(t *testing.T) {
	s := guessingSite(t)
	_, used := s.mint(t, "in use", ability.Read)
	_, fresh := s.mint(t, "not used yet", ability.Read)
	dead, ended := s.mint(t, "ended", ability.Read)
	if _, err := s.Service.Revoke(t.Context(), s.Owner, dead.ID, ""); err != nil {
		t.Fatal(err)
	}
	cookie := s.session(t)
	as := func(secret string) string { return "Authorization: Bearer " + secret }
	for _, credentials := range []string{as(used), cookie} {
		if a := s.ask(t, whoAsks, credentials, "Origin: "+s.public); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	n := 0
	guess(t, func() answer {
		n++
		forwarded := fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", n%250)
		return s.ask(t, whoAsks, as(s.unknown(t, bearer.Live)), forwarded)
	})

	before := s.Service.Verdicts().Lookups[verdict.Unknown]
	wantTooMany(t, "another guess", s.ask(t, whoAsks, as(s.unknown(t, bearer.Live))))
	wantTooMany(t, "what is no secret", s.ask(t, whoAsks, as("x")))
	wantTooMany(t, "a session that is none", s.ask(t, whoAsks, as(s.unknown(t, bearer.Session))))
	wantTooMany(t, "a sign-in code", s.do(t, "GET", s.public+"/sign-in?code="+s.unknown(t, bearer.SignIn), ""))
	wantTooMany(t, "a token that nobody has seen", s.ask(t, whoAsks, as(fresh)))
	wantTooMany(t, "wrong credentials of a resource server", s.introspect(t, form("token", used), "Authorization: Basic eDp5"))
	if _, code := s.introduce(t, initAs(s.unknown(t, bearer.Live))); code != 1013 {
		t.Errorf("a socket is closed with %d", code)
	}
	if n := s.Service.Verdicts().Lookups[verdict.Unknown] - before; n != 0 {
		t.Errorf("the database was asked %d times", n)
	}
	for name, credentials := range map[string]string{"a token in use": as(used), "a session in use": cookie, "nobody": "X-Nothing: x"} {
		if a := s.ask(t, whoAsks, credentials, "Origin: "+s.public); a.status == http.StatusTooManyRequests {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if a := s.introspect(t, form("token", ended), "Authorization: Basic YXBpOnJlc291cmNlLXNlY3JldA=="); a.body != string(inactive) {
		t.Errorf("a resource server: %d %s", a.status, a.body)
	}
	s.Advance(tokenBack)
	if a := s.ask(t, whoAsks, as(fresh)); a.status != http.StatusOK {
		t.Errorf("a little later: %d", a.status)
	}
}

// tokenBack is after how long one more failure is let through.
const tokenBack = 60_000_000_000 / ratelimit.FailuresPerMinute

// TestGuessingThroughAGateway has those behind a gateway told apart by what the
// gateway has seen, and nobody locked out where it does not say.
func TestGuessingThroughAGateway(t *testing.T) {
	s := guessingSite(t)
	_, fresh := s.mint(t, "not used yet", ability.Read)
	ask := func(secret string, headers ...string) answer {
		t.Helper()
		return s.do(t, "GET", s.internal+"/forward-auth", "", append(headers, "Authorization: Bearer "+secret)...)
	}
	const guesser, neighbour = "X-Forwarded-For: 203.0.113.9, 198.51.100.7", "X-Forwarded-For: 198.51.100.7, 198.51.100.8"
	guess(t, func() answer { return ask(s.unknown(t, bearer.Live)) })
	guess(t, func() answer { return ask(s.unknown(t, bearer.Live), guesser) })
	wantTooMany(t, "another guess", ask(s.unknown(t, bearer.Live), guesser))
	wantTooMany(t, "an unknown one in use", ask(fresh, guesser))
	if a := ask(s.unknown(t, bearer.Live)); a.status != http.StatusUnauthorized {
		t.Errorf("a gateway that says nothing: %d", a.status)
	}
	if a := ask(fresh, neighbour); a.status != http.StatusOK {
		t.Errorf("a neighbour: %d", a.status)
	}
	if a := ask(fresh, guesser); a.status != http.StatusOK {
		t.Errorf("a token that is known by now: %d", a.status)
	}
}

// TestAnEndedTokenIsNoGuess has a client go on with a revoked token: it is told
// 401 every time, however often it asks, and the database is asked hardly ever.
func TestAnEndedTokenIsNoGuess(t *testing.T) {
	s := guessingSite(t)
	made, secret := s.mint(t, "ended", ability.Read)
	if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
		t.Fatal(err)
	}
	before := s.Service.Verdicts().Lookups[verdict.Unknown]
	guess(t, func() answer { return s.ask(t, whoAsks, "Authorization: Bearer "+secret) })
	guess(t, func() answer { return s.ask(t, whoAsks, "Authorization: Bearer "+secret) })
	guess(t, func() answer {
		return s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+secret)
	})
	// Once, and again when this server hears of the revocation from the database.
	if n := s.Service.Verdicts().Lookups[verdict.Unknown] - before; n < 1 || n > 4 {
		t.Errorf("the cache did not know %d times", n)
	}
}
