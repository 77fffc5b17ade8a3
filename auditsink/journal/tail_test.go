package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

func follow(t *testing.T, j *journal.Journal, workspace uuid.UUID, testOnly bool, f journal.Filter) *journal.Tail {
	t.Helper()
	tail, err := j.Follow(t.Context(), workspace, testOnly, f)
	if err != nil {
		t.Fatal(err)
	}
	return tail
}

func next(t *testing.T, tail *journal.Tail) journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	entry, err := tail.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// wantNoMore expects nothing among what was read so far.
func wantNoMore(t *testing.T, tail *journal.Tail) {
	t.Helper()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if entry, err := tail.Next(done); !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v; want nothing more", entry, err)
	}
}

// TestATailBeginsNow follows a log that is not empty, twice over.
func TestATailBeginsNow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		add := func() uuid.UUID {
			id := uuid.Must(uuid.NewV7())
			e := event(auditsink.ActionMint, id)
			e.Workspace = home
			appendEvents(t, db, e)
			return id
		}
		add()
		run(t, j)()
		known := goleak.IgnoreCurrent()
		stop := run(t, j)
		for range 2 {
			one, two := follow(t, j, home.ID, false, journal.Filter{}), follow(t, j, home.ID, false, journal.Filter{})
			ids := []uuid.UUID{add(), add()}
			j.Wake()
			for _, id := range ids {
				if got := next(t, one); *got.Target.ID != id || got.Seq == nil {
					t.Errorf("got %+v, want %s", got, id)
				}
			}
			one.Close()
			if got := next(t, two); *got.Target.ID != ids[0] {
				t.Errorf("the other one got %+v, want %s", got, ids[0])
			}
			two.Close()
		}
		stop()
		// Nobody reads for nobody. The connections of the database are a pool.
		goleak.VerifyNone(t, known, goleak.IgnoreAnyFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1"))
	})
}

func TestASlowTailIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		slow, quick := follow(t, j, home.ID, false, journal.Filter{}), follow(t, j, home.ID, false, journal.Filter{})
		defer slow.Close()
		defer quick.Close()
		const n = 600 // more than are kept
		events := make([]auditsink.Event, n)
		for i := range events {
			events[i] = event(auditsink.ActionMint, uuid.Must(uuid.NewV7()))
			events[i].Workspace = home
		}
		for half := range 2 {
			appendEvents(t, db, events[half*n/2:(half+1)*n/2]...)
			run(t, j)()
			for i := half * n / 2; i < (half+1)*n/2; i++ {
				if got := next(t, quick); *got.Seq != int64(i+1) {
					t.Fatalf("got %d, want %d", *got.Seq, i+1)
				}
			}
		}
		for range 2 {
			if got, err := slow.Next(t.Context()); !errors.Is(err, journal.ErrBehind) {
				t.Errorf("got %+v, %v; want ErrBehind", got, err)
			}
		}
	})
}
