package feed_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/server"
	"github.com/keloa/apitokens/token/feed"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const lease = time.Second

// member is a server whose clock stands still until it is moved.
type member struct {
	*feed.Server

	now       atomic.Int64
	applied   []feed.Change
	forgotten int
	slow      time.Duration // how long applying a change takes
}

func join(t *testing.T, db *database.DB) *member {
	t.Helper()
	m := &member{}
	m.now.Store(int64(time.Hour))
	s, err := feed.Join(t.Context(), feed.Options{
		Database: db,
		Lease:    lease,
		Apply: func(_ context.Context, c feed.Change) int {
			m.applied = append(m.applied, c)
			m.advance(m.slow)
			return 1
		},
		Forget: func() { m.forgotten++ },
		Clock:  func() time.Duration { return time.Duration(m.now.Load()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Server = s
	return m
}

func (m *member) advance(d time.Duration) { m.now.Add(int64(d)) }

func (m *member) poll(t *testing.T) {
	t.Helper()
	if err := m.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (m *member) row(t *testing.T, db *database.DB) *ent.Server {
	t.Helper()
	row, err := db.Client().Server.Get(t.Context(), m.ID())
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// announce announces n changes in one transaction, and returns the number of
// the last.
func announce(t *testing.T, db *database.DB, count int) (n int64) {
	t.Helper()
	err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) (err error) {
		for range count {
			if n, err = feed.Announce(ctx, tx, feed.TokenRevoked, uuid.New(), time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The numbers have no gap, although transactions overlap and some roll back, and
// a change that can be seen is never followed by one with a lower number.
func TestAnnounceInOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const writers, each = 8, 6
		rolledBack := errors.New("rolled back")
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
						if _, err := feed.Announce(ctx, tx, feed.TokenRevoked, uuid.New(), time.Now()); err != nil {
							return err
						}
						if (w+i)%3 == 0 {
							return rolledBack
						}
						return nil
					})
					if err != nil && !errors.Is(err, rolledBack) {
						t.Error(err)
					}
				}
			})
		}
		follower := join(t, db)
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			follower.poll(t)
		}
		for i, c := range follower.applied {
			if first := follower.applied[0].N; c.N != first+int64(i) {
				t.Fatalf("change %d follows %d", c.N, follower.applied[i-1].N)
			}
		}
		last := follower.row(t, db).Seen
		if want := int64(writers * each * 2 / 3); last != want {
			t.Errorf("the last change is %d, want %d", last, want)
		}
	})
}

func TestTrustLastsOneLease(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := join(t, db)
		if !s.Trusted() || s.forgotten != 1 {
			t.Errorf("after joining: trusted %v, forgot %d times", s.Trusted(), s.forgotten)
		}
		s.advance(lease*99/100 - 1)
		if !s.Trusted() {
			t.Error("the lease lapsed too early")
		}
		s.advance(1)
		if s.Trusted() {
			t.Error("the cache is trusted after the lease")
		}
		s.poll(t)
		if !s.Trusted() || s.forgotten != 1 {
			t.Errorf("after a poll: trusted %v, forgot %d times", s.Trusted(), s.forgotten)
		}
	})
}

// The lease begins before the poll was sent: what happened since the database
// answered is not known.
func TestTrustCountsFromBeforeThePoll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := join(t, db)
		n := announce(t, db, 1)
		s.advance(lease)
		s.slow = lease
		s.poll(t)
		if s.Trusted() {
			t.Error("trusted, although the poll took a lease")
		}
		if row := s.row(t, db); row.Seen != n {
			t.Errorf("acknowledged %d, want %d: others wait", row.Seen, n)
		}
	})
}

// While the database does not answer, trust ends with the lease and not before.
func TestNoDatabase(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		dbtest.Migrated(t, url)
		db, err := database.Open(t.Context(), url, database.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := join(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s.advance(lease / 4)
		if s.Poll(t.Context()) == nil || !s.Trusted() {
			t.Error("the lease ended with the first failure")
		}
		s.advance(lease)
		if s.Poll(t.Context()) == nil || s.Trusted() {
			t.Error("the lease goes on without the database")
		}
	})
}

func TestPollReadsPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		announce(t, db, 1) // before anyone has joined
		s := join(t, db)
		if len(s.applied) > 0 {
			t.Errorf("a new server applies what it cannot have cached: %v", s.applied)
		}
		n := announce(t, db, feed.PageSize+1)
		s.poll(t)
		if len(s.applied) != feed.PageSize+1 || s.applied[feed.PageSize].N != n || !slices.IsSortedFunc(s.applied, byNumber) {
			t.Errorf("%d changes were applied", len(s.applied))
		}
		if row := s.row(t, db); row.Seen != n {
			t.Errorf("acknowledged %d, want %d", row.Seen, n)
		}
	})
}

func byNumber(a, b feed.Change) int { return int(a.N - b.N) }

func TestLeave(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		s := join(t, db)
		stop, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(stop); err != nil {
			t.Fatal(err)
		}
		if s.Trusted() || db.Client().Server.Query().CountX(t.Context()) != 0 {
			t.Error("a server that has left is still there")
		}
	})
}

// Whoever has a row in an SQLite file was killed: the file has one server.
func TestJoinAfterKill(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLiteURL(t))
	killed := join(t, db)
	s := join(t, db)
	if ids := db.Client().Server.Query().IDsX(t.Context()); len(ids) != 1 || ids[0] != s.ID() {
		t.Errorf("servers %v, want %v instead of %v", ids, s.ID(), killed.ID())
	}
}

// A server that was swept joins as a new one, and forgets what it knew.
func TestSweepTheSilent(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	sweeper, alive, silent := join(t, db), join(t, db), join(t, db)
	before := silent.ID()
	sweep := func() {
		t.Helper()
		if err := sweeper.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	servers := func() int { return db.Client().Server.Query().CountX(t.Context()) }
	sweep() // sees them for the first time
	sweeper.advance(10*lease - 1)
	alive.poll(t)
	sweeper.poll(t)
	sweep()
	if servers() != 3 {
		t.Fatal("swept before ten leases of silence")
	}
	// What the clocks of others show does not matter, if only it changes.
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	db.Client().Server.Update().Where(server.ID(alive.ID())).SetRenewedAt(old).ExecX(t.Context())
	sweeper.advance(1)
	sweeper.poll(t)
	sweep()
	if servers() != 2 {
		t.Fatalf("%d servers, want the silent one swept", servers())
	}
	silent.poll(t)
	if silent.ID() == before || silent.forgotten != 2 || servers() != 3 {
		t.Errorf("a swept server is back as %v, forgot %d times", silent.ID(), silent.forgotten)
	}
}

// Old changes go once every server has seen them.
func TestPurge(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	sweeper, other := join(t, db), join(t, db)
	announce(t, db, 3)
	other.poll(t)
	announce(t, db, 2)
	long := time.Now().AddDate(0, 0, -8)
	// A change is immutable: make them old behind ent's back.
	if _, err := db.SQL().ExecContext(t.Context(), "UPDATE changes SET at = ? WHERE n <> 5", long); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1} { // 4 is unseen, and 5 is new
		sweeper.poll(t)
		sweeper.advance(10 * lease)
		if err := sweeper.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := db.Client().Change.Query().CountX(t.Context()); n != want {
			t.Errorf("%d changes, want %d", n, want)
		}
		other.poll(t)
	}
}

func TestBootClockGoesOn(t *testing.T) {
	first := feed.Boot()
	for deadline := time.Now().Add(time.Minute); feed.Boot() <= first; {
		if time.Now().After(deadline) {
			t.Fatal("the clock stands still")
		}
	}
}

func BenchmarkTrusted(b *testing.B) {
	db, err := database.Open(b.Context(), "sqlite:"+b.TempDir()+"/keloa.db", database.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	s, err := feed.Join(b.Context(), feed.Options{
		Database: db, Lease: feed.MaxLease,
		Apply: func(context.Context, feed.Change) int { return 0 }, Forget: func() {},
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !s.Trusted() {
			b.Fatal("the lease is over")
		}
	}
}
