package feed_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token/feed"
)

type outcome struct {
	feed.Settled
	err error
}

// settling settles n in the background.
func settling(t *testing.T, s *feed.Settler, c feed.Change, self uuid.UUID) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		settled, err := s.Settle(t.Context(), self, c)
		done <- outcome{settled, err}
	}()
	return done
}

// announced announces a change.
func announced(t *testing.T, db *database.DB) feed.Change {
	t.Helper()
	row := db.Client().Change.GetX(t.Context(), announce(t, db, 1))
	return feed.Change{N: row.ID, Kind: feed.Kind(row.Kind), Subject: row.Subject}
}

func receive(t *testing.T, from <-chan outcome) feed.Settled {
	t.Helper()
	select {
	case got := <-from:
		if got.err != nil {
			t.Fatal(got.err)
		}
		return got.Settled
	case <-time.After(time.Minute):
		t.Fatal("it does not settle")
		panic("unreachable")
	}
}

func TestSettleAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := join(t, db)
		// A clock that stands still would have any wait last for ever.
		settler := feed.NewSettler(db, func() time.Duration { return 0 })
		if got := receive(t, settling(t, settler, announced(t, db), s.ID())); got != (feed.Settled{}) {
			t.Errorf("settled %+v", got)
		}
	})
}

// What a server's own poll cancels between a commit and the settling is counted
// by the time that the server goes on.
func TestSettleAfterTheOwnPoll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		applying, applied := make(chan struct{}), make(chan struct{})
		s, err := feed.Join(t.Context(), feed.Options{Database: db, Lease: lease, Forget: func() {}, Apply: func(context.Context, feed.Change) int {
			close(applying)
			<-applied
			return 3
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := announced(t, db)
		polled := make(chan error, 1)
		go func() { polled <- s.Poll(t.Context()) }()
		<-applying
		done := make(chan outcome, 1)
		go s.Between(func() {
			settled, err := feed.NewSettler(db, nil).Settle(t.Context(), s.ID(), c)
			done <- outcome{settled, err}
		})
		close(applied)
		if got := receive(t, done); got != (feed.Settled{Cancelled: 3}) {
			t.Errorf("settled %+v", got)
		}
		if err := <-polled; err != nil {
			t.Error(err)
		}
	})
}

// The others have acknowledged it, and have counted what they cancelled.
func TestSettleWaitsForAcknowledgement(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	self, other, third := join(t, db), join(t, db), join(t, db)
	settler := feed.NewSettler(db, func() time.Duration { return 0 })
	done := settling(t, settler, announced(t, db), self.ID())
	other.poll(t)
	select {
	case got := <-done:
		t.Fatalf("settled without the third: %+v", got)
	case <-time.After(2 * lease / 20):
	}
	third.poll(t)
	if got := receive(t, done); got != (feed.Settled{Confirmed: 2, Cancelled: 2}) {
		t.Errorf("settled %+v", got)
	}
}

// A server that says nothing is waited for for one lease of its own, plus 1 %.
func TestSettleWaitsForTheLease(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	join(t, db)
	var now atomic.Int64
	settler := feed.NewSettler(db, func() time.Duration { return time.Duration(now.Load()) })
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp() // changes nothing
	c := announced(t, db)
	done := make(chan outcome, 1)
	go func() {
		settled, err := settler.Settle(ctx, uuid.Nil, c)
		done <- outcome{settled, err}
	}()
	now.Store(int64(lease + lease/100 - 1))
	select {
	case got := <-done:
		t.Fatalf("settled within the lease: %+v", got)
	case <-time.After(3 * lease / 20):
	}
	now.Store(int64(2*lease + lease/50)) // however late the list was read
	if got := receive(t, done); got != (feed.Settled{}) {
		t.Errorf("settled %+v", got)
	}
}

// A server that leaves is not waited for.
func TestSettleWithoutTheOneThatLeft(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	other := join(t, db)
	settler := feed.NewSettler(db, func() time.Duration { return 0 })
	done := settling(t, settler, announced(t, db), uuid.Nil)
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	if err := other.Run(stop); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, done); got.Confirmed != 0 {
		t.Errorf("settled %+v", got)
	}
}

// Many that wait at once do not ask more often than one.
func TestSettleTogether(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	other := join(t, db)
	var reads atomic.Int64
	db.Client().Server.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			reads.Add(1)
			return next.Query(ctx, q)
		})
	}))
	settler := feed.NewSettler(db, nil)
	c := announced(t, db)
	const waiters = 100
	began := time.Now()
	var wg sync.WaitGroup
	for range waiters {
		wg.Go(func() {
			if _, err := settler.Settle(t.Context(), uuid.Nil, c); err != nil {
				t.Error(err)
			}
		})
	}
	time.AfterFunc(lease/2, func() { _ = other.Poll(t.Context()) })
	wg.Wait()
	// Each round of questions makes at most two reads: the one that is under
	// way, and one for all who came meanwhile. They do not stay in step.
	rounds := int64(time.Since(began)/(lease/20)) + 2
	if n := reads.Load(); n > 8*rounds {
		t.Errorf("%d reads in %d rounds", n, rounds)
	}
}

func TestSettleWithoutDatabase(t *testing.T) {
	db, err := database.Open(t.Context(), dbtest.SQLiteURL(t), database.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.NewSettler(db, nil).Settle(t.Context(), uuid.Nil, feed.Change{N: 1}); err == nil {
		t.Error("settled, with nobody known")
	}
}
