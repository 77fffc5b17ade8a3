package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/audithead"
)

const (
	headID = 1 // the only row of the head
	// sealBatch is how many entries one transaction seals at most, or as many as
	// are readBytes long. Where many write, the sealer has its share of the
	// database and no more: it keeps up by doing more at once.
	sealBatch = 2000
	// numberBatch is how many of them one statement numbers.
	numberBatch = 500
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
		rows, err := unsealed(ctx, tx)
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

// entry is an entry that is to be sealed.
type entry struct {
	id     uuid.UUID
	record []byte
}

// unsealed returns the first entries without a sequence. It is a plain read: those
// of transactions that are still open are not seen, and not waited for.
func unsealed(ctx context.Context, tx *ent.Tx) ([]entry, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, record FROM audit_entries WHERE seq IS NULL ORDER BY id LIMIT ?", sealBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var read []entry
	for size := 0; size < readBytes && rows.Next(); {
		var e entry
		if err := rows.Scan(&e.id, &e.record); err != nil {
			return nil, err
		}
		size += len(e.record)
		read = append(read, e)
	}
	return read, rows.Err()
}

// settle gives the entries the sequences after those in the tree, and their
// leaves.
func (j *Journal) settle(ctx context.Context, tx *ent.Tx, t *tree, entries []entry) error {
	if err := j.number(ctx, tx, t.size, entries); err != nil {
		return err
	}
	leaves := make([]tlog.Hash, len(entries))
	for i, e := range entries {
		leaves[i] = tlog.RecordHash(e.record)
	}
	return grow(ctx, tx, t, leaves)
}

func (j *Journal) lockHead(ctx context.Context, tx *ent.Tx) (*ent.AuditHead, error) {
	query := tx.AuditHead.Query().Where(audithead.ID(headID))
	if j.db.Dialect() == dialect.MySQL { // SQLite has one writer at a time
		query.ForUpdate()
	}
	return query.Only(ctx)
}

// number gives the entries the sequences after head.
func (j *Journal) number(ctx context.Context, tx *ent.Tx, head int64, entries []entry) error {
	for some := range slices.Chunk(entries, numberBatch) {
		if err := j.numberSome(ctx, tx, head, some); err != nil {
			return err
		}
		head += int64(len(some))
	}
	return nil
}

// numberSome numbers entries by their ids. By another index, or with none, InnoDB
// would lock its way through all that is unsealed, and wait for each transaction
// that has just inserted something; the plus keeps SQLite from it, too.
func (j *Journal) numberSome(ctx context.Context, tx *ent.Tx, head int64, entries []entry) error {
	args := make([]any, 0, 2*len(entries))
	for i, e := range entries {
		args = append(args, e.id, head+1+int64(i))
	}
	more := len(entries) - 1
	statement := "UPDATE audit_entries AS e SET seq = v.column2 FROM (VALUES (?,?)" + strings.Repeat(",(?,?)", more) + ") AS v" +
		" WHERE e.id = v.column1 AND +e.seq IS NULL"
	if j.db.Dialect() == dialect.MySQL {
		statement = "UPDATE (SELECT ? AS id, ? AS seq" + strings.Repeat(" UNION ALL SELECT ?,?", more) + ") AS v" +
			" STRAIGHT_JOIN audit_entries AS e FORCE INDEX (PRIMARY) ON e.id = v.id SET e.seq = v.seq WHERE e.seq IS NULL"
	}
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed != int64(len(entries)) {
		err = fmt.Errorf("%d of %d audit entries took their sequence", changed, len(entries))
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
