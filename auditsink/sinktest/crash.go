package sinktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
)

func testResume(t *testing.T, h Harness) {
	d := h.New(t)
	sink := h.open(t, d)
	wantHighWater(t, sink, 0)
	records := Records(t, 1, 30)
	deliver(t, sink, records[:10], 4)
	wantHighWater(t, sink, 10)
	shut(t, sink)

	again := h.open(t, d)
	wantHighWater(t, again, 10)
	deliver(t, again, records[10:], 7)
	wantHighWater(t, again, 30)
	wantExactly(t, d, records)
}

func testForeign(t *testing.T, h Harness) {
	d := h.New(t)
	if d.Foreign == nil {
		return // nothing foreign can be there
	}
	d.Foreign(t)
	sink := h.open(t, d)
	wantHighWater(t, sink, 0)
	records := Records(t, 1, 20)
	deliver(t, sink, records[:10], 4)
	d.Foreign(t)
	wantHighWater(t, sink, 10)
	deliver(t, sink, records[5:15], 10)
	shut(t, sink)
	d.Foreign(t)

	again := h.open(t, d)
	wantHighWater(t, again, 15)
	deliver(t, again, records[10:], 10)
	wantAll(t, again, d, records)
}

// testFormats delivers in another format than that which the records come in, and
// goes on in the first.
func testFormats(t *testing.T, h Harness) {
	d := h.New(t)
	records := Records(t, 1, 20)
	mapped := make([]auditsink.Record, len(records))
	for i, r := range records {
		var err error
		if mapped[i], err = auditsink.OCSF.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	sink := h.open(t, d)
	if _, ok := sink.(auditsink.Resumer); !ok {
		return // it reads nothing back
	}
	deliver(t, sink, mapped[:10], 4)
	wantHighWater(t, sink, 10)
	shut(t, sink)

	again := h.open(t, d)
	wantHighWater(t, again, 10)
	deliver(t, again, mapped[5:10], 5) // which are there
	deliver(t, again, records[10:], 10)
	wantHighWater(t, again, 20)
	wantExactly(t, d, records[10:])
	of := 0
	for _, line := range d.Lines(t) {
		if strings.HasPrefix(line, auditsink.OCSFPrefix) {
			of++
		}
	}
	if of != 10 {
		t.Errorf("the destination holds %d records in OCSF, want 10", of)
	}
}

// wantHighWater holds a Resumer to its answer; other sinks have none.
func wantHighWater(t *testing.T, sink auditsink.Sink, want int64) {
	t.Helper()
	r, ok := sink.(auditsink.Resumer)
	if !ok {
		return
	}
	got, err := r.HighWater(t.Context())
	if err != nil || got != want {
		t.Fatalf("HighWater is %d, %v; want %d", got, err, want)
	}
}

// testKilledAfterWriting kills a process that has delivered everything and told
// nobody.
func testKilledAfterWriting(t *testing.T, h Harness) { testKilled(t, h, 20, 20) }

// testKilledWhileWriting kills a process in the middle of it.
func testKilledWhileWriting(t *testing.T, h Harness) { testKilled(t, h, 5000, 100) }

func testKilled(t *testing.T, h Harness, size, seen int) {
	d := h.New(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), childURL+"="+d.URL, childSize+"="+strconv.Itoa(size))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }() // Wait closes it too
	if d.Command != nil {
		d.Command(cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // where the test fails before
	await(t, func() bool { return len(d.Lines(t)) >= seen })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	records := Records(t, 1, size)
	sink := h.open(t, d)
	first := 0
	if r, ok := sink.(auditsink.Resumer); ok {
		high, err := r.HighWater(t.Context())
		if err != nil || high < int64(seen) {
			t.Fatalf("HighWater is %d, %v; want at least %d", high, err, seen)
		}
		first = max(int(high)-10, 0)
	}
	deliver(t, sink, records[first:], 50)
	wantAll(t, sink, d, records)
}

// child delivers records from 1 to size. It tells nobody, and fails by ending
// early.
func child(mux *auditsink.Mux, url, size string) {
	if err := deliverAll(mux, url, size); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func deliverAll(mux *auditsink.Mux, url, size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	ctx := context.Background()
	opened, err := mux.Open(ctx, "kit="+url)
	if err != nil {
		return err
	}
	for seq := int64(1); seq <= int64(n); seq++ {
		canonical, err := Event(seq).Canonical()
		if err != nil {
			return err
		}
		r, err := auditsink.NewRecord(seq, canonical)
		if err != nil {
			return err
		}
		if _, err := opened.Sink.Deliver(ctx, &auditsink.Batch{Records: []auditsink.Record{r}}); err != nil {
			return err
		}
	}
	return nil
}
