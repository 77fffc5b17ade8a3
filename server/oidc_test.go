package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token"
)

// real has the clock of the service show the time, as the provider's does.
func (s *site) real() { s.Advance(time.Since(s.Now())) }

func TestSignInByOpenIDConnect(t *testing.T) {
	p := newProvider(t)
	s := openWith(t, p, oidcClaims)
	b := newGuest(t)

	// The server is up before the provider is.
	b.wantTurnedAway(s, b.ask(http.MethodGet, s.public+oidcPath, nil), unreachable, http.StatusServiceUnavailable)
	p.start(t)
	s.real()
	s.Advance(5 * time.Second) // after which it is asked again
	s.Member(t, "ana@example.com")
	s.NewAudit(t)

	back := b.signInAs(s, "ana", "?return=%2Fsettings%2Faudit-log")
	if at := b.ask(http.MethodGet, back, nil); at.status != http.StatusSeeOther || at.location != s.public+"/settings/audit-log" {
		t.Fatalf("back: %d %s %s", at.status, at.location, at.body)
	}
	if who := b.viewer(s); who != "ana@example.com default OIDC MEMBER" {
		t.Errorf("signed in as %q", who)
	}
	s.WantAudit(t, "operator.sign_in SUCCEEDED ana@example.com ana@example.com")

	// The way back leads in once, and in no other browser.
	for name, other := range map[string]*guest{"again": b, "another browser": newGuest(t)} {
		t.Log(name)
		other.wantTurnedAway(s, other.ask(http.MethodGet, back, nil), interrupted, http.StatusBadRequest)
	}
	if who := b.viewer(s); who != "ana@example.com default OIDC MEMBER" {
		t.Errorf("afterwards signed in as %q", who)
	}

	// A provider that is started again signs with another key.
	p.stop()
	p.start(t)
	s.Advance(5 * time.Second)
	again := newGuest(t)
	if at := again.ask(http.MethodGet, again.signInAs(s, "ana", ""), nil); at.status != http.StatusSeeOther || at.location != s.public+settingsPath {
		t.Errorf("with a new key: %d %s %s", at.status, at.location, at.body)
	}
	s.WantAudit(t, "operator.sign_in SUCCEEDED ana@example.com ana@example.com")
}

func TestOpenIDConnectRefuses(t *testing.T) {
	p := newProvider(t)
	s := openWith(t, p, oidcClaims)
	p.start(t)
	s.Member(t, "ana@example.com")
	s.Member(t, "mal@example.com")
	if _, err := s.Service.RemoveOperator(t.Context(), s.Owner, "mal@example.com"); err != nil {
		t.Fatal(err)
	}
	s.NewAudit(t)
	s.real()
	for who, want := range map[string]string{
		"eve": identity.EmailUnverified,
		"bob": notMember,
		"mal": notMember,
	} {
		b := newGuest(t)
		b.wantTurnedAway(s, b.ask(http.MethodGet, b.signInAs(s, who, ""), nil), want, http.StatusForbidden)
		if got := b.viewer(s); got != "" {
			t.Errorf("%s is %q", who, got)
		}
	}
	got := strings.Join(s.NewAudit(t), "\n")
	for _, want := range []string{
		"operator.sign_in REFUSED OpenID Connect ana@example.com",
		"operator.sign_in REFUSED OpenID Connect bob@example.com",
		"operator.sign_in REFUSED mal@example.com mal@example.com",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("the audit log does not say %q once:\n%s", want, got)
		}
	}

	// What the browser remembers, or the provider answers, is tampered with.
	for name, c := range map[string]struct {
		flow func(*flowCookie)
		back func(url.Values)
		want string // the reason; empty for who is let in
	}{
		"another nonce":      {func(f *flowCookie) { f.Nonce = "x" }, nil, interrupted},
		"another verifier":   {func(f *flowCookie) { f.Verifier = strings.Repeat("x", 43) }, nil, interrupted},
		"another state":      {func(f *flowCookie) { f.State = "x" }, nil, interrupted},
		"no state":           {func(f *flowCookie) { f.State = "" }, func(q url.Values) { q.Del("state") }, interrupted},
		"another code":       {nil, func(q url.Values) { q.Set("code", "x") }, interrupted},
		"no code":            {nil, func(q url.Values) { q.Del("code") }, interrupted},
		"another issuer":     {nil, func(q url.Values) { q.Set("iss", "https://evil.example") }, interrupted},
		"access denied":      {nil, func(q url.Values) { q.Set("error", "access_denied") }, identity.Declined},
		"a return elsewhere": {func(f *flowCookie) { f.Return = "//evil.example" }, nil, ""},
	} {
		b := newGuest(t)
		back, err := url.Parse(b.signInAs(s, "ana", ""))
		if err != nil {
			t.Fatal(err)
		}
		if c.flow != nil {
			b.tamper(s, c.flow)
		}
		if query := back.Query(); c.back != nil {
			c.back(query)
			back.RawQuery = query.Encode()
		}
		at := b.ask(http.MethodGet, back.String(), nil)
		if c.want != "" {
			t.Log(name)
			b.wantTurnedAway(s, at, c.want, reasons[c.want])
		} else if at.status != http.StatusSeeOther || at.location != s.public+settingsPath {
			t.Errorf("%s: %d %s %s", name, at.status, at.location, at.body)
		}
	}
}

// TestSignInWithoutDatabase comes back from the provider, and follows a link, while
// the database does not answer.
func TestSignInWithoutDatabase(t *testing.T) {
	p := newProvider(t)
	s := openWith(t, p, oidcClaims)
	p.start(t)
	s.real()
	s.Member(t, "ana@example.com")
	b, code := newGuest(t), s.code(t)
	back := b.signInAs(s, "ana", "")
	if err := s.DB.SQL().Close(); err != nil {
		t.Fatal(err)
	}
	b.wantTurnedAway(s, b.ask(http.MethodGet, back, nil), failed, http.StatusInternalServerError)
	b.wantTurnedAway(s, b.ask(http.MethodGet, s.public+signInPath+"?code="+code, nil), failed, http.StatusInternalServerError)
	for _, err := range []error{token.ErrUnavailable, &token.AuditUnavailableError{Sink: "archive", Reason: "is down"}} {
		if got := reasonOf(fmt.Errorf("let in: %w", err)); got != unavailable {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// wantTurnedAway expects to be led to the sign-in page, which is answered under
// that status and told the reason.
func (b *guest) wantTurnedAway(s *site, at seen, reason string, status int) {
	b.t.Helper()
	if at.status != http.StatusSeeOther || at.location != s.public+signInPath+"?reason="+reason {
		b.t.Errorf("not turned away for %s: %d %s %s", reason, at.status, at.location, at.body)
		return
	}
	if page := b.ask(http.MethodGet, at.location, nil); page.status != status || !strings.Contains(page.body, "<title>API tokens</title>") {
		b.t.Errorf("the sign-in page for %s: %d %s", reason, page.status, page.body)
	}
}

// tamper changes what the browser remembers of a sign-in.
func (b *guest) tamper(s *site, change func(*flowCookie)) {
	b.t.Helper()
	at, err := url.Parse(s.public)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range b.Jar.Cookies(at) {
		if cookie.Name != s.handlers.flowName {
			continue
		}
		var flow flowCookie
		text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
		if err == nil {
			err = json.Unmarshal(text, &flow)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		change(&flow)
		if text, err = json.Marshal(flow); err != nil {
			b.t.Fatal(err)
		}
		b.Jar.SetCookies(at, []*http.Cookie{{Name: cookie.Name, Value: base64.RawURLEncoding.EncodeToString(text), Path: "/"}})
		return
	}
	b.t.Fatal("the browser remembers nothing")
}

// TestClaimsSayWhoMayDoWhat has the provider's names stand for a workspace and a
// group.
func TestClaimsSayWhoMayDoWhat(t *testing.T) {
	claims, err := identity.ParseClaims("workspace=given_name,role=family_name,admin=ops,member=staff", oidcClaims)
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t)
	s := openWith(t, p, claims)
	p.start(t)
	if _, err := s.Service.CreateWorkspace(t.Context(), "acme", "Acme", workspace.PlanSCALE, "boss@example.com"); err != nil {
		t.Fatal(err)
	}
	s.NewAudit(t)
	s.real()
	for who, want := range map[string]string{
		"ana": "ana@example.com default OIDC ADMIN",
		"bob": "bob@example.com acme OIDC MEMBER",
		"mal": "", // whose group is none of these
	} {
		b := newGuest(t)
		at := b.ask(http.MethodGet, b.signInAs(s, who, ""), nil)
		if got := b.viewer(s); got != want {
			t.Errorf("%s is %q: %d %s", who, got, at.status, at.body)
		}
	}
	if n := s.Client().Operator.Query().Where(operator.Email("mal@example.com")).CountX(t.Context()); n != 0 {
		t.Error("who was refused is an operator now")
	}
}

func TestWaysToSignIn(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		if a := s.do(t, "GET", s.public+"/sign-in/ways", ""); a.body != `{"link":true,"oidc":false}`+"\n" {
			t.Errorf("without a provider: %d %s", a.status, a.body)
		}
		if a := s.do(t, "GET", s.public+oidcPath, ""); a.status != http.StatusNotFound {
			t.Errorf("without a provider: %d %s", a.status, a.body)
		}
	})
	s := openWith(t, newProvider(t), oidcClaims)
	if a := s.do(t, "GET", s.public+"/sign-in/ways", ""); a.body != `{"link":true,"oidc":true}`+"\n" {
		t.Errorf("with one: %d %s", a.status, a.body)
	}
	if a := s.do(t, "GET", s.public+oidcPath, "", "Sec-Purpose: prefetch"); a.status != http.StatusNoContent || len(a.cookies()) > 0 {
		t.Errorf("ahead of time: %d", a.status)
	}
}
