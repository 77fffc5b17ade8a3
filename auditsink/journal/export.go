package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
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
		if records[i], err = j.recordOf(ctx, sealedRow{*row.Seq, row.Record}); err != nil {
			return nil, fmt.Errorf("export audit record %d: %w", *row.Seq, err)
		}
	}
	return records, nil
}
