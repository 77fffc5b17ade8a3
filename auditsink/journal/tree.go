package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/audittree"
)

// errTreeShort is returned for a tree that does not cover all that is sealed yet:
// a version of this program sealed it that kept no tree.
var errTreeShort = errors.New("the Merkle tree is behind the audit log")

// tree is the part of the Merkle tree that is needed to go on with it. Record
// number n of the log is leaf n-1 of the tree.
type tree struct {
	size   int64
	hashes map[int64]tlog.Hash // by the index that tlog stores them at
}

// loadTree reads what is needed of the tree over the first size records.
func loadTree(ctx context.Context, rows *ent.AuditTreeClient, size int64) (*tree, error) {
	t := &tree{size: size, hashes: make(map[int64]tlog.Hash)}
	found, err := rows.Query().Where(audittree.IDIn(frontier(size)...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the Merkle tree: %w", err)
	}
	for _, row := range found {
		if err := t.put(row); err != nil {
			return nil, err
		}
	}
	if len(found) < len(frontier(size)) {
		return nil, errTreeShort
	}
	return t, nil
}

// frontier is the rows that hold the roots of those full subtrees that the tree
// over size records consists of.
func frontier(size int64) []int64 {
	var rows []int64
	for ; size > 0; size &= size - 1 {
		rows = append(rows, size)
	}
	return rows
}

func (t *tree) put(row *ent.AuditTree) error {
	if len(row.Hashes) != hashesOf(row.ID)*tlog.HashSize {
		return fmt.Errorf("row %d of the Merkle tree has %d bytes", row.ID, len(row.Hashes))
	}
	at := tlog.StoredHashIndex(0, row.ID-1)
	for i := range hashesOf(row.ID) {
		t.hashes[at+int64(i)] = tlog.Hash(row.Hashes[i*tlog.HashSize:])
	}
	return nil
}

// hashesOf is how many hashes are stored with record seq: its own, and one for
// each subtree that it completes.
func hashesOf(seq int64) int { return 1 + bits.TrailingZeros64(uint64(seq)) }

// ReadHashes returns hashes as tlog asks for them.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		var ok bool
		if hashes[i], ok = t.hashes[index]; !ok {
			return nil, fmt.Errorf("the Merkle tree lacks hash %d", index)
		}
	}
	return hashes, nil
}

// add makes leaf the next leaf and returns what is to be stored with it.
func (t *tree) add(leaf tlog.Hash) ([]byte, error) {
	hashes, err := tlog.StoredHashesForRecordHash(t.size, leaf, t)
	if err != nil {
		return nil, err
	}
	at := tlog.StoredHashIndex(0, t.size)
	var stored []byte
	for i, h := range hashes {
		t.hashes[at+int64(i)] = h
		stored = append(stored, h[:]...)
	}
	t.size++
	return stored, nil
}

// clone returns a tree that grows apart from t.
func (t *tree) clone() *tree { return &tree{t.size, maps.Clone(t.hashes)} }

// prune forgets what the tree does not need in order to grow.
func (t *tree) prune() {
	needed := make(map[int64]tlog.Hash)
	for _, seq := range frontier(t.size) {
		at := tlog.StoredHashIndex(0, seq-1)
		for i := range int64(hashesOf(seq)) {
			needed[at+i] = t.hashes[at+i]
		}
	}
	t.hashes = needed
}

func (t *tree) root() (tlog.Hash, error) { return tlog.TreeHash(t.size, t) }

// grow adds the leaves to the tree, all in one statement.
func grow(ctx context.Context, tx *ent.Tx, t *tree, leaves []tlog.Hash) error {
	args := make([]any, 0, 2*len(leaves))
	for _, leaf := range leaves {
		stored, err := t.add(leaf)
		if err != nil {
			return err
		}
		args = append(args, t.size, stored)
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO audit_tree (seq, hashes) VALUES (?,?)"+
		strings.Repeat(",(?,?)", len(leaves)-1), args...)
	return err
}

// catchUp adds to the tree some records that were sealed without it, and
// reports whether there may be more. The head is locked.
func catchUp(ctx context.Context, tx *ent.Tx) (more bool, err error) {
	last, err := tx.AuditTree.Query().Order(ent.Desc(audittree.FieldID)).FirstID(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return false, fmt.Errorf("read the Merkle tree: %w", err)
	}
	t, err := loadTree(ctx, tx.AuditTree, last)
	if err != nil {
		return false, err
	}
	es, err := readEpochs(ctx, tx.AuditEpoch)
	if err != nil {
		return false, err
	}
	if n, err := pass(ctx, tx, es, t); n > 0 || err != nil {
		return true, err
	}
	rows, err := tx.AuditEntry.Query().
		Where(auditentry.SeqGT(last)).
		Order(ent.Asc(auditentry.FieldSeq)).
		Limit(sealBatch).
		Select(auditentry.FieldSeq, auditentry.FieldRecord).
		All(ctx)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	var leaves []tlog.Hash
	for _, row := range rows {
		want := last + 1 + int64(len(leaves))
		if *row.Seq != want && es.lostUpTo(want) > 0 {
			break // the next time passes over those
		}
		if *row.Seq != want {
			return false, fmt.Errorf("the audit log has no record %d, but record %d", want, *row.Seq)
		}
		leaves = append(leaves, tlog.RecordHash(row.Record))
	}
	return len(leaves) < len(rows) || len(rows) == sealBatch, grow(ctx, tx, t, leaves)
}

// Root returns the root of the tree over the first size records.
func (j *Journal) Root(ctx context.Context, size int64) (tlog.Hash, error) {
	root, err := tlog.TreeHash(size, hashReader(ctx, j.db.Client().AuditTree))
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("root of the audit log at %d: %w", size, err)
	}
	return root, nil
}

// ProveInclusion proves that the tree over the first size records has record
// seq. [tlog.CheckRecord] checks it, for leaf seq-1.
func (j *Journal) ProveInclusion(ctx context.Context, size, seq int64) (tlog.RecordProof, error) {
	proof, err := tlog.ProveRecord(size, seq-1, hashReader(ctx, j.db.Client().AuditTree))
	if err != nil {
		return nil, fmt.Errorf("prove record %d of the audit log: %w", seq, err)
	}
	return proof, nil
}

// ProveConsistency proves that the tree over the first size records begins with
// the one over the first before. [tlog.CheckTree] checks it.
func (j *Journal) ProveConsistency(ctx context.Context, size, before int64) (tlog.TreeProof, error) {
	proof, err := tlog.ProveTree(size, before, hashReader(ctx, j.db.Client().AuditTree))
	if err != nil {
		return nil, fmt.Errorf("prove that the audit log at %d continues that at %d: %w", size, before, err)
	}
	return proof, nil
}

// hashReader reads hashes of the tree from the database: at most as many as a
// proof has.
func hashReader(ctx context.Context, leaves *ent.AuditTreeClient) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		rows := make([]int64, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			rows[i] = (n + 1) << level // the record that completed the subtree
		}
		found, err := leaves.Query().Where(audittree.IDIn(rows...)).All(ctx)
		if err != nil {
			return nil, err
		}
		t := &tree{hashes: make(map[int64]tlog.Hash)}
		for _, row := range found {
			if err := t.put(row); err != nil {
				return nil, err
			}
		}
		return t.ReadHashes(indexes)
	})
}
