package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/auditquarantine"
	"github.com/keloa/apitokens/ent/sinkcursor"
)

var _ auditsink.Source = (*Journal)(nil)

// readBytes is how much Read reads at once, but for the end of its last record.
const readBytes = 2 << 20

// Read returns up to limit sealed records whose Seq is above after, in order:
// fewer where they are long. One that the database no longer has as it was, so that
// it is no record at all, is a stub: it is not to keep the rest from every sink.
func (j *Journal) Read(ctx context.Context, after int64, limit int) ([]auditsink.Record, error) {
	rows, err := j.readSealed(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	records := make([]auditsink.Record, len(rows))
	for i, row := range rows {
		if err := j.follows(ctx, after, row.seq); err != nil {
			return nil, err
		}
		after = row.seq
		if records[i], err = j.recordOf(ctx, row); err != nil {
			return nil, fmt.Errorf("read audit record %d: %w", after, err)
		}
	}
	return records, nil
}

// recordOf returns the record, or a stub made of the columns beside what is none.
func (j *Journal) recordOf(ctx context.Context, row sealedRow) (auditsink.Record, error) {
	record, cause := auditsink.NewRecord(row.seq, row.record)
	if cause == nil {
		return record, nil
	}
	entry, err := j.db.Client().AuditEntry.Query().Where(auditentry.Seq(row.seq)).
		Select(auditentry.FieldID, auditentry.FieldAt, auditentry.FieldWorkspaceID, auditentry.FieldAction).Only(ctx)
	if err != nil {
		return auditsink.Record{}, errors.Join(cause, err)
	}
	j.log.LogAttrs(ctx, slog.LevelError, "an audit record in the database is not what was recorded, and sinks get a stub of it: run audit verify",
		slog.Int64("record", row.seq), slog.String("id", entry.ID.String()), slog.Any("error", cause))
	return auditsink.Unreadable(row.seq, row.record, auditsink.Event{
		ID: entry.ID, At: entry.At, Workspace: auditsink.Workspace{ID: entry.WorkspaceID}, Action: entry.Action,
	})
}

type sealedRow struct {
	seq    int64
	record []byte
}

// readSealed reads without ent, which takes longer than all else that a relay does
// with a record.
func (j *Journal) readSealed(ctx context.Context, after int64, limit int) ([]sealedRow, error) {
	rows, err := j.db.Read(ctx, "SELECT seq, record FROM audit_entries WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var read []sealedRow
	for size := 0; size < readBytes && rows.Next(); {
		var row sealedRow
		if err := rows.Scan(&row.seq, &row.record); err != nil {
			return nil, err
		}
		size += len(row.record)
		read = append(read, row)
	}
	return read, rows.Err()
}

// Head returns the last sequence given out; 0 for none.
func (j *Journal) Head(ctx context.Context) (int64, error) {
	head, err := j.db.Client().AuditHead.Get(ctx, headID)
	if err != nil {
		return 0, fmt.Errorf("read the head of the audit log: %w", err)
	}
	return head.Seq, nil
}

// Checkpoint returns the newest signed checkpoint over at most the first size
// records; its Size is 0 for none.
func (j *Journal) Checkpoint(ctx context.Context, size int64) (auditsink.Checkpoint, error) {
	head, err := j.db.Client().AuditHead.Get(ctx, headID)
	if err != nil {
		return auditsink.Checkpoint{}, fmt.Errorf("read the signed head of the audit log: %w", err)
	}
	if head.Seq <= size && head.Note != nil {
		return auditsink.Checkpoint{Size: head.Seq, Note: *head.Note}, nil
	}
	row, err := j.db.Client().AuditCheckpoint.Query().
		Where(auditcheckpoint.IDLTE(size)).
		Order(ent.Desc(auditcheckpoint.FieldID)).
		First(ctx)
	if ent.IsNotFound(err) {
		return auditsink.Checkpoint{}, nil
	}
	if err != nil {
		return auditsink.Checkpoint{}, fmt.Errorf("read a checkpoint of the audit log: %w", err)
	}
	return auditsink.Checkpoint{Size: row.ID, Note: row.Note}, nil
}

// Claim takes the lease on a sink, or reports [auditsink.ErrHeld].
func (j *Journal) Claim(ctx context.Context, to auditsink.Destination, holder uuid.UUID, ttl time.Duration) (auditsink.Lease, error) {
	lease := auditsink.Lease{Sink: to.Name, TTL: ttl}
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := j.lockCursor(ctx, tx, to.Name)
		if ent.IsNotFound(err) {
			if err := begin(ctx, tx, to); err != nil {
				return err
			}
			row, err = j.lockCursor(ctx, tx, to.Name)
		}
		if err != nil {
			return err
		}
		now, err := j.clock(ctx, tx.QueryContext)
		if err != nil {
			return err
		}
		if row.Holder != nil && *row.Holder != holder && row.HeldUntil != nil && now.Before(*row.HeldUntil) {
			return auditsink.ErrHeld
		}
		lease.Epoch, lease.Cursor, lease.Down = row.Epoch+1, row.Cursor, row.DownSince != nil
		if lease.End, err = lastGivenOut(ctx, tx); err != nil {
			return err
		}
		if row.StartsAfter != nil {
			lease.End = max(lease.End, *row.StartsAfter)
		}
		if lease.Quarantined, err = tx.AuditQuarantine.Query().Where(auditquarantine.Sink(to.Name)).Count(ctx); err != nil {
			return err
		}
		return row.Update().SetEpoch(lease.Epoch).SetHolder(holder).SetHeldUntil(now.Add(ttl)).SetRequired(to.Required).Exec(ctx)
	})
	if err != nil {
		return auditsink.Lease{}, fmt.Errorf("claim audit sink %s: %w", to.Name, err)
	}
	return lease, nil
}

// lastGivenOut returns the end of the log, lost sequences that it is still to pass
// over included.
func lastGivenOut(ctx context.Context, tx *ent.Tx) (int64, error) {
	head, err := tx.AuditHead.Get(ctx, headID)
	if err != nil {
		return 0, err
	}
	es, err := readEpochs(ctx, tx.AuditEpoch)
	return es.end(head.Seq), err
}

// begin gives a new sink its place in the log, unless another server has just
// done so.
func begin(ctx context.Context, tx *ent.Tx, to auditsink.Destination) error {
	head, err := tx.AuditHead.Get(ctx, headID)
	if err != nil {
		return err
	}
	cursor := to.Start.Cursor(head.Seq)
	create := tx.SinkCursor.Create().SetID(to.Name).SetCursor(cursor).SetEpoch(0)
	if cursor > head.Seq {
		create.SetStartsAfter(cursor)
	}
	return create.OnConflictColumns(sinkcursor.FieldID).Ignore().Exec(ctx)
}

// Advance moves the sink's place forward and prolongs the lease, or reports
// [auditsink.ErrFenced].
func (j *Journal) Advance(ctx context.Context, lease auditsink.Lease, cursor int64) error {
	err := j.held(ctx, lease, func(ctx context.Context, tx *ent.Tx, row *ent.SinkCursor) error {
		now, err := j.clock(ctx, tx.QueryContext)
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

// held runs fn in a transaction in which nobody else can claim the lease, or
// reports [auditsink.ErrFenced].
func (j *Journal) held(ctx context.Context, lease auditsink.Lease, fn func(context.Context, *ent.Tx, *ent.SinkCursor) error) error {
	return j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		row, err := j.lockCursor(ctx, tx, lease.Sink)
		if err != nil {
			return err
		}
		if row.Epoch != lease.Epoch {
			return auditsink.ErrFenced
		}
		return fn(ctx, tx, row)
	})
}

// Release ends the lease, if it was not claimed since.
func (j *Journal) Release(ctx context.Context, lease auditsink.Lease) error {
	err := j.held(ctx, lease, func(ctx context.Context, _ *ent.Tx, row *ent.SinkCursor) error {
		return row.Update().ClearHolder().ClearHeldUntil().Exec(ctx)
	})
	if err != nil && !errors.Is(err, auditsink.ErrFenced) {
		return fmt.Errorf("release audit sink %s: %w", lease.Sink, err)
	}
	return nil
}

// TakeOver is for a server that starts. On SQLite, where the lock of the file has it
// that there is no other, it ends the leases on the sinks that one which was
// killed has left; elsewhere those run out.
func (j *Journal) TakeOver(ctx context.Context) error {
	if j.db.Dialect() != dialect.SQLite {
		return nil
	}
	if err := j.db.Client().SinkCursor.Update().ClearHolder().ClearHeldUntil().Exec(ctx); err != nil {
		return fmt.Errorf("take over the audit sinks: %w", err)
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
func (j *Journal) clock(ctx context.Context, read func(context.Context, string, ...any) (*sql.Rows, error)) (time.Time, error) {
	query := "SELECT CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)"
	if j.db.Dialect() == dialect.MySQL {
		query = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)"
	}
	rows, err := read(ctx, query)
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
