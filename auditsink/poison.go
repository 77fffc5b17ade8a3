package auditsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// What bounds the search for a record that a sink cannot take.
const (
	// oneByOneAfter failures at one place, batches have one record, and grow
	// again as they succeed: so the record that is at fault is alone sooner
	// or later.
	oneByOneAfter = 2
	// stubEvery as many failures of one record alone, the sink is given a
	// stub: if it takes that, it is the record.
	stubEvery = 4
	// offerEvery is how often a record in quarantine is offered again at
	// most, and offerTimeout how long that may keep others waiting.
	offerEvery   = 5 * time.Second
	offerTimeout = 5 * time.Second
)

// isolate finds out whether the first record of the batch that was not accepted
// is one that the sink cannot take, and has it replaced. It returns why nothing
// can go on, or nil.
func (s *session) isolate(ctx context.Context, batch *Batch, failure error) error {
	first := s.undelivered(batch)
	if first.Seq == 0 || errors.Is(failure, errLapsed) {
		return failure
	}
	if rejected, ok := errors.AsType[*RejectedError](failure); ok && rejected.Seq == first.Seq {
		return s.replace(ctx, first, failure)
	}
	if _, ok := errors.AsType[*RetryError](failure); ok {
		return failure
	}
	if s.suspect != first.Seq {
		s.suspect, s.fails = first.Seq, 0
	}
	s.fails++
	if s.fails >= oneByOneAfter {
		s.limit = 1
	}
	if s.fails%stubEvery != 0 || len(batch.Records) > 1 || !s.takesLate() {
		return failure
	}
	return s.replace(ctx, first, failure)
}

// undelivered returns the first record of the batch behind the cursor.
func (s *session) undelivered(batch *Batch) Record {
	for _, r := range batch.Records {
		if r.Seq > s.lease.Cursor {
			return r
		}
	}
	return Record{}
}

// replace delivers a stub instead of the record, which goes into quarantine. If
// the sink does not take the stub either, it is the sink that fails.
func (s *session) replace(ctx context.Context, r Record, failure error) error {
	stub, err := r.Stub()
	if err != nil {
		return fmt.Errorf("make a stub of audit record %d: %w", r.Seq, errors.Join(err, failure))
	}
	// The note comes first: a stub without one would be a record lost.
	if err := s.source.Quarantine(ctx, s.lease, r.Seq, failure.Error()); err != nil {
		return errors.Join(failure, err)
	}
	if _, err := s.deliver(ctx, &Batch{Records: []Record{stub}}, r.Seq); err != nil {
		return errors.Join(failure, s.source.Offered(ctx, s.lease, r.Seq, ""))
	}
	s.lease.Quarantined++
	s.offered = time.Now() // it has just been
	s.log.LogAttrs(ctx, slog.LevelError, "audit sink refuses a record and got a stub in its place, will offer it again",
		slog.Int64("seq", r.Seq), slog.Any("error", failure))
	return s.move(ctx, r.Seq)
}

// takesLate reports whether the sink can be given a record behind later ones: one
// that is asked what it holds would take it for the end.
func (s *session) takesLate() bool {
	_, resumes := s.to.Sink.(Resumer)
	return !resumes
}

// offer offers the sink a record that it refused before, if one is due.
func (s *session) offer(ctx context.Context) error {
	if s.lease.Quarantined == 0 || !s.takesLate() || time.Since(s.offered) < offerEvery {
		return nil
	}
	s.offered = time.Now()
	r, err := s.source.Quarantined(ctx, s.to.Name)
	if err != nil || r.Seq == 0 {
		return err
	}
	var problem string
	if err := s.deliverLate(ctx, r); err != nil {
		if !s.holds() || ctx.Err() != nil {
			return errLapsed
		}
		problem = err.Error()
	}
	if err := s.source.Offered(ctx, s.lease, r.Seq, problem); err != nil {
		return fmt.Errorf("keep what became of audit record %d: %w", r.Seq, err)
	}
	if problem == "" {
		s.lease.Quarantined--
		s.delivered.Add(1)
		s.offered = time.Time{} // the sink may take the others, too
		s.log.LogAttrs(ctx, slog.LevelInfo, "audit sink took a record that it had refused", slog.Int64("seq", r.Seq))
	}
	return nil
}

func (s *session) deliverLate(ctx context.Context, r Record) error {
	ctx, done := context.WithTimeout(ctx, offerTimeout)
	defer done()
	if !s.holds() {
		return errLapsed
	}
	r, err := s.to.Format.Record(r)
	if err != nil {
		return err
	}
	_, err = s.to.Sink.Deliver(ctx, &Batch{Records: []Record{r}})
	return err
}
