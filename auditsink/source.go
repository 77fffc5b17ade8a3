package auditsink

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Source is a log that relays read, and keep their place in. All that is
// written about a lease is judged on one clock, the source's own. It is safe
// for concurrent use.
type Source interface {
	// Read returns up to limit sealed records whose Seq is above after, in
	// order and without a gap.
	Read(ctx context.Context, after int64, limit int) ([]Record, error)
	// Head returns the last sequence given out; 0 for none.
	Head(ctx context.Context) (int64, error)
	// Sealed returns a channel that is closed when this process next seals
	// something.
	Sealed() <-chan struct{}

	// Claim takes the lease on a sink for holder, or takes it again, for
	// ttl. A sink that has no place in the log yet gets the one that start
	// says. Claim reports ErrHeld while another holder has the lease.
	Claim(ctx context.Context, sink string, holder uuid.UUID, start Start, ttl time.Duration) (Lease, error)
	// Advance moves the sink's place to cursor, never back, and prolongs the
	// lease. It reports ErrFenced, and changes nothing, if the lease was
	// claimed since.
	Advance(ctx context.Context, lease Lease, cursor int64) error
	// Release ends the lease, if it was not claimed since.
	Release(ctx context.Context, lease Lease) error
}

// Lease is the right to feed a sink.
type Lease struct {
	Sink string
	// Epoch rises with each claim, so that no lease is taken for a later one.
	Epoch  int64
	Cursor int64 // the last sequence that the sink is known to have
	TTL    time.Duration
}

var (
	// ErrHeld is returned while another holds the lease on a sink.
	ErrHeld = errors.New("another server feeds this audit sink")
	// ErrFenced is returned to who no longer holds the lease on a sink.
	ErrFenced = errors.New("another server has taken over this audit sink")
)
