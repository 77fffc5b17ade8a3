package sinktest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// fault is what a proxy does to the connections through it.
type fault int

const (
	none      fault = iota
	blackHole       // nothing arrives, and nothing is refused
	trickle         // a byte arrives each second
	reset           // the connection is reset after some bytes have arrived
)

// proxy stands between a sink and its destination.
type proxy struct {
	t        testing.TB
	to, addr string
	running  sync.WaitGroup

	mu       sync.Mutex // guards the rest
	listener net.Listener
	conns    map[net.Conn]bool
	fault    fault
	changed  chan struct{} // closed when fault changes, and at the end
	room     int           // bytes until a reset
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	p := &proxy{t: t, to: to, addr: "127.0.0.1:0", conns: make(map[net.Conn]bool), changed: make(chan struct{})}
	p.up()
	t.Cleanup(func() {
		p.down()
		p.running.Wait()
	})
	return p
}

// up listens, on the same address as before.
func (p *proxy) up() {
	p.t.Helper()
	listener, err := net.Listen("tcp", p.addr) //nolint:noctx // on this machine
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.addr = listener, listener.Addr().String()
	p.mu.Unlock()
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
}

// down refuses connections and ends those that there are.
func (p *proxy) down() {
	_ = p.listener.Close()
	p.set(none)
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.room = f, 1000
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *proxy) state() (fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.changed
}

func (p *proxy) serve(in net.Conn) {
	defer p.track(in)()
	out, err := net.Dial("tcp", p.to) //nolint:noctx // to this machine
	if err != nil {
		return
	}
	defer p.track(out)()
	var both sync.WaitGroup
	both.Go(func() { p.forward(in, out, true) })
	both.Go(func() { p.forward(out, in, false) })
	both.Wait()
}

// track has down close the connection, and returns what closes it otherwise.
func (p *proxy) track(conn net.Conn) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
		_ = conn.Close()
	}
}

// forward copies until an end, which it passes on.
func (p *proxy) forward(from, to net.Conn, counted bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(to, buffer[:n], counted) {
			hangUp(from)
			hangUp(to)
			return
		}
		if errors.Is(err, io.EOF) {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			hangUp(to)
			return
		}
	}
}

// hangUp resets a connection.
func hangUp(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// pass writes data as the fault has it, and reports whether the connection goes
// on.
func (p *proxy) pass(to net.Conn, data []byte, counted bool) bool {
	for len(data) > 0 {
		now, changed := p.state()
		n := len(data)
		switch now {
		case blackHole:
			<-changed
			return false // what was held back is lost
		case trickle:
			select {
			case <-changed:
				return false
			case <-time.After(time.Second):
				n = 1
			}
		case reset:
			if n = p.take(n, counted); n == 0 {
				return false
			}
		}
		if _, err := to.Write(data[:n]); err != nil {
			return false
		}
		data = data[n:]
	}
	return true
}

// take returns how many of n bytes may pass before the reset.
func (p *proxy) take(n int, counted bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, p.room)
	if counted {
		p.room -= n
	}
	return n
}
