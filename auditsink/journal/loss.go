package journal

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
)

// lost looks at what is stored of records up to one that are lost.
func (v *verification) lost(upTo int64, stored map[int64][]byte, signed map[int64]string) error {
	for seq := v.tree.size + 1; seq <= upTo; seq++ {
		if err := v.lose(seq); err != nil {
			return err
		}
		if err := v.leaf(seq, lostLeaf, stored[seq], signed[seq]); err != nil {
			return err
		}
	}
	v.tree.prune()
	for _, t := range v.before {
		t.prune()
	}
	return nil
}

// lose counts a record that is lost, the next one, and whether the copy has it.
func (v *verification) lose(seq int64) error {
	v.gone++
	losses := &v.report.Lost
	// What was lost just before may have been there with this one, or have been
	// lost by then.
	v.before = slices.DeleteFunc(v.before, func(t *tree) bool { return t.size < v.tree.size })
	if n := len(*losses); n == 0 || (*losses)[n-1].To != v.epochs.lostUpTo(seq) {
		for _, e := range v.epochs {
			if e.After < seq && seq <= e.ID {
				*losses = append(*losses, Loss{From: seq, To: e.ID, At: e.At})
			}
		}
		v.before = append(v.before, v.tree.clone())
	}
	if v.copied == nil {
		return nil
	}
	if err := v.copied.advance(seq); err != nil {
		return err
	}
	if v.copied.next.Seq != seq || v.copied.mapped == nil && v.copied.next.IsStub() {
		return nil
	}
	(*losses)[len(*losses)-1].Copied++
	if v.copied.mapped != nil { // nothing shows that the rest of it was not changed
		return nil
	}
	for _, t := range v.before {
		if _, err := t.add(v.copied.next.LeafHash()); err != nil {
			return err
		}
	}
	return nil
}

// recovered sees that the copy holds what was lost of the records that a checkpoint
// covers which was kept: the last of those is lost.
func (v *verification) recovered(c Checkpoint) error {
	last := len(v.report.Lost) - 1
	from := v.report.Lost[last].From
	for i := last - 1; i >= 0 && v.report.Lost[i].To+1 == from; i-- {
		from = v.report.Lost[i].From
	}
	if v.copied == nil {
		return tampered(from, "is lost: a checkpoint that was kept covers records %d to %d, which the database has lost; see whether a copy holds them", from, c.Size)
	}
	whole := false
	for _, t := range v.before {
		if t.size != c.Size {
			continue
		}
		root, err := t.root()
		if err != nil {
			return err
		}
		if root == c.Root {
			v.report.Lost[last].Signed = c.Size
			return nil
		}
		whole = true
	}
	if whole {
		return tampered(from, "is lost, and it, or one after it up to record %d, is not in the copy as it was signed", c.Size)
	}
	return tampered(from, "is lost: a checkpoint that was kept covers records %d to %d, which the database has lost, and the copy does not hold all of them", from, c.Size)
}

// losses sees that the log says itself what it lost: each epoch has its record,
// which is sealed, or will be.
func (v *verification) losses(ctx context.Context) error {
	for _, e := range v.epochs {
		row, err := v.db.Client().AuditEntry.Query().Where(auditentry.ID(e.Record)).Only(ctx)
		if ent.IsNotFound(err) {
			return tampered(e.After+1, "is missing, and the log has no record of its loss")
		}
		if err != nil {
			return err
		}
		event, err := auditsink.ParseCanonical(row.Record)
		if err != nil || event.Action != auditsink.ActionRestore || !says(event, e) {
			return tampered(e.After+1, "is missing, and the record of its loss says something else")
		}
	}
	return nil
}

// says reports whether the record of a loss is that of the epoch.
func says(event auditsink.Event, e *ent.AuditEpoch) bool {
	pair := event.Changes["sequence"]
	return pair[0] == json.Number(strconv.FormatInt(e.ID, 10)) && pair[1] == json.Number(strconv.FormatInt(e.After, 10))
}
