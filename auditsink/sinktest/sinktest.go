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
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// Harness is one kind of sink under test.
type Harness struct {
	// Mux knows the scheme of the sink.
	Mux *auditsink.Mux
	// New makes an empty destination that lives as long as the test.
	New func(t *testing.T) Destination
	// BadURLs are URLs of the sink's scheme that it must refuse.
	BadURLs []string
}

// Destination is where one sink delivers to.
type Destination struct {
	URL string
	// Lines reads back everything that the destination holds, in its order:
	// a text for each record, as it was delivered. It may be called while a
	// sink delivers.
	Lines func(t *testing.T) []string
	// Foreign puts something into the destination that is no audit record;
	// nil if that cannot be.
	Foreign func(t *testing.T)
	// Command prepares the process that is killed, if it needs more than the
	// URL; nil if not.
	Command func(cmd *exec.Cmd)

	// Addr is where a server of the destination listens for TCP, and At
	// makes the URL that reaches it by another address; nil if there is none.
	Addr string
	At   func(addr string) string
	// Refuse has the destination refuse the record of one sequence; nil if
	// it cannot refuse one.
	Refuse func(t *testing.T, seq int64)
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
}

const (
	patience  = 20 * time.Second // for what must happen
	promptly  = 2 * time.Second  // for what must happen soon
	childURL  = "SINKTEST_CHILD_URL"
	childSize = "SINKTEST_CHILD_SIZE"
)

// Main runs the tests, or what the tests of [Run] run in a process of its own.
// It is called by TestMain.
func Main(m *testing.M, mux *auditsink.Mux) {
	if url := os.Getenv(childURL); url != "" {
		child(mux, url, os.Getenv(childSize))
		_, _ = io.Copy(io.Discard, os.Stdin) // until this process is killed, or the test dies
		return
	}
	m.Run()
}

// Run runs every test of the kit.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"refuses bad URLs", testBadURLs},
		{"delivers none, one, a thousand", testOrder},
		{"keeps every byte", testBytes},
		{"keeps nothing of a batch", testScribble},
		{"takes repeated and overlapping batches", testOverlap},
		{"resumes", testResume},
		{"resumes beside what is foreign", testForeign},
		{"resumes in every format", testFormats},
		{"survives being killed before acknowledging", testKilledAfterWriting},
		{"survives being killed at any time", testKilledWhileWriting},
		{"is usable after a cancelled delivery", testCancelled},
		{"reopens and probes under load", testLoad},
		{"survives what is between it and the destination", testFaults},
		{"survives restarts", testRestarts},
		{"names the record that is refused", testRefused},
		{"trusts no bad certificate", testUntrusted},
		{"closes once and for all", testClose},
		{"closes during a delivery", testCloseUnderLoad},
		{"needs no more memory for more records", testMemory},
		{"leaks nothing", testLeaks},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

// open opens the destination until the test ends.
func (h Harness) open(t *testing.T, d Destination) auditsink.Sink {
	t.Helper()
	return h.openURL(t, d.URL)
}

func (h Harness) openURL(t *testing.T, url string) auditsink.Sink {
	t.Helper()
	opened, err := h.Mux.Open(t.Context(), "kit="+url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, opened.Sink) })
	return opened.Sink
}

func shut(t *testing.T, sink auditsink.Sink) {
	t.Helper()
	if err := sink.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// deliver delivers the records in batches of at most size.
func deliver(t *testing.T, sink auditsink.Sink, records []auditsink.Record, size int) {
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
func await(t *testing.T, condition func() bool) {
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
