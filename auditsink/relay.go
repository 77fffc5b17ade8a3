package auditsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
)

// What bounds a relay.
const (
	// A batch is at most batchRecords, or as many as the sink says, but never
	// more than maxBatchRecords; and maxBatchBytes unless one record is larger.
	batchRecords    = 256
	maxBatchRecords = 4096
	maxBatchBytes   = 1 << 20
	// deliverTimeout ends a delivery that hangs, so that it is tried again.
	deliverTimeout = 30 * time.Second
	// pollEvery is how soon a relay sees what another server has sealed.
	pollEvery = 500 * time.Millisecond
	// leaseTime is how long a sink waits for another server after the one
	// that fed it died.
	leaseTime = 5 * time.Second
	// checkpointEvery is how often a batch carries a checkpoint at most, and
	// probeEvery how often an idle sink is probed that others wait for.
	checkpointEvery = time.Second
	probeEvery      = 2 * time.Second
	// drainTime is how long a relay that is told to stop goes on delivering.
	drainTime = 5 * time.Second

	firstPause = 200 * time.Millisecond
	maxPause   = 30 * time.Second
	// maxRetryAfter bounds what a destination may ask for, which may be a
	// mistake.
	maxRetryAfter = time.Hour
)

// Relay feeds one sink from a log: one batch at a time, for ever.
type Relay struct {
	to     Destination
	source Source
	log    *slog.Logger
	holder uuid.UUID
	pauses *backoff.ExponentialBackOff
	down   bool  // the sink failed and has not recovered
	next   int64 // the first sequence that the last session has not delivered; 0 before there was one
	// notBefore is until when the destination asked to be left alone.
	notBefore time.Time

	reopened atomic.Bool // and not yet asked where to go on

	most int // records in a batch

	// What is known of a record that may be what the sink cannot take.
	limit   int   // of records in the next batch
	suspect int64 // the first record of the last batch that failed
	fails   int   // how often it has failed since it is that

	delivered, retries atomic.Int64
}

// Stats is what a relay has done since it was made.
type Stats struct {
	Delivered int64 // records that the sink acknowledged
	Retries   int64 // times that it was tried again after a failure
}

// Stats may be called while Run runs.
func (r *Relay) Stats() Stats { return Stats{r.delivered.Load(), r.retries.Load()} }

// Destination returns what the relay feeds.
func (r *Relay) Destination() Destination { return r.to }

// NewRelay returns a relay that feeds to from source. A nil logger is the
// default one.
func NewRelay(to Destination, source Source, logger *slog.Logger) *Relay {
	if logger == nil {
		logger = slog.Default()
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	most := batchRecords
	if sink, ok := to.Sink.(Describer); ok {
		most = min(max(most, sink.Describe().Batch), maxBatchRecords)
	}
	return &Relay{
		to:     to,
		source: source,
		log:    logger.With(slog.String("sink", to.Name)),
		holder: uuid.New(),
		pauses: pauses,
		most:   most,
		limit:  most,
	}
}

// Run feeds the sink until ctx is done, then delivers what is sealed by then,
// if the sink takes it within a few seconds, and closes the sink. It is called
// once. What seals the log is stopped first, so that nothing is left behind.
func (r *Relay) Run(ctx context.Context) error {
	// The session outlives ctx, which only asks it to finish.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })()

	for {
		last := ctx.Err() != nil // then this is the last chance
		err := r.session(work, ctx.Done())
		if err == nil {
			break
		}
		if last || work.Err() != nil {
			r.stopped(ctx, err)
			break
		}
		sleep(ctx, r.failed(ctx, err))
		if time.Now().Before(r.notBefore) { // told to stop meanwhile
			r.stopped(ctx, err)
			break
		}
	}
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer done()
	if err := r.to.Sink.Close(closing); err != nil {
		return fmt.Errorf("close audit sink %s: %w", r.to.Name, err)
	}
	return nil
}

// Reopen lets the sink take up its destination again, if it is a [Reopener], and
// goes on where that ends, if it is a [Resumer]. It may be called while Run runs.
func (r *Relay) Reopen(ctx context.Context) error {
	defer r.reopened.Store(true)
	sink, ok := r.to.Sink.(Reopener)
	if !ok {
		return nil
	}
	if err := sink.Reopen(ctx); err != nil {
		return fmt.Errorf("reopen audit sink %s: %w", r.to.Name, err)
	}
	return nil
}

// failed says in the log that the sink went down, the first time, and returns
// how long to wait before the next session.
func (r *Relay) failed(ctx context.Context, err error) time.Duration {
	if errors.Is(err, ErrHeld) || errors.Is(err, ErrFenced) { // another server feeds the sink
		return leaseTime / 5
	}
	if !r.down {
		r.down = true
		r.log.LogAttrs(ctx, slog.LevelError, "audit sink is down", slog.Any("error", err))
	}
	r.retries.Add(1)
	pause := r.pauses.NextBackOff()
	if asked, ok := errors.AsType[*RetryError](err); ok {
		pause = max(pause, asked.pause())
		r.notBefore = time.Now().Add(asked.pause())
	}
	return pause
}

// stopped says in the log that a relay was told to stop before its sink had taken
// everything, unless another server feeds that. To be stopped is no failure of
// the sink.
func (r *Relay) stopped(ctx context.Context, err error) {
	if r.next == 0 || errors.Is(err, ErrHeld) || errors.Is(err, ErrFenced) {
		return
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), leaseTime)
	defer done()
	if head, err := r.source.Head(ctx); err == nil && head < r.next {
		return
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "audit sink was stopped before it had taken everything, goes on from there when it is started again",
		slog.Int64("from", r.next))
}

// worked says in the log that the sink is back, if it was down.
func (r *Relay) worked(ctx context.Context) {
	r.pauses.Reset()
	if r.down {
		r.down = false
		r.log.LogAttrs(ctx, slog.LevelInfo, "audit sink is back")
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
