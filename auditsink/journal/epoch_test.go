package journal_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/workspace"
)

// lasting is a log whose servers remember what they signed, one after the other.
type lasting struct {
	*proven
	memory *journal.Memory
}

func last(t *testing.T, db *database.DB) *lasting {
	t.Helper()
	db.Client().Workspace.Create().SetSlug("home").SetName("Home").SetPlan(workspace.PlanSCALE).SetCreatedAt(time.Now().UTC()).SaveX(t.Context())
	l := &lasting{proven: &proven{db: db, key: newKey(t)}}
	l.memory = journal.NewMemory(filepath.Join(t.TempDir(), "key"), l.key)
	return l
}

// serve appends n records, and has a new server seal them.
func (l *lasting) serve(t *testing.T, n int) {
	t.Helper()
	for range n {
		appendEvents(t, l.db, event(auditsink.ActionMint, uuid.New()))
	}
	l.Journal = journal.New(journal.Options{Database: l.db, Key: l.key, Memory: l.memory})
	run(t, l.Journal)()
}

// putBack has the database be what it was at a record that a checkpoint is kept of.
func (l *lasting) putBack(t *testing.T, seq int64) {
	t.Helper()
	l.tamper(t)
	for _, trigger := range []string{"audit_epochs_unchanged", "audit_epochs_kept", "audit_epochs_new"} {
		l.exec(t, "DROP TRIGGER IF EXISTS "+trigger)
	}
	l.exec(t, "DELETE FROM audit_entries WHERE seq > ? OR seq IS NULL", seq)
	l.exec(t, "DELETE FROM audit_tree WHERE seq > ?", seq)
	l.exec(t, "DELETE FROM audit_checkpoints WHERE size > ?", seq)
	l.exec(t, "DELETE FROM audit_epochs WHERE after >= ?", seq)
	l.exec(t, "UPDATE audit_head SET seq = ?, note = (SELECT note FROM audit_checkpoints WHERE size = ?)", seq, seq)
}

// A folder of the key that cannot be written keeps nothing from being sealed and
// signed, and the log says what is not kept, until it is.
func TestMemoryThatCannotBeWritten(t *testing.T) {
	l := last(t, dbtest.Migrated(t, dbtest.SQLiteURL(t)))
	folder := filepath.Join(t.TempDir(), "missing")
	log := make(logged, 10)
	l.memory = journal.NewMemory(filepath.Join(folder, "key"), l.key)
	l.Journal = journal.New(journal.Options{Database: l.db, Key: l.key, Memory: l.memory, Logger: slog.New(slog.NewTextHandler(log, nil))})
	appendEvents(t, l.db, event(auditsink.ActionMint, uuid.New()))
	stop := run(t, l.Journal)
	if line := <-log; !strings.Contains(line, "audit log is sealed and signed, but") || !strings.Contains(line, "remember what was signed: open "+folder) {
		t.Errorf("logged %s", line)
	}
	wantSequences(t, l.sequences(t), 1)
	if _, err := l.LastCheckpoint(t.Context()); err != nil {
		t.Errorf("the last checkpoint: %v", err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if line := <-log; !strings.Contains(line, "kept beside the key again") {
		t.Errorf("logged %s", line)
	}
	stop()
	if kept, err := filepath.Glob(filepath.Join(folder, "key.signed-*")); err != nil || len(kept) != 1 {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// logged is lines of a log, to be waited for.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

func (l *lasting) sequences(t *testing.T) []int64 {
	t.Helper()
	records, err := l.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var sequences []int64
	for _, r := range records {
		sequences = append(sequences, r.Seq)
	}
	return sequences
}

func wantSequences(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("sequences %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("sequences %v, want %v", got, want)
		}
	}
}

// A database that went back in time gives out no sequence twice, and says what it
// lost: a copy goes on without a gap.
func TestDatabaseThatWentBackInTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		l.serve(t, 2)
		copied := copyOf(t, l.Journal, all)
		l.putBack(t, 3)
		l.serve(t, 2)
		wantSequences(t, l.sequences(t), 1, 2, 3, 6, 7, 8)

		row := db.Client().AuditEntry.Query().Where(auditentry.Action(auditsink.ActionRestore)).OnlyX(t.Context())
		e, err := auditsink.ParseCanonical(row.Record)
		if err != nil || e.Workspace.Slug != "home" || *row.Seq != 8 {
			t.Errorf("record %d says %+v, %v", *row.Seq, e, err)
		}

		after, err := l.Read(t.Context(), 3, 100)
		if err != nil {
			t.Fatal(err)
		}
		copied = auditsink.AppendLines(copied, after)
		for _, o := range []journal.VerifyOptions{{}, {Keys: []string{l.key.Public()}, Copy: bytes.NewReader(copied)}} {
			report, err := l.Verify(t.Context(), o)
			if err != nil || len(report.Lost) != 1 || report.Lost[0].From != 4 || report.Lost[0].To != 5 || report.Signed != 8 {
				t.Fatalf("%+v, %v", report, err)
			}
			if o.Copy != nil && (report.Copied != 6 || report.Lost[0].Copied != 2) {
				t.Errorf("%+v", report)
			}
		}

		l.serve(t, 1) // another start finds nothing new
		wantSequences(t, l.sequences(t), 1, 2, 3, 6, 7, 8, 9)
		if _, err := l.Verify(t.Context(), journal.VerifyOptions{}); err != nil {
			t.Error(err)
		}

		// Those who follow the log, and the proofs, go on over it.
		root3, err := l.Root(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		root9, err := l.Root(t.Context(), 9)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := l.ProveConsistency(t.Context(), 9, 3)
		if err != nil || tlog.CheckTree(proof, 9, root9, 3, root3) != nil {
			t.Errorf("consistency: %v", err)
		}
	})
}

// It may go back under a server that runs, as when a replica that lags takes over.
func TestDatabaseThatGoesBackUnderAServer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		j := journal.New(journal.Options{Database: db, Key: l.key, Memory: l.memory})
		stop := run(t, j)
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		wantHead(t, j, 4)
		l.putBack(t, 3)
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		wantHead(t, j, 6)
		stop()
		l.Journal = j
		wantSequences(t, l.sequences(t), 1, 2, 3, 5, 6)
		if _, err := j.Verify(t.Context(), journal.VerifyOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func wantHead(t *testing.T, j *journal.Journal, want int64) {
	t.Helper()
	deadline := time.After(patience)
	for {
		sealed := j.Sealed()
		head, err := j.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if head == want {
			return
		}
		j.Wake()
		select {
		case <-sealed:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("the head is %d, want %d", head, want)
		}
	}
}

// Where no server remembers, a sink that this log has fed says how far it had
// come; one that it never fed is another log's.
func TestSinkAheadOfTheLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.memory = nil
		l.serve(t, 3)
		lease, err := l.Claim(t.Context(), auditsink.Destination{Name: "archive"}, uuid.New(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Ahead(t.Context(), lease, 6000); err == nil {
			t.Error("a sink that was never fed was believed")
		}
		lease.Cursor = 3
		if err := l.Ahead(t.Context(), lease, 100_000_000); err == nil {
			t.Error("a hundred million were passed over")
		}
		if err := l.Ahead(t.Context(), lease, 6000); err != nil {
			t.Fatal(err)
		}
		if err := l.Ahead(t.Context(), lease, 6000); err != nil {
			t.Fatal(err)
		}
		if err := l.Release(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if lease := claim(t, l.Journal, auditsink.Destination{Name: "archive"}); lease.End != 6000 {
			t.Errorf("the log that is to go on behind record 6000 ends at %d", lease.End)
		}
		l.serve(t, 1)
		wantSequences(t, l.sequences(t), 1, 2, 3, 6001, 6002)
		report, err := l.Verify(t.Context(), journal.VerifyOptions{})
		if err != nil || len(report.Lost) != 1 || report.Lost[0].From != 4 || report.Lost[0].To != 6000 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// Two servers remember differently much; the one that comes second passes over
// what the first did not know of.
func TestServersThatRememberDifferently(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 2)
		first := l.memory
		l.memory = journal.NewMemory(filepath.Join(t.TempDir(), "other"), l.key)
		l.serve(t, 3) // the first server remembers 2, the second 5
		l.putBack(t, 2)
		second := l.memory
		l.memory = first
		l.serve(t, 1) // goes on at 3
		l.memory = second
		l.serve(t, 1)
		wantSequences(t, l.sequences(t), 1, 2, 3, 6, 7)
		l.memory = first
		l.serve(t, 1)
		wantSequences(t, l.sequences(t), 1, 2, 3, 6, 7, 8)
		if _, err := l.Verify(t.Context(), journal.VerifyOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// A restart does not make a server sign what was rewritten.
func TestRewrittenLogIsNotSignedAfterARestart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 5)
		l.edit(t, 2)
		l.exec(t, "DELETE FROM audit_tree")
		l.exec(t, "DELETE FROM audit_checkpoints")
		l.exec(t, "UPDATE audit_head SET note = NULL")
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		j := journal.New(journal.Options{Database: db, Key: l.key, Memory: l.memory})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := j.Run(ctx); err == nil || !strings.Contains(err.Error(), "does not continue what was signed") {
			t.Errorf("Run: %v", err)
		}
		_, err := j.Verify(t.Context(), journal.VerifyOptions{})
		wantTampered(t, err, 1, "no server has signed it")
	})
}

// Nobody hides what they deleted behind an epoch that no server began.
func TestEpochsAreSaidInTheLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		l.serve(t, 2)
		l.putBack(t, 3)
		l.serve(t, 1)
		l.tamper(t)
		l.exec(t, "UPDATE audit_epochs SET after = 2")
		if _, err := l.Verify(t.Context(), journal.VerifyOptions{}); err == nil {
			t.Error("an epoch was widened")
		}
		l.exec(t, "UPDATE audit_epochs SET after = 3, record = (SELECT id FROM audit_entries WHERE seq = 1)")
		_, err := l.Verify(t.Context(), journal.VerifyOptions{})
		wantTampered(t, err, 4, "says something else")
	})
}
