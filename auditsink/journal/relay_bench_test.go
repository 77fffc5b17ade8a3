package journal_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/sinktest"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// catchUp is how many records BenchmarkCatchUp begins with.
const catchUp = 100_000

// BenchmarkCatchUp delivers a backlog on SQLite to a file. The ratio is to the disk: to
// writing the same lines with an fsync every MiB and nothing else.
func BenchmarkCatchUp(b *testing.B) {
	db := dbtest.Migrated(b, dbtest.SQLiteURL(b))
	sealBacklog(b, db, catchUp)
	j := open(db)
	var took, floor time.Duration
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "audit.jsonl")
		begun := time.Now()
		deliverAll(b, j, path)
		took += time.Since(begun)
		floor += rewrite(b, path)
	}
	perSecond := float64(b.N*catchUp) / took.Seconds()
	b.ReportMetric(perSecond, "records/s")
	b.ReportMetric(float64(b.N*catchUp)/floor.Seconds(), "disk-records/s")
	b.ReportMetric(floor.Seconds()/took.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

// deliverAll has a relay deliver the backlog to a new file.
func deliverAll(b *testing.B, j *journal.Journal, path string) {
	b.Helper()
	u := &url.URL{Scheme: filesink.Scheme, Path: path}
	sink, err := filesink.Open(b.Context(), u)
	if err != nil {
		b.Fatal(err)
	}
	relay := auditsink.NewRelay(auditsink.Destination{Name: uuid.NewString(), Sink: sink}, j, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	eventually(b, func() bool { return relay.Stats().Delivered == catchUp })
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// eventually waits until a condition holds, for a minute.
func eventually(b *testing.B, holds func() bool) {
	b.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for late := time.After(time.Minute); !holds(); {
		select {
		case <-look.C:
		case <-late:
			b.Fatal("not within a minute")
		}
	}
}

// rewrite writes what is in the file to another one and returns how long that
// took.
func rewrite(b *testing.B, path string) time.Duration {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(path + ".again")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	begun := time.Now()
	for part := range slices.Chunk(data, 1<<20) {
		if _, err := file.Write(part); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun)
}

// sealBacklog puts n records into the database as if they had been sealed, with
// many in a statement; a relay does not look at the tree.
func sealBacklog(b *testing.B, db *database.DB, n int) {
	b.Helper()
	const rows = 500
	for seq := 1; seq <= n; seq += rows {
		var args []any
		for i := range rows {
			e := sinktest.Event(int64(seq + i))
			record, err := e.Canonical()
			if err != nil {
				b.Fatal(err)
			}
			args = append(args, e.ID, e.Workspace.ID, e.At, e.Action, string(e.Outcome), e.Test, record)
		}
		_, err := db.SQL().ExecContext(b.Context(), "INSERT INTO audit_entries (id, workspace_id, at, action, outcome, test, record) VALUES (?,?,?,?,?,?,?)"+
			strings.Repeat(",(?,?,?,?,?,?,?)", rows-1), args...)
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, statement := range []string{"UPDATE audit_entries SET seq = rowid", "UPDATE audit_head SET seq = (SELECT MAX(seq) FROM audit_entries)"} {
		if _, err := db.SQL().ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
}
