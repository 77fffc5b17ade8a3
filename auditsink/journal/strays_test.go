package journal_test

import (
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

const forgedID = "ffffffff-0000-7000-8000-000000000001"

// forge inserts a copy of record 7 at another sequence.
func (p *proven) forge(t *testing.T, seq int64) {
	t.Helper()
	p.tamper(t)
	p.exec(t, "INSERT INTO audit_entries (id, seq, workspace_id, at, action, outcome, actor_id, target_id, test, record)"+
		" SELECT ?, ?, workspace_id, at, action, outcome, actor_id, target_id, test, record FROM audit_entries WHERE seq = 7", forgedID, seq)
}

// A row that no server writes is found wherever it is, also where the sequences
// pass it by.
func TestVerifyFindsRowsThatNoServerWrites(t *testing.T) {
	for _, test := range []struct {
		name   string
		tamper func(t *testing.T, p *proven)
		want   string
	}{
		{"an entry before the first", func(t *testing.T, p *proven) { p.forge(t, -5) },
			"audit entry " + forgedID + " has the sequence -5, which no server gives out"},
		{"an entry at zero", func(t *testing.T, p *proven) { p.forge(t, 0) },
			"audit entry " + forgedID + " has the sequence 0, which no server gives out"},
		{"an entry behind the end", func(t *testing.T, p *proven) { p.forge(t, 14) },
			"audit record 14: is behind the end of the log, which the head has at record 13: no server sealed it, or the head was changed"},
		{"an entry far behind the end", func(t *testing.T, p *proven) { p.forge(t, 900) },
			"audit record 900: is behind the end of the log, which the head has at record 13: no server sealed it, or the head was changed"},
		{"a leaf before the first", func(t *testing.T, p *proven) {
			p.tamper(t, "INSERT INTO audit_tree (seq, hashes) VALUES (-1, 'x')")
		}, "the table audit_tree has a row for record -1, a sequence that no server gives out"},
		{"a leaf behind the end", func(t *testing.T, p *proven) {
			p.tamper(t, "INSERT INTO audit_tree (seq, hashes) VALUES (15, 'x')")
		}, "audit record 14: is missing: the log ends before it, and once went on to record 15, which the table audit_tree knows of"},
		{"a checkpoint before the first", func(t *testing.T, p *proven) {
			p.tamper(t, "INSERT INTO audit_checkpoints (size, note, at) SELECT -2, note, at FROM audit_checkpoints WHERE size = 9")
		}, "the table audit_checkpoints has a row for record -2, a sequence that no server gives out"},
		{"a loss before the first", func(t *testing.T, p *proven) {
			p.exec(t, "INSERT INTO audit_epochs (up_to, after, at, record) SELECT 0, -5, at, id FROM audit_entries WHERE seq = 7")
		}, "the table audit_epochs has it that the log lost what is after record -5 up to record 0, which no server records"},
		{"a loss of nothing", func(t *testing.T, p *proven) {
			p.exec(t, "INSERT INTO audit_epochs (up_to, after, at, record) SELECT 5, 5, at, id FROM audit_entries WHERE seq = 7")
		}, "the table audit_epochs has it that the log lost what is after record 5 up to record 5, which no server records"},
		{"a second head", func(t *testing.T, p *proven) {
			p.exec(t, "INSERT INTO audit_head (id, seq) VALUES (2, 13)")
		}, "the table audit_head does not have the one row that servers keep in it, which says where the audit log ends"},
		{"no head", func(t *testing.T, p *proven) {
			p.exec(t, "DELETE FROM audit_head")
		}, "the table audit_head does not have the one row that servers keep in it, which says where the audit log ends"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				p := prove(t, db)
				test.tamper(t, p)
				if _, err := p.verify(t, journal.VerifyOptions{}); err == nil || err.Error() != test.want {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
			})
		})
	}
}

// A sink was delivered what was in the log, unless it was told to begin beyond the
// end.
func TestVerifyFindsWhatASinkWasDelivered(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		claim := func(sink string, start auditsink.Start) auditsink.Lease {
			lease, err := p.Claim(t.Context(), auditsink.Destination{Name: sink, Start: start}, uuid.New(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}
		claim("now", auditsink.Start{Now: true})
		claim("next", auditsink.Start{Seq: 14})
		later := claim("later", auditsink.Start{Seq: 40})
		if err := p.Advance(t.Context(), later, 20); err != nil { // as is done to keep the lease
			t.Fatal(err)
		}
		if _, err := p.verify(t, p.everything()); err != nil {
			t.Errorf("nothing was tampered with: %v", err)
		}

		p.exec(t, "UPDATE sink_cursors SET `cursor` = 41 WHERE name = 'later'")
		_, err := p.verify(t, journal.VerifyOptions{})
		wantTampered(t, err, 14, "once went on to record 41, up to which the cursor of audit sink later is")
		p.exec(t, "DELETE FROM sink_cursors WHERE name = 'later'")

		p.tamper(t, "DELETE FROM audit_entries WHERE seq > 9", "DELETE FROM audit_tree WHERE seq > 9",
			"DELETE FROM audit_checkpoints WHERE size > 9",
			"UPDATE audit_head SET seq = 9, note = (SELECT note FROM audit_checkpoints WHERE size = 9)")
		_, err = p.verify(t, journal.VerifyOptions{})
		wantTampered(t, err, 10, "is missing: the log ends before it, and once went on to record 13, up to which the cursor of audit sink n")
	})
}

// A sink that was delivered what is lost since says nothing new.
func TestVerifyOfASinkThatHasWhatWasLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		l.serve(t, 2)
		lease, err := l.Claim(t.Context(), auditsink.Destination{Name: "archive"}, uuid.New(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		l.putBack(t, 3)
		if err := l.Advance(t.Context(), lease, 5); err != nil {
			t.Fatal(err)
		}
		_, err = l.Verify(t.Context(), journal.VerifyOptions{})
		wantTampered(t, err, 4, "once went on to record 5, up to which the cursor of audit sink archive is")
		lease.Cursor = 5
		if err := l.Ahead(t.Context(), lease, 5); err != nil { // which records the loss
			t.Fatal(err)
		}
		if _, err := l.Verify(t.Context(), journal.VerifyOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// A record that is there twice is found by the database alone, and also where the
// records before it fill what is read at once.
func TestVerifyFindsWhatIsThereTwice(t *testing.T) {
	for name, seal := range map[string]int{"among others": 0, "at the end of what is read at once": 500 - 13} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				p := prove(t, db)
				p.seal(t, seal)
				drop := "DROP INDEX audit_entries_seq_key"
				if db.Dialect() == dialect.MySQL {
					drop = "ALTER TABLE audit_entries DROP INDEX seq"
				}
				p.exec(t, drop)
				p.forge(t, int64(13+seal))
				_, err := p.verify(t, journal.VerifyOptions{})
				wantTampered(t, err, int64(13+seal), "is there twice: audit entry ")
			})
		})
	}
}

// Where a table cannot be read, it is said which, and why.
func TestVerifyNamesTheTableThatItCannotRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		if db.Dialect() == dialect.SQLite { // whose columns take any type
			for _, value := range []string{"'abc'", "7.5"} {
				p.tamper(t, "UPDATE audit_entries SET seq = "+value+" WHERE id = (SELECT MAX(id) FROM audit_entries)")
				p.wantUnreadable(t, "audit_entries", `name "seq"`)
			}
		}
		for _, table := range []string{"audit_epochs", "audit_head", "audit_checkpoints", "audit_tree", "audit_entries", "audit_keys"} {
			p.exec(t, "DROP TABLE "+table)
			p.wantUnreadable(t, table, table)
		}
	})
}

func (p *proven) wantUnreadable(t *testing.T, table, cause string) {
	t.Helper()
	_, err := p.verify(t, journal.VerifyOptions{})
	if err == nil {
		t.Fatal("nothing was found")
	}
	before, after, found := strings.Cut(err.Error(), "it is not there any more, or holds what is not of the type of its column: ")
	if !found || before != "verify the audit log: the table "+table+" cannot be read: " || !strings.Contains(after, cause) {
		t.Errorf("got %v, want table %s", err, table)
	}
}
