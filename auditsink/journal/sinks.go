package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/auditquarantine"
	"github.com/keloa/apitokens/ent/sinkcursor"
)

// MaxLag is how old the oldest record may be that a required sink does not have
// yet: what is older holds up who changes tokens.
const MaxLag = 10 * time.Second

// SinkState is how far a sink has come, how it fares, and who feeds it.
type SinkState struct {
	Name        string
	Cursor      int64         // the last sequence that the sink is known to have, or was told to begin after
	Behind      int64         // records that it is still to get, sealed or not
	Lag         time.Duration // the age of the oldest of those; 0 for none
	Required    bool          // as who last fed it was told
	Quarantined int           // records that it refused, and has stubs of
	DownSince   *time.Time    // on the database's clock; nil while it is up
	Problem     string        // why it is down; empty while it is up
	Holder      *uuid.UUID    // of the lease, whether or not it has run out; nil if it was given back
	Fed         bool          // somebody holds the lease
}

// Unavailable says why the sink cannot be waited for; empty if it can.
func (s SinkState) Unavailable() string {
	switch {
	case s.DownSince != nil:
		return "is down"
	case s.Lag > MaxLag && !s.Fed:
		return "no server feeds any more: start one that does, or see audit sinks --help"
	case s.Lag > MaxLag:
		return "is too far behind"
	}
	return ""
}

// States are the states that a sink can be in.
var States = []string{"up", "degraded", "down", "unfed"}

// State is one of [States]: up, up but for records in quarantine, down, or fed by
// nobody.
func (s SinkState) State() string {
	switch {
	case s.DownSince != nil:
		return "down"
	case !s.Fed:
		return "unfed"
	case s.Quarantined > 0:
		return "degraded"
	}
	return "up"
}

// Sinks returns every sink that this database was ever asked to feed, by name.
func (j *Journal) Sinks(ctx context.Context) ([]SinkState, error) {
	states, err := j.sinks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the state of the audit sinks: %w", err)
	}
	return states, nil
}

func (j *Journal) sinks(ctx context.Context) (states []SinkState, err error) {
	// The cursors first and the head last: what is recorded and sealed between the
	// reads counts as lag, and never as less than none.
	client := j.db.Client()
	rows, err := client.SinkCursor.Query().Order(ent.Asc(sinkcursor.FieldID)).All(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	unsealed, err := j.backlog(ctx)
	if err != nil {
		return nil, err
	}
	head, err := client.AuditHead.Get(ctx, headID)
	if err != nil {
		return nil, err
	}
	now, err := j.clock(ctx, j.db.Read)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		state := SinkState{
			Name:      row.ID,
			Cursor:    row.Cursor,
			Behind:    max(0, head.Seq+unsealed.Entries-row.Cursor),
			Required:  row.Required,
			DownSince: row.DownSince,
			Holder:    row.Holder,
			Fed:       row.Holder != nil && row.HeldUntil != nil && now.Before(*row.HeldUntil),
		}
		if row.Problem != nil {
			state.Problem = *row.Problem
		}
		if state.Quarantined, err = client.AuditQuarantine.Query().Where(auditquarantine.Sink(row.ID)).Count(ctx); err != nil {
			return nil, err
		}
		if head.Seq > row.Cursor {
			if state.Lag, err = j.lag(ctx, row.Cursor); err != nil {
				return nil, err
			}
		}
		if state.Behind > 0 {
			state.Lag = max(state.Lag, unsealed.Age)
		}
		states = append(states, state)
	}
	return states, nil
}

// Backlog is what is recorded and not sealed, so that no sink can have it. It is
// of the last moments, unless sealing fails or no server runs.
type Backlog struct {
	Entries int64
	Age     time.Duration // of the oldest; 0 for none
}

// Backlog returns what is not sealed.
func (j *Journal) Backlog(ctx context.Context) (Backlog, error) {
	b, err := j.backlog(ctx)
	if err != nil {
		return Backlog{}, fmt.Errorf("read what is not sealed of the audit log: %w", err)
	}
	return b, nil
}

func (j *Journal) backlog(ctx context.Context) (Backlog, error) {
	oldest, err := j.oldestUnsealed(ctx)
	if err != nil || oldest == nil {
		return Backlog{}, err
	}
	n, err := j.db.Client().AuditEntry.Query().Where(auditentry.SeqIsNil()).Count(ctx)
	return Backlog{int64(n), max(0, j.now().Sub(*oldest))}, err
}

// oldestUnsealed returns when the oldest entry without a sequence was made, nil if
// there is none. It does not read the id, which may be what the sealer cannot read.
// A moment that is none is the earliest there is.
func (j *Journal) oldestUnsealed(ctx context.Context) (*time.Time, error) {
	rows, err := j.db.Read(ctx, "SELECT at FROM audit_entries WHERE seq IS NULL ORDER BY id LIMIT 1")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	var at any // SQLite's columns take any type
	if err := rows.Scan(&at); err != nil {
		return nil, err
	}
	moment, ok := at.(time.Time)
	if !ok {
		moment = time.Unix(0, 0)
	}
	return &moment, nil
}

// Forget removes what is kept of a sink that nobody feeds: a sink of that name
// would start over. It reports [ErrNotFound], or [auditsink.ErrHeld].
func (j *Journal) Forget(ctx context.Context, sink string) error {
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := j.lockCursor(ctx, tx, sink)
		if ent.IsNotFound(err) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		now, err := j.clock(ctx, tx.QueryContext)
		if err != nil {
			return err
		}
		if row.HeldUntil != nil && now.Before(*row.HeldUntil) {
			return auditsink.ErrHeld
		}
		if _, err := tx.AuditQuarantine.Delete().Where(auditquarantine.Sink(sink)).Exec(ctx); err != nil {
			return err
		}
		return tx.SinkCursor.DeleteOne(row).Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("forget audit sink %s: %w", sink, err)
	}
	return nil
}

// lag returns the age of the first record after cursor, by the clock that
// records are made by.
func (j *Journal) lag(ctx context.Context, cursor int64) (time.Duration, error) {
	row, err := j.db.Client().AuditEntry.Query().
		Where(auditentry.SeqGT(cursor)).
		Order(ent.Asc(auditentry.FieldSeq)).
		Select(auditentry.FieldAt).
		First(ctx)
	if ent.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return max(0, j.now().Sub(row.At)), nil
}
