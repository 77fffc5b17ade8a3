package token_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database/dbtest"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// BenchmarkAudit mints tokens one after the other, in turns on four databases: with
// no audit log, with entries that nobody seals, with a sealer and a file, and with
// a sealer and a sink that is down. Printed are ratios of the medians: of entries
// to none (capture), of the pipeline to entries alone; and of the 99th percentile
// with the sink down to the one with it up.
func BenchmarkAudit(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkAudit(b, dbtest.SQLiteURL) })
	b.Run("mariadb", func(b *testing.B) { benchmarkAudit(b, dbtest.MySQLURL) })
}

func benchmarkAudit(b *testing.B, database func(testing.TB) string) {
	const rounds, mints = 10, 100
	none, entries := newMinter(b, database(b), nil), newMinter(b, database(b), nil)
	none.unrecorded()
	up, down := newMinter(b, database(b), openFile(b)), newMinter(b, database(b), refusing{})
	for b.Loop() {
		for range rounds {
			for _, m := range []*minter{none, entries, up, down} {
				m.mint(b, mints)
			}
		}
	}
	b.ReportMetric(entries.at(0.5)/none.at(0.5), "capture")
	b.ReportMetric(up.at(0.5)/entries.at(0.5), "pipeline")
	b.ReportMetric(down.at(0.5)/entries.at(0.5), "sink-down")
	b.ReportMetric(down.at(0.99)/up.at(0.99), "p99-down")
	b.ReportMetric(none.at(0.5)*1e6, "µs/bare-mint")
	b.ReportMetric(0, "ns/op")
}

// minter mints tokens on a database of its own.
type minter struct {
	tokens *token.Service
	client *ent.Client
	audit  *journal.Journal
	by     token.Caller
	sink   auditsink.Sink // nil for no sealer either
	took   []time.Duration
}

func newMinter(b *testing.B, rawURL string, sink auditsink.Sink) *minter {
	b.Helper()
	db := dbtest.Migrated(b, rawURL)
	m := &minter{client: db.Client(), audit: journal.New(journal.Options{Database: db, Logger: slog.New(slog.DiscardHandler)}), sink: sink}
	m.tokens = token.New(token.Options{Database: db, Journal: m.audit})
	if err := m.tokens.Bootstrap(b.Context()); err != nil {
		b.Fatal(err)
	}
	home, err := m.tokens.Workspace(b.Context(), token.DefaultWorkspace)
	if err != nil {
		b.Fatal(err)
	}
	m.by = token.System(home, "bench")
	return m
}

// unrecorded takes the audit entries out of all transactions from now on, and
// the look for an earlier one of the same token.
func (m *minter) unrecorded() {
	m.client.AuditEntry.Use(func(ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return &ent.AuditEntry{}, nil })
	})
	m.client.AuditEntry.Intercept(ent.InterceptFunc(func(ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(context.Context, ent.Query) (ent.Value, error) { return []uuid.UUID{}, nil })
	}))
}

// mint mints n tokens beside the sealer and a relay.
func (m *minter) mint(b *testing.B, n int) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var pipeline sync.WaitGroup
	if m.sink != nil {
		to := auditsink.Destination{Name: "sink", Sink: unclosed{m.sink}}
		relay := auditsink.NewRelay(to, m.audit, slog.New(slog.DiscardHandler))
		for _, run := range []func(context.Context) error{m.audit.Run, relay.Run} {
			pipeline.Go(func() {
				if err := run(ctx); err != nil {
					b.Error(err)
				}
			})
		}
	}
	for range n {
		begun := time.Now()
		_, err := m.tokens.Mint(ctx, m.by, token.MintInput{Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
		m.took = append(m.took, time.Since(begun))
		if err != nil {
			b.Fatal(err)
		}
	}
	stop()
	pipeline.Wait()
}

// at returns how many seconds the mint at a share of all took, from the fastest.
func (m *minter) at(share float64) float64 {
	slices.Sort(m.took)
	return m.took[int(share*float64(len(m.took)))].Seconds()
}

func openFile(b *testing.B) auditsink.Sink {
	b.Helper()
	sink, err := filesink.Open(b.Context(), &url.URL{Scheme: filesink.Scheme, Path: filepath.Join(b.TempDir(), "audit.jsonl")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = sink.Close(context.WithoutCancel(b.Context())) })
	return sink
}

// refusing is a sink that is down.
type refusing struct{}

func (refusing) Deliver(context.Context, *auditsink.Batch) (auditsink.Result, error) {
	return auditsink.Result{}, errors.New("down")
}

func (refusing) Close(context.Context) error { return nil }

// unclosed is a sink that several relays feed, one after the other.
type unclosed struct{ auditsink.Sink }

func (unclosed) Close(context.Context) error { return nil }
