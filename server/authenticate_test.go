package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

const (
	asJSON      = "Content-Type: application/json"
	whoAmI      = `{"query":"{ viewer { actor { name } } }"}`
	introQuery  = `{"query":"{ __typename }"}`
	invalid     = `Bearer realm="keloa", error="invalid_token"`
	needsBearer = `Bearer realm="keloa"`
)

func (s *site) ask(t *testing.T, query string, headers ...string) answer {
	t.Helper()
	return s.do(t, "POST", s.public+"/graphql", query, append(headers, asJSON)...)
}

// wantViewer expects the answer to whoAmI to name who.
func wantViewer(t *testing.T, a answer, who string) {
	t.Helper()
	if a.status != http.StatusOK || !strings.Contains(a.body, `"name":"`+who+`"`) {
		t.Errorf("want %s, got %d %s", who, a.status, a.body)
	}
}

func TestBearer(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		for _, header := range []string{"Authorization: Bearer ", "authorization: bearer ", "Authorization: BEARER "} {
			wantViewer(t, s.ask(t, whoAmI, header+secret), "zapier-prod")
		}
		s.WantAudit(t, minted("zapier-prod"))
	})
}

// TestBadCredentialsLookAlike sends what opens nothing in every way, and expects
// one answer to all of it.
func TestBadCredentialsLookAlike(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, good := s.mint(t, "good", ability.FullAccess)
		soon := s.Now().Add(time.Hour)
		_, expired := s.mintInput(t, token.MintInput{Label: "expired", Mode: enttoken.ModeLIVE, ExpiresAt: &soon, Abilities: []ability.Ability{ability.FullAccess}})
		dead, revoked := s.mint(t, "revoked", ability.FullAccess)
		if _, err := s.Service.Revoke(t.Context(), s.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		s.Advance(time.Hour)
		var first answer
		for _, headers := range [][]string{
			{"Authorization: Bearer " + s.unknown(t, bearer.Live)},
			{"Authorization: Bearer " + s.unknown(t, bearer.Test)},
			{"Authorization: Bearer " + s.unknown(t, bearer.Session)},
			{"Authorization: Bearer " + s.unknown(t, bearer.SignIn)},
			{"Authorization: Bearer " + s.code(t)},
			{"Authorization: Bearer " + expired},
			{"Authorization: Bearer " + revoked},
			{"Authorization: Bearer " + swapCase(good)},
			{"Authorization: Bearer " + good[:len(good)-1]},
			{"Authorization: Bearer " + good + "x"},
			{"Authorization: Bearer  " + good},
			{"Authorization: Bearer\t" + good},
			{"Authorization: Bearer " + good + " " + good},
			{"Authorization: Bearer " + good + ", Bearer " + good},
			{"Authorization: Bearer \"" + good + "\""},
			{"Authorization: Bearer" + good},
			{"Authorization: Bearer"},
			{"Authorization: Bearer "},
			{"Authorization:"},
			{"Authorization: " + good},
			{"Authorization: Basic " + good},
			{"Authorization: Token " + good},
			{"Authorization: Bearer " + good, "Authorization: Bearer " + good},
			{"Authorization: Bearer " + good, "Authorization: Basic eDp5"},
		} {
			for _, query := range []string{whoAmI, introQuery, "not even JSON"} {
				a := s.ask(t, query, headers...)
				if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != invalid || a.code() != "UNAUTHENTICATED" {
					t.Errorf("%s: %d %s %s", bearer.Redact(headers[0]), a.status, a.header, a.body)
				}
				a = a.anonymised()
				if first.body == "" {
					first = a
				}
				if a.body != first.body || len(a.header) != len(first.header) {
					t.Errorf("%s looks different:\n%s %s\n%s %s", bearer.Redact(headers[0]), a.header, a.body, first.header, first.body)
				}
			}
		}
	})
}

// anonymised is the answer without what differs each time.
func (a answer) anonymised() answer {
	a.body = strings.ReplaceAll(a.body, a.header.Get("X-Request-Id"), "ID")
	return a
}

func swapCase(secret string) string {
	at := len("keloa_pk_live_")
	body := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c ^ 0x20
		}
		return c
	}, secret[at:])
	return secret[:at] + body
}

func TestAnonymous(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.FullAccess)
		for name, a := range map[string]answer{
			"nothing":      s.ask(t, whoAmI),
			"a form":       s.do(t, "POST", s.public+"/graphql", form("access_token", secret), "Content-Type: application/x-www-form-urlencoded"),
			"a field":      s.ask(t, `{"query":"{ viewer { actor { name } } }","access_token":"`+secret+`"}`),
			"a header":     s.ask(t, whoAmI, "X-Api-Key: "+secret),
			"a proxy's":    s.ask(t, whoAmI, "Proxy-Authorization: Bearer "+secret),
			"a cookie":     s.ask(t, whoAmI, "Cookie: keloa_session="+secret),
			"two cookies":  s.ask(t, whoAmI, s.session(t)+"; keloa_session=x"),
			"an old one":   s.ask(t, whoAmI, "Cookie: keloa_session="+s.unknown(t, bearer.Session)),
			"another name": s.ask(t, whoAmI, strings.Replace(s.session(t), "keloa_session", "session", 1)),
			"https's name": s.ask(t, whoAmI, strings.Replace(s.session(t), "keloa_session", "__Host-keloa_session", 1)),
		} {
			if strings.Contains(a.body, "owner") || strings.Contains(a.body, "zapier") {
				t.Errorf("%s: %s", name, a.body)
			}
			if name != "a form" && (a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != needsBearer || a.code() != "UNAUTHENTICATED") {
				t.Errorf("%s: %d %q %s", name, a.status, a.header.Get("WWW-Authenticate"), a.body)
			}
		}
		if a := s.ask(t, introQuery); a.status != http.StatusOK || !strings.Contains(a.body, "Query") {
			t.Errorf("introspection: %d %s", a.status, a.body)
		}
	})
}

func TestSession(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		bearerHeader := "Authorization: Bearer " + strings.TrimPrefix(cookie, "Cookie: keloa_session=")
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		wantViewer(t, s.ask(t, whoAmI, cookie), tokentest.OwnerEmail)
		wantViewer(t, s.ask(t, whoAmI, bearerHeader), tokentest.OwnerEmail)
		wantViewer(t, s.ask(t, whoAmI, cookie, "Authorization: Bearer "+secret), "zapier-prod")
		if a := s.ask(t, whoAmI, cookie, "Authorization: Bearer x"); a.status != http.StatusUnauthorized {
			t.Errorf("a bad header with a good cookie: %d %s", a.status, a.body)
		}
		s.Client().Operator.Update().Where(operator.Email(tokentest.OwnerEmail)).SetRemovedAt(s.Now()).ExecX(t.Context())
		if a := s.ask(t, whoAmI, cookie); a.status != http.StatusUnauthorized {
			t.Errorf("an operator who was removed: %d %s", a.status, a.body)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		s.Advance(token.SessionLife)
		if a := s.ask(t, whoAmI, cookie); a.status != http.StatusUnauthorized {
			t.Errorf("after its life: %d %s", a.status, a.body)
		}
	})
}

// TestCookieNeedsOurOwnPages is about what browsers send along by themselves.
func TestCookieNeedsOurOwnPages(t *testing.T) {
	const mint = `{"query":"mutation { mintToken(input: {label: \"x\", abilities: [READ]}) { token { id } } }"}`
	oneSite(t, func(t *testing.T, s *site) {
		cookie := s.session(t)
		for _, foreign := range [][]string{
			{"Origin: https://evil.example"},
			{"Origin: null"},
			{"Origin: " + strings.Replace(s.public, "http:", "https:", 1)},
			{"Origin: " + strings.Replace(s.public, "http:", "https:", 1), "Sec-Fetch-Site: cross-site"},
			{"Sec-Fetch-Site: cross-site"},
			{"Sec-Fetch-Site: same-site"},
			{"Sec-Fetch-Site: bogus"},
		} {
			a := s.ask(t, mint, append(foreign, cookie)...)
			if a.status != http.StatusForbidden || a.code() != "FORBIDDEN" {
				t.Errorf("%s: %d %s", foreign, a.status, a.body)
			}
			a = s.do(t, "POST", s.public+"/sign-out", "", append(foreign, cookie)...)
			if a.status != http.StatusForbidden || a.code() != "FORBIDDEN" || len(a.cookies()) > 0 {
				t.Errorf("%s: signed out with %d %s", foreign, a.status, a.header)
			}
		}
		if n := s.Client().Token.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d tokens were minted", n)
		}
		s.WantAudit(t, signedIn)
		for _, ours := range [][]string{
			{"Origin: " + s.public, "Sec-Fetch-Site: same-origin"},
			{"Origin: " + s.public},
			{"Origin: " + strings.Replace(s.public, "127.0.0.1", "localhost", 1)},
			{"Sec-Fetch-Site: none"},
			{},
		} {
			wantViewer(t, s.ask(t, whoAmI, append(ours, cookie)...), tokentest.OwnerEmail)
		}
	})
}

// TestBrowserUse sends secrets as a page of another origin would.
func TestBrowserUse(t *testing.T) {
	foreign := [][]string{
		{"Origin: https://evil.example"},
		{"Origin: null"},
		{"Origin: http://localhost"},
		{"Sec-Fetch-Site: cross-site"},
		{"Sec-Fetch-Site: same-site"},
		{"Origin: https://evil.example", "Sec-Fetch-Site: same-origin"},
	}
	oneSite(t, func(t *testing.T, s *site) {
		operator := strings.TrimPrefix(s.session(t), "Cookie: keloa_session=")
		audit := []string{signedIn}
		for i, headers := range foreign {
			name := strconv.Itoa(i)
			known, secret := s.mint(t, name, ability.FullAccess)
			audit = append(audit, minted(name))
			for _, send := range []func(secret string) answer{
				func(secret string) answer {
					return s.ask(t, whoAmI, append(headers, "Authorization: Bearer "+secret)...)
				},
				func(secret string) answer {
					return s.do(t, "GET", s.public+"/graphql?query=%7B__typename%7D", "", append(headers, "Authorization: Bearer "+secret)...)
				},
				func(secret string) answer {
					return s.do(t, "GET", s.internal+"/forward-auth", "", append(headers, "Authorization: Bearer "+secret)...)
				},
			} {
				if a := send(secret); a.status != http.StatusForbidden || a.code() != "BROWSER_USE" {
					t.Errorf("%s: %d %s", headers, a.status, a.body)
				}
				audit = append(audit, exposed(name))
				if a := send(operator); a.status != http.StatusForbidden || a.code() != "BROWSER_USE" {
					t.Errorf("a session, %s: %d %s", headers, a.status, a.body)
				}
				if a := send(s.unknown(t, bearer.Live)); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != invalid {
					t.Errorf("unknown, %s: %d %s", headers, a.status, a.body)
				}
			}
			if now := s.Client().Token.GetX(t.Context(), known.ID); now.ExposedAt == nil || now.RevokedAt != nil {
				t.Errorf("%s: exposed at %v, revoked at %v", headers, now.ExposedAt, now.RevokedAt)
			}
		}
		s.WantAudit(t, audit...)
	})
}

// TestPagesUnderAnotherName is about a page whose host name was made to lead
// here after it was loaded: to the browser it and we are one origin.
func TestPagesUnderAnotherName(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.FullAccess)
		cookie := s.session(t)
		s.NewAudit(t)
		for header, code := range map[string]string{cookie: "FORBIDDEN", "Authorization: Bearer " + secret: "BROWSER_USE"} {
			a := s.raw(t, s.public, "POST /graphql", whoAmI, asJSON, header,
				"Origin: http://evil.example", "Sec-Fetch-Site: same-origin", "Host: evil.example")
			if a.status != http.StatusForbidden || a.code() != code {
				t.Errorf("%s: %d %s", code, a.status, a.body)
			}
		}
		s.WantAudit(t, exposed("zapier-prod"))
	})
}

// TestRevokedUnderWay revokes a token between the head of a request and its
// body, where the caller is known already and nothing is answered yet.
func TestRevokedUnderWay(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "zapier-prod", ability.Read)
		conn, reader := s.dial(t, s.public)
		_, err := fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n%s\r\nAuthorization: Bearer %s\r\n\r\n",
			len(whoAmI), asJSON, secret)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := reader.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := reader.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		revoked, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, "")
		if err != nil || revoked.Receipt.RequestsCancelled != 1 {
			t.Fatalf("%d requests cancelled, %v", revoked.Receipt.RequestsCancelled, err)
		}
		if _, err := io.WriteString(conn, whoAmI); err != nil {
			t.Fatal(err)
		}
		a := s.read(t, reader, "POST /graphql")
		if a.status != http.StatusUnauthorized || a.code() != "UNAUTHENTICATED" || strings.Contains(a.body, "zapier") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestNotBrowserUse(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		for _, headers := range [][]string{
			{"Origin: " + s.public, "Sec-Fetch-Site: same-origin"},
			{"Origin: " + s.public},
			{"Sec-Fetch-Site: none"},
			{"Referer: https://evil.example/"},
			{},
		} {
			wantViewer(t, s.ask(t, whoAmI, append(headers, "Authorization: Bearer "+secret)...), "zapier-prod")
		}
		preflight := s.do(t, "OPTIONS", s.public+"/graphql", "",
			"Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
		if preflight.status != http.StatusMethodNotAllowed {
			t.Errorf("a preflight: %d %s", preflight.status, preflight.body)
		}
		s.WantAudit(t, minted("zapier-prod"))
	})
}
