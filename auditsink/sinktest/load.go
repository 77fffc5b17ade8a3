package sinktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/keloa/apitokens/auditsink"
)

// testLoad calls what may be called at any time while records are delivered.
func testLoad(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	done := make(chan struct{})
	var others sync.WaitGroup
	if r, ok := sink.(auditsink.Reopener); ok {
		others.Go(func() { repeat(t, done, r.Reopen) })
	}
	if p, ok := sink.(auditsink.Prober); ok {
		others.Go(func() { repeat(t, done, p.Probe) })
	}
	records := d.records(t, 1, 500)
	deliver(t, sink, records, 3)
	close(done)
	others.Wait()
	wantExactly(t, d, records)
}

func repeat(t testing.TB, done <-chan struct{}, call func(context.Context) error) {
	for {
		select {
		case <-done:
			return
		default:
		}
		if err := call(t.Context()); err != nil {
			t.Error(err)
			return
		}
		runtime.Gosched()
	}
}

// testCloseUnderLoad closes the sink while it delivers, and expects in the
// destination at least what was acknowledged.
func testCloseUnderLoad(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 2000)
	var closing sync.WaitGroup
	acknowledged := 0
	for i, r := range records {
		if i == 100 {
			closing.Go(func() { shut(t, sink) })
		}
		_, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: []auditsink.Record{r}})
		if errors.Is(err, auditsink.ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		acknowledged++
	}
	closing.Wait()
	got := held(t, d)
	if d.Lines != nil && !d.Lossy && len(got) < acknowledged {
		t.Fatalf("%d records were acknowledged, the destination holds %d", acknowledged, len(got))
	}
	acknowledged = min(acknowledged, len(got))
	compare(t, d, got[:acknowledged], records[:acknowledged])
}

// testMemory delivers many records and compares what is allocated early with
// what is allocated late.
func testMemory(t testing.TB, h Harness) {
	const size, slack = 500, 4 << 20
	total := int64(100_000)
	d := h.destination(t)
	if h.brief || d.Slow {
		total = 20_000
	}
	sink := h.open(t, d)
	canonical, err := Event(1).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	endOfID := canonical[len(auditsink.LinePrefix)+24:][:12]
	records := make([]auditsink.Record, size)
	var early uint64
	for seq := int64(1); seq <= total; {
		for i := range records {
			copy(endOfID, fmt.Sprintf("%012x", seq)) // each has an id of its own
			if records[i], err = auditsink.NewRecord(d.after+seq, canonical); err != nil {
				t.Fatal(err)
			}
			seq++
		}
		stubborn(t, d, sink, records) // a connection may be reset at any time
		if seq == total/5+1 {
			early = allocated()
		}
	}
	// A destination in this process may keep what it got for a while.
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	end := time.After(patience)
	for late := allocated(); late > early+slack; late = allocated() {
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("%d bytes are allocated after %d records, %d were after a fifth of them", late, total, early)
		}
	}
}

func allocated() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func testLeaks(t testing.TB, h Harness) {
	d := h.destination(t)
	running := goleak.IgnoreCurrent()
	before := descriptors(t)
	for i := range int64(20) {
		opened, err := h.Mux.Open(t.Context(), "kit="+d.URL)
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, opened.Sink, d.records(t, 1+10*i, 10), 10)
		shut(t, opened.Sink)
	}
	goleak.VerifyNone(t, running)
	// The runtime may open a few of its own meanwhile.
	deadline := time.Now().Add(promptly)
	for descriptors(t) > before+3 {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d were before", descriptors(t), before)
		}
		runtime.Gosched()
	}
}

// descriptors counts the open descriptors of this process.
func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
