package sinktest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// held returns the records that the destination holds, but for those of earlier
// tests. What is no record is left out; a record that was changed fails the test.
func held(t testing.TB, d Destination) []auditsink.Record {
	t.Helper()
	if d.Lines == nil {
		return nil
	}
	var records []auditsink.Record
	for _, line := range d.Lines(t) {
		r, err := auditsink.ParseLine([]byte(line))
		if errors.Is(err, auditsink.ErrMalformed) {
			continue
		}
		if err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if r.Seq > d.after {
			records = append(records, r)
		}
	}
	return records
}

// wantExactly fails unless the destination holds these records, in order, each
// once, byte by byte.
func wantExactly(t testing.TB, d Destination, want []auditsink.Record) {
	t.Helper()
	d.expect(want)
	compare(t, d, held(t, d), want)
}

// expect notes that the destination is to hold these records.
func (d Destination) expect(want []auditsink.Record) {
	if d.filled != nil && len(want) > 0 {
		*d.filled = true
	}
}

// wantAll is what is wanted after records were delivered again: from a Resumer
// each once, from every other sink each at least once, in order at first sight.
func wantAll(t testing.TB, sink auditsink.Sink, d Destination, want []auditsink.Record) {
	t.Helper()
	d.expect(want)
	got := held(t, d)
	if _, ok := sink.(auditsink.Resumer); !ok {
		var last int64
		got = slices.DeleteFunc(got, func(r auditsink.Record) bool {
			again := r.Seq <= last
			last = max(last, r.Seq)
			return again
		})
	}
	compare(t, d, got, want)
}

func compare(t testing.TB, d Destination, got, want []auditsink.Record) {
	t.Helper()
	if d.Lines == nil {
		return
	}
	if d.Lossy {
		want = slices.DeleteFunc(slices.Clone(want), func(r auditsink.Record) bool {
			return !slices.ContainsFunc(got, func(g auditsink.Record) bool { return g.Seq == r.Seq })
		})
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i].Line, want[i].Line) {
			t.Fatalf("record %d of the destination:\n got %s\nwant %s", i+1, got[i].Line, want[i].Line)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("the destination holds %d records, want %d", len(got), len(want))
	}
}

func testBadURLs(t testing.TB, h Harness) {
	const canary = "Canary-4711"
	d := h.destination(t)
	bad := append(slices.Clone(h.BadURLs),
		withKey(d.URL, "nosuchkey="+canary), withKey(d.URL, "start="+canary),
		withKey(d.URL, "filter="+canary), withKey(d.URL, "start=now&start="+canary), withKey(d.URL, canary+"=%zz"))
	bad = append(bad, badPorts(t, d.URL)...)
	for _, text := range bad {
		opened, err := h.Mux.Open(t.Context(), "kit="+text)
		if err == nil {
			t.Errorf("%s was accepted", text)
			shut(t, opened.Sink)
			continue
		}
		if strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "kit") {
			t.Errorf("the error names the sink and no value: %v", err)
		}
	}
	if len(held(t, d)) != 0 {
		t.Error("something was delivered")
	}
}

// badPorts are URLs that lead to hosts with a port that there cannot be; none
// where the URL leads to no host.
func badPorts(t testing.TB, text string) []string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if u.Host == "" {
		return nil
	}
	var bad []string
	for _, host := range []string{"localhost:99999", "localhost:0", "[::1]:65536", "localhost:1,localhost:99999", "localhost:99999,localhost:1"} {
		u.Host = host
		bad = append(bad, u.String())
	}
	return bad
}

// testCredentials takes away what the URL refers to, and writes the credential
// itself in its place.
func testCredentials(t testing.TB, h Harness) {
	d := h.destination(t)
	at, keys, _ := strings.Cut(d.URL, "?")
	query, err := url.ParseQuery(keys)
	if err != nil {
		t.Fatal(err)
	}
	for key := range query {
		refers := strings.HasPrefix(query.Get(key), "env:") || strings.HasPrefix(query.Get(key), "file:")
		for _, wrong := range []string{"env:SINKTEST_NOT_SET", "file:/no/such/file", d.Secret} {
			if !refers || wrong == "" {
				continue
			}
			changed := maps.Clone(query)
			changed.Set(key, wrong)
			refuses(t, h, d, at+"?"+changed.Encode())
		}
	}
}

// refuses sees that a sink is not opened by a URL, or delivers nothing, and does
// not say the secret when it says why.
func refuses(t testing.TB, h Harness, d Destination, at string) {
	t.Helper()
	opened, err := h.Mux.Open(t.Context(), "kit="+at)
	if err == nil {
		defer shut(t, opened.Sink)
		_, err = opened.Sink.Deliver(t.Context(), &auditsink.Batch{Records: d.records(t, 1, 1)})
	}
	if err == nil {
		t.Error("a URL without its credential was accepted")
		return
	}
	noSecret(t, d, err)
}

func testOrder(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	wantExactly(t, d, nil)
	records := d.records(t, 1, 1000)
	records[499].Checkpoint = auditsink.Checkpoint{Size: records[499].Seq, Note: "a note\n\n— of lines\n"} // beside the record, or nowhere
	deliver(t, sink, records[:1], 1)
	wantExactly(t, d, records[:1])
	deliver(t, sink, records[1:500], 1000)
	deliver(t, sink, records[500:], 7)
	wantExactly(t, d, records)

	// What a filter took out leaves gaps.
	more := d.records(t, 2000, 3)
	deliver(t, sink, slices.Delete(more, 1, 2), 10)
	wantExactly(t, d, append(records, more[:2]...))
}

func testBytes(t testing.TB, h Harness) {
	d := h.destination(t)
	records := Hostile(t, d.after+1)
	deliver(t, h.open(t, d), records, len(records))
	wantExactly(t, d, records)
}

// testLargest delivers the largest record there can be between two small ones. A
// destination may refuse it, but has to say so of that one.
func testLargest(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 3)
	records[1] = Largest(t, records[1].Seq)
	if n := len(records[1].Canonical()); n != auditsink.MaxCanonical {
		t.Fatalf("the largest record has %d bytes, want %d", n, auditsink.MaxCanonical)
	}
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
	if err == nil {
		wantExactly(t, d, records)
		return
	}
	rejected, ok := errors.AsType[*auditsink.RejectedError](err)
	if !ok || rejected.Seq != records[1].Seq || result.Accepted != 1 {
		t.Fatalf("Deliver: %d accepted, %v; want all, or 1 and the largest rejected", result.Accepted, err)
	}
	deliver(t, sink, records[2:], 1)
	wantAll(t, sink, d, slices.Delete(records, 1, 2))
}

// testScribble changes the batch as soon as Deliver has returned.
func testScribble(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 30)
	for _, r := range records {
		given, line := r, bytes.Clone(r.Line)
		given.Line = line
		batch := &auditsink.Batch{Records: []auditsink.Record{given}}
		if _, err := sink.Deliver(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(line, r.Line) {
			t.Fatal("the sink changed the line")
		}
		clear(line)
		clear(batch.Records)
	}
	wantExactly(t, d, records)
}

func testOverlap(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 20)
	for _, part := range [][2]int{{0, 10}, {0, 10}, {5, 15}, {14, 15}, {3, 18}, {0, 20}} {
		deliver(t, sink, records[part[0]:part[1]], 20)
	}
	wantAll(t, sink, d, records)
}

func testCancelled(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 20)
	deliver(t, sink, records[:10], 10)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	result, err := sink.Deliver(cancelled, &auditsink.Batch{Records: records[10:]})
	if err == nil {
		t.Error("a cancelled delivery was acknowledged")
	}
	if result.Accepted < 0 || result.Accepted > 10 {
		t.Errorf("Accepted is %d of 10", result.Accepted)
	}
	if took := time.Since(began); took > promptly {
		t.Errorf("a cancelled delivery took %v", took)
	}
	deliver(t, sink, records[10:], 10)
	wantAll(t, sink, d, records)
}

func testClose(t testing.TB, h Harness) {
	d := h.destination(t)
	sink := h.open(t, d)
	records := d.records(t, 1, 10)
	deliver(t, sink, records, 10)
	shut(t, sink)
	shut(t, sink)
	_, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: d.records(t, 11, 1)})
	if !errors.Is(err, auditsink.ErrClosed) {
		t.Errorf("Deliver after Close: %v, want ErrClosed", err)
	}
	wantExactly(t, d, records)
}
