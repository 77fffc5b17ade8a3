package journal_test

import (
	"context"
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
