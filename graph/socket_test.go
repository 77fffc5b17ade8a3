package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

const (
	watchAudit = `subscription {auditEntryAdded {action targetLabel}}`
	watchUsed  = `subscription {apiTokenUsed {label}}`
)

// added is the message that an entry of the audit log comes in.
func added(id, action, label string) string {
	return `{"id":"` + id + `","type":"next","payload":{"data":{"auditEntryAdded":{"action":"` + action + `","targetLabel":"` + label + `"}}}}`
}

func TestASocketAnswers(t *testing.T) {
	eachLive(t, func(t *testing.T, l *live) {
		_, header := l.reader(t, "watcher")
		c := l.open(t, header)
		c.say(`{"type":"ping"}`)
		c.want(`{"type":"pong"}`)
		c.say(`{"type":"pong","payload":{"any":1}}`)
		c.subscribe("q", `{viewer {actor {name}}}`)
		c.want(`{"id":"q","type":"next","payload":{"data":{"viewer":{"actor":{"name":"watcher"}}}}}`)
		c.want(`{"id":"q","type":"complete"}`)
		c.subscribe("q", `{nothing}`) // the id is free again
		c.wantCode("q", CodeBadUserInput)
		c.subscribe("m", `mutation {mintToken(input: {label: "x", abilities: [READ]}) {secret}}`)
		if got, err := c.hear(); err != nil || !strings.Contains(got, `"code":"FORBIDDEN"`) {
			t.Fatal(got, err)
		}
		c.want(`{"id":"m","type":"complete"}`)
		await(t, func() bool { return l.sealedAll(t) })

		c.subscribe("s", watchAudit)
		c.subscribe("only", `subscription {auditEntryAdded(filter: {actions: ["developers.api_token.revoke"]}) {action targetLabel}}`)
		awaitSubscriptions(t, 2)
		minted, _ := l.reader(t, "first")
		c.want(added("s", "developers.api_token.mint", "first"))
		c.say(`{"id":"s","type":"complete"}`)
		awaitSubscriptions(t, 1)
		l.revoke(t, minted)
		c.want(added("only", "developers.api_token.revoke", "first"))
	})
}

// sealedAll reports whether nothing waits to be sealed, so that what comes from
// here on is new.
func (l *live) sealedAll(t *testing.T) bool {
	head, err := l.Journal.Head(t.Context())
	return err == nil && int(head) == l.Client().AuditEntry.Query().CountX(t.Context())
}

func TestASocketIsClosedOnThoseWhoBreakTheProtocol(t *testing.T) {
	l := oneLive(t)
	l.streams.init = 200 * time.Millisecond
	_, header := l.reader(t, "watcher")
	long := `{"type":"ping","payload":"` + strings.Repeat("a", maxFrame) + `"}`
	for name, c := range map[string]struct {
		header string
		say    []string
		code   websocket.StatusCode
	}{
		"says nothing":             {header, nil, closeInitTimeout},
		"pings only":               {header, []string{`{"type":"ping"}`}, closeInitTimeout},
		"nobody":                   {"", []string{`{"type":"connection_init"}`}, closeUnauthorized},
		"nobody, with a payload":   {"", []string{`{"type":"connection_init","payload":{"other":1}}`}, closeUnauthorized},
		"an unknown secret":        {"", []string{`{"type":"connection_init","payload":{"Authorization":"Bearer ` + secret + `"}}`}, closeUnauthorized},
		"a worse one than before":  {header, []string{`{"type":"connection_init","payload":{"Authorization":"Bearer x"}}`}, closeUnauthorized},
		"no text":                  {header, []string{`{"type":"connection_init","payload":{"Authorization":7}}`}, closeUnauthorized},
		"no object":                {header, []string{`{"type":"connection_init","payload":7}`}, closeUnauthorized},
		"subscribes before":        {header, []string{`{"id":"1","type":"subscribe","payload":{"query":"{__typename}"}}`}, closeUnauthorized},
		"introduces itself twice":  {header, []string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, closeTooManyInit},
		"subscribes twice as one":  {header, []string{`{"type":"connection_init"}`, subscribing("1"), subscribing("1")}, closeDuplicate},
		"no JSON":                  {header, []string{`{`}, closeBadRequest},
		"no UTF-8":                 {header, []string{"{\"type\":\"ping\xff\"}"}, closeBadRequest},
		"an unknown type":          {header, []string{`{"type":"connection_init"}`, `{"type":"start"}`}, closeBadRequest},
		"a subscription, no id":    {header, []string{`{"type":"connection_init"}`, `{"type":"subscribe","payload":{}}`}, closeBadRequest},
		"a ping with an id":        {header, []string{`{"id":"1","type":"ping"}`}, closeBadRequest},
		"an id that is too long":   {header, []string{`{"type":"connection_init"}`, subscribing(strings.Repeat("a", maxOperationID+1))}, closeBadRequest},
		"a message that is":        {header, []string{long}, websocket.StatusMessageTooBig},
		"the same, once it is let": {header, []string{`{"type":"connection_init"}`, long}, websocket.StatusMessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			socket := l.dial(t, c.header, subprotocol)
			for _, text := range c.say {
				// It may be closed already.
				_ = socket.Write(t.Context(), websocket.MessageText, []byte(text))
			}
			socket.wantClosedWith(c.code)
		})
	}
	t.Run("in binary", func(t *testing.T) {
		socket := l.open(t, header)
		if err := socket.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
			t.Fatal(err)
		}
		socket.wantClosed(closeBadRequest)
	})
	for _, protocols := range [][]string{nil, {"graphql-ws"}} {
		l.dial(t, header, protocols...).wantClosed(closeSubprotocol)
	}
	awaitNothingOpen(t, l)
}

func subscribing(id string) string {
	return `{"id":"` + id + `","type":"subscribe","payload":{"query":"` + watchAudit + `"}}`
}

// wantClosedWith is wantClosed after whatever else was said.
func (c *client) wantClosedWith(code websocket.StatusCode) {
	c.t.Helper()
	for {
		if got, err := c.hear(); err != nil {
			if websocket.CloseStatus(err) != code {
				c.t.Errorf("heard %s, %v; want it closed with %d", got, err, code)
			}
			return
		}
	}
}

func awaitNothingOpen(t *testing.T, l *live) {
	t.Helper()
	await(t, func() bool {
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		return l.streams.total == 0 && len(l.streams.each) == 0
	})
}

func TestABrokenHandshakeIsRefused(t *testing.T) {
	l := oneLive(t)
	for name, headers := range map[string]http.Header{
		"no key":         {"Sec-Websocket-Version": {"13"}},
		"a short key":    {"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAA"}},
		"two keys":       {"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA=="}},
		"an old dialect": {"Sec-Websocket-Version": {"8"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}},
	} {
		r := request("", "Connection", "Upgrade", "Upgrade", "websocket")
		r.Method = http.MethodGet
		maps.Copy(r.Header, headers)
		if got := ask(t, l.Handler, someone, r); got.status != 400 || got.code() != CodeBadUserInput {
			t.Errorf("%s: got %d %s", name, got.status, got.text)
		}
	}
}

func TestASocketIsOfWhoItsFirstMessageNames(t *testing.T) {
	l := oneLive(t)
	_, first := l.reader(t, "first")
	_, second := l.reader(t, "second")
	for _, upgrade := range []string{"", first} {
		c := l.dial(t, upgrade, subprotocol)
		c.say(`{"type":"connection_init","payload":{"authorization":"` + second + `"}}`)
		c.want(`{"type":"connection_ack"}`)
		c.subscribe("q", `{viewer {actor {name}}}`)
		c.want(`{"id":"q","type":"next","payload":{"data":{"viewer":{"actor":{"name":"second"}}}}}`)
	}
}

// TestNothingComesAfterARevocation watches what the revocation itself adds to the
// audit log, which the revoked token must not see any more.
func TestNothingComesAfterARevocation(t *testing.T) {
	eachLive(t, func(t *testing.T, l *live) {
		minted, header := l.reader(t, "watcher")
		c, idle := l.open(t, header), l.open(t, header)
		await(t, func() bool { return l.sealedAll(t) })
		c.subscribe("s", watchAudit)
		c.subscribe("u", watchUsed)
		s, _ := l.ask(t, header, mediaStream, watchAudit)
		awaitSubscriptions(t, 3)
		l.revoke(t, minted)
		awaitSubscriptions(t, 0)
		c.wantClosed(closeUnauthorized)
		idle.wantClosed(closeUnauthorized)
		s.wantUnauthenticated()
		awaitNothingOpen(t, l)
		again := l.dial(t, "", subprotocol)
		again.say(`{"type":"connection_init","payload":{"Authorization":"` + header + `"}}`)
		again.wantClosed(closeUnauthorized)
	})
}

// TestASocketThatRevokesItself is answered, and closed then.
func TestASocketThatRevokesItself(t *testing.T) {
	eachLive(t, func(t *testing.T, l *live) {
		minted, secret := l.Mint(t, "admin", ability.FullAccess)
		c := l.open(t, "Bearer "+secret.Reveal())
		c.subscribe("u", watchUsed)
		awaitSubscriptions(t, 1)
		c.subscribe("m", `mutation {revokeToken(input: {id: "`+minted.ID.String()+`"}) {token {state}}}`)
		c.want(`{"id":"m","type":"next","payload":{"data":{"revokeToken":{"token":{"state":"REVOKED"}}}}}`)
		c.want(`{"id":"m","type":"complete"}`)
		c.wantClosed(closeUnauthorized)
	})
}

// TestARevocationElsewhere is found out by the next event, if by nothing before.
func TestARevocationElsewhere(t *testing.T) {
	l := oneLive(t)
	minted, header := l.reader(t, "watcher")
	c := l.open(t, header)
	c.subscribe("s", watchAudit)
	awaitSubscriptions(t, 1)
	elsewhere := token.New(token.Options{Database: l.DB, Journal: l.Journal, Now: l.Now})
	if _, err := elsewhere.Revoke(t.Context(), l.Owner, minted.ID, ""); err != nil {
		t.Fatal(err)
	}
	c.wantClosedWith(closeUnauthorized)
	awaitNothingOpen(t, l)
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	l := oneLive(t)
	at := time.Now().Add(time.Second)
	_, secret := l.MintInput(t, token.MintInput{Label: "short", Abilities: []ability.Ability{ability.Read}, Mode: "LIVE", ExpiresAt: &at})
	header := "Bearer " + secret.Reveal()
	c := l.open(t, header)
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	c.subscribe("u", watchUsed)
	c.wantClosed(closeUnauthorized)
	if early := time.Until(at); early > 0 {
		t.Errorf("closed %s before the token expired", early)
	}
	s.wantUnauthenticated()
	awaitNothingOpen(t, l)
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	l := oneLive(t)
	header := "Bearer " + l.OwnerSession.Reveal()
	c := l.open(t, header)
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	awaitSubscriptions(t, 1)
	if err := l.Service.SignOut(t.Context(), l.Owner); err != nil {
		t.Fatal(err)
	}
	c.wantClosed(closeUnauthorized)
	s.wantUnauthenticated()
}

// TestEachSeesItsOwn has an event for each wall and looks at what comes over it.
func TestEachSeesItsOwn(t *testing.T) {
	eachLive(t, func(t *testing.T, l *live) {
		_, header := l.reader(t, "live watcher")
		_, testHeader := l.mintTest(t, "test watcher")
		stranger := l.Stranger(t)
		foreign, err := l.Service.Mint(t.Context(), stranger, token.MintInput{Label: "strange watcher", Abilities: []ability.Ability{ability.Read}, Mode: "LIVE"})
		if err != nil {
			t.Fatal(err)
		}
		await(t, func() bool { return l.sealedAll(t) })
		all, test, other := l.open(t, header), l.open(t, testHeader), l.open(t, "Bearer "+foreign.Secret.Reveal())
		for _, c := range []*client{all, test, other} {
			c.subscribe("a", watchAudit)
			c.subscribe("u", watchUsed)
		}
		awaitSubscriptions(t, 6)
		live, _ := l.reader(t, "one")
		all.want(added("a", "developers.api_token.mint", "one"))
		minted, _ := l.mintTest(t, "two")
		all.want(added("a", "developers.api_token.mint", "two"))
		test.want(added("a", "developers.api_token.mint", "two"))
		l.use(t, live.ID)
		all.want(used("one"))
		l.use(t, minted.ID)
		all.want(used("two"))
		test.want(used("two"))
		theirs, err := l.Service.Mint(t.Context(), stranger, token.MintInput{Label: "theirs", Abilities: []ability.Ability{ability.Read}, Mode: "LIVE"})
		if err != nil {
			t.Fatal(err)
		}
		other.want(added("a", "developers.api_token.mint", "theirs"))
		l.use(t, theirs.Token.ID)
		other.want(used("theirs"))
	})
}

func used(label string) string {
	return `{"id":"u","type":"next","payload":{"data":{"apiTokenUsed":{"label":"` + label + `"}}}}`
}

func TestTokensToWatchMustBeThere(t *testing.T) {
	l := oneLive(t)
	one, header := l.reader(t, "one")
	two, _ := l.reader(t, "two")
	c := l.open(t, header)
	c.subscribe("x", `subscription {apiTokenUsed(ids: ["`+uuid.NewString()+`"]) {label}}`)
	c.wantCode("x", CodeNotFound)
	c.subscribe("x", `subscription {apiTokenUsed(ids: ["nonsense"]) {label}}`)
	c.wantCode("x", CodeBadUserInput)
	c.subscribe("u", `subscription {apiTokenUsed(ids: ["`+two.ID.String()+`"]) {label}}`)
	awaitSubscriptions(t, 1)
	l.use(t, one.ID, two.ID)
	c.want(used("two"))
}

func TestASubscriptionHasOneField(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	c := l.open(t, header)
	for _, query := range []string{
		`subscription {a: auditEntryAdded {id} b: auditEntryAdded {id}}`,
		`subscription {auditEntryAdded {id} apiTokenUsed {id}}`,
		`subscription {auditEntryAdded @skip(if: true) {id}}`,
		`subscription {__typename}`,
	} {
		c.subscribe("x", query)
		c.wantCode("x", CodeBadUserInput)
	}
}

// TestWhoReadsTooSlowlyIsTold lets more happen than is kept, while a client takes
// nothing.
func TestWhoReadsTooSlowlyIsTold(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	c := l.open(t, header)
	await(t, func() bool { return l.sealedAll(t) })
	c.subscribe("s", watchAudit)
	awaitSubscriptions(t, 1)
	held, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	l.setGate(func() {
		if once.CompareAndSwap(false, true) {
			close(held)
			<-release
		}
	})
	l.flood(t, 1)
	<-held
	l.flood(t, 700)
	close(release)
	for {
		got, err := c.hear()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got, `"type":"error"`) {
			if !strings.Contains(got, `"code":"RATE_LIMITED"`) || !strings.Contains(got, "subscribe again") {
				t.Error(got)
			}
			break
		}
	}
	c.subscribe("s", `{__typename}`) // the socket is as good as before
	c.want(`{"id":"s","type":"next","payload":{"data":{"__typename":"Query"}}}`)
}

// TestWhoDoesNotReadIsCutOff fills the connection of a client that takes nothing
// at all.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	l := oneLive(t)
	l.streams.write = 200 * time.Millisecond
	_, header := l.reader(t, "watcher")
	c := l.open(t, header)
	payload, _ := json.Marshal(map[string]string{"query": introspection}) // a map of strings is JSON
	for i, deadline := 0, time.Now().Add(time.Minute); ; i++ {
		if time.Now().After(deadline) {
			t.Fatal("the socket is still open")
		}
		text := fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":%s}`, i, payload)
		if c.Write(t.Context(), websocket.MessageText, []byte(text)) != nil {
			break // it is cut off
		}
	}
	await(t, func() bool { return l.openNow() == 0 })
}

func TestAHalfOpenClientIsGivenUp(t *testing.T) {
	l := oneLive(t)
	l.streams.ping, l.streams.pong = 50*time.Millisecond, 100*time.Millisecond
	_, header := l.reader(t, "watcher")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(l.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: "+header+"\r\n\r\n"+
		string([]byte{0x81, 0x80 | 26, 0, 0, 0, 0})+`{"type":"connection_init"}`)
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		return len(l.streams.each) == 1 && l.streams.each[uuid.Nil] == 0 // it is known who it is
	})
	awaitNothingOpen(t, l)
	// One that answers is kept.
	c := l.open(t, header)
	go func() { _, _ = c.hear() }()
	<-time.After(4 * l.streams.pong)
	if l.openNow() != 1 {
		t.Error("a client that answers was given up")
	}
}

func TestOperationsAreBounded(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	c := l.open(t, header)
	for i := range maxOperations {
		c.subscribe(fmt.Sprint(i), watchUsed)
	}
	c.subscribe("more", watchUsed)
	c.wantCode("more", CodeRateLimited)
	c.say(`{"id":"0","type":"complete"}`)
	awaitSubscriptions(t, maxOperations-1)
	c.subscribe("more", watchUsed)
	awaitSubscriptions(t, maxOperations)
}

func TestStreamsAreBounded(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	for range maxStreamsEach - 1 {
		l.open(t, header)
	}
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	if _, got := l.ask(t, header, mediaStream, watchUsed); got.status != 429 || got.code() != CodeRateLimited {
		t.Errorf("a stream too many: got %d %s", got.status, got.code())
	}
	c := l.dial(t, header, subprotocol)
	c.say(`{"type":"connection_init"}`)
	c.wantClosed(websocket.StatusTryAgainLater)
	_, other := l.reader(t, "another")
	l.open(t, other)
	s.close()
	await(t, func() bool { return l.openNow() == maxStreamsEach })
	l.open(t, header)
	for range maxUnknown {
		l.dial(t, "", subprotocol)
	}
	if got := l.refused(t); got != http.StatusTooManyRequests {
		t.Errorf("a socket too many: got %d", got)
	}
}

func TestAStopEndsStreams(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	c, unknown := l.open(t, header), l.dial(t, "", subprotocol)
	c.subscribe("s", watchUsed)
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	awaitSubscriptions(t, 2)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		unknown.wantClosed(websocket.StatusGoingAway)
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Stop(context.WithoutCancel(t.Context()))
	}()
	c.wantClosed(websocket.StatusGoingAway)
	<-closed
	s.want("") // without a complete: the client is to connect again
	<-ended
	if got := l.refused(t); got != http.StatusServiceUnavailable {
		t.Errorf("a socket after the stop: got %d", got)
	}
}
