package graph

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database/dbtest"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// live is a handler on a real listener, over a real service whose audit log is
// being sealed.
type live struct {
	*tokentest.Env
	*Handler

	url  string
	stop func() // once
	// gate, if set, is asked each time before something is sent.
	gate atomic.Pointer[func()]
}

// use has tokens used, and tells those who watch.
func (l *live) use(t *testing.T, ids ...uuid.UUID) {
	t.Helper()
	for _, id := range ids {
		l.Usage.Mark(usage.Mark{Token: id, Requests: 1, At: l.Now()})
	}
	if err := errors.Join(l.Usage.Flush(t.Context()), l.Usage.Publish(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func (l *live) setGate(gate func()) { l.gate.Store(&gate) }

// openLive serves until the test ends.
func openLive(t *testing.T, e *tokentest.Env) *live {
	t.Helper()
	return openLiveWithin(t, e, 0)
}

// openLiveWithin is openLive with a deadline for requests to be read and answered
// within; zero for none.
func openLiveWithin(t *testing.T, e *tokentest.Env, deadline time.Duration) *live {
	t.Helper()
	l := &live{Env: e}
	l.setGate(func() {})
	l.Handler = NewHandler(Options{
		Tokens: e.Service, Logger: slog.New(slog.DiscardHandler),
		Answer: func(ctx context.Context, write func() error) error {
			(*l.gate.Load())()
			return e.Service.Answer(ctx, callerFrom(ctx), write)
		},
		Authenticate: func(r *http.Request, authorization string) (token.Caller, error) {
			return l.caller(r.Context(), authorization)
		},
	})
	server := httptest.NewUnstartedServer(http.HandlerFunc(l.front))
	server.Config.ReadTimeout, server.Config.WriteTimeout = deadline, deadline
	server.Start()
	l.url = server.URL
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var sealing sync.WaitGroup
	sealing.Go(func() {
		if err := e.Journal.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	l.stop = sync.OnceFunc(func() {
		l.Stop(ctx)
		server.Close()
		cancel()
		sealing.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

// eachLive runs test on both databases, oneLive on SQLite.
func eachLive(t *testing.T, test func(t *testing.T, l *live)) {
	t.Helper()
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) { test(t, openLive(t, e)) })
}

func oneLive(t *testing.T) *live {
	t.Helper()
	return openLive(t, sqliteEnv(t))
}

func sqliteEnv(t *testing.T) *tokentest.Env {
	t.Helper()
	db := dbtest.Open(t, dbtest.SQLiteURL(t))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tokentest.New(t, db, tokentest.Config{Plans: token.Plans{"STARTER": {}}})
}

// front does what the server does around the handler.
func (l *live) front(w http.ResponseWriter, r *http.Request) {
	by := token.Caller{Origin: origin}
	if header := r.Header.Get("Authorization"); header != "" {
		var err error
		if by, err = l.caller(r.Context(), header); err != nil {
			Refuse(w, r, err)
			return
		}
	}
	ctx, done := r.Context(), func() {}
	if !IsSocket(r) {
		ctx, done = l.Service.Begin(ctx, by)
	}
	defer done()
	l.ServeHTTP(w, r.WithContext(WithCaller(ctx, by)))
}

func (l *live) caller(ctx context.Context, header string) (token.Caller, error) {
	secret, err := bearer.Parse(strings.TrimPrefix(header, "Bearer "))
	if err != nil {
		return token.Caller{}, token.ErrUnauthenticated
	}
	return l.Service.Authenticate(ctx, secret, origin)
}

// reader mints a token that may read, and returns it with its header.
func (l *live) reader(t *testing.T, label string) (*ent.Token, string) {
	t.Helper()
	minted, secret := l.Mint(t, label, ability.Read)
	return minted, "Bearer " + secret.Reveal()
}

func (l *live) mintTest(t *testing.T, label string) (*ent.Token, string) {
	t.Helper()
	minted, secret := l.MintInput(t, token.MintInput{Label: label, Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeTEST})
	return minted, "Bearer " + secret.Reveal()
}

func (l *live) revoke(t *testing.T, minted *ent.Token) token.Revoked {
	t.Helper()
	revoked, err := l.Service.Revoke(t.Context(), l.Owner, minted.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	return revoked
}

// flood adds so many audit entries in one transaction, and waits until they are
// sealed.
func (l *live) flood(t *testing.T, n int) {
	t.Helper()
	before, err := l.Journal.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = l.DB.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for range n {
			err := journal.Append(ctx, tx, auditsink.Event{
				Workspace: l.Owner.Workspace, Actor: l.Owner.Actor,
				Action: auditsink.ActionSignIn, Outcome: auditsink.Succeeded,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Journal.Wake()
	await(t, func() bool {
		head, err := l.Journal.Head(t.Context())
		return err == nil && head >= before+int64(n)
	})
}

// openNow is how many sockets and streams there are.
func (l *live) openNow() int {
	l.streams.mu.Lock()
	defer l.streams.mu.Unlock()
	return l.streams.total
}

// await waits for a condition that comes about by itself.
func await(t *testing.T, met func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			t.Fatal("waited for too long")
		case <-tick.C:
		}
	}
}

// client is a client's end of a socket.
type client struct {
	*websocket.Conn

	t *testing.T
}

// dial opens a socket, with an Authorization header unless that is empty.
func (l *live) dial(t *testing.T, header string, protocols ...string) *client {
	t.Helper()
	o := &websocket.DialOptions{HTTPHeader: http.Header{}, Subprotocols: protocols}
	if header != "" {
		o.HTTPHeader.Set("Authorization", header)
	}
	conn, _, err := websocket.Dial(t.Context(), l.url, o) //nolint:bodyclose // there is none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{conn, t}
}

// refused is the status with which a socket is refused.
func (l *live) refused(t *testing.T) int {
	t.Helper()
	_, response, err := websocket.Dial(t.Context(), l.url, &websocket.DialOptions{Subprotocols: []string{subprotocol}}) //nolint:bodyclose // it is in memory
	if err == nil || response == nil {
		t.Fatalf("the socket is not refused: %v", err)
	}
	return response.StatusCode
}

// open is dial with the introduction done.
func (l *live) open(t *testing.T, header string) *client {
	t.Helper()
	c := l.dial(t, header, subprotocol)
	c.say(`{"type":"connection_init"}`)
	c.want(`{"type":"connection_ack"}`)
	return c
}

func (c *client) say(text string) {
	c.t.Helper()
	if err := c.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// subscribe starts an operation.
func (c *client) subscribe(id, query string) {
	c.t.Helper()
	payload, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
	c.say(`{"id":"` + id + `","type":"subscribe","payload":` + string(payload) + `}`)
}

func (c *client) hear() (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, text, err := c.Read(ctx); err != nil || !ofAWatcher(string(text)) {
			return string(text), err
		}
	}
}

// ofAWatcher reports whether an event tells that a token with "watcher" in its
// label was used. Those who watch with such a token use it by that, and nothing
// says when they hear of it.
func ofAWatcher(event string) bool {
	return strings.Contains(event, `"apiTokenUsed"`) && strings.Contains(event, "watcher")
}

// want expects exactly this message next.
func (c *client) want(text string) {
	c.t.Helper()
	if got, err := c.hear(); got != text || err != nil {
		c.t.Fatalf("heard %s, %v; want %s", got, err, text)
	}
}

// wantCode expects an error with that code for an operation.
func (c *client) wantCode(id string, code Code) {
	c.t.Helper()
	got, err := c.hear()
	if err != nil || !strings.HasPrefix(got, `{"id":"`+id+`","type":"error"`) || !strings.Contains(got, `"code":"`+string(code)+`"`) {
		c.t.Fatalf("heard %s, %v; want an error of %s: %s", got, err, id, code)
	}
}

// wantClosed expects the socket to be closed with that code, and nothing before.
func (c *client) wantClosed(code websocket.StatusCode) {
	c.t.Helper()
	if got, err := c.hear(); websocket.CloseStatus(err) != code {
		c.t.Fatalf("heard %s, %v; want it closed with %d", got, err, code)
	}
}

// stream is a client's end of a stream of events.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

// ask sends a query, to be answered as accept says. Unless the answer is a
// stream, it returns the answer.
func (l *live) ask(t *testing.T, header, accept, query string) (*stream, reply) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Accept": {accept}, "Content-Type": {mediaJSON}}
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if strings.HasPrefix(response.Header.Get("Content-Type"), mediaStream) {
		return &stream{t, bufio.NewScanner(response.Body), cancel}, reply{status: response.StatusCode}
	}
	got := reply{status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return nil, got
}

// hear returns the next event, its lines joined; empty at the end. Comments are
// left out.
func (s *stream) hear() string {
	var lines []string
	for s.lines.Scan() {
		switch text := s.lines.Text(); {
		case text != "" && text != ":":
			lines = append(lines, text)
		case text == "" && len(lines) > 0:
			if event := strings.Join(lines, " "); !ofAWatcher(event) {
				return event
			}
			lines = nil
		}
	}
	return ""
}

func (s *stream) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if got := s.hear(); got != text {
			s.t.Fatalf("heard %q, want %q", got, text)
		}
	}
}

// wantUnauthenticated expects the end of a stream whose credentials have ended.
func (s *stream) wantUnauthenticated() {
	s.t.Helper()
	if got := s.hear(); !strings.HasPrefix(got, `event: next data: {"errors":[{`) || !strings.Contains(got, `"code":"UNAUTHENTICATED"`) {
		s.t.Errorf("heard %q, want UNAUTHENTICATED", got)
	}
	s.want("event: complete data:", "")
}

// awaitSubscriptions waits until so many subscriptions are under way, as nothing
// but their goroutines shows.
func awaitSubscriptions(t *testing.T, n int) {
	t.Helper()
	await(t, func() bool { return goroutinesIn("graph.events[...].func1") == n })
}

// goroutinesIn counts the goroutines that a function is under way in. The profile
// has a paragraph for each stack, which begins with how many have it.
func goroutinesIn(function string) (n int) {
	var text strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1) // a builder takes everything
	for stack := range strings.SplitSeq(text.String(), "\n\n") {
		if strings.Contains(stack, function) {
			lines := strings.SplitAfter(stack, "\n")
			first := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, " @ ") })
			count, _ := strconv.Atoi(strings.Fields(lines[first])[0])
			n += count
		}
	}
	return n
}
