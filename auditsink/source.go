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
	// order and without a gap; fewer where they are long, as it bounds the
	// memory that they take.
	Read(ctx context.Context, after int64, limit int) ([]Record, error)
	// Head returns the last sequence given out; 0 for none.
	Head(ctx context.Context) (int64, error)
	// Sealed returns a channel that is closed when this process next seals
	// something.
	Sealed() <-chan struct{}

	// Checkpoint returns the newest signed checkpoint over at most the first
	// size records; its Size is 0 for none.
	Checkpoint(ctx context.Context, size int64) (Checkpoint, error)

	// Claim takes the lease on a sink for holder, or takes it again, for
	// ttl. A sink that has no place in the log yet gets the one that its
	// Start says. Claim reports ErrHeld while another holder has the lease.
	Claim(ctx context.Context, to Destination, holder uuid.UUID, ttl time.Duration) (Lease, error)
	// Advance moves the sink's place to cursor, never back, and prolongs the
	// lease. It reports ErrFenced, and changes nothing, if the lease was
	// claimed since.
	Advance(ctx context.Context, lease Lease, cursor int64) error
	// Report keeps for all servers why the sink is down, or that it is up
	// where problem is empty, if the lease was not claimed since.
	Report(ctx context.Context, lease Lease, problem string) error
	// Release ends the lease, if it was not claimed since.
	Release(ctx context.Context, lease Lease) error
	// Ahead is told that the sink holds the record high, which this log does
	// not have. If that is because the log went back in time, it sees to it
	// that no sequence is given out twice, and returns nil; else an error.
	Ahead(ctx context.Context, lease Lease, high int64) error

	// Quarantine notes that the sink refuses a record, to be offered again
	// later. It reports ErrQuarantineFull, or ErrFenced.
	Quarantine(ctx context.Context, lease Lease, seq int64, reason string) error
	// Quarantined returns the record that is to be offered again next, if one
	// is due; else its Seq is 0.
	Quarantined(ctx context.Context, sink string) (Record, error)
	// Offered says what became of offering the record again: an empty problem
	// ends its quarantine.
	Offered(ctx context.Context, lease Lease, seq int64, problem string) error
}

// Lease is the right to feed a sink.
type Lease struct {
	Sink string
	// Epoch rises with each claim, so that no lease is taken for a later one.
	Epoch  int64
	Cursor int64 // the last sequence that the sink is known to have
	// End is the last sequence that is known to be given out or, for a sink that
	// is to begin beyond that, the one before its first.
	End int64
	TTL time.Duration
	// Down and Quarantined are what was reported when the lease was claimed:
	// that the sink is down, and how many records are in quarantine.
	Down        bool
	Quarantined int
}

var (
	// ErrHeld is returned while another holds the lease on a sink.
	ErrHeld = errors.New("another server feeds this audit sink")
	// ErrFenced is returned to who no longer holds the lease on a sink.
	ErrFenced = errors.New("another server has taken over this audit sink")
	// ErrQuarantineFull is returned where a sink refuses so many records that
	// it is the sink that is wrong.
	ErrQuarantineFull = errors.New("the audit sink refuses too many records")
)
