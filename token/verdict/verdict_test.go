package verdict_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC)

// sample is the n-th of many different verdicts, and the hash of its secret.
func sample(n int) (bearer.Hash, verdict.Verdict) {
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	v := verdict.Verdict{
		Token:     uuid.UUID(h[16:]),
		Workspace: uuid.UUID(h[8:24]),
		Slug:      fmt.Sprintf("workspace-%d", n%7),
		Label:     fmt.Sprintf("étiquette %d %s", n, strings.Repeat("x", n%50)),
		Abilities: ability.Set(1 + n%31),
		Test:      n%2 == 0,
		Expired:   n%5 == 0,
		Revoked:   n%7 == 0,
		IssuedAt:  start.Add(time.Duration(n) * time.Microsecond),

		RequestsPerMinute: n * 1000,
	}
	if n%3 == 0 {
		v.ExpiresAt = start.Add(time.Duration(n) * time.Second)
	}
	return h, v
}

func TestTable(t *testing.T) {
	now := start
	table := verdict.New(verdict.Options{Now: func() time.Time { return now }})
	h, want := sample(3)
	expect := func(wantState verdict.State) {
		t.Helper()
		got, state := table.Get(h)
		if state != wantState || state == verdict.Known && got != want || state != verdict.Known && got != (verdict.Verdict{}) {
			t.Errorf("got %+v, state %d; want state %d", got, state, wantState)
		}
	}
	expect(verdict.Unknown)
	table.Put(h, want, table.Epoch())
	expect(verdict.Known)
	table.End(want.Token)
	expect(verdict.Unknown)

	table.PutMissing(h, table.Epoch())
	expect(verdict.Missing)
	now = now.Add(10 * time.Second)
	expect(verdict.Unknown)
	table.PutMissing(h, table.Epoch())
	table.Put(h, want, table.Epoch())
	expect(verdict.Known)

	table.Clear()
	expect(verdict.Unknown)
	if got, want := table.Stats(), (verdict.Stats{Lookups: [3]uint64{4, 2, 1}, Ended: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// TestWhatWasReadBeforeAnEndIsNotKept is the race of a verification with a
// revocation: it reads the database, the token ends, it keeps what it read.
func TestWhatWasReadBeforeAnEndIsNotKept(t *testing.T) {
	table := verdict.New(verdict.Options{})
	h, v := sample(1)
	for name, end := range map[string]func(){
		"End":          func() { table.End(v.Token) },
		"EndWorkspace": func() { table.EndWorkspace(v.Workspace) },
		"Clear":        table.Clear,
	} {
		epoch := table.Epoch()
		end()
		table.Put(h, v, epoch)
		table.PutMissing(h, epoch)
		if _, state := table.Get(h); state != verdict.Unknown {
			t.Errorf("%s: what was read before it was kept: state %d", name, state)
		}
	}
}

func TestEndWorkspace(t *testing.T) {
	table := verdict.New(verdict.Options{})
	gone, stays := uuid.New(), uuid.New()
	for n := range 5000 {
		h, v := sample(n)
		if v.Workspace = stays; n%3 == 0 {
			v.Workspace = gone
		}
		table.Put(h, v, table.Epoch())
	}
	table.EndWorkspace(gone)
	for n := range 5000 {
		h, _ := sample(n)
		if _, state := table.Get(h); (state == verdict.Unknown) != (n%3 == 0) {
			t.Fatalf("token %d: state %d", n, state)
		}
	}
}

// TestNothingIsKnownAfterItsEnd has verifications race with the end of a token:
// once End has returned, no Get finds the token.
func TestNothingIsKnownAfterItsEnd(t *testing.T) {
	table := verdict.New(verdict.Options{})
	for n := range 500 {
		h, v := sample(n)
		var ended sync.Mutex // stands for the database
		alive := true
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				for range 5 {
					epoch := table.Epoch()
					ended.Lock()
					found := alive
					ended.Unlock()
					if found {
						table.Put(h, v, epoch)
					}
					table.Get(h)
				}
			})
		}
		wait.Go(func() {
			ended.Lock()
			alive = false
			ended.Unlock()
			table.End(v.Token)
			if _, state := table.Get(h); state == verdict.Known {
				t.Error("a token is known after its end")
			}
		})
		wait.Wait()
		if _, state := table.Get(h); state == verdict.Known {
			t.Fatal("a token was brought back after its end")
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	const bound = 2560 // 10 a shard
	table := verdict.New(verdict.Options{Entries: bound})
	favourite, want := sample(1_000_000)
	table.Put(favourite, want, table.Epoch())
	for n := range 20 * bound {
		h, v := sample(n)
		table.Put(h, v, table.Epoch())
		if got, state := table.Get(favourite); state != verdict.Known || got != want {
			t.Fatalf("what is asked for all the time was put out by the %d-th", n)
		}
	}
	if n := table.Stats().Entries; n != bound {
		t.Errorf("%d verdicts in a table of %d", n, bound)
	}
}

func TestATextTooLongIsNotKept(t *testing.T) {
	table := verdict.New(verdict.Options{})
	h, v := sample(1)
	v.Label = strings.Repeat("x", 2000)
	table.Put(h, v, table.Epoch())
	if _, state := table.Get(h); state != verdict.Unknown {
		t.Errorf("state %d", state)
	}
}

// FuzzTable does the same to a table and to a plain map. Each byte is a step;
// there are so few tokens that texts are rewritten and places taken again.
func FuzzTable(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		steps := make([]byte, 4000)
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		now := start
		table := verdict.New(verdict.Options{Now: func() time.Time { return now }})
		known := map[bearer.Hash]verdict.Verdict{}
		missing := map[bearer.Hash]bool{}
		held := map[string]string{} // texts a caller still has, and copies
		for _, step := range steps {
			h, v := sample(int(step % 32))
			switch step / 32 {
			case 0, 1, 2, 3:
				v.Label = strings.Repeat(string('a'+rune(step/32)), 700)
				table.Put(h, v, table.Epoch())
				known[h] = v
				delete(missing, h)
			case 4:
				table.End(v.Token)
				delete(known, h)
			case 5:
				table.PutMissing(h, table.Epoch())
				missing[h] = true
			case 6:
				if step == 6*32 {
					table.Clear()
					clear(known)
					clear(missing)
				}
				table.Put(h, v, table.Epoch()-1)
			case 7:
				if step == 7*32 {
					now = now.Add(10 * time.Second)
					clear(missing)
				}
			}
			got, state := table.Get(h)
			want, isKnown := known[h]
			switch {
			case isKnown != (state == verdict.Known) || got != want:
				t.Fatalf("token %d: got %+v, state %d", step%32, got, state)
			case !isKnown && missing[h] != (state == verdict.Missing):
				t.Fatalf("token %d: state %d", step%32, state)
			}
			if isKnown {
				held[got.Label] = strings.Clone(got.Label)
			}
		}
		for text, clone := range held {
			if text != clone {
				t.Fatal("a text has changed under its holder")
			}
		}
		if table.Stats().Entries != len(known) {
			t.Errorf("%d verdicts, want %d", table.Stats().Entries, len(known))
		}
	})
}

func TestGetAllocatesNothing(t *testing.T) {
	table := verdict.New(verdict.Options{})
	h, v := sample(1)
	table.Put(h, v, table.Epoch())
	if n := testing.AllocsPerRun(100, func() { table.Get(h) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func million() (*verdict.Table, []bearer.Hash) {
	table := verdict.New(verdict.Options{})
	hashes := make([]bearer.Hash, 1_000_000)
	for n := range hashes {
		h, v := sample(n)
		v.Slug, v.Label = "default", fmt.Sprintf("token-%08d", n)
		table.Put(h, v, table.Epoch())
		hashes[n] = h
	}
	return table, hashes
}

// BenchmarkGet looks up random tokens among a million.
func BenchmarkGet(b *testing.B) {
	table, hashes := million()
	b.ReportAllocs()
	for b.Loop() {
		if _, state := table.Get(hashes[rand.IntN(len(hashes))]); state != verdict.Known {
			b.Fatal("a token is not in the table")
		}
	}
}

// BenchmarkGetParallel is BenchmarkGet on all processors at once.
func BenchmarkGetParallel(b *testing.B) {
	table, hashes := million()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			table.Get(hashes[rand.IntN(len(hashes))])
		}
	})
}

// BenchmarkMemory measures what a million verdicts occupy, each.
func BenchmarkMemory(b *testing.B) {
	var perToken, collecting float64
	for b.Loop() {
		before := heap()
		table, _ := million()
		perToken = float64(heap()-before) / float64(table.Stats().Entries)
		began := time.Now()
		runtime.GC()
		collecting = float64(time.Since(began).Microseconds())
		runtime.KeepAlive(table)
	}
	b.ReportMetric(perToken, "B/token")
	b.ReportMetric(collecting, "µs/collection")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
