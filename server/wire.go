package main

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keloa/apitokens/graph"
)

// wire is a connection of the internal listener, on which a request costs less
// than on others. net/http serves it like any other; but
//
//   - it sets a deadline some seven times a request, of which hardly one is ever
//     met. A wire keeps those in mind, and has the runtime know one only before
//     something that may wait, and only if the one it knows will not do.
//   - while a request is handled it reads one byte ahead, to learn that the client
//     has gone. What is asked here is handled at once, or waits for the database,
//     which is bounded anyway: a wire has the first such read find nothing.
//   - it copies, sorts and checks the headers of an answer. Those that mean nothing
//     to it a wire takes as they are to be sent ([wire.add]).
//
// And a wire holds what keeps an answer true until the answer has been handed to
// the operating system ([wire.hold]).
type wire struct {
	net.Conn

	reads, writes deadline
	ahead         atomic.Bool // net/http has read ahead since the last answer

	// head is header lines of the answer that comes next: once it is ready,
	// Write puts them after the status line.
	head  []byte
	ready bool
	sent  []byte // room for an answer with its head

	mu        sync.Mutex
	answering sync.Locker // what is held; nil for nothing
	after     func()      // what is to be done once nothing is held
}

// hold has answering unlocked when the answer that comes next has been written,
// or the connection is closed. A client that does not read has the answer broken
// off, since a revocation may wait for this.
//
// The answer must be small enough for net/http to write it at once: 2 KiB.
func (c *wire) hold(answering sync.Locker) {
	_ = c.SetWriteDeadline(time.Now().Add(graph.MaxWrite)) // nothing is written now, which alone could fail
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = answering
}

// later calls do once nothing is held, and returns false if nothing is.
func (c *wire) later(do func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answering == nil {
		return false
	}
	c.after = do
	return true
}

func (c *wire) letGo() {
	c.mu.Lock()
	answering, after := c.answering, c.after
	c.answering, c.after = nil, nil
	c.mu.Unlock()
	if answering != nil {
		answering.Unlock()
	}
	if after != nil {
		after()
	}
}

// add adds a header line to the answer that comes next. A value has no line
// breaks: where it does, they become spaces.
func (c *wire) add(name, value string) {
	c.head = append(c.head, name...)
	c.head = append(c.head, ": "...)
	c.head = append(c.head, value...)
	for i := len(c.head) - len(value); i < len(c.head); i++ {
		if c.head[i] == '\r' || c.head[i] == '\n' {
			c.head[i] = ' '
		}
	}
	c.head = append(c.head, "\r\n"...)
}

// forget takes the head back.
func (c *wire) forget() { c.head, c.ready = c.head[:0], false }

// Write sends p, which begins an answer if there is a head ready for it.
func (c *wire) Write(p []byte) (int, error) {
	defer c.letGo()
	c.ahead.Store(false)
	if err := c.writes.wait(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	defer c.writes.done()
	line := bytes.IndexByte(p, '\n') + 1
	if !c.ready || line == 0 {
		return c.Conn.Write(p)
	}
	c.sent = append(c.sent[:0], p[:line]...)
	c.sent = append(c.sent, c.head...)
	c.sent = append(c.sent, p[line:]...)
	added := len(c.head)
	c.forget()
	n, err := c.Conn.Write(c.sent)
	return max(0, n-added), err
}

func (c *wire) Read(p []byte) (int, error) {
	if len(p) == 1 && c.ahead.CompareAndSwap(false, true) {
		return 0, nil // who else reads a single byte tries again
	}
	if err := c.reads.wait(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	defer c.reads.done()
	return c.Conn.Read(p)
}

// Close may be called more than once, and by others than who serves: what they
// close has its answer fail, so nothing needs to be kept true for it.
func (c *wire) Close() error {
	err := c.Conn.Close()
	c.letGo()
	return err
}

// CloseWrite is how net/http ends a connection that it refuses.
func (c *wire) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return half.CloseWrite()
}

func (c *wire) SetReadDeadline(t time.Time) error { return c.reads.set(t, c.Conn.SetReadDeadline) }

func (c *wire) SetWriteDeadline(t time.Time) error { return c.writes.set(t, c.Conn.SetWriteDeadline) }

func (c *wire) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// wires makes a wire of each connection.
type wires struct{ net.Listener }

func (l wires) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn}, nil
}
