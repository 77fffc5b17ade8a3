package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/sinkcursor"
)

// Range is a part of the log. What is nil narrows nothing.
type Range struct {
	Workspace *uuid.UUID
	Since     *time.Time // at or after
	Until     *time.Time // before
}

// Export returns up to limit sealed records of the range whose Seq is above
// after, in order.
func (j *Journal) Export(ctx context.Context, r Range, after int64, limit int) ([]auditsink.Record, error) {
	where := Filter{Since: r.Since, Until: r.Until}.predicates()
	if r.Workspace != nil {
		where = append(where, auditentry.WorkspaceID(*r.Workspace))
	}
	rows, err := j.db.Client().AuditEntry.Query().
		Where(where...).
		Where(auditentry.SeqGT(after)).
		Order(ent.Asc(auditentry.FieldSeq)).
		Limit(limit).
		Select(auditentry.FieldSeq, auditentry.FieldRecord).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("export the audit log: %w", err)
	}
	records := make([]auditsink.Record, len(rows))
	for i, row := range rows {
		if records[i], err = auditsink.NewRecord(*row.Seq, row.Record); err != nil {
			return nil, fmt.Errorf("export audit record %d: %w", *row.Seq, err)
		}
	}
	return records, nil
}

// SinkState is how far a sink has come, and who feeds it.
type SinkState struct {
	Name   string
	Cursor int64      // the last sequence that the sink is known to have, or was told to begin after
	Behind int64      // records that it is still to get
	Holder *uuid.UUID // of the lease, whether or not it has run out; nil if it was given back
	Fed    bool       // somebody holds the lease
}

// Sinks returns every sink that this database was ever asked to feed, by name.
func (j *Journal) Sinks(ctx context.Context) ([]SinkState, error) {
	var states []SinkState
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		rows, err := tx.SinkCursor.Query().Order(ent.Asc(sinkcursor.FieldID)).All(ctx)
		if err != nil {
			return err
		}
		head, err := tx.AuditHead.Get(ctx, headID)
		if err != nil {
			return err
		}
		now, err := j.clock(ctx, tx)
		if err != nil {
			return err
		}
		states = make([]SinkState, len(rows))
		for i, row := range rows {
			states[i] = SinkState{
				Name:   row.ID,
				Cursor: row.Cursor,
				Behind: max(0, head.Seq-row.Cursor),
				Holder: row.Holder,
				Fed:    row.Holder != nil && row.HeldUntil != nil && now.Before(*row.HeldUntil),
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the state of the audit sinks: %w", err)
	}
	return states, nil
}
