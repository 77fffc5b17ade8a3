// Package kafkasink produces the audit log to a Kafka topic, under
// kafka://BROKERS/TOPIC and kafka+tls://BROKERS/TOPIC, a message for each
// record, keyed by the record's id. BROKERS are one or several HOST:PORT, with
// commas between them.
//
// The topic must be there. All messages go to its partition 0, however many
// there are: Kafka keeps an order within a partition only, and the end of one
// says how far the log has come.
//
// # Durability
//
// A record is acknowledged when all replicas that are in sync have it
// (acks=all); how many must be is a setting of the topic
// (min.insync.replicas).
//
// The producer is idempotent, and after every doubt, such as a lost
// acknowledgement or kill -9, the end of the partition is read back before
// anything is written. A producer that was frozen, and wakes when another server
// may be writing, sends nothing any more. So every record is there exactly once,
// but for what no producer can help, to consumers that read uncommitted messages,
// as they do by default: a batch that the network or the broker held back until
// the end was read, or that was frozen while its last piece was being written.
//
// # Errors
//
// A topic that is missing is an error of Probe, and of each delivery. A record
// that is larger than the topic allows is a [*auditsink.RejectedError].
//
// # Concurrency
//
// A batch is awaited by the sink's own clock, as an idempotent producer cannot
// be called off. Afterwards it is given up, and the next call makes another.
package kafkasink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// What a topic's URL begins with.
const (
	Scheme    = "kafka"
	TLSScheme = "kafka+tls"
)

// timeout is less than what a relay allows for a delivery, so that the error
// says what hung.
const timeout = 20 * time.Second

// Sink produces to one topic.
type Sink struct {
	topic   string
	options func(*tenure) ([]kgo.Opt, error) // with the credential looked up anew
	gate    remote.Gate

	// What follows belongs to who is in the gate.
	parts remote.Parts
	place *place // nil until it is needed, and after every doubt
}

var validPath = regexp.MustCompile(`^/([a-zA-Z0-9._-]{1,249})$`)

// Open reads the URL, and these keys of it. It does not connect.
//
//	user=NAME                    with password
//	password=env:NAME|file:PATH  of the user
//	mechanism=NAME               of SASL: plain, scram-sha-256 or scram-sha-512, which is the default
//	ca=file:PATH                 the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH      the certificate to show, with key
//	key=env:NAME|file:PATH       its private key
//
// The last three are in PEM, and of kafka+tls only.
//
// Unencrypted, a password is sent to this machine only.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	names := validPath.FindStringSubmatch(u.Path)
	if u.Hostname() == "" || names == nil || names[1] == "." || names[1] == ".." {
		return nil, errors.New("it must name brokers and a topic: write " + u.Scheme + "://HOST:PORT,HOST:PORT/TOPIC")
	}
	options, err := newOptions(u)
	if err != nil {
		return nil, err
	}
	return &Sink{topic: names[1], options: options}, nil
}

// Deliver produces those records of the batch that the topic does not hold yet.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (result auditsink.Result, err error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		var result auditsink.Result
		err := s.use(ctx, func(ctx context.Context, p *place) (err error) {
			records := b.Records
			for len(records) > 0 && records[0].Seq <= p.last {
				records = records[1:]
			}
			held := len(b.Records) - len(records)
			result, err = s.parts.InParts(records, func(part []auditsink.Record) error { return p.append(ctx, part) })
			result.Accepted += held
			return err
		})
		return result, err
	})
}

// HighWater reads the last record of the partition back.
func (s *Sink) HighWater(ctx context.Context) (last int64, err error) {
	_, err = s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(ctx context.Context, p *place) error {
			err := p.look(ctx)
			last = p.last
			return err
		})
	})
	return last, err
}

// Probe sees that the topic is there.
func (s *Sink) Probe(ctx context.Context) error {
	_, err := s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return auditsink.Result{}, s.use(ctx, func(ctx context.Context, p *place) error { return p.find(ctx) })
	})
	return err
}

// Close gives up the connections.
func (s *Sink) Close(context.Context) error {
	s.gate.Shut(s.forget)
	return nil
}

func (s *Sink) forget() {
	if s.place != nil {
		s.place.client.Close()
		s.place = nil
	}
}

// use calls fn with a producer and the place in the partition that is known.
func (s *Sink) use(ctx context.Context, fn func(context.Context, *place) error) error {
	ctx, done := context.WithTimeout(ctx, timeout)
	defer done()
	if s.place == nil {
		place, err := s.connect(ctx)
		if err != nil {
			return err
		}
		s.place = place
	}
	s.place.tenure.begin(ctx)
	err := fn(ctx, s.place)
	if _, rejected := errors.AsType[*auditsink.RejectedError](err); err != nil && !rejected {
		err = s.place.why(err)
		s.forget()
	}
	return err
}

// connect makes a producer, and finds out how far the log has come.
func (s *Sink) connect(ctx context.Context) (*place, error) {
	p := &place{topic: s.topic}
	p.tenure.begin(ctx) // as it asks for the topic, and its end
	options, err := s.options(&p.tenure)
	if err != nil {
		return nil, err
	}
	if p.client, err = kgo.NewClient(append(options, kgo.WithHooks(&p.failures))...); err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	if err = p.find(ctx); err == nil {
		err = p.look(ctx)
	}
	if err != nil {
		p.client.Close()
		return nil, p.why(err)
	}
	return p, nil
}
