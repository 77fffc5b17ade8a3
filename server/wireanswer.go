package main

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/keloa/apitokens/graph"
)

// wireAnswer is the answer to the request that a wire is at. It is made in memory
// and handed to the operating system in one piece, when it is flushed or the
// request has been handled.
type wireAnswer struct {
	conn   net.Conn
	known  time.Time // the deadline of writing that is set
	header http.Header
	lines  []byte // header lines, as they are sent
	body   []byte
	out    []byte
	date   []byte // as it is sent
	second int64  // that it is of

	status   int // zero until the answer has begun
	bodiless bool
	last     bool // on the connection
	sent     bool
}

func (a *wireAnswer) init(conn net.Conn) { a.conn, a.header = conn, http.Header{} }

// begin makes room for the answer to the next request, which has no body if that
// was a HEAD.
func (a *wireAnswer) begin(head, last bool) {
	clear(a.header)
	a.lines, a.body = a.lines[:0], a.body[:0]
	a.status, a.bodiless, a.last, a.sent = 0, head, last, false
}

func (a *wireAnswer) Header() http.Header { return a.header }

// add adds a header line. A value has no line breaks: where it does, they become
// spaces.
func (a *wireAnswer) add(name, value string) { a.lines = appendLine(a.lines, name, value) }

// clear takes all headers back.
func (a *wireAnswer) clear() {
	clear(a.header)
	a.lines = a.lines[:0]
}

func (a *wireAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *wireAnswer) Write(p []byte) (int, error) {
	if a.sent {
		return 0, net.ErrClosed
	}
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, p...)
	return len(p), nil
}

// SetWriteDeadline does nothing: each answer has [graph.MaxWrite] to be written.
func (*wireAnswer) SetWriteDeadline(time.Time) error { return nil }

// FlushError sends the answer, once. An error says that the connection is of no
// more use.
func (a *wireAnswer) FlushError() error {
	if a.sent {
		return nil
	}
	a.sent = true
	now := time.Now()
	a.makeAnswer(now)
	wanted := now.Add(graph.MaxWrite)
	if early := wanted.Sub(a.known); early < 0 || early > deadlineSlack {
		if err := a.conn.SetWriteDeadline(wanted); err != nil {
			a.last = true
			return err
		}
		a.known = wanted
	}
	_, err := a.conn.Write(a.out)
	a.last = a.last || err != nil
	return err
}

func (a *wireAnswer) makeAnswer(now time.Time) {
	a.WriteHeader(http.StatusOK)
	b := append(a.out[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(a.status)...)
	b = append(b, "\r\n"...)
	if second := now.Unix(); second != a.second {
		a.date = now.UTC().AppendFormat(a.date[:0], http.TimeFormat)
		a.second = second
	}
	b = append(b, "Date: "...)
	b = append(b, a.date...)
	b = append(b, "\r\n"...)
	b = append(b, a.lines...)
	for name, values := range a.header {
		for _, value := range values {
			b = appendLine(b, name, value)
		}
	}
	if a.last {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(a.body)), 10)
	b = append(b, "\r\n\r\n"...)
	if !a.bodiless {
		b = append(b, a.body...)
	}
	a.out = b
}

func appendLine(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	begin := len(b)
	b = append(b, value...)
	for i := begin; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return append(b, "\r\n"...)
}
