package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditepoch"
	"github.com/keloa/apitokens/ent/workspace"
)

const (
	// maxLost bounds how many sequences are passed over at once: what says
	// that more were given out is more likely wrong.
	maxLost = 10_000_000
	// lostBatch is how many of them one transaction passes over.
	lostBatch = 5000
)

// lostLeaf is in the tree in the place of each record that is lost.
var lostLeaf = tlog.RecordHash([]byte(keyName + " lost"))

var errAhead = errors.New("it is another log's, or the database was put back; give the sink an empty destination")

// epochs are the times that the database went back in time, the oldest first.
type epochs []*ent.AuditEpoch

func readEpochs(ctx context.Context, rows *ent.AuditEpochClient) (epochs, error) {
	all, err := rows.Query().Order(ent.Asc(auditepoch.FieldID)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the epochs of the audit log: %w", err)
	}
	return all, nil
}

// lostUpTo returns the last sequence of the run of lost ones that seq is in, 0 if
// it is not lost.
func (es epochs) lostUpTo(seq int64) int64 {
	for _, e := range es {
		if e.After < seq && seq <= e.ID {
			return e.ID
		}
	}
	return 0
}

// end is the last sequence that was ever given out, as far as a log knows that
// is sealed up to head.
func (es epochs) end(head int64) int64 {
	for upTo := es.lostUpTo(head + 1); upTo > 0; upTo = es.lostUpTo(head + 1) {
		head = upTo
	}
	return head
}

// follows sees that a record may follow another: as the next one, or behind what
// is lost.
func (j *Journal) follows(ctx context.Context, last, seq int64) error {
	if seq == last+1 {
		return nil
	}
	es, err := readEpochs(ctx, j.db.Client().AuditEpoch)
	if err != nil {
		return err
	}
	if es.end(last)+1 != seq {
		return fmt.Errorf("the audit log has no record %d, but record %d", last+1, seq)
	}
	return nil
}

// rewind records that the sequences after one and up to another were given out
// and are lost, so that the log goes on behind them. The head is locked.
func (j *Journal) rewind(ctx context.Context, tx *ent.Tx, after, upTo int64, witness string) error {
	if upTo-after > maxLost {
		return fmt.Errorf("the log ends at record %d, and %s knows of record %d: that is too far to go on behind", after, witness, upTo)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	home, err := tx.Workspace.Query().Order(ent.Asc(workspace.FieldID)).First(ctx)
	if err != nil {
		return fmt.Errorf("record that the database went back in time: %w", err)
	}
	err = Append(ctx, tx, auditsink.Event{
		ID:        id,
		At:        j.now(),
		Workspace: auditsink.Workspace{ID: home.ID, Slug: home.Slug},
		Actor:     auditsink.Actor{Kind: auditsink.System, Name: "audit log"},
		Action:    auditsink.ActionRestore,
		Outcome:   auditsink.Succeeded,
		Target:    auditsink.Target{Type: "AuditLog"},
		Changes:   restored(after, upTo),
	})
	if err != nil {
		return err
	}
	j.log.LogAttrs(ctx, slog.LevelError, "the database went back in time: audit records that were sealed are lost, and their sequences are not given out again",
		slog.Int64("from", after+1), slog.Int64("to", upTo), slog.String("witness", witness))
	return tx.AuditEpoch.Create().SetID(upTo).SetAfter(after).SetAt(j.moment()).SetRecord(id).Exec(ctx)
}

// restored is what an entry of [auditsink.ActionRestore] says: which sequence was
// the last, before and after.
func restored(after, upTo int64) map[string][2]any {
	return map[string][2]any{"sequence": {upTo, after}}
}

// pass passes over some of what is lost just behind the tree, and returns how
// much that was.
func pass(ctx context.Context, tx *ent.Tx, es epochs, t *tree) (int, error) {
	upTo := es.lostUpTo(t.size + 1)
	if upTo == 0 {
		return 0, nil
	}
	leaves := make([]tlog.Hash, min(upTo-t.size, lostBatch))
	for i := range leaves {
		leaves[i] = lostLeaf
	}
	return len(leaves), grow(ctx, tx, t, leaves)
}

// Ahead is told that a sink holds a record that the log does not have. It
// believes a sink that this log has fed before.
func (j *Journal) Ahead(ctx context.Context, lease auditsink.Lease, high int64) error {
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		head, err := j.lockHead(ctx, tx)
		if err != nil {
			return err
		}
		es, err := readEpochs(ctx, tx.AuditEpoch)
		if err != nil {
			return err
		}
		end := es.end(head.Seq)
		switch {
		case high <= end:
			return nil
		case lease.Cursor == 0 && len(es) == 0:
			return errAhead
		}
		return j.rewind(ctx, tx, end, high, "audit sink "+lease.Sink)
	})
	if err == nil {
		j.Wake()
	}
	return err
}
