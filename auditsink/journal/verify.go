package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/auditepoch"
	"github.com/keloa/apitokens/ent/audithead"
	"github.com/keloa/apitokens/ent/auditkey"
	"github.com/keloa/apitokens/ent/audittree"
)

// verifyBatch is how many records are looked at before the next are read.
const verifyBatch = 500

// VerifyOptions say what the log is compared with beside itself.
type VerifyOptions struct {
	// Keys are the public keys that checkpoints must be signed with. Nil
	// for those that the database names, which proves nothing to those who
	// do not trust the database.
	Keys []string
	// Checkpoints are signed checkpoints that were kept elsewhere.
	Checkpoints []string
	// Copy is what a sink holds, a record a line. Nil for none. It may begin
	// late and end early; between, it has all that CopyFilter lets through.
	Copy       io.Reader
	CopyFilter auditsink.Filter
	// Beside are the signed checkpoints that the sink keeps beside its copy.
	Beside []string
	// Progress is told how far Verify is, now and then. Nil for nobody.
	Progress func(done, total int64)
}

// Report says what Verify has looked at.
type Report struct {
	Records     int64    // from the first on, without a gap but for what is lost
	Checkpoints int      // that were checked
	Signed      int64    // the last record that a checkpoint covers; 0 for none
	Keys        []string // that were trusted
	Copied      int64    // records of the copy that were compared
	Stubs       int64    // of the copied, those that the sink refused and has a stub of
	Mapped      int64    // of the copied, those in OCSF, of which the leaf hash alone was compared
	Lost        []Loss   // what the database lost when it went back in time, as the log itself says
	Foreign     int64    // lines of the copy that are no records
}

// Loss is a run of records that were sealed and are not in the database.
type Loss struct {
	From, To int64
	At       time.Time // when it was found
	Copied   int64     // of them, those that the copy has, and no stub of
	// Signed is the last of them up to which the copy holds what a checkpoint
	// was signed over that was kept; 0 for none.
	Signed int64
}

// TamperedError names the first record that is not what was sealed.
type TamperedError struct {
	Seq    int64 // 0 for what has no place in the log; then Reason names it
	Reason string
}

func (e *TamperedError) Error() string {
	if e.Seq == 0 {
		return e.Reason
	}
	return fmt.Sprintf("audit record %d: %s", e.Seq, e.Reason)
}

// CheckpointError is returned for a checkpoint that was kept elsewhere and cannot be
// compared with the log.
type CheckpointError struct {
	Kept    int  // which of [VerifyOptions.Checkpoints] it is
	Unknown bool // it may be good, but no known key has signed it
	Err     error
}

func (e *CheckpointError) Error() string { return e.Err.Error() }

func (e *CheckpointError) Unwrap() error { return e.Err }

func tampered(seq int64, reason string, args ...any) error {
	return &TamperedError{seq, fmt.Sprintf(reason, args...)}
}

// Verify reads the whole log and sees that its records have the sequences 1 to
// the head without a gap, that no table has a row that no server writes or knows
// of more, that the columns beside a record say what it says, that the Merkle tree
// made anew from the records is the one that is stored, that its root and every
// checkpoint were signed with a known key, and that a copy holds the same records.
// It stops at the first that is not so and reports a [TamperedError].
//
// It takes memory for one batch of records and works beside servers: what is
// sealed after it began is left for the next time.
func (j *Journal) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	v := &verification{
		Journal: j,
		options: o,
		tree:    &tree{hashes: make(map[int64]tlog.Hash)},
		kept:    make(map[int64][]Checkpoint),
	}
	if o.Copy != nil {
		v.copied = newCopyReader(o.Copy)
	}
	err := v.run(ctx)
	v.report.Records = v.tree.size - v.gone
	if v.copied != nil {
		v.report.Foreign = v.copied.foreign
	}
	if _, ok := errors.AsType[*TamperedError](err); err != nil && !ok {
		err = fmt.Errorf("verify the audit log: %w", err)
	}
	return v.report, err
}

type verification struct {
	*Journal

	options VerifyOptions
	report  Report
	known   note.Verifiers
	head    int64   // the last record to look at
	note    *string // what was signed of it, if anything
	tree    *tree   // made anew from the records
	kept    map[int64][]Checkpoint
	epochs  epochs
	gone    int64 // records that are lost
	// before are the trees that there may have been before what comes next was
	// lost, as far as the copy holds that.
	before []*tree

	furthestKept int64
	strange      error       // a checkpoint beside the copy that no known key has signed
	copied       *copyReader // nil for no copy
}

func (v *verification) run(ctx context.Context) error {
	beyond, err := v.begin(ctx)
	if err != nil {
		return err
	}
	for v.tree.size < v.head {
		if v.options.Progress != nil {
			v.options.Progress(v.tree.size, v.head)
		}
		if err := v.batch(ctx); err != nil {
			return err
		}
	}
	if beyond != nil {
		return beyond
	}
	if err := v.losses(ctx); err != nil {
		return err
	}
	if err := v.signature(ctx); err != nil {
		return err
	}
	if err := v.endOfCopy(ctx); err != nil {
		return err
	}
	return v.strange
}

// begin opens the kept checkpoints and finds out how far the log goes. What was
// sealed or signed beyond that it returns, to be reported after what is before.
func (v *verification) begin(ctx context.Context) (beyond, err error) {
	v.report.Keys = v.options.Keys
	if v.report.Keys == nil {
		if v.report.Keys, err = v.PublicKeys(ctx); err != nil {
			return nil, v.unreadable(ctx, auditkey.Table, err)
		}
	}
	if v.known, err = verifiers(v.report.Keys); err != nil {
		return nil, err
	}
	for i, signed := range v.options.Checkpoints {
		c, err := openCheckpoint(signed, v.known)
		if err != nil {
			return nil, &CheckpointError{i, errors.Is(err, errUnknownKey), err}
		}
		v.keep(c)
	}
	for _, signed := range v.options.Beside {
		c, err := openCheckpoint(signed, v.known)
		if err != nil {
			v.strange = fmt.Errorf("beside the copy: %w", err)
			continue
		}
		v.keep(c)
	}
	// The head is read after what it is compared with: servers may be at work,
	// and it only rises.
	found, err := v.furthest(ctx)
	if err != nil {
		return nil, err
	}
	sinks, err := v.delivered(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.readHead(ctx); err != nil {
		return nil, err
	}
	if v.epochs, err = readEpochs(ctx, v.db.Client().AuditEpoch); err != nil {
		return nil, v.unreadable(ctx, auditepoch.Table, err)
	}
	if err := v.strays(ctx); err != nil {
		return nil, err
	}
	return v.beyond(ctx, found, sinks)
}

// readHead reads the only row that the head has.
func (v *verification) readHead(ctx context.Context) error {
	rows, err := v.db.Client().AuditHead.Query().Order(ent.Asc(audithead.FieldID)).Limit(2).All(ctx)
	if err != nil {
		return v.unreadable(ctx, audithead.Table, err)
	}
	if len(rows) != 1 || rows[0].ID != headID {
		return tampered(0, "the table %s does not have the one row that servers keep in it, which says where the audit log ends", audithead.Table)
	}
	v.head, v.note = rows[0].Seq, rows[0].Note
	return nil
}

func (v *verification) keep(c Checkpoint) {
	v.kept[c.Size] = append(v.kept[c.Size], c)
	v.furthestKept = max(v.furthestKept, c.Size)
}

// batch looks at the next records.
func (v *verification) batch(ctx context.Context) error {
	done, client := v.tree.size, v.db.Client()
	// One more than there can be, lest one that is there twice hide at the end.
	rows, err := client.AuditEntry.Query().
		Where(auditentry.SeqGT(done), auditentry.SeqLTE(min(done+verifyBatch, v.head))).
		Order(ent.Asc(auditentry.FieldSeq, auditentry.FieldID)).Limit(verifyBatch + 1).All(ctx)
	if err != nil {
		return v.unreadable(ctx, auditentry.Table, err)
	}
	leaves, err := client.AuditTree.Query().
		Where(audittree.IDGT(done), audittree.IDLTE(done+verifyBatch)).All(ctx)
	if err != nil {
		return v.unreadable(ctx, audittree.Table, err)
	}
	notes, err := client.AuditCheckpoint.Query().
		Where(auditcheckpoint.IDGT(done), auditcheckpoint.IDLTE(done+verifyBatch)).All(ctx)
	if err != nil {
		return v.unreadable(ctx, auditcheckpoint.Table, err)
	}
	stored := make(map[int64][]byte, len(leaves))
	for _, leaf := range leaves {
		stored[leaf.ID] = leaf.Hashes
	}
	signed := make(map[int64]string, len(notes))
	for _, c := range notes {
		signed[c.ID] = c.Note
	}
	if upTo := v.epochs.lostUpTo(done + 1); upTo > 0 {
		return v.lost(min(upTo, v.head, done+verifyBatch), stored, signed)
	}
	for _, row := range rows {
		seq := v.tree.size + 1
		if *row.Seq != seq && v.epochs.lostUpTo(seq) > 0 {
			break
		}
		if *row.Seq < seq {
			return tampered(*row.Seq, "is there twice: audit entry %s has its sequence, too", row.ID)
		}
		if *row.Seq != seq {
			return tampered(seq, "is missing: the next there is has the sequence %d", *row.Seq)
		}
		if err := v.record(row, stored[seq], signed[seq]); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return tampered(done+1, "is missing: %d records were sealed", v.head)
	}
	v.tree.prune()
	return nil
}

// record looks at the next record, what is stored of the tree with it, and the
// checkpoint at it, empty for none.
func (v *verification) record(row *ent.AuditEntry, stored []byte, signed string) error {
	seq := *row.Seq
	event, err := auditsink.ParseCanonical(row.Record)
	if err == nil {
		_, err = auditsink.NewRecord(seq, row.Record)
	}
	if err != nil {
		return tampered(seq, "was changed: it is no record any more")
	}
	if column := differs(row, event); column != "" {
		return tampered(seq, "was changed: its column %s is not what the record says", column)
	}
	if err := v.compare(seq, event.Action, row.Record); err != nil {
		return err
	}
	return v.leaf(seq, tlog.RecordHash(row.Record), stored, signed)
}

// leaf compares the next leaf with what is stored of the tree.
func (v *verification) leaf(seq int64, leaf tlog.Hash, stored []byte, signed string) error {
	switch {
	case stored == nil:
		return tampered(seq, "has no leaf in the Merkle tree")
	case !bytes.HasPrefix(stored, leaf[:]):
		return tampered(seq, "was changed, or is not in its place: its leaf in the Merkle tree is another")
	}
	again, err := v.tree.add(leaf)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, stored) {
		v.tree.size--
		return tampered(seq, "the Merkle tree above it was changed")
	}
	return v.checkpoint(seq, signed)
}

// signature looks at what was signed of the end of the log. A server signs in the
// transaction that seals, so a log whose end is not signed was sealed by somebody
// else.
func (v *verification) signature(ctx context.Context) error {
	if v.head == 0 {
		signed, err := v.db.Client().AuditKey.Query().Exist(ctx)
		if err == nil && signed {
			err = tampered(1, "is missing: a server has signed this log, and it is empty")
		}
		return err
	}
	if v.note == nil {
		return v.unsigned()
	}
	c, err := openCheckpoint(*v.note, v.known)
	if err != nil {
		return tampered(v.head, "the end of the log is signed with no known key, or its signature was changed")
	}
	if c.Size != v.head {
		return v.unsigned()
	}
	root, err := v.tree.root()
	if err != nil {
		return err
	}
	if c.Root != root {
		return v.rewritten(v.head)
	}
	if v.report.Signed != v.head {
		v.report.Checkpoints++
		v.report.Signed = v.head
	}
	return nil
}

func (v *verification) unsigned() error {
	if v.report.Signed == v.head {
		return tampered(v.head, "it is the last, and the head of the log lacks the signature over it that a server leaves there")
	}
	return tampered(v.report.Signed+1, "no server has signed it, nor what follows up to record %d", v.head)
}

// differs names the first column that does not say what the record says, empty
// for none.
func differs(row *ent.AuditEntry, e auditsink.Event) string {
	switch {
	case row.ID != e.ID:
		return auditentry.FieldID
	case row.WorkspaceID != e.Workspace.ID:
		return auditentry.FieldWorkspaceID
	case !row.At.Equal(e.At):
		return auditentry.FieldAt
	case row.Action != e.Action:
		return auditentry.FieldAction
	case row.Outcome != e.Outcome:
		return auditentry.FieldOutcome
	case !sameID(row.ActorID, e.Actor.ID):
		return auditentry.FieldActorID
	case !sameID(row.TargetID, e.Target.ID):
		return auditentry.FieldTargetID
	case row.Test != e.Test:
		return auditentry.FieldTest
	}
	return ""
}

func sameID(a, b *uuid.UUID) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// checkpoint looks at the checkpoints over the records up to seq.
func (v *verification) checkpoint(seq int64, signed string) error {
	kept := v.kept[seq]
	if signed == "" && len(kept) == 0 {
		return nil
	}
	root, err := v.tree.root()
	if err != nil {
		return err
	}
	over := signed != "" // one is over what is in the database
	for _, c := range kept {
		if c.Root == root {
			over = true
			continue
		}
		if v.epochs.lostUpTo(seq) == 0 {
			return v.rewritten(seq)
		}
		if err := v.recovered(c); err != nil {
			return err
		}
	}
	if signed != "" {
		c, err := openCheckpoint(signed, v.known)
		if err != nil {
			return tampered(seq, "the checkpoint at it is signed with no known key, or was changed")
		}
		if c != (Checkpoint{seq, root}) {
			return v.rewritten(seq)
		}
	}
	v.report.Checkpoints++
	if over {
		v.report.Signed = seq
	}
	return nil
}

func (v *verification) rewritten(seq int64) error {
	return tampered(v.report.Signed+1, "it, or one after it up to record %d, is not what was signed", seq)
}
