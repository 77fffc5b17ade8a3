// Package natssink publishes the audit log to a NATS JetStream stream, under
// nats://HOST/STREAM.subject and nats+tls://HOST/STREAM.subject, a message for
// each record. HOST may be several, with commas between them.
//
// The stream must be there. The subject of the messages is what follows the
// first dot, if the stream captures that, or else the whole of STREAM.subject:
// both ways of naming subjects are common.
//
// # Durability
//
// A record is acknowledged when the stream's leader has acknowledged it: by
// then it is stored by a majority of the replicas. When a stored message is
// synced to the disk is a setting of the servers (sync_interval), as is what a
// stream keeps and for how long.
//
// Every record is in the stream exactly once, also after kill -9. Each message
// is published on the condition that the last one on its subject is still the
// one that this sink knows, so that two writers cannot mix, however long one of
// them was stopped for. Where the subject was written to by another, the sink
// looks again how far it has come. Nats-Msg-Id is the record's id and the
// subject, which lets JetStream drop what is repeated within its window, too.
//
// # Errors
//
// A stream that is missing, does not capture the subject, or does not keep what
// it acknowledges is an error of Probe, and of each delivery. A record that is
// larger than the stream or the server allows is a [*auditsink.RejectedError].
//
// # Concurrency
//
// Where the stream allows atomic batches (allow_atomic, NATS 2.12), all records of
// a delivery are published as one, which is stored whole or not at all. Elsewhere
// they are published one at a time: only so can each depend on the one before it.
// After any other error the connection is given up, and the next call makes
// another.
package natssink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// What a stream's URL begins with.
const (
	Scheme    = "nats"
	TLSScheme = "nats+tls"
)

// Sink publishes to one subject of one stream.
type Sink struct {
	stream, rest string // STREAM and subject, as written
	server       server
	gate         remote.Gate

	// What follows belongs to who is in the gate.
	place *place // nil until it is needed, and after every doubt
	wire  wire   // under the place's connection
}

var validPath = regexp.MustCompile(`^/([^\s.*>/\\[:cntrl:]]+)\.((?:[^\s.*>[:cntrl:]]+\.)*[^\s.*>[:cntrl:]]+)$`)

// Open reads the URL, and these keys of it. It does not connect.
//
//	user=NAME                    with password
//	password=env:NAME|file:PATH  of the user
//	token=env:NAME|file:PATH     a token instead
//	creds=env:NAME|file:PATH     the contents of a credentials file instead, with a JWT and an NKey seed
//	ca=file:PATH                 the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH      the certificate to show, with key
//	key=env:NAME|file:PATH       its private key
//
// The last three are in PEM, and of nats+tls only.
//
// Unencrypted, credentials are sent to this machine only.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	names := validPath.FindStringSubmatch(u.Path)
	if u.Hostname() == "" || names == nil {
		return nil, errors.New("it must name a host, a stream and a subject: write " + u.Scheme + "://HOST/STREAM.subject")
	}
	server, err := newServer(u)
	if err != nil {
		return nil, err
	}
	return &Sink{stream: names[1], rest: names[2], server: server}, nil
}

// Deliver publishes those records of the batch that the stream does not hold
// yet.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		accepted := 0
		err := s.use(ctx, func(p *place) error {
			var err error
			accepted, err = p.publish(ctx, b.Records)
			return err
		})
		return auditsink.Result{Accepted: accepted}, err
	})
}

// HighWater reads the last record on the subject back.
func (s *Sink) HighWater(ctx context.Context) (int64, error) {
	var last int64
	_, err := s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(p *place) error {
			err := p.look(ctx)
			last = p.last
			return err
		})
	})
	return last, err
}

// Probe sees that the stream is there, and fit for an audit log.
func (s *Sink) Probe(ctx context.Context) error {
	_, err := s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(p *place) error {
			_, _, err := s.find(ctx, p.js)
			return err
		})
	})
	return err
}

// Close gives up the connection.
func (s *Sink) Close(context.Context) error {
	s.gate.Shut(s.forget)
	return nil
}

// use calls fn with a connection and the place in the stream that is known. It
// ends with ctx, which cuts the connection off.
func (s *Sink) use(ctx context.Context, fn func(*place) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.place != nil && !s.place.conn.IsConnected() {
		s.forget()
	}
	defer context.AfterFunc(ctx, s.wire.cut)()
	if s.place == nil {
		var err error
		if s.place, err = s.connect(ctx); err != nil {
			return err
		}
	}
	err := fn(s.place)
	if _, rejected := errors.AsType[*auditsink.RejectedError](err); err == nil || rejected {
		return err
	}
	s.forget()
	if ctx.Err() != nil {
		return ctx.Err() // and not what became of the connection
	}
	return err
}

func (s *Sink) connect(ctx context.Context) (*place, error) {
	conn, err := s.server.connect(ctx, &s.wire)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	p := &place{conn: conn, stream: s.stream}
	if p.js, err = jetstream.New(conn); err == nil {
		p.subject, p.together, err = s.find(ctx, p.js)
	}
	if err == nil {
		err = p.look(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return p, nil
}

func (s *Sink) forget() {
	if s.place != nil {
		s.wire.cut() // all that was sent was waited for
		s.place.conn.Close()
		s.place = nil
	}
}

// find sees that the stream is there and fit for an audit log, and returns the
// subject to publish to and whether the stream stores batches whole.
func (s *Sink) find(ctx context.Context, js jetstream.JetStream) (subject string, together bool, err error) {
	stream, err := js.Stream(ctx, s.stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return "", false, fmt.Errorf("there is no stream %s: make it, with the subject %s", s.stream, s.rest)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return "", false, errors.New("the server has no JetStream, or none for this account: enable it")
	case err != nil:
		return "", false, fmt.Errorf("look up the stream %s: %w", s.stream, err)
	}
	config := stream.CachedInfo().Config
	switch {
	case config.NoAck:
		return "", false, fmt.Errorf("the stream %s acknowledges nothing: configure it without no_ack", s.stream)
	case config.Retention == jetstream.InterestPolicy:
		return "", false, fmt.Errorf("the stream %s keeps nothing that nobody waits for: configure it with limits retention", s.stream)
	case config.Sealed, config.Mirror != nil, config.SubjectTransform != nil:
		return "", false, fmt.Errorf("the stream %s is sealed, a mirror or changes subjects: name another", s.stream)
	}
	for _, subject := range []string{s.rest, s.stream + "." + s.rest} {
		if slices.ContainsFunc(config.Subjects, func(pattern string) bool { return captures(pattern, subject) }) {
			return subject, config.AllowAtomicPublish, nil
		}
	}
	return "", false, fmt.Errorf("the stream %s captures neither the subject %s nor %s.%s: add one of them to it", s.stream, s.rest, s.stream, s.rest)
}

// captures reports whether a stream's pattern matches the subject: "*" stands
// for one token, and ">" at the end for one or more.
func captures(pattern, subject string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case i == len(have):
			return false
		case token == ">":
			return true
		case token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
