package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/token/ability"
)

// served is a listener whose wires are served by h, and everything else as well.
func served(t *testing.T, h http.HandlerFunc) *wires {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logger, err := newLogger(testWriter{t}, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	wires := newWires(l, h, logger)
	server := httptest.NewUnstartedServer(h)
	server.Listener = wires
	server.Start()
	t.Cleanup(func() {
		server.Close()
		wires.stop(context.WithoutCancel(t.Context()))
	})
	return wires
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// wireClient is a client of a listener, for one connection.
type wireClient struct {
	net.Conn
	*bufio.Reader
}

func (l *wires) dial(t *testing.T) wireClient {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return wireClient{conn, bufio.NewReader(conn)}
}

func (c wireClient) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c wireClient) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		t.Fatal(err)
	}
}

// received is an answer from a wire, or from net/http.
type received struct {
	status int
	header http.Header
	last   bool // on the connection
	body   string
}

func (c wireClient) receive(t *testing.T, method string) received {
	t.Helper()
	response, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return received{response.StatusCode, response.Header, response.Close, string(body)}
}

// count is how many connections are served without net/http.
func (l *wires) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

const (
	plain    = "GET /forward-auth?ability=read HTTP/1.1\r\nHost: x\r\n\r\n"
	withBody = "POST /oauth2/introspect HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ntoken=a"
)

// What a wire serves, and what net/http does.
func TestWireRequests(t *testing.T) {
	head := func(more string) string {
		return "GET /forward-auth HTTP/1.1\r\nHost: x\r\n" + more + "\r\n\r\n"
	}
	for text, want := range map[string]reading{
		plain:    whole,
		withBody: whole,
		"PROPFIND /forward-auth HTTP/1.1\r\nhOST: [::1]:80\r\n\r\n": whole,
		head("Connection: Keep-Alive"):                              whole,
		head("Cookie:  a=b\t;é "):                                   whole,
		head("X-Forwarded-For: 1\r\nX-Forwarded-For: 2"):            whole,
		head("Content-Length: 0"):                                   whole,
		plain + plain:                                               whole,

		"":                                    partial,
		"G":                                   partial,
		plain[:len(plain)-1]:                  partial,
		withBody[:len(withBody)-1]:            partial,
		"GET / HTTP/1.1\r\n":                  partial, // no difference until there is all of it
		"GET /forward-auth HTTP/1.1\r\nHost:": partial,

		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                  unusual,
		"GET //forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":                     unusual,
		"GET /forward%2Dauth HTTP/1.1\r\nHost: x\r\n\r\n":                    unusual,
		"GET /forward-auth? HTTP/1.1\r\nHost: x\r\n\r\n":                     unusual,
		"GET /forward-auth?a\x7f HTTP/1.1\r\nHost: x\r\n\r\n":                unusual,
		"GET http://x/forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":              unusual,
		"GET /forward-auth HTTP/1.0\r\nHost: x\r\n\r\n":                      unusual,
		"GET /forward-auth HTTP/1.1 \r\nHost: x\r\n\r\n":                     unusual,
		"GET  /forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":                     unusual,
		"get /forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":                      unusual,
		"CONNECT /forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":                  unusual,
		"\r\nGET /forward-auth HTTP/1.1\r\nHost: x\r\n\r\n":                  unusual,
		"GET /forward-auth HTTP/1.1\r\n\r\n":                                 unusual,
		"GET /forward-auth HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n":           unusual,
		"GET /forward-auth HTTP/1.1\r\nHost: \r\n\r\n":                       unusual,
		"GET /forward-auth HTTP/1.1\r\nHost: x/y\r\n\r\n":                    unusual,
		"GET /forward-auth HTTP/1.1\r\nHost : x\r\n\r\n":                     unusual,
		"GET /forward-auth HTTP/1.1\nHost: x\n\n":                            unusual,
		"GET /forward-auth HTTP/1.1\r\nHost: x\nA: b\r\n\r\n":                unusual,
		"GET /forward-auth HTTP/1.1\r\nHost: x\n\r\nGET /b HTTP/1.1\r\n\r\n": unusual,
		head(" folded"):                                unusual,
		head("A: b\rc"):                                unusual,
		head("A: b\x00c"):                              unusual,
		head("A b"):                                    unusual,
		head(": b"):                                    unusual,
		head("Ä: b"):                                   unusual,
		head("Connection: close"):                      unusual,
		head("Connection: keep-alive, x"):              unusual,
		head("connection: upgrade"):                    unusual,
		head("Expect: 100-continue"):                   unusual,
		head("Transfer-Encoding: chunked"):             unusual,
		head("transfer_encoding: chunked"):             whole, // which is another header
		head("Upgrade: h2c"):                           unusual,
		head("Trailer: X"):                             unusual,
		head("Pragma: no-cache"):                       whole,
		head("Content-Length: +1"):                     unusual,
		head("Content-Length: 0x1"):                    unusual,
		head("Content-Length: 1, 1"):                   unusual,
		head("Content-Length:"):                        unusual,
		head("Content-Length: -1"):                     unusual,
		head("Content-Length: 99999"):                  unusual,
		head("Content-Length: 8192"):                   unusual,
		head("Content-Length: 0\r\nContent-Length: 0"): unusual,
		head(strings.Repeat("A: b\r\n", maxWireHeaders-2) + "A: b"): whole,
		head(strings.Repeat("A: b\r\n", maxWireHeaders-1) + "A: b"): unusual,
	} {
		var q wireRequest
		ours, _ := net.Pipe()
		q.init(ours)
		if _, got := q.read([]byte(text)); got != want {
			t.Errorf("%.80q: %d, want %d", text, got, want)
		}
	}
}

// FuzzWireRequest holds what a wire takes for a request against what net/http does:
// the same request, of the same length. And who sends only a part of one has it
// waited for.
func FuzzWireRequest(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(withBody + plain))
	f.Add([]byte("HEAD /forward-auth?a#b=%zz&?c HTTP/1.1\r\nA_b: c\r\na-B:\t d e \r\nhost: [::1]:80\r\nCONTENT-length: 0\r\n\r\n"))
	f.Add([]byte("GET /forward-auth HTTP/1.1\r\nHost: x\r\npragma: no-cache\r\n\r\n"))
	f.Add([]byte("GET /oauth2/introspect HTTP/1.1\r\nHost: x\r\ncontent-length: 002\r\nConnection: keep-alive\r\n\r\n\r\n\r\n"))
	f.Add([]byte("GET /forward-auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var q wireRequest
		ours, _ := net.Pipe()
		q.init(ours)
		n, state := q.read(p)
		if state != whole {
			return
		}
		from := bufio.NewReader(bytes.NewReader(p))
		want, err := http.ReadRequest(from)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		got := *q.Request
		for _, r := range []*http.Request{&got, want} {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			r.Body = http.NoBody
			r.RemoteAddr = string(body) // to be compared, too
		}
		if !reflect.DeepEqual(*got.WithContext(t.Context()), *want.WithContext(t.Context())) {
			t.Errorf("read\n%+v, net/http\n%+v", got, *want)
		}
		if rest, err := io.ReadAll(from); err != nil || !bytes.Equal(rest, p[n:]) {
			t.Errorf("net/http leaves %q, %v", rest, err)
		}
		for i := range n {
			if _, state := q.read(p[:i]); state != partial {
				t.Errorf("the first %d bytes: %d", i, state)
			}
		}
	})
}

// On one connection: a request that comes in single bytes, two at once, one whose
// body waits for leave, one that net/http refuses. Each is answered once, with
// headers that are its own.
func TestWireServesWhateverComes(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		made, secret := s.mint(t, "zapier-prod", ability.Read)
		conn, reader := s.dial(t, s.internal)
		send := func(text string) {
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
		}
		ask := func(id, more string) string {
			return "POST /forward-auth HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + id + "\r\nAuthorization: Bearer " + secret + "\r\n" + more + "\r\n"
		}
		want := func(id string) {
			a := s.read(t, reader, "POST")
			if a.status != http.StatusOK || a.header.Get("X-Request-Id") != id || len(a.header.Values("X-Keloa-Token-Id")) != 1 || a.header.Get("X-Keloa-Token-Id") != made.ID.String() {
				t.Errorf("%s: %d %v", id, a.status, a.header)
			}
		}
		for _, c := range ask("bytes", "") {
			send(string(c))
		}
		want("bytes")
		send(ask("first", "") + ask("second", ""))
		want("first")
		want("second")
		send(ask("waits", "Content-Length: 4\r\nExpect: 100-continue\r\n"))
		if line, err := reader.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if line, err := reader.ReadString('\n'); err != nil || line != "\r\n" {
			t.Fatalf("the leave has headers: %q, %v", line, err)
		}
		send("body")
		want("waits")
		send("nonsense\r\n\r\n")
		if line, err := reader.ReadString('\n'); err != nil || line != "HTTP/1.1 400 Bad Request\r\n" {
			t.Errorf("nonsense: %q, %v", line, err)
		}
	})
}

// What is not served by a wire is served by net/http from its first byte, however
// little has come of it; and the connection stays with net/http.
func TestWireHandsOver(t *testing.T) {
	wires := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(append(body, r.RequestURI...))
	})
	for name, begins := range map[string]string{
		"another path":    "GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
		"too long":        "GET /forward-auth HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("b", maxWire) + "\r\n\r\n",
		"too long a body": "POST /forward-auth HTTP/1.1\r\nHost: x\r\nContent-Length: 8192\r\n\r\n" + strings.Repeat("b", 8192),
		"a slow client":   "GET /forward-auth HTTP/1.1\r\nHo",
		"a slow body":     withBody[:len(withBody)-1],
	} {
		t.Run(name, func(t *testing.T) {
			c := wires.dial(t)
			c.send(t, plain+plain)
			for range 2 {
				if a := c.receive(t, "GET"); a.body != "/forward-auth?ability=read" {
					t.Errorf("before: %s", a.body)
				}
			}
			c.send(t, begins)
			await(t, func() bool { return wires.count() == 0 })
			want := strings.Fields(begins)[1]
			switch name {
			case "a slow client":
				c.send(t, "st: x\r\n\r\n")
			case "a slow body":
				c.send(t, "a")
				want = "token=a" + want
			case "too long a body":
				want = strings.Repeat("b", 8192) + want
			}
			if a := c.receive(t, "GET"); a.body != want {
				t.Errorf("%.100s", a.body)
			}
			c.send(t, plain)
			if a := c.receive(t, "GET"); a.body != "/forward-auth?ability=read" || wires.count() != 0 {
				t.Errorf("after: %s, %d wires", a.body, wires.count())
			}
		})
	}
}

// An answer is what the handler makes of it, and nothing of the one before.
func TestWireAnswers(t *testing.T) {
	wires := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			return
		}
		w.Header().Set("X-A", "b\r\nX-Evil: c")
		w.(*wireAnswer).add("X-B", "d\nX-Evil: e")
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late
		_, _ = io.WriteString(w, "short and ")
		_, _ = io.WriteString(w, "stout")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(w, "too late"); err == nil {
			t.Error("written after it was sent")
		}
	})
	c := wires.dial(t)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost} {
		c.send(t, method+plain[len(http.MethodGet):])
		a := c.receive(t, method)
		date, err := http.ParseTime(a.header.Get("Date"))
		if err != nil || time.Since(date) > time.Minute {
			t.Errorf("%s: %v, %v", method, date, err)
		}
		a.header.Del("Date")
		length, status, wantBody, want := "15", http.StatusTeapot, "short and stout", http.Header{"X-A": {"b  X-Evil: c"}, "X-B": {"d X-Evil: e"}}
		switch method {
		case http.MethodHead:
			wantBody = ""
		case http.MethodPut:
			length, status, wantBody, want = "0", http.StatusOK, "", http.Header{}
		}
		want.Set("Content-Length", length)
		if a.status != status || a.body != wantBody || !reflect.DeepEqual(a.header, want) {
			t.Errorf("%s: %d %q %v", method, a.status, a.body, a.header)
		}
	}
	if wires.count() != 1 {
		t.Errorf("%d wires", wires.count())
	}
}

// Who stops the listener waits for the requests under way, and for nothing else.
func TestWiresStop(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	wires := served(t, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-end
	})
	idle, busy := wires.dial(t), wires.dial(t)
	busy.send(t, plain+plain)
	<-begun
	await(t, func() bool { return wires.count() == 2 })
	stopped := make(chan bool, 1)
	go func() { stopped <- wires.stop(context.WithoutCancel(t.Context())) }()
	if _, err := idle.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("nothing was asked here: %v", err)
	}
	if len(stopped) > 0 {
		t.Error("did not wait")
	}
	end <- struct{}{}
	if a := busy.receive(t, "GET"); a.status != http.StatusOK {
		t.Errorf("the request under way: %d", a.status)
	}
	<-begun
	end <- struct{}{}
	if a := busy.receive(t, "GET"); a.status != http.StatusOK || !a.last {
		t.Errorf("the last request: %d, closing %v", a.status, a.last)
	}
	if _, err := busy.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v", err)
	}
	if !<-stopped {
		t.Error("cut off")
	}
}

// A request that does not come to an end is cut off when there is no more time.
func TestWiresStopInTime(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	wires := served(t, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-end
	})
	defer close(end)
	c := wires.dial(t)
	c.send(t, plain)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if wires.stop(ctx) {
		t.Error("waited for it")
	}
	if _, err := c.ReadByte(); err == nil {
		t.Error("answered all the same")
	}
}

// A handler that breaks off ends its connection, and no other.
func TestWireBreaksOff(t *testing.T) {
	wires := served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		switch r.Method {
		case http.MethodPut:
			panic(http.ErrAbortHandler)
		case http.MethodPost:
			panic("a mistake")
		}
	})
	other := wires.dial(t)
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		c := wires.dial(t)
		c.send(t, method+plain[len(http.MethodGet):])
		if got, err := io.ReadAll(c.Conn); err != nil || len(got) > 0 {
			t.Errorf("%s: %q, %v", method, got, err)
		}
	}
	other.send(t, plain)
	if a := other.receive(t, "GET"); a.body != "half" {
		t.Error(a.body)
	}
}

// A client that does not read has its answer broken off: somebody may wait for what
// is locked meanwhile.
func TestWireDoesNotWaitForWhoDoesNotRead(t *testing.T) {
	ours, theirs := net.Pipe() // without a buffer
	defer theirs.Close()
	if err := theirs.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	of := &wires{closed: make(chan struct{}), handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ended <- http.NewResponseController(w).Flush()
	})}
	go newWire(ours, of).serve()
	if _, err := io.WriteString(theirs, plain); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("written to nobody")
	}
	if got, err := io.ReadAll(theirs); err != nil || len(got) > 0 {
		t.Errorf("after that: %q, %v", got, err)
	}
}
