package journal

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
)

// lost looks at what is stored of records up to one that are lost.
func (v *verification) lost(upTo int64, stored map[int64][]byte, signed map[int64]string) error {
	for seq := v.tree.size + 1; seq <= upTo; seq++ {
		if err := v.leaf(seq, lostLeaf, stored[seq], signed[seq]); err != nil {
			return err
		}
		if err := v.lose(seq); err != nil {
			return err
		}
	}
	v.tree.prune()
	return nil
}

// lose counts a record that is lost, and whether the copy has it.
func (v *verification) lose(seq int64) error {
	losses := &v.report.Lost
	if n := len(*losses); n == 0 || (*losses)[n-1].To != v.epochs.lostUpTo(seq) {
		for _, e := range v.epochs {
			if e.After < seq && seq <= e.ID {
				*losses = append(*losses, Loss{From: seq, To: e.ID, At: e.At})
			}
		}
	}
	if v.copied == nil {
		return nil
	}
	if err := v.copied.advance(seq); err != nil {
		return err
	}
	if v.copied.next.Seq == seq {
		(*losses)[len(*losses)-1].Copied++
	}
	return nil
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
