// Package syslogsink sends the audit log to a syslog server as RFC 5424 has it,
// under syslog+tls://HOST:PORT (RFC 5425), syslog+tcp://HOST:PORT (RFC 6587,
// octet counting) and syslog+udp://HOST:PORT (RFC 5426).
//
// # Durability
//
// Syslog has no acknowledgement. Over TCP and TLS each batch goes in a
// connection of its own, of which the sink ends its half: when the server ends
// the other half it has read everything, and that is taken for an
// acknowledgement. It says nothing of what the server then does with it, and a
// record may arrive more than once. Over UDP a record may also be lost
// unnoticed, and a batch is acknowledged when it was sent.
//
// # Errors
//
// A record that does not fit into a datagram is a [*auditsink.RejectedError].
// A server takes records as long as its configuration lets it: they have up to
// [auditsink.MaxLine] bytes, and most servers cut at 8 KiB unless told
// otherwise.
package syslogsink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// What a syslog server's URL begins with.
const (
	TLSScheme = "syslog+tls"
	TCPScheme = "syslog+tcp"
	UDPScheme = "syslog+udp"
)

const (
	// timeout is less than what a relay allows for a delivery, so that the
	// error says what hung.
	timeout = 20 * time.Second
	// maxChatter is what a server may say, which is expected to say nothing.
	maxChatter = 64 << 10

	// After each udpBurst datagrams comes a pause, as a receiver's buffer
	// holds about a hundred, and drops what is too much.
	udpBurst = 20
	udpPause = time.Millisecond
)

// Sink sends to one server.
type Sink struct {
	scheme, addr string
	dial         func(ctx context.Context, network, addr string) (net.Conn, error)
	header       header
	gate         remote.Gate
}

// Open reads the URL, and these keys of it, all of them of syslog+tls only and in
// PEM. It does not connect.
//
//	ca=file:PATH             the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH  the certificate to show, with key
//	key=env:NAME|file:PATH   its private key
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	_, config, err := remote.Keys(u, u.Scheme == TLSScheme)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("it must name a host and a port and nothing else: write " + u.Scheme + "://HOST:PORT")
	}
	s := &Sink{scheme: u.Scheme, addr: u.Host, header: newHeader(os.Hostname())}
	s.dial = (&net.Dialer{}).DialContext
	if config != nil {
		s.dial = (&tls.Dialer{Config: config}).DialContext
	}
	return s, nil
}

// Deliver sends the batch.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		ctx, done := context.WithTimeout(ctx, timeout)
		defer done()
		if s.scheme == UDPScheme {
			return s.datagrams(ctx, b.Records)
		}
		return auditsink.Result{}, s.stream(ctx, b.Records)
	})
}

// Describe says that syslog acknowledges nothing: that a server has read a
// record does not say that it keeps it.
func (s *Sink) Describe() auditsink.Traits { return auditsink.Traits{Unacknowledged: true} }

// stream sends the records in a connection of their own.
func (s *Sink) stream(ctx context.Context, records []auditsink.Record) error {
	conn, err := s.dial(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	var frames, message []byte
	for _, r := range records {
		message = s.header.append(message[:0], r)
		frames = fmt.Appendf(frames, "%d %s", len(message), message)
	}
	if _, err = conn.Write(frames); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if err = conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return fmt.Errorf("end the connection: %w", err)
	}
	return awaitEnd(conn)
}

// awaitEnd returns nil when the server has ended the connection in good order.
// With unread data it would be reset.
func awaitEnd(conn net.Conn) error {
	n, err := io.CopyN(io.Discard, conn, maxChatter)
	switch {
	case n == maxChatter:
		return errors.New("the server answers: it is not a syslog server")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the latter of one that omits TLS's own end
		return nil
	}
	return fmt.Errorf("wait for the server to end the connection: %w", err)
}

// datagrams sends each record by itself.
func (s *Sink) datagrams(ctx context.Context, records []auditsink.Record) (auditsink.Result, error) {
	conn, err := s.dial(ctx, "udp", s.addr)
	if err != nil {
		return auditsink.Result{}, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	var message []byte
	for i, r := range records {
		if i%udpBurst == udpBurst-1 {
			pause(ctx)
		}
		if err = ctx.Err(); err == nil {
			message = s.header.append(message[:0], r)
			_, err = conn.Write(message)
		}
		if errors.Is(err, syscall.EMSGSIZE) {
			err = &auditsink.RejectedError{Seq: r.Seq, Reason: "it does not fit into a datagram"}
		}
		if err != nil {
			return auditsink.Result{Accepted: i}, fmt.Errorf("send: %w", err)
		}
	}
	return auditsink.Result{}, nil
}

func pause(ctx context.Context) {
	timer := time.NewTimer(udpPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Close calls off the delivery that is under way.
func (s *Sink) Close(context.Context) error {
	s.gate.Shut(func() {})
	return nil
}
