package journal

import (
	"context"
	"fmt"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/audittree"
	"github.com/keloa/apitokens/ent/sinkcursor"
)

// strays sees that no table has a row before the first record, where nothing that
// follows the sequences would come across it: people who read the log would.
func (v *verification) strays(ctx context.Context) error {
	client := v.db.Client()
	row, err := client.AuditEntry.Query().Where(auditentry.SeqLT(1)).Select(auditentry.FieldID, auditentry.FieldSeq).First(ctx)
	if err == nil {
		return tampered(0, "audit entry %s has the sequence %d, which no server gives out", row.ID, *row.Seq)
	}
	if !ent.IsNotFound(err) {
		return v.unreadable(ctx, auditentry.Table, err)
	}
	for table, first := range map[string]func(context.Context) (int64, error){
		audittree.Table:       client.AuditTree.Query().Where(audittree.IDLT(1)).FirstID,
		auditcheckpoint.Table: client.AuditCheckpoint.Query().Where(auditcheckpoint.IDLT(1)).FirstID,
	} {
		seq, err := first(ctx)
		if err == nil {
			return tampered(0, "the table %s has a row for record %d, a sequence that no server gives out", table, seq)
		}
		if !ent.IsNotFound(err) {
			return v.unreadable(ctx, table, err)
		}
	}
	for _, e := range v.epochs {
		if e.After < 0 || e.ID <= e.After {
			return tampered(0, "the table audit_epochs has it that the log lost what is after record %d up to record %d, which no server records", e.After, e.ID)
		}
	}
	return nil
}

// witness is what a table, or what is kept elsewhere, knows of the log's length.
type witness struct {
	name string
	seq  int64 // the last that it knows of
}

// furthest returns the last sequence that each table knows of, but for the head.
// The first is the records' own.
func (v *verification) furthest(ctx context.Context) ([]witness, error) {
	client := v.db.Client()
	var all []witness
	for _, table := range []struct {
		name string
		last func() (int64, error)
	}{
		{auditentry.Table, func() (int64, error) {
			row, err := client.AuditEntry.Query().Where(auditentry.SeqNotNil()).Order(ent.Desc(auditentry.FieldSeq)).
				Select(auditentry.FieldSeq).First(ctx)
			if err != nil {
				return 0, err
			}
			return *row.Seq, nil
		}},
		{audittree.Table, func() (int64, error) {
			return client.AuditTree.Query().Order(ent.Desc(audittree.FieldID)).FirstID(ctx)
		}},
		{auditcheckpoint.Table, func() (int64, error) {
			return client.AuditCheckpoint.Query().Order(ent.Desc(auditcheckpoint.FieldID)).FirstID(ctx)
		}},
	} {
		seq, err := table.last()
		if err != nil && !ent.IsNotFound(err) {
			return nil, v.unreadable(ctx, table.name, err)
		}
		all = append(all, witness{"the table " + table.name, seq})
	}
	return all, nil
}

// delivered returns how far each sink has come. One that was told to begin beyond
// the end of the log knows nothing of what is before that.
func (v *verification) delivered(ctx context.Context) ([]witness, error) {
	rows, err := v.db.Client().SinkCursor.Query().Order(ent.Asc(sinkcursor.FieldID)).
		Select(sinkcursor.FieldCursor, sinkcursor.FieldStartsAfter).All(ctx)
	if err != nil {
		return nil, v.unreadable(ctx, sinkcursor.Table, err)
	}
	var all []witness
	for _, row := range rows {
		if row.StartsAfter == nil || row.Cursor != *row.StartsAfter {
			all = append(all, witness{row.ID, row.Cursor})
		}
	}
	return all, nil
}

// beyond returns what is wrong with what is known of records behind the end of the
// log, nil for nothing.
func (v *verification) beyond(ctx context.Context, known, sinks []witness) (beyond, err error) {
	if known[0].seq > v.head {
		row, err := v.db.Client().AuditEntry.Query().Where(auditentry.SeqGT(v.head)).Order(ent.Asc(auditentry.FieldSeq)).
			Select(auditentry.FieldSeq).First(ctx)
		if err != nil {
			return nil, v.unreadable(ctx, auditentry.Table, err)
		}
		return tampered(*row.Seq, "is behind the end of the log, which the head has at record %d: no server sealed it, or the head was changed", v.head), nil
	}
	for _, w := range append(known, witness{"a checkpoint that was kept", v.furthestKept}) {
		if w.seq > v.head {
			return tampered(v.head+1, "is missing: the log ends before it, and once went on to record %d, which %s knows of", w.seq, w.name), nil
		}
	}
	// What is recorded to be lost was delivered, too.
	end := v.epochs.end(v.head)
	for _, sink := range sinks {
		if sink.seq > end {
			return tampered(end+1, "is missing: the log ends before it, and once went on to record %d, up to which the cursor of audit sink %s is", sink.seq, sink.name), nil
		}
	}
	return nil, nil
}

// unreadable says of an error that it is one table that cannot be read, where the
// database is there.
func (v *verification) unreadable(ctx context.Context, table string, err error) error {
	if v.db.SQL().PingContext(ctx) != nil {
		return err
	}
	return fmt.Errorf("the table %s cannot be read: it is not there any more, or holds what is not of the type of its column: %w", table, err)
}
