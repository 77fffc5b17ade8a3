// Package execsink hands the audit log to a program, under exec:PROGRAM: a
// sink in any language.
//
// The program reads records from standard input, one a line, and writes to
// standard output, a line each:
//
//	{"ack":42}                         the record of sequence 42 is kept, and all that came before it
//	{"reject":43,"reason":"too long"}  the record of sequence 43, the first that is not kept, never will be
//
// What it writes to standard error is logged. At the end of its input it ends.
// It gets the environment of the server but for the server's own settings,
// whose names begin with KELOA_.
//
// # Durability
//
// A batch is acknowledged when the program has acknowledged its last record,
// and is as durable as the program makes it. The program may receive a record
// again, and tells by its id.
//
// # Errors
//
// A program that ends, writes anything else, or does not acknowledge in time is
// killed, with all that it started. The next delivery starts it again: the
// pauses between are those of the relay.
//
// # Concurrency
//
// One program runs at a time.
package execsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// Scheme is what a program's URL begins with.
const Scheme = "exec"

const (
	// timeout is less than what a relay allows for a delivery, so that the
	// error says what hung.
	timeout = 20 * time.Second
	// grace is how long a program may take to end by itself.
	grace = 2 * time.Second
)

// Sink runs one program.
type Sink struct {
	program string
	log     *slog.Logger
	gate    remote.Gate
	running *process // nil until it is needed; belongs to who is in the gate
}

// Open finds the program that exec:PROGRAM names: a path, or a name in PATH. It
// is not started yet, and gets no arguments: a script can.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	if _, err := auditsink.Keys(u); err != nil {
		return nil, err
	}
	name := u.Path
	if u.Opaque != "" {
		var err error
		if name, err = url.PathUnescape(u.Opaque); err != nil {
			return nil, errors.New("the path of its program is malformed")
		}
	}
	if name == "" || u.Host != "" {
		return nil, errors.New("it names no program: write exec:PROGRAM, or exec:/PATH for an absolute path")
	}
	program, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("find its program: %w", err)
	}
	return &Sink{program: program, log: slog.Default()}, nil
}

// Deliver hands the batch to the program, which is started if it does not run.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		if s.running == nil {
			started, err := start(s.program, s.log)
			if err != nil {
				return auditsink.Result{}, err
			}
			s.running = started
		}
		ctx, done := context.WithTimeout(ctx, timeout)
		defer done()
		accepted, err := s.running.deliver(ctx, b.Records)
		if _, rejected := errors.AsType[*auditsink.RejectedError](err); rejected {
			s.end(ctx) // what it says of the records behind must not be taken for what it says of the next batch
		} else if err != nil {
			s.running.kill()
			s.running = nil
		}
		return auditsink.Result{Accepted: accepted}, err
	})
}

// Close ends the program's input, and kills it if it does not end soon.
func (s *Sink) Close(ctx context.Context) error {
	s.gate.Shut(func() { s.end(ctx) })
	return nil
}

func (s *Sink) end(ctx context.Context) {
	if s.running == nil {
		return
	}
	ctx, done := context.WithTimeout(ctx, grace)
	defer done()
	s.running.end(ctx)
	s.running = nil
}
