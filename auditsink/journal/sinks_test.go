package journal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditquarantine"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

func claim(t *testing.T, j *journal.Journal, to auditsink.Destination) auditsink.Lease {
	t.Helper()
	lease, err := j.Claim(t.Context(), to, uuid.New(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func stateOf(t *testing.T, j *journal.Journal) journal.SinkState {
	t.Helper()
	states, err := j.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.Name == "archive" {
			return s
		}
	}
	t.Fatalf("no sink archive among %+v", states)
	return journal.SinkState{}
}

// What one server reports of a sink, every server knows, until the lease that it
// was reported under is another's.
func TestReportsAreShared(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j, other := open(db), open(db)
		lease := claim(t, j, auditsink.Destination{Name: "archive", Required: true})
		if s := stateOf(t, other); s.State() != "up" || !s.Required || s.Unavailable() != "" {
			t.Errorf("%+v", s)
		}
		for _, problem := range []string{"no route\nto " + strings.Repeat("é", 300), "again"} {
			if err := j.Report(t.Context(), lease, problem); err != nil {
				t.Fatal(err)
			}
			s := stateOf(t, other)
			if s.State() != "down" || s.DownSince == nil || !strings.HasPrefix(problem, s.Problem[:5]) || strings.Contains(s.Problem, "\n") {
				t.Errorf("%+v", s)
			}
		}
		since := *stateOf(t, other).DownSince
		if err := j.Release(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, other); s.State() != "down" || !s.DownSince.Equal(since) {
			t.Errorf("after the release: %+v", s)
		}
		next := claim(t, other, auditsink.Destination{Name: "archive"})
		if !next.Down {
			t.Error("who claims the sink is not told that it is down")
		}
		if err := j.Report(t.Context(), lease, "late"); !errors.Is(err, auditsink.ErrFenced) {
			t.Errorf("a report under an old lease: %v", err)
		}
		if err := other.Report(t.Context(), next, ""); err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, j); s.State() != "up" || s.Problem != "" || s.Required {
			t.Errorf("%+v", s)
		}
	})
}

func TestGate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		clock := newClock()
		j := journal.New(journal.Options{Database: db, Now: clock.now})
		check := func(required []string, want string) {
			t.Helper()
			gate := journal.NewGate(j)
			if required != nil {
				gate.Require(required)
			}
			err := gate.Check(t.Context())
			if unavailable, ok := errors.AsType[*journal.UnavailableError](err); ok && want != "" && strings.Contains(unavailable.Error(), want) {
				return
			}
			if want != "" || err != nil {
				t.Errorf("with %v: %v, want %q", required, err, want)
			}
		}
		check([]string{"archive"}, "archive, which was not reached yet")
		check([]string{}, "")
		check(nil, "")

		lease := claim(t, j, auditsink.Destination{Name: "archive", Required: true})
		claim(t, j, auditsink.Destination{Name: "other"})
		check([]string{"archive", "other"}, "")
		e := event(auditsink.ActionMint, uuid.New())
		e.At = clock.now()
		appendEvents(t, db, e)
		run(t, j)()
		clock.add(9 * time.Second)
		check([]string{"archive"}, "")
		clock.add(2 * time.Second)
		check([]string{"archive"}, "too far behind")
		check(nil, "archive, which is too far behind")
		check([]string{}, "")
		if err := j.Advance(t.Context(), lease, 1); err != nil {
			t.Fatal(err)
		}
		check([]string{"archive"}, "")
		if err := j.Report(t.Context(), lease, "no route"); err != nil {
			t.Fatal(err)
		}
		check([]string{"archive"}, "archive, which is down")
		check(nil, "archive, which is down")

		if err := j.Forget(t.Context(), "archive"); !errors.Is(err, auditsink.ErrHeld) {
			t.Errorf("forgotten while it is fed: %v", err)
		}
		if err := j.Release(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		check(nil, "archive, which is down")
		if err := j.Forget(t.Context(), "archive"); err != nil {
			t.Fatal(err)
		}
		if err := j.Forget(t.Context(), "archive"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("forgotten twice: %v", err)
		}
		check(nil, "")
	})
}

// What is in quarantine outlasts a restart, is offered again with growing pauses,
// and is bounded.
// What is not sealed no sink can have, whatever became of the sealer.
func TestUnsealedIsLag(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		clock := newClock()
		j := journal.New(journal.Options{Database: db, Now: clock.now})
		claim(t, j, auditsink.Destination{Name: "archive", Required: true})
		claim(t, j, auditsink.Destination{Name: "later", Required: true, Start: auditsink.Start{Seq: 3}})
		want := func(entries int64, age time.Duration, unavailable string) {
			t.Helper()
			backlog, err := j.Backlog(t.Context())
			if err != nil || backlog != (journal.Backlog{Entries: entries, Age: age}) {
				t.Errorf("not sealed: %+v, %v", backlog, err)
			}
			s := stateOf(t, j)
			if s.Behind != entries || s.Lag != age || s.Unavailable() != unavailable {
				t.Errorf("%+v", s)
			}
			err = journal.NewGate(j).Check(t.Context())
			if (err == nil) != (unavailable == "") || err != nil && !strings.Contains(err.Error(), "archive, which "+unavailable) {
				t.Errorf("the gate says %v", err)
			}
		}
		want(0, 0, "")
		for range 2 {
			e := event(auditsink.ActionMint, uuid.New())
			e.At = clock.now()
			appendEvents(t, db, e)
			clock.add(8 * time.Second)
		}
		want(2, 16*time.Second, "is too far behind")
		run(t, j)()
		if backlog, err := j.Backlog(t.Context()); err != nil || backlog != (journal.Backlog{}) {
			t.Errorf("not sealed: %+v, %v", backlog, err)
		}
		if s := stateOf(t, j); s.Behind != 2 || s.Lag != 16*time.Second {
			t.Errorf("%+v", s)
		}

		// One that no sealer can read keeps all after it from being sealed.
		_, err := db.SQL().ExecContext(t.Context(), "INSERT INTO audit_entries (id, workspace_id, at, action, outcome, test, record)"+
			" SELECT X'01', workspace_id, at, action, outcome, test, record FROM audit_entries LIMIT 1")
		if err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, j); s.Behind != 3 || s.Lag != 16*time.Second {
			t.Errorf("%+v", s)
		}
		if err := journal.NewGate(j).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "is too far behind") {
			t.Errorf("the gate says %v", err)
		}
		if db.Dialect() != dialect.SQLite { // whose columns take any type
			return
		}
		_, err = db.SQL().ExecContext(t.Context(), "INSERT INTO audit_entries (id, workspace_id, at, action, outcome, test, record)"+
			" SELECT '0', workspace_id, 'once', action, outcome, test, record FROM audit_entries LIMIT 1")
		if err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, j); s.Behind != 4 || s.Lag < time.Hour {
			t.Errorf("%+v", s)
		}
	})
}

// What no server has written into the log keeps no token from being revoked.
func TestAppendBesideWhatIsNoID(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		target := uuid.New()
		appendEvents(t, db, event(auditsink.ActionMint, target))
		_, err := db.SQL().ExecContext(t.Context(), "INSERT INTO audit_entries (id, workspace_id, at, action, outcome, target_id, test, record)"+
			" SELECT 'zz', workspace_id, at, action, outcome, target_id, test, record FROM audit_entries")
		if err != nil {
			t.Fatal(err)
		}
		appendEvents(t, db, event(auditsink.ActionRevoke, target))
	})
}

func TestQuarantine(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		appendBacklog(t, db, 1002)
		run(t, j)()
		lease := claim(t, j, auditsink.Destination{Name: "archive"})
		soon := time.Now().UTC().Add(time.Hour)
		db.Client().AuditQuarantine.MapCreateBulk(make([]struct{}, 999), func(c *ent.AuditQuarantineCreate, i int) {
			c.SetSink("archive").SetSeq(int64(i) + 1).SetReason("too long").SetTries(0).SetRetryAt(soon)
		}).ExecX(t.Context())
		if err := j.Quarantine(t.Context(), lease, 1000, "too long"); err != nil {
			t.Fatal(err)
		}
		if err := j.Quarantine(t.Context(), lease, 1000, "again"); err != nil {
			t.Errorf("noting it again: %v", err)
		}
		if err := j.Quarantine(t.Context(), lease, 1001, "too long"); !errors.Is(err, auditsink.ErrQuarantineFull) {
			t.Errorf("one over: %v", err)
		}
		again := claim(t, open(db), auditsink.Destination{Name: "other"})
		if s := stateOf(t, j); s.Quarantined != 1000 || s.State() != "degraded" || again.Quarantined != 0 {
			t.Errorf("%+v, and another sink has %d", s, again.Quarantined)
		}

		due := func() int64 {
			t.Helper()
			r, err := j.Quarantined(t.Context(), "archive")
			if err != nil {
				t.Fatal(err)
			}
			return r.Seq
		}
		if seq := due(); seq != 0 {
			t.Errorf("record %d is offered again at once", seq)
		}
		past := time.Now().UTC().Add(-time.Hour)
		db.Client().AuditQuarantine.Update().Where(auditquarantine.SeqIn(7, 8)).SetRetryAt(past).ExecX(t.Context())
		if seq := due(); seq != 7 {
			t.Errorf("record %d is due", seq)
		}
		before := time.Now()
		if err := j.Offered(t.Context(), lease, 7, "still too long"); err != nil {
			t.Fatal(err)
		}
		row := db.Client().AuditQuarantine.Query().Where(auditquarantine.Seq(7)).OnlyX(t.Context())
		if pause := row.RetryAt.Sub(before); row.Tries != 1 || row.Reason != "still too long" || pause < 15*time.Second || pause > time.Minute {
			t.Errorf("%+v, in %v", row, pause)
		}
		if seq := due(); seq != 8 {
			t.Errorf("record %d is due", seq)
		}
		if err := j.Offered(t.Context(), lease, 8, ""); err != nil {
			t.Fatal(err)
		}
		if seq := due(); seq != 0 || stateOf(t, j).Quarantined != 999 {
			t.Errorf("record %d is due", seq)
		}
	})
}

// A copy with stubs convicts whoever changed the records that they stand for.
func TestVerifyAgainstStubs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		records, err := p.Read(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 6, 12} {
			if records[i], err = records[i].Stub(); err != nil {
				t.Fatal(err)
			}
		}
		copied := auditsink.AppendLines(nil, records)
		report, err := p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(copied)})
		if err != nil || report.Copied != 13 || report.Stubs != 3 {
			t.Errorf("%+v, %v", report, err)
		}
		p.edit(t, 7)
		p.rebuild(t, p.key)
		_, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(copied)})
		wantTampered(t, err, 7, "not what the copy has a stub of")
	})
}

// The newest checkpoint that covers no more than what a sink has.
func TestCheckpointsForSinks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		for size, want := range map[int64]int64{0: 0, 3: 0, 4: 4, 8: 4, 9: 9, 12: 9, 13: 13, 20: 13} {
			c, err := p.Checkpoint(t.Context(), size)
			if err != nil || c.Size != want {
				t.Errorf("up to %d: at %d, %v", size, c.Size, err)
				continue
			}
			if want == 0 {
				continue
			}
			if opened, err := journal.OpenCheckpoint(c.Note, []string{p.key.Public()}); err != nil || opened.Size != want {
				t.Errorf("%+v, %v", opened, err)
			}
		}
	})
}
