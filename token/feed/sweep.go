package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/change"
	"github.com/keloa/apitokens/ent/server"
)

const (
	// silence is for how many of its leases a server says nothing before its
	// row is swept. Until then each revocation waits for it, for a lease.
	silence = 10
	// keepChanges is how long changes are kept once every server has seen
	// them, for people to look at.
	keepChanges = 7 * 24 * time.Hour
	// maxPurge is how many changes one sweep removes.
	maxPurge = 1000
)

// sweeper remembers when, on our own clock, the row of another server was last
// found changed. The moments in the rows are by the clocks of others: a sweeper
// that believed them, or the database's, would sweep away a server that is alive
// when such a clock is set, and nobody would wait for it any more.
type sweeper struct {
	last    time.Duration // when the rows were last looked at
	changed map[uuid.UUID]sighting
}

type sighting struct {
	renewedAt time.Time
	since     time.Duration
}

// sweep removes, now and then, the rows of servers that have been silent, and
// changes that nobody needs.
func (s *Server) sweep(ctx context.Context) error {
	now := s.Clock()
	if now-s.sweeper.last < silence*s.Lease {
		return nil
	}
	s.sweeper.last = now
	ctx, cancel := context.WithTimeout(ctx, max(s.Lease, leastPatience))
	defer cancel()
	rows, err := s.Database.Client().Server.Query().All(ctx)
	if err != nil {
		return fmt.Errorf("list the servers: %w", err)
	}
	errs := []error{s.purge(ctx, rows)}
	for _, row := range s.sweeper.silent(rows, now) {
		// A row that has been renewed meanwhile does not match.
		_, err := s.Database.Client().Server.Delete().
			Where(server.ID(row.ID), server.RenewedAt(row.RenewedAt)).Exec(ctx)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// silent notes what the rows show now, and returns those that have shown the
// same for as long as a server may be silent.
func (w *sweeper) silent(rows []*ent.Server, now time.Duration) (silent []*ent.Server) {
	changed := make(map[uuid.UUID]sighting, len(rows))
	for _, row := range rows {
		before, known := w.changed[row.ID]
		if !known || !before.renewedAt.Equal(row.RenewedAt) {
			before = sighting{row.RenewedAt, now}
		}
		changed[row.ID] = before
		if now-before.since >= silence*row.Lease {
			silent = append(silent, row)
		}
	}
	w.changed = changed
	return silent
}

// purge removes old changes that all servers have acknowledged. One that joins
// later begins after them.
func (s *Server) purge(ctx context.Context, rows []*ent.Server) error {
	seen := s.acknowledged
	for _, row := range rows {
		seen = min(seen, row.Seen)
	}
	oldest, err := s.Database.Client().Change.Query().
		Order(change.ByID(sql.OrderAsc())).
		Limit(maxPurge).
		All(ctx)
	if err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	var last int64
	for _, c := range oldest {
		if c.ID > seen || time.Since(c.At) < keepChanges {
			break
		}
		last = c.ID
	}
	if last == 0 {
		return nil
	}
	_, err = s.Database.Client().Change.Delete().Where(change.IDLTE(last)).Exec(ctx)
	return err
}
