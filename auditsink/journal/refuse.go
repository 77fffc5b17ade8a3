package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

// Refuse records an event that has no transaction of its own: a caller was
// refused, a secret was exposed. Those who cause such events may do so as fast
// as they can send requests, so of one kind (same workspace, actor, action and
// address, of IPv6 the /64 network) the first ten in a minute are recorded one by one, and Refuse
// returns when that is committed. The rest are counted; the count is recorded
// as one event when the minute ends or [Journal.Run] does.
//
// If ctx is done first, Refuse returns its error and the event may or may not
// be recorded.
func (j *Journal) Refuse(ctx context.Context, e auditsink.Event) error {
	if e.At.IsZero() {
		e.At = j.now()
	}
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("record a refusal: %w", err)
		}
		e.ID = id
	}
	// One that cannot be recorded would take those committed with it along.
	if _, err := e.Canonical(); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	if err := j.refusals.add(ctx, e); err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return nil
}

// summarise records what was only counted, when a minute has passed since it
// last did. What could not be recorded is tried again at the next call, and
// until then counting goes on.
func (r *refusals) summarise(ctx context.Context, now time.Time) error {
	if len(r.due) == 0 {
		r.due = r.turn(now, false)
	}
	return r.drain(ctx)
}

// finish records everything that was only counted.
func (r *refusals) finish(ctx context.Context, now time.Time) error {
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.due = r.turn(now, true)
	return r.drain(ctx)
}

func (r *refusals) drain(ctx context.Context) error {
	for len(r.due) > 0 {
		n := min(len(r.due), groupSize)
		if err := r.commit(ctx, r.due[:n]); err != nil {
			return fmt.Errorf("record counted refusals: %w", err)
		}
		r.due = r.due[n:]
	}
	return nil
}

// turn ends the minute, if it is over or must be, and returns an event for each
// tally that counted more than was recorded.
func (r *refusals) turn(now time.Time, must bool) []auditsink.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() {
		r.began = now
	}
	if !must && now.Sub(r.began) < window {
		return nil
	}
	var due []auditsink.Event
	for _, t := range r.tallies {
		if t.counted > 0 {
			due = append(due, t.sum(now))
		}
	}
	clear(r.tallies)
	r.began = now
	return due
}
