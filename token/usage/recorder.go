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
	// maxBatch is how many entries one transaction writes: some milliseconds' worth,
	// in which requests have one processor less.
	maxBatch = 100
	// rests is how many times as long as it has written Run waits before the
	// next transaction: it writes a sixteenth of the time. What is used
	// meanwhile is gathered in memory, where a second use costs nothing.
	rests = 15
	// lastFlush bounds the flush at the stop, which rests not.
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
	of      *marked // what else there is to say of the entries
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
	for i := range r.shards {
		r.shards[i].room = maxMarked
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
// returns the error of that last flush. Of more than it can write in a sixteenth
// of an interval it writes a part in each.
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
	for _, step := range []func(context.Context) error{r.flushSlowly, r.sweep, r.Publish} {
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
	if err := r.writePending(ctx, 0); err != nil {
		return err
	}
	r.makeBatches(ctx)
	return r.writePending(ctx, 0)
}

// flushSlowly is Flush for one interval, with rests. What it has not come to
// stays pending, and nothing is taken from the shards before that is written.
func (r *Recorder) flushSlowly(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	if len(r.pending) == 0 {
		r.makeBatches(ctx)
	}
	return r.writePending(ctx, rests)
}

// writePending writes the batches that were made: all of them if rests is zero,
// and otherwise as many as fit in an interval.
func (r *Recorder) writePending(ctx context.Context, rests int) error {
	for began := time.Now(); len(r.pending) > 0; {
		before := time.Now()
		if err := r.write(ctx, r.pending[0]); err != nil {
			return err
		}
		r.pending = r.pending[1:]
		if rests == 0 || len(r.pending) == 0 {
			continue
		}
		if time.Since(began) > r.interval {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Duration(rests)*time.Since(before), r.interval)):
		}
	}
	return nil
}

// makeBatches takes what is marked and makes pending of it, in the order of the
// tokens. That is the order in which all servers lock rows, and has a batch touch
// rows that are next to each other.
func (r *Recorder) makeBatches(ctx context.Context) {
	var dropped int64
	taken := &marked{}
	for i := range r.shards {
		dropped += r.shards[i].drain(taken)
	}
	if dropped > 0 {
		r.log.WarnContext(ctx, "more tokens were in use than are kept in mind: uses were not recorded", slog.Int64("uses", dropped))
	}
	slices.SortFunc(taken.entries, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.token[:], b.token[:]), cmp.Compare(a.hour, b.hour))
	})
	for entries := range slices.Chunk(taken.entries, maxBatch) {
		r.n++
		r.pending = append(r.pending, batch{r.n, entries, taken})
	}
}
