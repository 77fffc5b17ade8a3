package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// request is what is sent over and over: only the secret in it changes.
type request struct {
	to     *process
	text   string // with a hole for the secret
	hole   int
	secret func() []byte
	status string
}

const hole = "##############################################"

func newRequest(to *process, line, body, authorization string, secret func() []byte, status string) request {
	text := line + " HTTP/1.1\r\nHost: " + to.internal + "\r\nUser-Agent: bench\r\nAuthorization: " + authorization + "\r\n"
	if body != "" {
		text += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	text += "\r\n" + body
	return request{to, text, strings.Index(text, hole), secret, status}
}

func forwardAuth(to *process, secret func() []byte, status string) request {
	return newRequest(to, "GET /forward-auth?ability=read", "", "Bearer "+hole, secret, status)
}

func introspection(to *process, secret func() []byte) request {
	basic := base64.StdEncoding.EncodeToString([]byte(caller + ":" + callerSecret))
	return newRequest(to, "POST /oauth2/introspect", "token="+hole, "Basic "+basic, secret, "200")
}

// measured is what came of sending a request for a while.
type measured struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server, per request
}

// load sends r on so many connections at once for a while. An answer with
// another status than r's is an error.
func load(ctx context.Context, r request, connections int, d time.Duration) (measured, error) {
	before, err := r.to.cpu()
	if err != nil {
		return measured{}, err
	}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		times []time.Duration
		first error
	)
	began := time.Now()
	for range connections {
		wait.Go(func() {
			took, err := r.repeat(ctx, began.Add(d))
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took...)
			if first == nil {
				first = err
			}
		})
	}
	wait.Wait()
	lasted := time.Since(began)
	after, err := r.to.cpu()
	if first != nil || err != nil || len(times) == 0 {
		return measured{}, fmt.Errorf("%.40s: %w", r.text, cmpErr(first, err))
	}
	slices.Sort(times)
	return measured{
		perSecond: float64(len(times)) / lasted.Seconds(),
		p50:       times[len(times)/2],
		p99:       times[len(times)*99/100],
		cpu:       (after - before) / time.Duration(len(times)),
	}, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// repeat sends r on one connection until the deadline.
func (r request) repeat(ctx context.Context, until time.Time) ([]time.Duration, error) {
	times := make([]time.Duration, 0, 1<<16)
	at := time.Now()
	err := r.while(ctx, func() bool { return at.Before(until) }, func() {
		now := time.Now()
		times = append(times, now.Sub(at))
		at = now
	})
	return times, err
}

// paced sends r so often a second, until ctx is done.
func (r request) paced(ctx context.Context, perSecond float64) error {
	tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer tick.Stop()
	return r.while(context.WithoutCancel(ctx), func() bool {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
			return true
		}
	}, func() {})
}

// while sends r on one connection as long as more says so.
func (r request) while(ctx context.Context, more func() bool, answered func()) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.to.internal)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	text := []byte(r.text)
	buffer := make([]byte, 8<<10)
	for more() {
		copy(text[r.hole:], r.secret())
		if _, err := conn.Write(text); err != nil {
			return err
		}
		if err := answer(conn, buffer, r.status); err != nil {
			return err
		}
		answered()
	}
	return nil
}

// answer reads one answer. Ours and the bare server's all say how long they are.
func answer(conn net.Conn, buffer []byte, status string) error {
	for n, end := 0, -1; end < 0 || n < end; {
		got, err := conn.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += got
		if head := bytes.Index(buffer[:n], []byte("\r\n\r\n")); end < 0 && head >= 0 {
			if string(buffer[9:12]) != status {
				return fmt.Errorf("answered %s, want %s", buffer[9:12], status)
			}
			length, err := contentLength(buffer[:head])
			if err != nil {
				return err
			}
			end = head + 4 + length
		}
	}
	return nil
}

func contentLength(head []byte) (int, error) {
	_, value, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !ok {
		return 0, textproto.ProtocolError("an answer of unknown length")
	}
	value, _, _ = bytes.Cut(value, []byte("\r\n"))
	return strconv.Atoi(string(value))
}

// anyOf returns one of the tokens, at random.
func (t tokens) anyOf() []byte { return t.secret(rand.IntN(t.len())) } //nolint:gosec // which one does not matter
