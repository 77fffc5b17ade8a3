// Package sinktest is the conformance kit for audit sinks: a sink that passes
// keeps the contract of [auditsink.Sink].
//
// A sink's test says how to make an empty destination and how to read it, and
// runs everything:
//
//	func TestMain(m *testing.M) { sinktest.Main(m, mux()) }
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, sinktest.Harness{Mux: mux(), New: newDestination})
//	}
//
// A sink that is known by its URL alone, as an exec: sink, is tested by [Certify].
//
// There is nothing to switch off. What is expected follows from the interfaces
// that the sink implements: a [auditsink.Resumer] must end with every record
// exactly once whatever happens, every other sink at least once. What only some
// destinations have, as a server that a proxy can be put before or a
// certificate, is tested where [Destination] says that it is there.
//
// # Concurrency
//
// The tests of one Run do not run in parallel, as they count goroutines and
// descriptors.
package sinktest

import (
	"context"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// Harness is one kind of sink under test.
type Harness struct {
	// Mux knows the scheme of the sink.
	Mux *auditsink.Mux
	// New makes an empty destination that lives as long as the test.
	New func(t testing.TB) Destination
	// BadURLs are URLs of the sink's scheme that it must refuse.
	BadURLs []string

	brief bool     // fewer records must do where memory is measured
	again []string // what starts this program once more, to be killed
}

// Destination is where one sink delivers to.
type Destination struct {
	URL string
	// Lines reads back everything that the destination holds, in its order:
	// a text for each record, as it was delivered. It may be called while a
	// sink delivers. Nil if nobody can: then only what the sink says is
	// looked at.
	Lines func(t testing.TB) []string
	// Foreign puts something into the destination that is no audit record, at
	// the end also the beginning of one if it can be cut short there, as by
	// kill -9; nil if none of that can be. Without it nothing tests that a
	// [auditsink.Resumer] passes over what is not its own, nor that the next
	// record does not become a part of one that was cut short: the kit kills
	// sinks, but cannot see to it that this happens in the middle of a line.
	Foreign func(t testing.TB)
	// Command prepares the process that is killed, if it needs more than the
	// URL; nil if not.
	Command func(cmd *exec.Cmd)

	// Addr is where a server of the destination listens for TCP, and At
	// makes the URL that reaches it by another address; nil if there is none.
	Addr string
	At   func(addr string) string
	// Refuse has the destination refuse the record of one sequence; nil if
	// it cannot refuse one.
	Refuse func(t testing.TB, seq int64)
	// Untrusted is a URL that does not trust the certificate of the
	// destination; empty if it has none.
	Untrusted string
	// Secret is the credential that the URL leads to; empty for none. No
	// error may name it.
	Secret string
	// Lossy says that the destination may miss any record, as it does over
	// UDP.
	Lossy bool
	// Slow says that a delivery is a request to someone else, so that fewer
	// records must do where memory is measured.
	Slow bool

	// after is the sequence that all records are above: the destination holds
	// some from earlier.
	after int64
	// filled is set once the destination is to hold something; nil if nobody
	// wants to know.
	filled *bool
}

const (
	patience   = 20 * time.Second // for what must happen
	promptly   = 2 * time.Second  // for what must happen soon
	childURL   = "SINKTEST_CHILD_URL"
	childAfter = "SINKTEST_CHILD_AFTER"
	childSize  = "SINKTEST_CHILD_SIZE"
)

// Main runs the tests, or what the tests of [Run] run in a process of its own.
// It is called by TestMain.
func Main(m *testing.M, mux *auditsink.Mux) {
	if !Child(mux) {
		m.Run()
	}
}

// testCase is one test of the kit.
type testCase struct {
	name  string
	test  func(testing.TB, Harness)
	needs need
}

// need is what a test needs besides a sink.
type need int

const (
	nothing need = iota
	reading      // the destination can be read back
	backend      // more of the destination is known than its URL
)

// cases are all there is to pass.
func cases() []testCase {
	all := []testCase{
		{"refuses bad URLs", testBadURLs, nothing},
		{"wants its credentials", testCredentials, nothing},
		{"delivers none, one, a thousand", testOrder, nothing},
		{"keeps every byte", testBytes, nothing},
		{"keeps or names the largest record", testLargest, nothing},
		{"keeps nothing of a batch", testScribble, reading},
		{"takes repeated and overlapping batches", testOverlap, nothing},
		{"resumes", testResume, nothing},
		{"resumes beside what is foreign", testForeign, backend},
		{"resumes in every format", testFormats, backend},
		{"survives being killed before acknowledging", testKilledAfterWriting, reading},
		{"survives being killed at any time", testKilledWhileWriting, reading},
		{"is usable after a cancelled delivery", testCancelled, nothing},
		{"reopens and probes under load", testLoad, nothing},
		{"survives restarts", testRestarts, backend},
		{"names the record that is refused", testRefused, backend},
		{"trusts no bad certificate", testUntrusted, backend},
		{"closes once and for all", testClose, nothing},
		{"closes during a delivery", testCloseUnderLoad, nothing},
		{"needs no more memory for more records", testMemory, nothing},
		{"leaks nothing", testLeaks, nothing},
	}
	for name, f := range faults {
		all = append(all, testCase{"survives a destination that is " + name, f.test, backend})
	}
	slices.SortStableFunc(all[len(all)-len(faults):], func(a, b testCase) int { return strings.Compare(a.name, b.name) })
	return all
}

// Run runs every test of the kit.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h.brief = testing.Short()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

// destination makes an empty destination, and sees that its secret is not logged.
func (h Harness) destination(t testing.TB) Destination {
	t.Helper()
	d := h.New(t)
	if d.Secret == "" {
		return d
	}
	var log locked
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		slog.SetDefault(before)
		if strings.Contains(log.String(), d.Secret) {
			t.Error("the log holds the secret")
		}
	})
	return d
}

// locked is a text that may be written to from anywhere.
type locked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *locked) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open opens the destination until the test ends.
func (h Harness) open(t testing.TB, d Destination) auditsink.Sink {
	t.Helper()
	return h.openURL(t, d.URL)
}

func (h Harness) openURL(t testing.TB, url string) auditsink.Sink {
	t.Helper()
	opened, err := h.Mux.Open(t.Context(), "kit="+url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, opened.Sink) })
	return opened.Sink
}

func shut(t testing.TB, sink auditsink.Sink) {
	t.Helper()
	if err := sink.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// deliver delivers the records in batches of at most size.
func deliver(t testing.TB, sink auditsink.Sink, records []auditsink.Record, size int) {
	t.Helper()
	for len(records) > 0 {
		n := min(size, len(records))
		if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[:n]}); err != nil {
			t.Fatalf("Deliver: %v", err)
		}
		records = records[n:]
	}
}

func withKey(url, key string) string {
	if strings.Contains(url, "?") {
		return url + "&" + key
	}
	return url + "?" + key
}

// await waits until condition holds.
func await(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}
