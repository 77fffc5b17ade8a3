package usage

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/token/bearer"
)

// The bounds of how often a Recorder flushes.
const (
	MinInterval = 100 * time.Millisecond
	MaxInterval = 5 * time.Minute
)

const (
	// maxBatch is how many entries one transaction writes.
	maxBatch = 500
	// lastFlush bounds the flush at the stop.
	lastFlush = 10 * time.Second
)

// Options are what a Recorder stands on. All but Now are needed.
type Options struct {
	Database *database.DB
	Logger   *slog.Logger
	Interval time.Duration    // between two flushes: MinInterval to MaxInterval
	Now      func() time.Time // nil for the system's clock
}

// Recorder gathers marks and writes them. Each server has one.
type Recorder struct {
	db       *database.DB
	log      *slog.Logger
	interval time.Duration
	now      func() time.Time
	id       uuid.UUID
	shards   [shards]shard
	hurry    chan struct{} // asks for a flush before its time

	flushing sync.Mutex // guards what follows
	n        int64      // the number of the last batch that was made
	pending  []batch    // made and not known to be written, in order

	sweeping sync.Mutex
	swept    time.Time // when sweep last found nothing more to do

	watch watch
}

// batch is what one transaction writes.
type batch struct {
	n       int64
	entries []entry
}

// New returns a Recorder. Nothing is written before Run or Flush.
func New(o Options) *Recorder {
	r := &Recorder{
		db: o.Database, log: o.Logger, interval: o.Interval, now: o.Now,
		id:    uuid.Must(uuid.NewV7()),
		hurry: make(chan struct{}, 1),
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// Mark notes a use. It waits for no database and costs about as much as a look
// into a map. Should there be more tokens in use than memory is set aside for,
// it asks for a flush, and until that has come notes only those that are noted
// already.
func (r *Recorder) Mark(m Mark) {
	if r.shards[m.Token[len(m.Token)-1]%shards].mark(&m) {
		select {
		case r.hurry <- struct{}{}:
		default: // it is asked for
		}
	}
}

// Run flushes at every interval until ctx is done, and once more then. It
// returns the error of that last flush.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	hurry := r.hurry
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			return r.Flush(ctx)
		case <-tick.C:
		case <-hurry:
		}
		hurry = r.hurry
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "last use is to be written again", slog.String("error", bearer.Redact(err.Error())))
			hurry = nil // a database in trouble is not to be hurried
		}
	}
}

// round is what is done at each interval. What fails is tried again at the next.
func (r *Recorder) round(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.Flush, r.sweep, r.Publish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Flush writes what was marked. An error leaves what is not written for the next
// flush, which begins with it.
//
// A batch whose commit was not answered may have been written or not. So it stays
// as it is, number included, until its transaction has succeeded; and that
// writes its number too, or finds it there and does nothing.
func (r *Recorder) Flush(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	if err := r.writePending(ctx); err != nil {
		return err
	}
	r.makeBatches(r.drain(ctx))
	return r.writePending(ctx)
}

func (r *Recorder) writePending(ctx context.Context) error {
	for len(r.pending) > 0 {
		if err := r.write(ctx, r.pending[0]); err != nil {
			return err
		}
		r.pending = r.pending[1:]
	}
	return nil
}

func (r *Recorder) drain(ctx context.Context) []entry {
	var all []entry
	var dropped int64
	for i := range r.shards {
		var n int64
		all, n = r.shards[i].drain(all)
		dropped += n
	}
	if dropped > 0 {
		r.log.WarnContext(ctx, "more tokens were in use than are kept in mind: uses were not recorded", slog.Int64("uses", dropped))
	}
	return all
}

// makeBatches makes pending of the entries, in the order of their tokens, which
// is the order in which all servers lock rows.
func (r *Recorder) makeBatches(all []entry) {
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.token[:], b.token[:]), cmp.Compare(a.hour, b.hour))
	})
	for entries := range slices.Chunk(all, maxBatch) {
		r.n++
		r.pending = append(r.pending, batch{r.n, entries})
	}
}
