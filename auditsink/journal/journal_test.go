package journal_test

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/sinktest"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func open(db *database.DB) *journal.Journal {
	return journal.New(journal.Options{Database: db})
}

// run runs the journal until the returned function is called, which seals all
// that is committed by then.
func run(t *testing.T, j *journal.Journal) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func appendEvents(t *testing.T, db *database.DB, events ...auditsink.Event) {
	t.Helper()
	err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for _, e := range events {
			if err := journal.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// event returns an event without an id, which Append fills in.
func event(action string, target uuid.UUID) auditsink.Event {
	e := sinktest.Event(1)
	e.ID, e.Action, e.Target.ID = uuid.Nil, action, &target
	return e
}

var errRollback = errors.New("roll back")

// hold keeps a transaction open for a while, sometimes past a seal.
func hold(ctx context.Context, j *journal.Journal) {
	ctx, cancel := context.WithTimeout(ctx, rand.N(4*time.Millisecond))
	defer cancel()
	select {
	case <-j.Sealed():
	case <-ctx.Done():
	}
}

// transact runs fn in a transaction at that level, which is tried once if it is
// not the database's own.
func transact(ctx context.Context, db *database.DB, level sql.IsolationLevel, fn func(context.Context, *ent.Tx) error) error {
	if level == sql.LevelDefault {
		return db.Tx(ctx, fn)
	}
	tx, err := db.Client().BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return err
	}
	if err := fn(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// deadlocked reports whether MySQL has rolled a transaction back for another.
func deadlocked(err error) bool {
	failed, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && failed.Number == 1213
}

// writer mints and revokes tokens, some of it in vain, and returns the tokens
// that it minted, with whether it revoked them.
func writer(t *testing.T, db *database.DB, level sql.IsolationLevel, j *journal.Journal, rounds int) map[uuid.UUID]bool {
	act := func(e auditsink.Event) bool {
		inVain := rand.N(5) == 0
		err := transact(t.Context(), db, level, func(ctx context.Context, tx *ent.Tx) error {
			if err := journal.Append(ctx, tx, e); err != nil {
				return err
			}
			hold(ctx, j)
			if inVain {
				return errRollback
			}
			return nil
		})
		if err != nil && !errors.Is(err, errRollback) && (level == sql.LevelDefault || !deadlocked(err)) {
			t.Error(err)
		}
		j.Wake()
		return err == nil
	}
	minted := make(map[uuid.UUID]bool)
	for round := range rounds {
		id := uuid.New()
		if !act(event(auditsink.ActionMint, id)) {
			continue
		}
		revoke := event(auditsink.ActionRevoke, id)
		if round%2 == 0 {
			revoke.ID = hourOld(t) // of a server whose clock is an hour behind
		}
		minted[id] = act(revoke)
	}
	return minted
}

func hourOld(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Error(err)
	}
	millis := binary.BigEndian.Uint64(id[:8]) >> 16
	binary.BigEndian.PutUint64(id[:8], (millis-3_600_000)<<16|binary.BigEndian.Uint64(id[:8])&0xffff)
	return id
}

// Every entry that is committed is sealed, once, however long its transaction
// was open while later ones were committed and sealed, and however much of them
// it saw: some programs have sessions of their own at MySQL's default level.
func TestLateCommitsAreSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const writers, rounds = 48, 5
		one, other := open(db), open(db)
		stopOne, stopOther := run(t, one), run(t, other)
		minted := make([]map[uuid.UUID]bool, writers)
		var group sync.WaitGroup
		for i := range writers {
			level := sql.LevelDefault
			if i%2 == 0 && db.Dialect() == dialect.MySQL {
				level = sql.LevelRepeatableRead
			}
			group.Go(func() { minted[i] = writer(t, db, level, one, rounds) })
		}
		group.Wait()
		stopOne()
		stopOther()

		want := make(map[string]bool) // action and target
		for _, tokens := range minted {
			for id, revoked := range tokens {
				want[auditsink.ActionMint+id.String()] = true
				if revoked {
					want[auditsink.ActionRevoke+id.String()] = true
				}
			}
		}
		checkSealed(t, db, one, want)
	})
}

func checkSealed(t *testing.T, db *database.DB, j *journal.Journal, want map[string]bool) {
	t.Helper()
	rows, err := db.Client().AuditEntry.Query().Order(ent.Asc(auditentry.FieldSeq)).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if head, err := j.Head(t.Context()); err != nil || head != int64(len(rows)) || len(rows) != len(want) {
		t.Errorf("the head is %d, %v, of %d entries, of %d that were committed", head, err, len(rows), len(want))
	}
	seen := make(map[string]bool)
	for i, row := range rows {
		if row.Seq == nil || *row.Seq != int64(i+1) {
			t.Fatalf("entry %d has sequence %v", i+1, row.Seq)
		}
		key := row.Action + row.TargetID.String()
		if seen[key] || !want[key] {
			t.Errorf("%s is there twice, or was rolled back", key)
		}
		seen[key] = true
		if row.Action == auditsink.ActionRevoke && !seen[auditsink.ActionMint+row.TargetID.String()] {
			t.Errorf("%s was revoked before it was minted", row.TargetID)
		}
	}
}

func TestAppendIsPartOfTheTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if err := journal.Append(ctx, tx, event(auditsink.ActionMint, uuid.New())); err != nil {
				return err
			}
			return errRollback
		})
		if !errors.Is(err, errRollback) {
			t.Fatal(err)
		}
		if n := db.Client().AuditEntry.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d entries are left", n)
		}
		if err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			return journal.Append(ctx, tx, event("unheard.of", uuid.New()))
		}); err == nil {
			t.Error("an unknown action was recorded")
		}
	})
}

// What is read back is what was appended, to the byte.
func TestRecordsKeepEveryByte(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		want := sinktest.Hostile(t, 1)
		for _, r := range want {
			e, err := auditsink.ParseCanonical(r.Canonical())
			if err != nil {
				t.Fatal(err)
			}
			e.Target.ID = nil // so that each keeps its id
			appendEvents(t, db, e)
		}
		run(t, j)()
		got, err := j.Read(t.Context(), 0, 100)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d records, %v", len(got), err)
		}
		for i, r := range got {
			e, err := auditsink.ParseCanonical(want[i].Canonical())
			if err != nil {
				t.Fatal(err)
			}
			e.Target.ID = nil
			canonical, err := e.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			if string(r.Canonical()) != string(canonical) {
				t.Errorf("record %d:\n got %s\nwant %s", i+1, r.Canonical(), canonical)
			}
		}
		rest, err := j.Read(t.Context(), got[2].Seq, 2)
		if err != nil || fmt.Sprint(rest) != fmt.Sprint(got[3:5]) {
			t.Errorf("the next two are %v, %v", rest, err)
		}
	})
}

func TestRunSealsWhatAnotherProcessAppends(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		run(t, j)
		sealed := j.Sealed()
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New())) // and nobody wakes the sealer
		select {
		case <-sealed:
		case <-time.After(time.Minute):
			t.Fatal("not sealed")
		}
	})
}

// More than one seal takes, by number and by size.
func TestBacklogIsSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const n, large = 2203, 60
		events := make([]auditsink.Event, n)
		for i := range events {
			events[i] = event(auditsink.ActionMint, uuid.Nil)
			events[i].Target.ID = nil
			for field := range 5 {
				if i < large {
					events[i].Changes[fmt.Sprint(field)] = [2]any{nil, strings.Repeat("x", 8000)}
				}
			}
		}
		appendEvents(t, db, events...)
		j := journal.New(journal.Options{Database: db, Key: newKey(t)})
		run(t, j)()
		if report, err := j.Verify(t.Context(), journal.VerifyOptions{}); err != nil || report.Records != n {
			t.Errorf("%d records, %v", report.Records, err)
		}
	})
}
