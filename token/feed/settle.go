package feed

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/change"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/server"
)

const (
	// maxReading is how long the database has to answer a question of a
	// settler's.
	maxReading = 5 * time.Second
	// A settler looks again after a twentieth of the shortest lease that it
	// waits for, and not more often than this.
	leastPause = 5 * time.Millisecond
)

// Settler waits until changes count on every server. Anyone who announces
// changes needs one, a server or not. It may be used concurrently: those who
// wait at the same time share their questions to the database.
type Settler struct {
	db     *database.DB
	clock  Clock
	roster roster
}

// NewSettler returns a Settler; a nil clock is [Boot].
func NewSettler(db *database.DB, clock Clock) *Settler {
	if clock == nil {
		clock = Boot
	}
	return &Settler{db: db, clock: clock, roster: roster{db: db}}
}

// Settled says what a change had reached by the time it was settled.
type Settled struct {
	Confirmed int // other servers that have applied it
	Cancelled int // requests that polls have cancelled for it, on any server
}

// Settle returns when no server trusts what it cached before these changes, of
// which there is at least one, in order. It is called after their commit, by the
// server with the id self, which is not waited for; zero for who is none. Who had
// nothing to announce names the last change that there is, so that what ended
// before counts everywhere: as that has another subject, it is waited for, and
// what it cancelled is not counted.
//
// It takes as long as the slowest server takes to poll, and at most one lease,
// plus 1 %. That ctx ends does not end it: the changes are made, and somebody must
// see them through. It reports an error if the database did not tell which servers
// there are; then nothing is known, and Settle can be called again.
func (s *Settler) Settle(ctx context.Context, self uuid.UUID, changes ...Change) (Settled, error) {
	n := changes[len(changes)-1].N
	ctx = context.WithoutCancel(ctx)
	rows, err := s.roster.read(ctx)
	if err != nil {
		return Settled{}, err
	}
	listed := s.clock()
	var settled Settled
	waiting := map[uuid.UUID]time.Duration{} // until when
	pause := MaxLease
	for _, row := range rows {
		if row.ID != self {
			waiting[row.ID] = listed + row.Lease + row.Lease/100
			pause = min(pause, row.Lease/20)
		}
	}
	for settled.Confirmed += confirm(waiting, rows, n); len(waiting) > 0; {
		<-time.After(max(pause, leastPause))
		rows, err = s.roster.within(ctx, s.longest(waiting))
		if err == nil {
			settled.Confirmed += confirm(waiting, rows, n)
		}
		s.expire(waiting)
	}
	settled.Cancelled = s.cancelled(ctx, changes)
	return settled, nil
}

// confirm takes those out of waiting who have applied n, whom it counts, and
// those who are not in the list any more: they left, or were swept.
func confirm(waiting map[uuid.UUID]time.Duration, rows []*ent.Server, n int64) (confirmed int) {
	behind := map[uuid.UUID]bool{}
	for _, row := range rows {
		if _, waited := waiting[row.ID]; !waited {
			continue
		}
		if row.Seen >= n {
			confirmed++
			continue
		}
		behind[row.ID] = true
	}
	for id := range waiting {
		if !behind[id] {
			delete(waiting, id)
		}
	}
	return confirmed
}

// expire takes those out of waiting whose lease has lapsed.
func (s *Settler) expire(waiting map[uuid.UUID]time.Duration) {
	now := s.clock()
	for id, until := range waiting {
		if now >= until {
			delete(waiting, id)
		}
	}
}

// longest is how long the last of those who are waited for may take.
func (s *Settler) longest(waiting map[uuid.UUID]time.Duration) time.Duration {
	var last time.Duration
	for _, until := range waiting {
		last = max(last, until)
	}
	return last - s.clock()
}

// cancelled is how many requests the servers have cancelled for the changes when
// they came by them in the feed. If it is not to be had, the receipt is poorer for
// it, and as true.
func (s *Settler) cancelled(ctx context.Context, changes []Change) (total int) {
	ctx, cancel := context.WithTimeout(ctx, maxReading)
	defer cancel()
	counted, err := s.db.Client().Change.Query().
		Where(change.IDGTE(changes[0].N), change.IDLTE(changes[len(changes)-1].N), change.CancelledGT(0)).All(ctx)
	if err != nil {
		return 0
	}
	for _, row := range counted {
		if slices.ContainsFunc(changes, func(c Change) bool { return c.N == row.ID && c.Subject == row.Subject }) {
			total += row.Cancelled
		}
	}
	return total
}

// roster reads the list of servers for everyone who asks: one read at a time,
// begun after each of those it is for had asked.
type roster struct {
	db   *database.DB
	turn sync.Mutex // held while reading

	mu   sync.Mutex
	next *reading // the one that has not begun; nil for none
}

// reading is one read of the list. Its rows are shared, and not to be changed.
type reading struct {
	done chan struct{}
	rows []*ent.Server
	err  error
}

func (r *roster) within(ctx context.Context, d time.Duration) ([]*ent.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return r.read(ctx)
}

func (r *roster) read(ctx context.Context) ([]*ent.Server, error) {
	r.mu.Lock()
	mine := r.next
	if mine == nil {
		mine = &reading{done: make(chan struct{})}
		r.next = mine
		go r.run(context.WithoutCancel(ctx), mine)
	}
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.rows, mine.err
	case <-ctx.Done():
		return nil, fmt.Errorf("list the servers: %w", ctx.Err())
	}
}

func (r *roster) run(ctx context.Context, mine *reading) {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	r.next = nil // who asks from now on needs a later one
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, maxReading)
	defer cancel()
	mine.rows, mine.err = r.db.Client().Server.Query().
		Select(server.FieldID, server.FieldSeen, server.FieldLease).All(ctx)
	if mine.err != nil {
		mine.err = fmt.Errorf("list the servers: %w", mine.err)
	}
	close(mine.done)
}
