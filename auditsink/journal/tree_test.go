package journal_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/audittree"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// The proofs are those of RFC 6962, as tlog checks them.
func TestProofs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		records, err := p.Read(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		roots := make([]tlog.Hash, len(records)+1)
		for size := int64(1); size <= int64(len(records)); size++ {
			if roots[size], err = p.Root(t.Context(), size); err != nil {
				t.Fatal(err)
			}
			for seq := int64(1); seq <= size; seq++ {
				proof, err := p.ProveInclusion(t.Context(), size, seq)
				if err != nil {
					t.Fatal(err)
				}
				leaf := tlog.RecordHash(records[seq-1].Canonical())
				if err := tlog.CheckRecord(proof, size, roots[size], seq-1, leaf); err != nil {
					t.Errorf("record %d of %d: %v", seq, size, err)
				}
			}
			for before := int64(1); before <= size; before++ {
				proof, err := p.ProveConsistency(t.Context(), size, before)
				if err != nil {
					t.Fatal(err)
				}
				if err := tlog.CheckTree(proof, size, roots[size], before, roots[before]); err != nil {
					t.Errorf("%d after %d: %v", size, before, err)
				}
			}
		}
		for _, signed := range p.checkpoints {
			c, err := journal.OpenCheckpoint(signed, []string{p.key.Public()})
			if err != nil || c.Root != roots[c.Size] {
				t.Errorf("%+v, %v", c, err)
			}
		}
		if _, err := p.ProveInclusion(t.Context(), 13, 14); err == nil {
			t.Error("proved a record that is not there")
		}
		if _, err := p.ProveConsistency(t.Context(), 20, 13); err == nil {
			t.Error("proved a size that the log does not have")
		}
	})
}

// What was sealed before there was a tree gets its leaves with the next seal, or
// at the start of a server.
func TestTreeCatchesUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := &proven{db: db, key: newKey(t)}
		appendBacklog(t, db, 1203)
		p.seal(t, 1)
		p.tamper(t, "DELETE FROM audit_tree", "DELETE FROM audit_checkpoints")
		p.seal(t, 0)
		if report, err := p.verify(t, journal.VerifyOptions{}); err != nil || report.Signed != 1204 {
			t.Errorf("%+v, %v", report, err)
		}
		p.tamper(t, "DELETE FROM audit_tree WHERE seq > 600")
		p.seal(t, 2)
		if report, err := p.verify(t, journal.VerifyOptions{}); err != nil || report.Signed != 1206 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestProofsAreOnlyInserted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		for _, statement := range []string{
			"DELETE FROM audit_tree", "UPDATE audit_tree SET hashes = ''",
			"REPLACE INTO audit_tree (seq, hashes) VALUES (1, '')",
			"DELETE FROM audit_checkpoints", "UPDATE audit_checkpoints SET note = ''",
			"REPLACE INTO audit_checkpoints (size, note, at) SELECT size, '', at FROM audit_checkpoints",
			"DELETE FROM audit_keys", "UPDATE audit_keys SET public_key = ''",
			"REPLACE INTO audit_keys (public_key, at) SELECT public_key, at FROM audit_keys",
		} {
			if _, err := p.db.SQL().ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s went through", statement)
			}
		}
		client := db.Client()
		for name, err := range map[string]error{
			"tree":       second(client.AuditTree.Delete().Where(audittree.ID(1)).Exec(t.Context())),
			"checkpoint": client.AuditCheckpoint.DeleteOneID(4).Exec(t.Context()),
			"key":        second(client.AuditKey.Delete().Exec(t.Context())),
		} {
			if err == nil || ent.IsNotFound(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second(_ int, err error) error { return err }
