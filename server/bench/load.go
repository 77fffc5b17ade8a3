package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// callers are the connections on which one request is sent, each again as soon
// as it was answered. They stay open from one measurement to the next.
type callers struct {
	request

	conns []*conn
}

type conn struct {
	net.Conn
	text   []byte
	buffer [8 << 10]byte
	times  []time.Duration // of the answers in one measurement
}

func (r request) dial(ctx context.Context, connections int) (*callers, error) {
	c := &callers{request: r}
	for range connections {
		tcp, err := new(net.Dialer).DialContext(ctx, "tcp", r.to.internal)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns = append(c.conns, &conn{Conn: tcp, text: []byte(r.text)})
	}
	return c, nil
}

func (c *callers) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// measured is what came of sending a request for a while.
type measured struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server, per request
}

// run sends for a while. An answer with another status than the request's is an
// error.
func (c *callers) run(ctx context.Context, d time.Duration) (measured, error) {
	before, err := c.to.cpu()
	if err != nil {
		return measured{}, err
	}
	began := time.Now()
	err = c.each(func(conn *conn) error { return c.repeat(conn, began.Add(d)) })
	lasted := time.Since(began)
	after, cpuErr := c.to.cpu()
	if err := errors.Join(err, cpuErr, ctx.Err()); err != nil {
		return measured{}, fmt.Errorf("%.40s: %w", c.text, err)
	}
	var times []time.Duration
	for _, conn := range c.conns {
		times = append(times, conn.times...)
	}
	slices.Sort(times)
	return measured{
		perSecond: float64(len(times)) / lasted.Seconds(),
		p50:       times[len(times)/2],
		p99:       times[len(times)*99/100],
		cpu:       (after - before) / time.Duration(len(times)),
	}, nil
}

// each has all connections do something at once.
func (c *callers) each(do func(*conn) error) error {
	var wait sync.WaitGroup
	errs := make([]error, len(c.conns))
	for i, conn := range c.conns {
		wait.Go(func() { errs[i] = do(conn) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// repeat sends on one connection until the deadline, and at least once.
func (c *callers) repeat(conn *conn, until time.Time) error {
	conn.times = conn.times[:0]
	for at := time.Now(); len(conn.times) == 0 || at.Before(until); {
		if err := c.once(conn, c.secret()); err != nil {
			return err
		}
		now := time.Now()
		conn.times = append(conn.times, now.Sub(at))
		at = now
	}
	return nil
}

// paced sends so often a second, while something else is done, and returns how
// often it has come to that.
func (c *callers) paced(ctx context.Context, perSecond float64, meanwhile func() error) (float64, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var sent atomic.Int64
	began, done := time.Now(), make(chan error, 1)
	go func() {
		done <- c.each(func(conn *conn) error {
			tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond * float64(len(c.conns))))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				if err := c.once(conn, c.secret()); err != nil {
					return err
				}
				sent.Add(1)
			}
		})
	}()
	err := meanwhile()
	rate := float64(sent.Load()) / time.Since(began).Seconds()
	stop()
	return rate, cmpErr(err, <-done)
}

// once sends one request and reads its answer.
func (c *callers) once(conn *conn, secret []byte) error {
	copy(conn.text[c.hole:], secret)
	if _, err := conn.Write(conn.text); err != nil {
		return err
	}
	return answer(conn, conn.buffer[:], c.status)
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
