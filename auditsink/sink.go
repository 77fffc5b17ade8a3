package auditsink

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink is a destination of the audit log.
//
// # Durability
//
// Deliver returns a nil error when every record of the batch is as durable as
// the sink claims in its documentation, and not before: a sink does not
// acknowledge what it has only buffered. A batch may be delivered again, and
// may overlap the one before, when an acknowledgement was lost.
//
// # Errors
//
// A sink does not retry: whoever calls it does, for ever, with growing pauses.
// It returns the first error as soon as it is sure of it, says in [Result] how
// much of the batch was accepted, and stays usable. A record that the
// destination will never accept as it stands is a [*RejectedError]; a
// destination that says when it wants to be tried again, a [*RetryError].
// No error names a credential.
//
// # Concurrency
//
// Deliver is never called again before it has returned, nor while the sink's
// HighWater runs. The other methods may be called at any time, from any
// goroutine. A sink keeps neither the batch nor a line of it after Deliver has
// returned, and changes neither.
type Sink interface {
	// Deliver hands over a batch of at least one record, in order. It
	// returns promptly once ctx is done.
	Deliver(ctx context.Context, b *Batch) (Result, error)
	// Close gives up everything that the sink holds. It is harmless to
	// repeat. Deliver then reports ErrClosed.
	Close(ctx context.Context) error
}

// Batch is records on their way to a sink.
type Batch struct {
	// Records rise in Seq. There are gaps where a filter took some out.
	Records []Record
}

// Result says what became of a batch that was not wholly accepted.
type Result struct {
	// Accepted is how many records, from the first, are as durable as after
	// a nil error. It is looked at only beside an error. A sink that cannot
	// tell says 0, and gets the whole batch again.
	Accepted int
}

// Resumer is a sink whose destination can be asked what it holds, which makes
// delivery exactly once: such a sink also accepts, and does not write again, a
// record whose Seq is not above what the destination holds. So it gets no record
// late: where it refused one, its stub stays.
type Resumer interface {
	// HighWater returns the highest Seq that the destination holds as
	// durably as Deliver promises, and 0 for none. What else the destination
	// holds is passed over.
	HighWater(ctx context.Context) (int64, error)
}

// Reopener is a sink that can let go of its destination and take it up again,
// as after a file was rotated, on SIGHUP. No record is lost or doubled by it.
type Reopener interface {
	Reopen(ctx context.Context) error
}

// Prober is a sink that can find out, without delivering anything, whether a
// delivery has a chance. A relay asks before its first delivery and after each
// failure.
type Prober interface {
	Probe(ctx context.Context) error
}

// Describer is a sink that says what it is good for.
type Describer interface {
	Describe() Traits
}

// Traits are what a sink is good for. The zero Traits are those of a sink that
// is no Describer.
type Traits struct {
	// Unacknowledged says that nothing tells whether a record has arrived, so
	// that nobody may be made to wait for it: the sink cannot be required.
	Unacknowledged bool
	// Batch is how many records the sink takes at once where there are as
	// many, if it is more than 256, and at most 4096.
	Batch int
}

// ErrClosed is returned by a sink that was closed.
var ErrClosed = errors.New("the audit sink is closed")

// RejectedError says that the destination will never accept a record as it
// stands: the first one that [Result] does not count as accepted. It then gets a
// stub in its place, and the record late, if that is taken one day, unless it is
// a [Resumer]. Every other error may pass.
type RejectedError struct {
	Seq    int64
	Reason string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("audit record %d was rejected: %s", e.Seq, e.Reason)
}

// RetryError says that the destination asked to be left alone for a while. A
// relay does so, for as long as an hour.
type RetryError struct {
	After time.Duration
	Err   error // why
}

func (e *RetryError) Error() string {
	return fmt.Sprintf("%v (to be tried again after %v)", e.Err, e.pause())
}

// pause is for how long the destination is left alone.
func (e *RetryError) pause() time.Duration { return min(e.After, maxRetryAfter) }

func (e *RetryError) Unwrap() error { return e.Err }

type leaseKey struct{}

// WithLease returns a context for deliveries under a lease, of which holds
// reports whether it lasts.
func WithLease(ctx context.Context, holds func() bool) context.Context {
	return context.WithValue(ctx, leaseKey{}, holds)
}

// Holds reports whether a delivery with ctx may still write at this moment. That
// ctx is done says so late to a process that was frozen: by the time it wakes,
// another server may be writing. A sink whose client sends on its own, after
// Deliver has handed it something, asks right before it does; others need not.
func Holds(ctx context.Context) bool {
	holds, leased := ctx.Value(leaseKey{}).(func() bool)
	return !leased || holds()
}

// Discard accepts everything and keeps nothing: the value for no sink.
var Discard Sink = discard{}

type discard struct{}

func (discard) Deliver(context.Context, *Batch) (Result, error) { return Result{}, nil }
func (discard) Close(context.Context) error                     { return nil }
