package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// wires is a listener of which net/http gets those connections only on which
// something comes that a [wire] does not serve. Who accepts from it hears of every
// error, and sets the pace of the next attempt.
type wires struct {
	net.Listener
	handler http.Handler
	log     *slog.Logger

	accepted chan accepted // for net/http
	closed   chan struct{}

	mu      sync.Mutex
	closing bool
	open    map[*wire]struct{}
	serving sync.WaitGroup // a wire each
}

type accepted struct {
	conn net.Conn
	err  error
}

// newWires serves what a wire can by h, from now on.
func newWires(l net.Listener, h http.Handler, log *slog.Logger) *wires {
	w := &wires{
		Listener: l, handler: h, log: log,
		accepted: make(chan accepted), closed: make(chan struct{}),
		open: map[*wire]struct{}{},
	}
	go w.accept()
	return w
}

func (l *wires) accept() {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err != nil:
			if !l.give(nil, err) {
				return
			}
		case !l.start(conn):
			_ = conn.Close()
		}
	}
}

// give waits for somebody to accept, and returns false if nobody will.
func (l *wires) give(conn net.Conn, err error) bool {
	select {
	case l.accepted <- accepted{conn, err}:
		return true
	case <-l.closed:
		return false
	}
}

// Accept returns a connection for net/http.
func (l *wires) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// start serves a connection, and returns false if it comes too late for that.
func (l *wires) start(conn net.Conn) bool {
	c := newWire(conn, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.open[c] = struct{}{}
	l.serving.Go(func() {
		c.serve()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, c)
	})
	return true
}

func (l *wires) isClosing() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close accepts no more. Requests that have come are answered; connections on
// which there is none are closed.
func (l *wires) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return nil
	}
	l.closing = true
	close(l.closed)
	for c := range l.open {
		c.wake()
	}
	return l.Listener.Close()
}

// stop is Close, and waits until all is answered. When ctx is done, it cuts off
// what is not, and returns false.
func (l *wires) stop(ctx context.Context) bool {
	_ = l.Close()
	answered := make(chan struct{})
	go func() {
		l.serving.Wait()
		close(answered)
	}()
	select {
	case <-answered:
		return true
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.conn.Close()
	}
	return false
}
