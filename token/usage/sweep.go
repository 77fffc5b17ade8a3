package usage

import (
	"context"
	"fmt"
	"time"

	"github.com/keloa/apitokens/ent/usagebucket"
	"github.com/keloa/apitokens/ent/usageflush"
)

const (
	// sweepEvery is how often to look for what is too old.
	sweepEvery = time.Minute
	// maxSweep is how many rows are removed at a time; if there are more,
	// the next time is after the next flush.
	maxSweep = 500
	// serverForgotten is when a server that has flushed nothing is taken not
	// to come back with a flush that is in doubt.
	serverForgotten = 7 * 24 * time.Hour
)

// sweep removes hours that are no longer kept, and what is left of servers that
// are gone. Several servers may do so at once.
func (r *Recorder) sweep(ctx context.Context) error {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	now := r.now().UTC()
	if now.Sub(r.swept) < sweepEvery {
		return nil
	}
	buckets, err := r.sweepBuckets(ctx, now)
	if err != nil {
		return fmt.Errorf("remove old hours: %w", err)
	}
	flushes, err := r.sweepFlushes(ctx, now)
	if err != nil {
		return fmt.Errorf("remove old flushes: %w", err)
	}
	if max(buckets, flushes) < maxSweep {
		r.swept = now
	}
	return nil
}

func (r *Recorder) sweepBuckets(ctx context.Context, now time.Time) (int, error) {
	buckets := r.db.Client().UsageBucket
	ids, err := buckets.Query().Where(usagebucket.StartLT(now.Add(-Keep))).
		Order(usagebucket.ByStart()).Limit(maxSweep).IDs(ctx)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return buckets.Delete().Where(usagebucket.IDIn(ids...)).Exec(ctx)
}

func (r *Recorder) sweepFlushes(ctx context.Context, now time.Time) (int, error) {
	flushes := r.db.Client().UsageFlush
	ids, err := flushes.Query().Where(usageflush.AtLT(now.Add(-serverForgotten)), usageflush.RecorderNEQ(r.id)).
		Order(usageflush.ByAt()).Limit(maxSweep).IDs(ctx)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return flushes.Delete().Where(usageflush.IDIn(ids...)).Exec(ctx)
}
