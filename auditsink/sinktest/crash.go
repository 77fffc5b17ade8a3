package sinktest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
)

func testResume(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	wantHighWater(t, d, sink, 0)
	records := d.records(t, 1, 30)
	deliver(t, sink, records[:10], 4)
	wantHighWater(t, d, sink, 10)
	shut(t, sink)

	again := h.open(t, d)
	wantHighWater(t, d, again, 10)
	deliver(t, again, records[10:], 7)
	wantHighWater(t, d, again, 30)
	wantExactly(t, d, records)
}

func testForeign(t testing.TB, h Harness) {
	d := h.destination(t)
	if d.Foreign == nil {
		return // nothing foreign can be there
	}
	d.Foreign(t)
	sink := h.open(t, d)
	wantHighWater(t, d, sink, 0)
	records := d.records(t, 1, 20)
	deliver(t, sink, records[:10], 4)
	d.Foreign(t)
	wantHighWater(t, d, sink, 10)
	deliver(t, sink, records[5:15], 10)
	shut(t, sink)
	d.Foreign(t)

	again := h.open(t, d)
	wantHighWater(t, d, again, 15)
	deliver(t, again, records[10:], 10)
	wantAll(t, again, d, records)
}

// testFormats delivers in another format than that which the records come in, and
// goes on in the first.
func testFormats(t testing.TB, h Harness) {
	d := h.destination(t)
	records := d.records(t, 1, 20)
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
	wantHighWater(t, d, sink, 10)
	shut(t, sink)

	again := h.open(t, d)
	wantHighWater(t, d, again, 10)
	deliver(t, again, mapped[5:10], 5) // which are there
	deliver(t, again, records[10:], 10)
	wantHighWater(t, d, again, 20)
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
func wantHighWater(t testing.TB, d Destination, sink auditsink.Sink, want int64) {
	t.Helper()
	r, ok := sink.(auditsink.Resumer)
	if !ok {
		return
	}
	got, err := r.HighWater(t.Context())
	if err == nil && want == 0 && got <= d.after {
		return
	}
	if err != nil || got != d.after+want {
		t.Fatalf("HighWater is %d, %v; want %d", got, err, d.after+want)
	}
}

// testKilledAfterWriting kills a process that has delivered everything and told
// nobody.
func testKilledAfterWriting(t testing.TB, h Harness) { testKilled(t, h, 20, 20) }

// testKilledWhileWriting kills a process in the middle of it.
func testKilledWhileWriting(t testing.TB, h Harness) { testKilled(t, h, 5000, 100) }

func testKilled(t testing.TB, h Harness, size, seen int) {
	d := h.destination(t)
	again := h.again
	if again == nil {
		again = os.Args[:1]
	}
	cmd := exec.CommandContext(t.Context(), again[0], again[1:]...) //nolint:gosec // this program itself
	cmd.Env = append(os.Environ(), childURL+"="+d.URL, childSize+"="+strconv.Itoa(size), childAfter+"="+strconv.FormatInt(d.after, 10))
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
	await(t, func() bool { return len(held(t, d)) >= seen })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	records := d.records(t, 1, size)
	sink := h.open(t, d)
	first := 0
	if r, ok := sink.(auditsink.Resumer); ok {
		high, err := r.HighWater(t.Context())
		if err != nil || high < d.after+int64(seen) || high > d.after+int64(size) {
			t.Fatalf("HighWater is %d, %v; want %d to %d", high, err, d.after+int64(seen), d.after+int64(size))
		}
		first = max(int(high-d.after)-10, 0)
	}
	deliver(t, sink, records[first:], 50)
	wantAll(t, sink, d, records)
}

// Child reports whether this process was started to be killed: then it delivers
// what it is to, and waits. The program that Run or Certify runs in calls it
// first.
func Child(mux *auditsink.Mux) bool {
	url := os.Getenv(childURL)
	if url == "" {
		return false
	}
	if err := deliverAll(mux, url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until this process is killed, or the test dies
	return true
}

// deliverAll delivers as many records as it is to, and tells nobody.
func deliverAll(mux *auditsink.Mux, url string) error {
	after, err := strconv.ParseInt(os.Getenv(childAfter), 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(os.Getenv(childSize), 10, 64)
	if err != nil {
		return err
	}
	ctx := context.Background()
	opened, err := mux.Open(ctx, "kit="+url)
	if err != nil {
		return err
	}
	for seq := after + 1; seq <= after+n; seq++ {
		r, err := sealed(seq, Event(seq))
		if err != nil {
			return err
		}
		if _, err := opened.Sink.Deliver(ctx, &auditsink.Batch{Records: []auditsink.Record{r}}); err != nil {
			return err
		}
	}
	return nil
}
