package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

const (
	closedUnauthorized websocket.StatusCode = 4401
	closedForbidden    websocket.StatusCode = 4403
)

// socket opens a WebSocket with headers as "Name: value", or returns the status
// of the refusal.
func (s *site) socket(t *testing.T, headers ...string) (*websocket.Conn, int) {
	t.Helper()
	o := &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		o.HTTPHeader.Set(name, value)
	}
	conn, response, err := websocket.Dial(t.Context(), s.public+graphQLPath, o) //nolint:bodyclose // it is in memory
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, response.StatusCode
}

// introduce opens a socket with a first message, and returns the code that it is
// closed with; negative if it is let in.
func (s *site) introduce(t *testing.T, first string, headers ...string) (*websocket.Conn, websocket.StatusCode) {
	t.Helper()
	conn, status := s.socket(t, headers...)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade was answered with %d", status)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(first)); err != nil {
		t.Fatal(err)
	}
	got, err := hear(t, conn)
	if err == nil && got != `{"type":"connection_ack"}` {
		t.Fatalf("heard %s", got)
	}
	return conn, websocket.CloseStatus(err)
}

func hear(t *testing.T, conn *websocket.Conn) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, text, err := conn.Read(ctx)
	return string(text), err
}

const initBare = `{"type":"connection_init"}`

func initAs(secret string) string {
	return `{"type":"connection_init","payload":{"Authorization":"Bearer ` + secret + `"}}`
}

// TestWhoMayOpenASocket comes in every way that browsers and programs do, from
// our pages and from those of others.
func TestWhoMayOpenASocket(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.Read)
		session, cookie := s.keep(s.OwnerSession), s.session(t)
		ours, foreign := "Origin: "+s.public, "Origin: https://evil.example"
		sameSite := "Origin: http://127.0.0.1:1" // SameSite=Strict has browsers send the cookie
		s.WantAudit(t, minted("zapier-prod"), signedIn)
		for name, c := range map[string]struct {
			first   string
			headers []string
			code    websocket.StatusCode
			audit   []string
		}{
			"a program, by the upgrade":       {initBare, []string{"Authorization: Bearer " + secret}, -1, nil},
			"a program, by its first message": {initAs(secret), nil, -1, nil},
			"our page, by its cookie":         {initBare, []string{cookie, ours}, -1, nil},
			"our page, with a session":        {initAs(session), []string{ours}, -1, nil},
			"nobody":                          {initBare, nil, closedUnauthorized, nil},
			"an unknown secret":               {initAs(s.unknown(t, bearer.Live)), nil, closedUnauthorized, nil},
			"a foreign page, with a token":    {initAs(secret), []string{foreign}, closedForbidden, []string{exposed("zapier-prod")}},
			"a foreign page, with a session":  {initAs(session), []string{foreign}, closedForbidden, nil},
			"a foreign page, with nothing":    {initBare, []string{foreign}, closedUnauthorized, nil},
		} {
			_, code := s.introduce(t, c.first, c.headers...)
			if code != c.code {
				t.Errorf("%s: got %d, want %d", name, code, c.code)
			}
			s.WantAudit(t, c.audit...)
		}
		for _, headers := range [][]string{{cookie, foreign}, {cookie, sameSite}, {cookie, ours, "Sec-Fetch-Site: same-site"}} {
			if _, status := s.socket(t, headers...); status != http.StatusForbidden {
				t.Errorf("%v: got %d", headers[1:], status)
			}
		}
		if _, status := s.socket(t, "Authorization: Bearer x"); status != http.StatusUnauthorized {
			t.Errorf("a header that opens nothing: got %d", status)
		}
	})
}

// TestASocketEndsWithTheRest revokes and signs out over HTTP.
func TestASocketEndsWithTheRest(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "zapier-prod", ability.Read)
		cookie := s.session(t)
		byToken, _ := s.introduce(t, initAs(secret))
		byCookie, _ := s.introduce(t, initBare, cookie, "Origin: "+s.public)
		answer := s.ask(t, `{"query":"mutation {revokeToken(input: {id: \"`+made.ID.String()+`\"}) {receipt {requestsCancelled}}}"}`, "Authorization: Bearer "+s.keep(s.OwnerSession))
		if !strings.Contains(answer.body, `"requestsCancelled":1`) {
			t.Error(answer.body)
		}
		if got, err := hear(t, byToken); websocket.CloseStatus(err) != closedUnauthorized {
			t.Errorf("after the revocation: %s %v", got, err)
		}
		s.do(t, "POST", s.public+"/sign-out", "", cookie, "Origin: "+s.public)
		if got, err := hear(t, byCookie); websocket.CloseStatus(err) != closedUnauthorized {
			t.Errorf("after signing out: %s %v", got, err)
		}
	})
}

// TestASocketIsLogged has the line of the request say that it was upgraded.
func TestASocketIsLogged(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		conn, _ := s.introduce(t, initBare, "Authorization: Bearer "+s.keep(s.OwnerSession))
		_ = conn.Close(websocket.StatusNormalClosure, "")
		await(t, func() bool { return strings.Contains(s.log.String(), `"status":101`) })
	})
}
