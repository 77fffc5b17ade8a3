package journal_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// BenchmarkSeal seals a backlog: how many records a second a sealer gives their
// place, which bounds what all servers together may write.
func BenchmarkSeal(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkSeal(b, dbtest.SQLiteURL(b)) })
	b.Run("mariadb", func(b *testing.B) { benchmarkSeal(b, dbtest.MySQLURL(b)) })
}

func benchmarkSeal(b *testing.B, url string) {
	const entries = 10_000
	db := dbtest.Migrated(b, url)
	j := open(db)
	for b.Loop() {
		b.StopTimer()
		appendBacklog(b, db, entries)
		ctx, cancel := context.WithCancel(b.Context())
		cancel() // Run seals what there is before it returns
		b.StartTimer()
		if err := j.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkWriters has 48 writers commit an entry at a time for a while, first
// with no sealer and then with one that works behind them. The ratio is between
// the two rates of commits; behind is how many entries the sealer had not sealed
// when the writers ended.
func BenchmarkWriters(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkWriters(b, dbtest.SQLiteURL(b), dbtest.SQLiteURL(b)) })
	b.Run("mariadb", func(b *testing.B) { benchmarkWriters(b, dbtest.MySQLURL(b), dbtest.MySQLURL(b)) })
}

func benchmarkWriters(b *testing.B, unsealed, sealed string) {
	alone, db := dbtest.Migrated(b, unsealed), dbtest.Migrated(b, sealed)
	j := open(db)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	var bare, total, behind int64
	for b.Loop() {
		bare += commits(b, alone, func() {})
		total += commits(b, db, j.Wake)
		head, err := j.Head(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		behind = total - head
	}
	b.ReportMetric(float64(total)/(writing.Seconds()*float64(b.N)), "commits/s")
	b.ReportMetric(float64(total)/float64(bare), "ratio")
	b.ReportMetric(float64(behind), "behind")
	b.ReportMetric(0, "ns/op")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// writing is for how long the 48 writers write.
const writing = 10 * time.Second

// commits returns how many entries the writers committed.
func commits(b *testing.B, db *database.DB, committed func()) int64 {
	b.Helper()
	var n atomic.Int64
	var writers sync.WaitGroup
	end := time.Now().Add(writing)
	for range 48 {
		writers.Go(func() {
			for time.Now().Before(end) {
				if err := backlog(b.Context(), db, 1); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
				committed()
			}
		})
	}
	writers.Wait()
	return n.Load()
}

// backlog commits n entries at once.
func backlog(ctx context.Context, db *database.DB, n int) error {
	return db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		for range n {
			e := event(auditsink.ActionMint, uuid.Nil)
			e.Target.ID = nil
			if err := journal.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func appendBacklog(tb testing.TB, db *database.DB, n int) {
	tb.Helper()
	if err := backlog(tb.Context(), db, n); err != nil {
		tb.Fatal(err)
	}
}
