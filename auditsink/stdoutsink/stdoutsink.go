// Package stdoutsink writes the audit log to standard output, one record a
// line, under stdout: for whatever collects the output of the process.
//
// # Durability
//
// A record is acknowledged when the write has returned: it is as durable as
// what reads the output makes it. Standard output cannot be asked what it
// holds, so after a crash some records may appear twice.
//
// # Concurrency
//
// A reader that has stopped reading blocks the write, which cannot be called
// off; Deliver then returns when its context is done, and the next one waits
// for that write to end.
package stdoutsink

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync/atomic"

	"github.com/keloa/apitokens/auditsink"
)

// Scheme is what the URL begins with; nothing follows it.
const Scheme = "stdout"

// Sink writes to standard output.
type Sink struct {
	out    io.Writer
	turn   chan struct{} // holds one token, which the writer takes
	closed atomic.Bool
	torn   bool // the last write ended within a line; belongs to who has the turn
}

// Open returns the sink of what is standard output now.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	if _, err := auditsink.Keys(u); err != nil {
		return nil, err
	}
	if u.Host != "" || u.Path != "" || u.Opaque != "" {
		return nil, fmt.Errorf("nothing may follow %s: but keys", Scheme)
	}
	return newSink(os.Stdout), nil
}

func newSink(out io.Writer) *Sink {
	s := &Sink{out: out, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// Deliver writes the lines of the batch in one write.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	if s.closed.Load() {
		return auditsink.Result{}, auditsink.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return auditsink.Result{}, err
	}
	select {
	case <-ctx.Done():
		return auditsink.Result{}, ctx.Err()
	case <-s.turn:
	}
	type outcome struct {
		auditsink.Result
		error
	}
	lines := auditsink.AppendLines(nil, b.Records) // the batch is not ours to keep
	done := make(chan outcome, 1)
	go func() {
		result, err := s.write(lines)
		s.turn <- struct{}{}
		done <- outcome{result, err}
	}()
	select {
	case <-ctx.Done():
		return auditsink.Result{}, ctx.Err()
	case end := <-done:
		return end.Result, end.error
	}
}

// write counts the lines that were written whole. After one that was not, the
// next write begins on a new line.
func (s *Sink) write(lines []byte) (auditsink.Result, error) {
	if s.torn {
		if _, err := s.out.Write([]byte("\n")); err != nil {
			return auditsink.Result{}, fmt.Errorf("write to standard output: %w", err)
		}
		s.torn = false
	}
	n, err := s.out.Write(lines)
	if err != nil {
		s.torn = n > 0 && lines[n-1] != '\n'
		return auditsink.Result{Accepted: bytes.Count(lines[:n], []byte("\n"))},
			fmt.Errorf("write to standard output: %w", err)
	}
	return auditsink.Result{}, nil
}

// Close does not close standard output, which is not the sink's.
func (s *Sink) Close(context.Context) error {
	s.closed.Store(true)
	return nil
}
