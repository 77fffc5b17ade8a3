package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keloa/apitokens/token/ability"
)

// piped is a wire and the other end of it, without a buffer between them.
func piped(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() {
		_ = ours.Close()
		_ = theirs.Close()
	})
	if err := theirs.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{Conn: ours}, theirs
}

// isLocked reports whether somebody holds the lock.
func isLocked(mu *sync.Mutex) bool {
	if !mu.TryLock() {
		return true
	}
	mu.Unlock()
	return false
}

// What keeps an answer true is held until the answer has been handed over, and
// what may take its time comes after that.
func TestWireHoldsUntilItHasWritten(t *testing.T) {
	c, client := piped(t)
	var answering sync.Mutex
	if c.later(func() {}) {
		t.Error("something is put off although nothing is held")
	}
	answering.Lock()
	c.hold(&answering)
	later := make(chan bool, 1)
	if !c.later(func() { later <- isLocked(&answering) }) {
		t.Error("nothing is held")
	}
	c.add("X-A", "b\r\nSet-Cookie: c")
	c.ready = true
	written := make(chan error, 1)
	go func() {
		n, err := c.Write([]byte("HTTP/1.1 200 OK\r\nDate: d\r\n\r\nbody"))
		if n != len("HTTP/1.1 200 OK\r\nDate: d\r\n\r\nbody") {
			err = errors.Join(err, errors.New("not all was written"))
		}
		written <- err
	}()
	one := make([]byte, 1)
	if _, err := client.Read(one); err != nil {
		t.Fatal(err)
	}
	if !isLocked(&answering) || len(later) > 0 {
		t.Error("what kept the answer true was let go while it was written")
	}
	const rest = "TTP/1.1 200 OK\r\nX-A: b  Set-Cookie: c\r\nDate: d\r\n\r\nbody"
	got := make([]byte, len(rest))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != rest {
		t.Errorf("wrote H%s, %v", got, err)
	}
	if err := <-written; err != nil || isLocked(&answering) || <-later {
		t.Errorf("held on to what kept the answer true, or did what is for later before: %v", err)
	}
}

// A client that does not read, and one that is cut off, keep nothing held.
func TestWireLetsGo(t *testing.T) {
	for name, ends := range map[string]func(c *wire){
		"nobody reads": func(c *wire) {
			if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("written to nobody: %v", err)
			}
		},
		"closed": func(c *wire) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := piped(t)
			var answering sync.Mutex
			answering.Lock()
			c.hold(&answering)
			ends(c)
			if isLocked(&answering) {
				t.Error("held for ever")
			}
		})
	}
}

// A deadline counts however it is set: before something waits, by which it may be
// kept to itself, and while it does.
func TestWireDeadlines(t *testing.T) {
	c, client := piped(t)
	read := func() error { _, err := c.Read(make([]byte, 2)); return err }
	set := func(t time.Time) {
		if err := c.SetDeadline(t); err != nil {
			panic(err)
		}
	}
	set(time.Now().Add(time.Hour))
	go func() { _, _ = client.Write([]byte("ab")) }()
	if err := read(); err != nil {
		t.Fatal(err)
	}
	set(time.Now().Add(-time.Hour))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past: %v", err)
	}
	set(time.Now().Add(-time.Hour).Add(deadlineSlack / 2))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past, a little later: %v", err)
	}
	set(time.Time{})
	ended := make(chan error, 1)
	go func() { ended <- read() }()
	await(t, func() bool { c.reads.mu.Lock(); defer c.reads.mu.Unlock(); return c.reads.waiting })
	set(time.Unix(1, 0))
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("set while it waits: %v", err)
	}
	set(time.Time{})
	go func() { _, _ = client.Write([]byte("cd")) }()
	if err := read(); err != nil {
		t.Errorf("after there was none any more: %v", err)
	}
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

// The longest answer is written at once: else what follows the first part would
// not be kept true.
func TestIntrospectionFitsOneWrite(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, strings.Repeat("<", 100), ability.Read, ability.WriteContacts, ability.WriteConversations, ability.ManageWebhooks, ability.FullAccess)
		a := s.do(t, "POST", s.internal+introspectPath, "token="+secret, "Content-Type: "+formType)
		if a.status != http.StatusOK || len(a.body) > 2<<10-len(strings.Repeat("x", 253)) {
			t.Errorf("%d, %d bytes", a.status, len(a.body))
		}
	})
}
