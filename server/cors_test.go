package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

const (
	hostOrigin  = "https://app.example"
	jwtIssuer   = "https://app.example/identity"
	jwtAudience = "keloa"
)

// hostSite is a site that a host application makes use of, whose pages are at
// hostOrigin.
type hostSite struct {
	*site
	signer jose.Signer
}

func openHostSite(t *testing.T) hostSite {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "one", Use: "sig", Algorithm: "RS256"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "one"))
	if err != nil {
		t.Fatal(err)
	}
	s := openSiteWith(t, sqliteEnv(t, tokentest.Config{}), "http", func(o *handlerOptions) {
		o.ResourceServers = hostApp
		o.Operators = operatorConfig{
			jwt:            &identity.IssuerOptions{Issuer: jwtIssuer, Audience: jwtAudience, Keys: file, Claims: jwtClaims},
			allowedOrigins: []string{hostOrigin},
		}
	})
	return hostSite{s, signer}
}

// signed is the Authorization header with a token for that long.
func (s hostSite) signed(t *testing.T, email, role string, life time.Duration) string {
	t.Helper()
	text, err := jwt.Signed(s.signer).Claims(jwt.Claims{
		Issuer: jwtIssuer, Audience: jwt.Audience{jwtAudience}, Subject: "7",
		Expiry: jwt.NewNumericDate(s.Now().Add(life)), IssuedAt: jwt.NewNumericDate(s.Now()),
	}).Claims(map[string]any{"email": email, "workspace": "default", "role": role}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + text
}

func TestJSONWebTokens(t *testing.T) {
	s := openHostSite(t)
	admin := s.signed(t, "ana@example.com", "ADMIN", time.Hour)
	member := s.signed(t, "bob@example.com", "MEMBER", time.Hour)
	wantViewer(t, s.ask(t, whoAmI, admin), "ana@example.com")
	wantViewer(t, s.ask(t, whoAmI, admin), "ana@example.com")
	wantViewer(t, s.ask(t, whoAmI, member), "bob@example.com")
	const mint = `{"query":"mutation {mintToken(input: {label: \"x\", abilities: [READ]}) {token {id}}}"}`
	if a := s.ask(t, mint, member); !strings.Contains(a.body, "FORBIDDEN") {
		t.Errorf("a member mints: %s", a.body)
	}
	if a := s.ask(t, mint, admin); strings.Contains(a.body, "errors") {
		t.Errorf("an admin mints: %s", a.body)
	}
	bad := admin[:len(admin)-8] + "AAAAAAAA"
	if a := s.ask(t, whoAmI, bad); a.status != http.StatusUnauthorized || a.code() != "UNAUTHENTICATED" {
		t.Errorf("another signature: %d %s", a.status, a.body)
	}
	// It can be ended as any session, and stays so.
	if _, err := s.Service.RemoveOperator(t.Context(), s.Owner, "ana@example.com"); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{"the same": admin, "a new one": s.signed(t, "ana@example.com", "ADMIN", 2*time.Hour)} {
		if a := s.ask(t, whoAmI, header); a.status != http.StatusUnauthorized {
			t.Errorf("%s of who was removed: %d %s", name, a.status, a.body)
		}
	}
	s.Advance(time.Hour + identity.Leeway)
	if a := s.ask(t, whoAmI, member); a.status != http.StatusUnauthorized {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	s.WantAudit(t,
		"operator.add SUCCEEDED JSON Web Token ana@example.com",
		"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
		"operator.add SUCCEEDED JSON Web Token bob@example.com",
		"operator.sign_in SUCCEEDED bob@example.com bob@example.com",
		"developers.api_token.refuse REFUSED bob@example.com ",
		"developers.api_token.mint SUCCEEDED ana@example.com x",
		"operator.remove SUCCEEDED owner@localhost ana@example.com",
		"operator.sign_in REFUSED ana@example.com ana@example.com",
	)
	if strings.Contains(s.log.String(), admin[len(admin)-20:]) {
		t.Error("the log holds a token")
	}
}

func TestPagesOfAllowedOrigins(t *testing.T) {
	s := openHostSite(t)
	_, secret := s.mint(t, "zapier-prod", ability.Read)
	apiToken := "Authorization: Bearer " + secret
	session := s.hostSession(t, "ana@example.com", "ADMIN")
	signed := s.signed(t, "bob@example.com", "ADMIN", time.Hour)
	unknown := "Authorization: Bearer " + s.unknown(t, bearer.Session)
	ours, theirs := "Origin: "+s.public, "Origin: "+hostOrigin
	foreign, crossSite := "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"
	for name, c := range map[string]struct {
		headers []string
		status  int
		code    string
		shared  bool
	}{
		"a session":                     {[]string{session, theirs, crossSite}, 200, "", true},
		"a signed token":                {[]string{signed, theirs, crossSite}, 200, "", true},
		"a session from our own page":   {[]string{session, ours}, 200, "", false},
		"a session from no page":        {[]string{session}, 200, "", false},
		"a session from elsewhere":      {[]string{session, foreign, crossSite}, 403, "BROWSER_USE", false},
		"a signed token from elsewhere": {[]string{signed, foreign, crossSite}, 403, "BROWSER_USE", false},
		"a session from nowhere":        {[]string{session, "Origin: null"}, 403, "BROWSER_USE", false},
		"a session from two origins":    {[]string{session, theirs, foreign}, 403, "BROWSER_USE", false},
		"a session of a site":           {[]string{session, crossSite}, 403, "BROWSER_USE", false},
		"an origin that is much alike":  {[]string{session, theirs + ".evil.example"}, 403, "BROWSER_USE", false},
		"another port":                  {[]string{session, theirs + ":444"}, 403, "BROWSER_USE", false},
		"plain HTTP":                    {[]string{session, "Origin: http://app.example"}, 403, "BROWSER_USE", false},
		"an API token":                  {[]string{apiToken, theirs, crossSite}, 403, "BROWSER_USE", false},
		"a session that has ended":      {[]string{unknown, theirs, crossSite}, 401, "UNAUTHENTICATED", true},
		"a cookie":                      {[]string{s.session(t), theirs}, 401, "UNAUTHENTICATED", false},
		"nothing":                       {[]string{theirs, crossSite}, 401, "UNAUTHENTICATED", false},
	} {
		a := s.ask(t, whoAmI, c.headers...)
		if a.status != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		wantShared(t, name, a.header, c.shared)
	}
}

// wantShared expects an answer that the page of the host application may read, or
// that no other origin may; never one to a request with credentials of the browser's.
func wantShared(t *testing.T, name string, header http.Header, shared bool) {
	t.Helper()
	allowed := header.Get("Access-Control-Allow-Origin")
	if (allowed == hostOrigin) != shared || allowed != "" && !shared || header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%s: shared with %q", name, allowed)
	}
}

// TestStreamsOfAllowedOrigins has pages take an answer as a stream of events.
func TestStreamsOfAllowedOrigins(t *testing.T) {
	s := openHostSite(t)
	_, secret := s.mint(t, "zapier-prod", ability.Read)
	session, signed := s.hostSession(t, "ana@example.com", "ADMIN"), s.signed(t, "bob@example.com", "ADMIN", time.Hour)
	cookie := s.session(t)
	ours, theirs, foreign := "Origin: "+s.public, "Origin: "+hostOrigin, "Origin: https://evil.example"
	for name, c := range map[string]struct {
		headers []string
		status  int
		code    string
		shared  bool
	}{
		"our page, by its cookie":         {[]string{cookie, ours}, 200, "", false},
		"an allowed one, with a session":  {[]string{session, theirs}, 200, "", true},
		"an allowed one, with a JWT":      {[]string{signed, theirs}, 200, "", true},
		"an allowed one, with a token":    {[]string{"Authorization: Bearer " + secret, theirs}, 403, "BROWSER_USE", false},
		"an allowed one, with our cookie": {[]string{cookie, theirs}, 401, "UNAUTHENTICATED", false},
		"a foreign one, with a session":   {[]string{session, foreign}, 403, "BROWSER_USE", false},
		"a foreign one, with a JWT":       {[]string{signed, foreign}, 403, "BROWSER_USE", false},
		"a foreign one, with our cookie":  {[]string{cookie, foreign}, 403, "FORBIDDEN", false},
	} {
		a := s.ask(t, whoAmI, append(c.headers, "Accept: text/event-stream")...)
		streamed := strings.Contains(a.body, "event: next\ndata: {\"data\":{\"viewer\":")
		if a.status != c.status || streamed != (c.code == "") || !strings.Contains(a.body, c.code) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		wantShared(t, name, a.header, c.shared)
	}
}

// TestSocketsOfAllowedOrigins has pages open a WebSocket, for which browsers ask
// nothing beforehand: who says hello is what counts.
func TestSocketsOfAllowedOrigins(t *testing.T) {
	s := openHostSite(t)
	_, secret := s.mint(t, "zapier-prod", ability.Read)
	bearerOf := func(header string) string { return strings.TrimPrefix(header, "Authorization: Bearer ") }
	session, signed := bearerOf(s.hostSession(t, "eve@example.com", "ADMIN")), bearerOf(s.signed(t, "bob@example.com", "ADMIN", time.Hour))
	cookie := s.session(t)
	ours, theirs, foreign := "Origin: "+s.public, "Origin: "+hostOrigin, "Origin: https://evil.example"
	for name, c := range map[string]struct {
		first   string
		headers []string
		code    websocket.StatusCode
	}{
		"our page, by its cookie":         {initBare, []string{cookie, ours}, -1},
		"an allowed one, with a session":  {initAs(session), []string{theirs}, -1},
		"an allowed one, with a JWT":      {initAs(signed), []string{theirs}, -1},
		"an allowed one, with a token":    {initAs(secret), []string{theirs}, closedForbidden},
		"an allowed one, with our cookie": {initBare, []string{cookie, theirs}, closedUnauthorized},
		"a foreign one, with a session":   {initAs(session), []string{foreign}, closedForbidden},
		"a foreign one, with a JWT":       {initAs(signed), []string{foreign}, closedForbidden},
		"a foreign one, with a token":     {initAs(secret), []string{foreign}, closedForbidden},
	} {
		if _, code := s.introduce(t, c.first, c.headers...); code != c.code {
			t.Errorf("%s: got %d, want %d", name, code, c.code)
		}
	}
	if _, status := s.socket(t, cookie, foreign); status != http.StatusForbidden {
		t.Errorf("a foreign one, with our cookie: got %d", status)
	}
}

func TestPreflight(t *testing.T) {
	s := openHostSite(t)
	asks := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type"}
	a := s.do(t, "OPTIONS", s.public+"/graphql", "", append(asks, "Origin: "+hostOrigin)...)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != hostOrigin || a.header.Get("Access-Control-Allow-Headers") != sharedHeaders ||
		a.header.Get("Access-Control-Allow-Methods") != sharedMethods || a.header.Get("Access-Control-Allow-Credentials") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("from an allowed origin: %d %s", a.status, a.header)
	}
	for name, target := range map[string][2]string{
		"from elsewhere": {s.public + "/graphql", "https://evil.example"},
		"for a file":     {s.public + "/audit-log.csv", hostOrigin},
		"to sign out":    {s.public + "/sign-out", hostOrigin},
		"to switch":      {s.public + "/switch-workspace", hostOrigin},
		"for sessions":   {s.internal + "/sessions", hostOrigin},
		"to introspect":  {s.internal + "/oauth2/introspect", hostOrigin},
	} {
		a := s.do(t, "OPTIONS", target[0], "", append(asks, "Origin: "+target[1])...)
		if a.status < 400 || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.header)
		}
	}
}
