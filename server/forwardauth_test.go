package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestForwardAuth(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		made, secret := s.mintInput(t, token.MintInput{
			Label: "100% zapier é", Mode: enttoken.ModeTEST, Abilities: []ability.Ability{ability.WriteContacts, ability.Read},
		})
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
			for _, query := range []string{"", "?", "?ability=write_contacts", "?ability=READ", "?ability=write-contacts"} {
				a := s.do(t, method, s.internal+"/forward-auth"+query, "", "Authorization: Bearer "+secret, "X-Original-Uri: /contacts?page=2")
				if a.status != http.StatusOK || a.body != "" {
					t.Fatalf("%s %s: %d %s", method, query, a.status, a.body)
				}
				for name, want := range map[string]string{
					"X-Keloa-Workspace":   tokentest.Slug,
					"X-Keloa-Token-Id":    made.ID.String(),
					"X-Keloa-Token-Label": "100%25 zapier %C3%A9",
					"X-Keloa-Abilities":   "read write_contacts",
					"X-Keloa-Mode":        "test",
				} {
					if got := a.header.Get(name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			}
		}
		s.WantAudit(t, minted("100% zapier é"))
	})
}

func TestForwardAuthFullAccessHoldsAll(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "full", ability.FullAccess)
		for _, info := range ability.All() {
			if a := s.do(t, "GET", s.internal+"/forward-auth?ability="+info.Name.Scope(), "", "Authorization: Bearer "+secret); a.status != http.StatusOK {
				t.Errorf("%s: %d", info.Name, a.status)
			}
		}
	})
}

func TestForwardAuthRefuses(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		cookie := s.session(t)
		dead, revoked := s.mint(t, "revoked", ability.FullAccess)
		if _, err := s.Service.Revoke(t.Context(), s.Owner, dead.ID, ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name            string
			query, header   string
			status          int
			code, challenge string
		}{
			{"nothing", "", "X: y", 401, "UNAUTHENTICATED", needsBearer},
			{"a cookie", "", cookie, 401, "UNAUTHENTICATED", needsBearer},
			{"a session", "", strings.Replace(cookie, "Cookie: keloa_session=", "Authorization: Bearer ", 1), 401, "UNAUTHENTICATED", invalid},
			{"unknown", "", "Authorization: Bearer " + s.unknown(t, bearer.Live), 401, "UNAUTHENTICATED", invalid},
			{"revoked", "", "Authorization: Bearer " + revoked, 401, "UNAUTHENTICATED", invalid},
			{"too little", "?ability=write_contacts", "Authorization: Bearer " + secret, 403, "FORBIDDEN", needsBearer + `, error="insufficient_scope", scope="write_contacts"`},
			{"no such", "?ability=fly", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"empty", "?ability=", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"two", "?ability=read&ability=read", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"a list", "?ability=read,write_contacts", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"unknown key", "?abilities=read", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"one too many", "?ability=read&mode=live", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"a semicolon", "?ability=read;x", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
			{"bad escape", "?ability=%zz", "Authorization: Bearer " + secret, 400, "BAD_USER_INPUT", ""},
		} {
			a := s.raw(t, s.internal, "GET /forward-auth"+c.query, "", c.header)
			if a.status != c.status || a.code() != c.code || a.header.Get("WWW-Authenticate") != c.challenge {
				t.Errorf("%s: %d %q %s", c.name, a.status, a.header.Get("WWW-Authenticate"), a.body)
			}
			for header := range a.header {
				if strings.HasPrefix(header, "X-Keloa-") {
					t.Errorf("%s: refused with %s", c.name, header)
				}
			}
		}
		s.WantAudit(t,
			minted("zapier-prod"),
			signedIn,
			minted("revoked"),
			"developers.api_token.revoke SUCCEEDED owner@localhost revoked",
			"developers.api_token.refuse REFUSED "+dead.Label+" "+dead.Label,
			"developers.api_token.refuse REFUSED zapier-prod ",
		)
	})
}

func TestForwardAuthLooksAtTheOriginalURI(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, leaked := s.mint(t, "leaked", ability.Read)
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		audit := []string{
			minted("leaked"),
			minted("zapier-prod"),
		}
		for _, header := range []string{
			"X-Original-URI: /contacts?token=" + leaked,
			"X-Original-URL: https://example.com/contacts?token=" + escaped(leaked, "%%%02x"),
			"X-Forwarded-Uri: /contacts/" + leaked,
		} {
			a := s.do(t, "GET", s.internal+"/forward-auth", "", header, "Authorization: Bearer "+secret)
			if a.status != http.StatusForbidden || a.code() != "TOKEN_IN_URL" || a.header.Get("X-Keloa-Token-Id") != "" {
				t.Errorf("%s: %d %s", bearer.Redact(header), a.status, a.body)
			}
			audit = append(audit, exposed("leaked"))
		}
		s.WantAudit(t, audit...)
	})
}

func TestForwardAuthKnowsTheSiteBehindTheGateway(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		for _, c := range []struct {
			site   string
			status int
		}{
			{"app.example", http.StatusOK},
			{"other.example", http.StatusForbidden},
		} {
			a := s.do(t, "POST", s.internal+"/forward-auth", "", "Authorization: Bearer "+secret,
				"X-Forwarded-Host: "+c.site, "Origin: https://app.example")
			if a.status != c.status {
				t.Errorf("%s: %d %s", c.site, a.status, a.body)
			}
		}
		s.WantAudit(t, minted("zapier-prod"), exposed("zapier-prod"))
	})
}

func TestHeaderText(t *testing.T) {
	for text, want := range map[string]string{
		"":          "",
		"a b~!":     "a b~!",
		"50%":       "50%25",
		"é":         "%C3%A9",
		"a\r\nX: y": "a%0D%0AX: y",
		"\x00\x7f":  "%00%7F",
		"日本":        "%E6%97%A5%E6%9C%AC",
	} {
		if got := headerText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A gateway may send the body of the request along. Who withholds it keeps no
// revocation waiting, and is answered as things stand once it has come.
func TestForwardAuthWithABody(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "x", ability.Read)
		for _, size := range []int{1, maxForwardedBody, maxForwardedBody + 1} {
			a := s.do(t, "POST", s.internal+forwardAuthPath, strings.Repeat("x", size), "Authorization: Bearer "+secret)
			if a.status != http.StatusOK {
				t.Errorf("with %d bytes: %d", size, a.status)
			}
		}
		conn, reader := s.dial(t, s.internal)
		if _, err := io.WriteString(conn, "POST /forward-auth HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+secret+"\r\nContent-Length: 2\r\n\r\na"); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > maxRequestTime/2 {
			t.Errorf("the revocation took %s", took)
		}
		if _, err := io.WriteString(conn, "b"); err != nil {
			t.Fatal(err)
		}
		if a := s.read(t, reader, "POST"); a.status != http.StatusUnauthorized {
			t.Errorf("after the revocation: %d", a.status)
		}
	})
}

// onAnswer calls do when an answer begins.
type onAnswer struct {
	*httptest.ResponseRecorder
	do func()
}

func (w *onAnswer) WriteHeader(status int) {
	w.do()
	w.ResponseRecorder.WriteHeader(status)
}

// A revocation waits for a 403 that has begun, as for a 200: once it has
// returned, 401 is all that is answered.
func TestRefusalsBeforeTheRevocation(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		internal, public := s.handlers.internal(), s.handlers.public()
		for _, c := range []struct {
			served http.Handler
			path   string
			origin string
			status int
		}{
			{internal, "/forward-auth?ability=read", "", 200},
			{internal, "/forward-auth?ability=write_contacts", "", 403},
			{internal, "/forward-auth", "https://evil.example", 403},
			{public, "/graphql", "https://evil.example", 403},
		} {
			revoked := make(chan error, 1)
			minted, secret := s.mint(t, "zapier-prod", ability.Read)
			ask := func(answered func()) int {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, nil)
				r.Header.Set("Authorization", "Bearer "+secret)
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				w := &onAnswer{httptest.NewRecorder(), answered}
				c.served.ServeHTTP(w, r)
				return w.Code
			}
			status := ask(func() {
				go func() {
					_, err := s.Service.Revoke(context.WithoutCancel(t.Context()), s.Owner, minted.ID, "")
					revoked <- err
				}()
				select {
				case err := <-revoked:
					t.Errorf("%s: revoked (%v) while %d was being answered", c.path, err, c.status)
				case <-time.After(200 * time.Millisecond): // it waits
				}
			})
			if status != c.status {
				t.Errorf("%s: %d", c.path, status)
			}
			if err := <-revoked; err != nil {
				t.Error(err)
			}
			if status := ask(func() {}); status != http.StatusUnauthorized {
				t.Errorf("%s: %d once revoked", c.path, status)
			}
		}
	})
}

// Between the moment in which a request is found to be refused and its answer,
// the token may lose what the request does not need, which changes nothing; or
// end, and then the answer is 401.
func TestRefusalsOfWhatEndsMeanwhile(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		minted, secret := s.mint(t, "zapier-prod", ability.Read, ability.WriteContacts)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, forwardAuthPath, nil)
		parsed, err := bearer.Parse(secret)
		if err != nil {
			t.Fatal(err)
		}
		by := s.As(t, parsed)
		visit, r := begin(httptest.NewRecorder(), r)
		visit.caller = by
		refuse := func(why error) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			s.handlers.refuse(w, r, why)
			return w
		}
		lacks := s.Service.Can(t.Context(), by, ability.ManageWebhooks, "forward-auth")
		_, err = s.Service.Update(t.Context(), s.Owner, token.UpdateInput{ID: minted.ID, Abilities: []ability.Ability{ability.Read}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := s.handlers.refuseKnown(w, r, by, lacks); err != nil || w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "MANAGE_WEBHOOKS") {
			t.Errorf("narrowed: %v, %d %s", err, w.Code, w.Body)
		}
		if w := refuse(&knownError{errBrowserUse}); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "BROWSER_USE") {
			t.Errorf("narrowed, in a browser: %d %s", w.Code, w.Body)
		}
		if w := refuse(&token.RateError{}); w.Code != http.StatusTooManyRequests {
			t.Errorf("narrowed, too often: %d %s", w.Code, w.Body)
		}
		if _, err := s.Service.Revoke(t.Context(), s.Owner, minted.ID, ""); err != nil {
			t.Fatal(err)
		}
		w = httptest.NewRecorder()
		if err := s.handlers.refuseKnown(w, r, by, lacks); !errors.Is(err, token.ErrUnauthenticated) || w.Body.Len() > 0 {
			t.Errorf("revoked: %v, %d %s", err, w.Code, w.Body)
		}
		for _, why := range []error{&knownError{errBrowserUse}, &token.RateError{}} {
			if w := refuse(why); w.Code != http.StatusUnauthorized {
				t.Errorf("revoked, %v: %d %s", why, w.Code, w.Body)
			}
		}
	})
}
