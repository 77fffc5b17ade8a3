package journal

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/sinkcursor"
)

var _ auditsink.Source = (*Journal)(nil)

// Read returns up to limit sealed records whose Seq is above after, in order.
func (j *Journal) Read(ctx context.Context, after int64, limit int) ([]auditsink.Record, error) {
	rows, err := j.db.Client().AuditEntry.Query().
		Where(auditentry.SeqGT(after)).
		Order(ent.Asc(auditentry.FieldSeq)).
		Limit(limit).
		Select(auditentry.FieldSeq, auditentry.FieldRecord).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	records := make([]auditsink.Record, len(rows))
	for i, row := range rows {
		want := after + 1 + int64(i)
		if *row.Seq != want {
			return nil, fmt.Errorf("the audit log has no record %d, but record %d", want, *row.Seq)
		}
		if records[i], err = auditsink.NewRecord(want, row.Record); err != nil {
			return nil, fmt.Errorf("read audit record %d: %w", want, err)
		}
	}
	return records, nil
}

// Head returns the last sequence given out; 0 for none.
func (j *Journal) Head(ctx context.Context) (int64, error) {
	head, err := j.db.Client().AuditHead.Get(ctx, headID)
	if err != nil {
		return 0, fmt.Errorf("read the head of the audit log: %w", err)
	}
	return head.Seq, nil
}

// Lags returns, by the name of each sink that was ever fed, how many sealed
// records it does not have yet.
func (j *Journal) Lags(ctx context.Context) (map[string]int64, error) {
	// The cursors first: what is sealed between the two reads counts as lag,
	// and never as less than none.
	cursors, err := j.db.Client().SinkCursor.Query().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the cursors of the audit sinks: %w", err)
	}
	head, err := j.Head(ctx)
	if err != nil {
		return nil, err
	}
	lags := make(map[string]int64, len(cursors))
	for _, c := range cursors {
		lags[c.ID] = head - c.Cursor
	}
	return lags, nil
}

// Claim takes the lease on a sink, or reports [auditsink.ErrHeld].
func (j *Journal) Claim(ctx context.Context, sink string, holder uuid.UUID, start auditsink.Start, ttl time.Duration) (auditsink.Lease, error) {
	lease := auditsink.Lease{Sink: sink, TTL: ttl}
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := j.lockCursor(ctx, tx, sink)
		if ent.IsNotFound(err) {
			if err := begin(ctx, tx, sink, start); err != nil {
				return err
			}
			row, err = j.lockCursor(ctx, tx, sink)
		}
		if err != nil {
			return err
		}
		now, err := j.clock(ctx, tx)
		if err != nil {
			return err
		}
		if row.Holder != nil && *row.Holder != holder && row.HeldUntil != nil && now.Before(*row.HeldUntil) {
			return auditsink.ErrHeld
		}
		lease.Epoch, lease.Cursor = row.Epoch+1, row.Cursor
		return row.Update().SetEpoch(lease.Epoch).SetHolder(holder).SetHeldUntil(now.Add(ttl)).Exec(ctx)
	})
	if err != nil {
		return auditsink.Lease{}, fmt.Errorf("claim audit sink %s: %w", sink, err)
	}
	return lease, nil
}

// begin gives a new sink its place in the log, unless another server has just
// done so.
func begin(ctx context.Context, tx *ent.Tx, sink string, start auditsink.Start) error {
	head, err := tx.AuditHead.Get(ctx, headID)
	if err != nil {
		return err
	}
	return tx.SinkCursor.Create().SetID(sink).SetCursor(start.Cursor(head.Seq)).SetEpoch(0).
		OnConflictColumns(sinkcursor.FieldID).Ignore().Exec(ctx)
}

// Advance moves the sink's place forward and prolongs the lease, or reports
// [auditsink.ErrFenced].
func (j *Journal) Advance(ctx context.Context, lease auditsink.Lease, cursor int64) error {
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := j.lockCursor(ctx, tx, lease.Sink)
		if err != nil {
			return err
		}
		if row.Epoch != lease.Epoch {
			return auditsink.ErrFenced
		}
		now, err := j.clock(ctx, tx)
		if err != nil {
			return err
		}
		return row.Update().SetCursor(max(row.Cursor, cursor)).SetHeldUntil(now.Add(lease.TTL)).Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("advance audit sink %s: %w", lease.Sink, err)
	}
	return nil
}

// Release ends the lease, if it was not claimed since.
func (j *Journal) Release(ctx context.Context, lease auditsink.Lease) error {
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		return tx.SinkCursor.Update().
			Where(sinkcursor.ID(lease.Sink), sinkcursor.Epoch(lease.Epoch)).
			ClearHolder().ClearHeldUntil().
			Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("release audit sink %s: %w", lease.Sink, err)
	}
	return nil
}

func (j *Journal) lockCursor(ctx context.Context, tx *ent.Tx, sink string) (*ent.SinkCursor, error) {
	query := tx.SinkCursor.Query().Where(sinkcursor.ID(sink))
	if j.db.Dialect() == dialect.MySQL { // SQLite has one writer at a time
		query.ForUpdate()
	}
	return query.Only(ctx)
}

// clock reads the database's clock, the only one that leases are judged on. It
// is read after the row is locked: what is read before waiting is old.
func (j *Journal) clock(ctx context.Context, tx *ent.Tx) (time.Time, error) {
	query := "SELECT CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)"
	if j.db.Dialect() == dialect.MySQL {
		query = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)"
	}
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	defer rows.Close()
	var micros int64
	for rows.Next() {
		if err := rows.Scan(&micros); err != nil {
			return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
		}
	}
	return time.UnixMicro(micros).UTC(), rows.Err()
}
