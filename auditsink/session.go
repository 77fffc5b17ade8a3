package auditsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

var errLapsed = errors.New("the lease on the audit sink could not be prolonged in time")

// session is the time for which a relay holds the lease on its sink.
type session struct {
	*Relay

	lease Lease // Cursor moves; the rest stays
	// until is when the lease ends at the earliest, in nanoseconds since
	// began, on this process's monotonic clock: counted from before the
	// request that got it was sent.
	until atomic.Int64
	began time.Time

	// lacking is the last sequence that the destination once had, where it ends
	// before that; else 0.
	lacking int64

	// When what is only done now and then was last done.
	probed, signed, offered time.Time
}

// session claims the sink and feeds it until something fails or work is done, or
// until stop is closed and nothing is left to deliver.
func (r *Relay) session(work context.Context, stop <-chan struct{}) error {
	s := &session{Relay: r, began: time.Now()}
	var err error
	if s.lease, err = r.source.Claim(work, r.to, r.holder, leaseTime); err != nil {
		return err
	}
	defer func() { r.next = s.lease.Cursor + 1 }()
	s.until.Store(int64(leaseTime))

	ctx, cancel := context.WithCancelCause(WithLease(work, s.holds))
	var keeper sync.WaitGroup
	lease := s.lease
	keeper.Go(func() { cancel(s.keep(ctx, lease)) })
	err = s.feed(ctx, stop)
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	cancel(nil)
	keeper.Wait()
	s.until.Store(0) // what the sink still has in its hands is not to be written
	if err != nil && work.Err() == nil && !errors.Is(err, ErrFenced) {
		r.report(ctx, lease, err.Error())
	}
	r.release(ctx, lease)
	return err
}

// report tells all servers how the sink fares. If it fails, the database is
// down, which stops them by itself.
func (r *Relay) report(ctx context.Context, lease Lease, problem string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), leaseTime)
	defer done()
	if err := r.source.Report(ctx, lease, problem); err != nil && !errors.Is(err, ErrFenced) {
		r.log.LogAttrs(ctx, slog.LevelWarn, "the state of an audit sink was not kept", slog.Any("error", err))
	}
}

// release lets another server take over at once, which may have more luck with
// the sink. If it fails, the lease ends by itself.
func (r *Relay) release(ctx context.Context, lease Lease) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), leaseTime)
	defer done()
	_ = r.source.Release(ctx, lease)
}

// keep prolongs the lease until ctx is done, and returns why it no longer can.
func (s *session) keep(ctx context.Context, lease Lease) error {
	for {
		sleep(ctx, leaseTime/3)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A database that hangs must not hide that the lease has ended.
		try, done := context.WithTimeout(ctx, s.left())
		err := s.advance(try, lease, lease.Cursor)
		done()
		if errors.Is(err, ErrFenced) {
			return err
		}
		if !s.holds() {
			return errLapsed
		}
	}
}

// advance prolongs the lease and moves the cursor, which never goes back.
func (s *session) advance(ctx context.Context, lease Lease, cursor int64) error {
	sent := time.Since(s.began)
	ctx, done := context.WithTimeout(ctx, leaseTime)
	defer done()
	if err := s.source.Advance(ctx, lease, cursor); err != nil {
		return err
	}
	// Two of these may finish in any order: the later end counts.
	for end := int64(sent + leaseTime); ; {
		old := s.until.Load()
		if old >= end || s.until.CompareAndSwap(old, end) {
			return nil
		}
	}
}

// left is how long the lease lasts at least.
func (s *session) left() time.Duration { return time.Duration(s.until.Load()) - time.Since(s.began) }

func (s *session) holds() bool { return s.left() > 0 }

// feed delivers what is sealed and waits for more.
func (s *session) feed(ctx context.Context, stop <-chan struct{}) error {
	for first := true; ; first = false {
		if s.reopened.Swap(false) || first {
			if err := s.resume(ctx); err != nil {
				return err
			}
		}
		if err := s.offer(ctx); err != nil {
			return err
		}
		stopping := isClosed(stop)  // both before reading,
		sealed := s.source.Sealed() // or a seal in between is missed
		records, err := s.source.Read(ctx, s.lease.Cursor, s.most)
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		if len(records) > 0 {
			if err := s.forward(ctx, records); err != nil {
				return err
			}
			s.up(ctx)
			continue
		}
		s.up(ctx)
		if stopping || ctx.Err() != nil {
			return ctx.Err()
		}
		wait(ctx, sealed, stop)
		if s.to.Required && time.Since(s.probed) >= probeEvery {
			if err := s.probe(ctx); err != nil {
				return err
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait returns when there may be something to do.
func wait(ctx context.Context, sealed, stop <-chan struct{}) {
	poll := time.NewTimer(pollEvery)
	defer poll.Stop()
	select {
	case <-ctx.Done():
	case <-stop:
	case <-sealed:
	case <-poll.C:
	}
}

// up says that the sink is up, where that is news.
func (s *session) up(ctx context.Context) {
	s.worked(ctx)
	if s.lease.Down {
		s.lease.Down = false
		s.report(ctx, s.lease, "")
	}
}

// probe asks the sink whether a delivery has a chance, if it can tell.
func (s *session) probe(ctx context.Context) error {
	s.probed = time.Now()
	sink, ok := s.to.Sink.(Prober)
	if !ok {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, deliverTimeout)
	defer done()
	if err := sink.Probe(ctx); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// checkPlace refuses a place behind the end of the log: nothing that was sealed from
// now on to there would be delivered.
func (s *session) checkPlace() error {
	if s.lease.Cursor > s.lease.End {
		return fmt.Errorf("record %d is kept as its last one, but the log ends at %d: find out who changed that, and have it start over with audit sinks --forget",
			s.lease.Cursor, s.lease.End)
	}
	return nil
}

// resume finds out where to go on: behind what the relay knows to be
// delivered and what the destination says that it holds.
func (s *session) resume(ctx context.Context) error {
	if err := s.probe(ctx); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, deliverTimeout)
	defer done()
	sink, ok := s.to.Sink.(Resumer)
	if !ok {
		return s.checkPlace()
	}
	high, err := sink.HighWater(ctx)
	if err != nil {
		return fmt.Errorf("find out what the destination holds: %w", err)
	}
	head, err := s.source.Head(ctx)
	if err != nil {
		return fmt.Errorf("read the head of the audit log: %w", err)
	}
	if high > head {
		// To go on would be to leave out everything up to there, unless the
		// log goes on behind it.
		if err := s.source.Ahead(ctx, s.lease, high); err != nil {
			return fmt.Errorf("the destination holds record %d, but this log ends at %d: %w", high, head, err)
		}
		s.lease.End = max(s.lease.End, high)
	}
	if err := s.checkPlace(); err != nil {
		return err
	}
	if 0 < high && high < s.lease.Cursor {
		// It had more, or another destination of this name had it. What it
		// holds is the truth; an empty one is new, or was emptied by who
		// keeps the rest elsewhere, and goes on from the cursor.
		s.lacking, s.lease.Cursor = s.lease.Cursor, high // the stored one never goes back
		return nil
	}
	return s.move(ctx, high)
}

// forward delivers what the filter lets through and moves the cursor over all
// that is done with.
func (s *session) forward(ctx context.Context, records []Record) error {
	batch, last := s.pick(records)
	if len(batch.Records) == 0 {
		return s.move(ctx, last)
	}
	s.warnOfLack(ctx, batch.Records[0].Seq)
	if err := s.attach(ctx, batch, last); err != nil {
		return err
	}
	last, failure := s.deliver(ctx, batch, last)
	if err := s.move(ctx, last); err != nil || ctx.Err() != nil {
		return errors.Join(failure, err)
	}
	if failure == nil {
		s.limit = min(2*s.limit, s.most)
		return nil
	}
	return s.isolate(ctx, batch, failure)
}

// warnOfLack says once that the destination lacks records from first on, unless
// that is behind all that it once had. What a filter leaves out it never had.
func (s *session) warnOfLack(ctx context.Context, first int64) {
	if first <= s.lacking {
		s.log.LogAttrs(ctx, slog.LevelWarn, "the destination lacks audit records that were delivered, delivering them again",
			slog.Int64("from", first), slog.Int64("to", s.lacking))
	}
	s.lacking = 0
}

// pick returns the first batch of records, and the sequence up to which it is
// complete.
func (s *session) pick(records []Record) (batch *Batch, last int64) {
	batch = &Batch{}
	size := 0
	for _, r := range records {
		if s.to.Filter.Passes(r) {
			size += len(r.Line) + 1
			if full := size > maxBatchBytes || len(batch.Records) == s.limit; full && len(batch.Records) > 0 {
				return batch, last
			}
			batch.Records = append(batch.Records, r)
		}
		last = r.Seq
	}
	return batch, last
}

// attach gives the last record of the batch a checkpoint, now and then.
func (s *session) attach(ctx context.Context, batch *Batch, last int64) error {
	if time.Since(s.signed) < checkpointEvery {
		return nil
	}
	signed, err := s.source.Checkpoint(ctx, last)
	if err != nil {
		return fmt.Errorf("read a checkpoint: %w", err)
	}
	batch.Records[len(batch.Records)-1].Checkpoint = signed
	s.signed = time.Now()
	return nil
}

// deliver returns the sequence up to which everything is done with: last, or
// the one before the first record that was not accepted.
func (s *session) deliver(ctx context.Context, batch *Batch, last int64) (int64, error) {
	ctx, done := context.WithTimeout(ctx, deliverTimeout)
	defer done()
	if !s.holds() { // also after this process was stopped for a while
		return s.lease.Cursor, errLapsed
	}
	written, err := s.to.Format.batch(batch)
	if err != nil {
		return s.lease.Cursor, err
	}
	result, err := s.to.Sink.Deliver(ctx, written)
	accepted := len(batch.Records)
	if err != nil {
		err = fmt.Errorf("deliver: %w", err)
		if accepted = result.Accepted; accepted < 0 || accepted > len(batch.Records) {
			return s.lease.Cursor, fmt.Errorf("the sink counts %d of %d records as accepted: %w", accepted, len(batch.Records), err)
		}
	}
	s.delivered.Add(int64(accepted))
	if accepted == len(batch.Records) {
		return last, err
	}
	return batch.Records[accepted].Seq - 1, err
}

// move moves the cursor forward.
func (s *session) move(ctx context.Context, cursor int64) error {
	if cursor <= s.lease.Cursor {
		return nil
	}
	if err := s.advance(ctx, s.lease, cursor); err != nil {
		return fmt.Errorf("keep the place in the audit log: %w", err)
	}
	s.lease.Cursor, s.lease.End = cursor, max(s.lease.End, cursor)
	return nil
}
