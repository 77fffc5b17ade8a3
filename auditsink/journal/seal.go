package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/audithead"
)

const (
	headID = 1 // the only row of the head
	// sealBatch is how many entries one transaction seals: enough to be far
	// ahead of any writer, few enough for the limits on a statement.
	sealBatch = 500
	// numberBatch is how many of them one statement numbers: for each entry it
	// goes through half of its cases, so fewer cases cost less, until the
	// statements themselves cost more.
	numberBatch = 25
)

// seal gives every committed entry its sequence.
func (j *Journal) seal(ctx context.Context) error {
	for {
		// Looking first keeps idle servers from taking turns at the lock.
		waiting, err := j.db.Client().AuditEntry.Query().Where(auditentry.SeqIsNil()).Exist(ctx)
		if err != nil {
			return fmt.Errorf("look for unsealed audit entries: %w", err)
		}
		if !waiting {
			return nil
		}
		if err := j.sealSome(ctx); err != nil {
			return fmt.Errorf("seal the audit log: %w", err)
		}
	}
}

// sealSome seals the first batch. The order matters: the head is locked first,
// by one sealer at a time, and only then are the entries read that are
// committed and unsealed. The tree grows in the same transaction, and its new
// root is signed in it, so that nothing is ever sealed and unsigned.
func (j *Journal) sealSome(ctx context.Context) error {
	var sealed int
	var next remembered
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		sealed, next = 0, remembered{}
		e, err := j.openEnd(ctx, tx)
		if errors.Is(err, errTreeShort) {
			_, err = catchUp(ctx, tx)
			return err // the next time, or one after it, finds it grown
		}
		if err != nil {
			return err
		}
		if sealed, err = pass(ctx, tx, e.epochs, e.tree); err != nil {
			return err
		}
		if sealed > 0 {
			next, err = j.closeEnd(ctx, tx, e)
			return err
		}
		// A plain read: entries of transactions that are still open are
		// not seen, and not waited for.
		rows, err := tx.AuditEntry.Query().
			Where(auditentry.SeqIsNil()).
			Order(ent.Asc(auditentry.FieldID)).
			Limit(sealBatch).
			Select(auditentry.FieldID, auditentry.FieldRecord).
			All(ctx)
		sealed = len(rows)
		if err != nil || sealed == 0 {
			return err
		}
		if err := j.settle(ctx, tx, e.tree, rows); err != nil {
			return err
		}
		next, err = j.closeEnd(ctx, tx, e)
		return err
	})
	if err != nil || sealed == 0 {
		return err
	}
	j.unsigned = true
	j.announce()
	return j.remember(next)
}

// settle gives the entries the sequences after those in the tree, and their
// leaves.
func (j *Journal) settle(ctx context.Context, tx *ent.Tx, t *tree, rows []*ent.AuditEntry) error {
	ids, records := make([]uuid.UUID, len(rows)), make([][]byte, len(rows))
	for i, row := range rows {
		ids[i], records[i] = row.ID, row.Record
	}
	if err := j.number(ctx, tx, t.size, ids); err != nil {
		return err
	}
	return grow(ctx, tx, t, leavesOf(records))
}

func (j *Journal) lockHead(ctx context.Context, tx *ent.Tx) (*ent.AuditHead, error) {
	query := tx.AuditHead.Query().Where(audithead.ID(headID))
	if j.db.Dialect() == dialect.MySQL { // SQLite has one writer at a time
		query.ForUpdate()
	}
	return query.Only(ctx)
}

// number gives the entries the sequences after head.
func (j *Journal) number(ctx context.Context, tx *ent.Tx, head int64, ids []uuid.UUID) error {
	for some := range slices.Chunk(ids, numberBatch) {
		if err := j.numberSome(ctx, tx, head, some); err != nil {
			return err
		}
		head += int64(len(some))
	}
	return nil
}

// numberSome numbers entries by their ids. By another index, or with none, InnoDB
// would lock its way through all that is unsealed, and wait for each transaction
// that has just inserted something.
func (j *Journal) numberSome(ctx context.Context, tx *ent.Tx, head int64, ids []uuid.UUID) error {
	args := make([]any, 0, 3*len(ids))
	for i, id := range ids {
		args = append(args, id, head+1+int64(i))
	}
	for _, id := range ids {
		args = append(args, id)
	}
	table := "audit_entries"
	if j.db.Dialect() == dialect.MySQL {
		table += " FORCE INDEX (PRIMARY)"
	}
	result, err := tx.ExecContext(ctx, "UPDATE "+table+" SET seq = CASE id"+strings.Repeat(" WHEN ? THEN ?", len(ids))+
		" END WHERE seq IS NULL AND id IN (?"+strings.Repeat(",?", len(ids)-1)+")", args...)
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed != int64(len(ids)) {
		err = fmt.Errorf("%d of %d audit entries took their sequence", changed, len(ids))
	}
	return err
}

// Sealed returns a channel that is closed when this process next seals
// something.
func (j *Journal) Sealed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sealed
}

func (j *Journal) announce() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.sealed)
	j.sealed = make(chan struct{})
}
