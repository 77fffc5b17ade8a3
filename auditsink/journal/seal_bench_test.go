package journal_test

import (
	"context"
	"runtime"
	"testing"

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
	const backlog = 10_000
	db := dbtest.Migrated(b, url)
	j := open(db)
	for b.Loop() {
		b.StopTimer()
		appendBacklog(b, db, backlog)
		ctx, cancel := context.WithCancel(b.Context())
		cancel() // Run seals what there is before it returns
		b.StartTimer()
		if err := j.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*backlog)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkWriters has 48 writers commit an entry at a time while a sealer works
// behind them, and says how many entries it was behind at the end.
func BenchmarkWriters(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkWriters(b, dbtest.SQLiteURL(b)) })
	b.Run("mariadb", func(b *testing.B) { benchmarkWriters(b, dbtest.MySQLURL(b)) })
}

func benchmarkWriters(b *testing.B, url string) {
	db := dbtest.Migrated(b, url)
	j := open(db)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	b.SetParallelism(48 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			appendBacklog(b, db, 1)
			j.Wake()
		}
	})
	head, err := j.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(int64(b.N)-head), "behind")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func appendBacklog(tb testing.TB, db *database.DB, n int) {
	tb.Helper()
	err := db.Tx(tb.Context(), func(ctx context.Context, tx *ent.Tx) error {
		for range n {
			e := event(auditsink.ActionMint, uuid.Nil)
			e.Target.ID = nil
			if err := journal.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}
