package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

const (
	// maxWire is how many bytes a request may have that a wire serves.
	maxWire = 8 << 10
	// maxWireTime is how long the rest of a request may take to come, once it has
	// begun to.
	maxWireTime = time.Second
	// deadlineSlack is how much too soon a deadline of a wire may be met: to set
	// one for each request costs more than to look at the clock.
	deadlineSlack = time.Second
)

// wire is a connection of the internal listener. It serves by itself what comes in
// floods, with the handler that everything else is served with, and costs a
// fraction of what net/http does: that starts a goroutine, sets seven deadlines and
// makes some twenty objects for each request, where a wire has all it needs from
// the last one.
//
// It takes no more than the plain form of a request ([wireRequest.read]). At the
// first that is anything else (another path, a header that changes what a request
// is or where it ends, more bytes than there is room for, a client that sends it in
// pieces slowly, a mistake), it hands the connection to net/http, with all that has
// come since the last answer, for good. So whatever is read is read by one of the
// two from its first byte to its last.
type wire struct {
	conn  net.Conn
	of    *wires
	in    [maxWire]byte
	known time.Time // the deadline of reading that is set

	request wireRequest
	answer  wireAnswer
}

func newWire(conn net.Conn, of *wires) *wire {
	c := &wire{conn: conn, of: of}
	c.request.init(conn)
	c.answer.init(conn)
	return c
}

// serve answers requests until the connection ends or is handed over.
func (c *wire) serve() {
	defer c.recoverPanic()
	for have := 0; ; {
		n, state := c.request.read(c.in[:have])
		switch {
		case state == unusual, state == partial && have == len(c.in):
			c.handOver(have)
			return
		case state == partial:
			got, err := c.read(have)
			have += got
			if err == nil {
				continue
			}
			if have > 0 {
				c.handOver(have)
			} else {
				_ = c.conn.Close()
			}
			return
		}
		if !c.serveOne() {
			_ = c.conn.Close()
			return
		}
		have = copy(c.in[:], c.in[n:have])
	}
}

// read reads more of a request of which some bytes are there, or none.
func (c *wire) read(have int) (int, error) {
	wanted := time.Now().Add(maxIdleTime)
	if have > 0 {
		wanted = wanted.Add(maxWireTime - maxIdleTime)
	}
	if early := wanted.Sub(c.known); early < 0 || early > deadlineSlack {
		if err := c.conn.SetReadDeadline(wanted); err != nil {
			return 0, err
		}
		c.known = wanted
	}
	// After the deadline is set: Close sets another, after it has said so.
	if c.of.isClosing() {
		return 0, net.ErrClosed
	}
	return c.conn.Read(c.in[have:])
}

// wake has a read end, for good.
func (c *wire) wake() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

// serveOne answers the request that was read, and returns whether there may be
// another one.
func (c *wire) serveOne() bool {
	c.answer.begin(c.request.Method == http.MethodHead, c.of.isClosing())
	c.of.handler.ServeHTTP(&c.answer, c.request.Request)
	return c.answer.FlushError() == nil && !c.answer.last
}

// handOver leaves the connection to net/http, with what has come on it.
func (c *wire) handOver(have int) {
	_ = c.conn.SetDeadline(time.Time{}) // if it is closed, net/http finds out
	left := append([]byte(nil), c.in[:have]...)
	if !c.of.give(&begun{Conn: c.conn, left: left}, nil) {
		_ = c.conn.Close()
	}
}

// recoverPanic is to be deferred. The handler sees to panics of its own, and
// breaks an answer off by another.
func (c *wire) recoverPanic() {
	switch value := recover(); value {
	case nil:
		return
	case http.ErrAbortHandler:
	default:
		c.of.log.LogAttrs(context.Background(), slog.LevelError, "panic",
			slog.String("panic", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	}
	_ = c.conn.Close()
}

// begun is a connection from which something was read already.
type begun struct {
	net.Conn
	left []byte
}

func (c *begun) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// CloseWrite is how net/http ends a connection that it refuses.
func (c *begun) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return half.CloseWrite()
}
