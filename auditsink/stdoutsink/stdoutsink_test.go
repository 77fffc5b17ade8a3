package stdoutsink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// output stands in for standard output, which tests need themselves; nil in
// the process that the kit kills, which has one of its own.
var output *os.File

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, func(ctx context.Context, u *url.URL) (auditsink.Sink, error) {
		sink, err := Open(ctx, u)
		if err == nil && output != nil {
			sink = newSink(output)
		}
		return sink, err
	})
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{Mux: mux(), New: destination, BadURLs: []string{
		"stdout:file", "stdout:/file", "stdout://host", "stdout:#Canary-4711",
	}})
}

func destination(t testing.TB) sinktest.Destination {
	path := filepath.Join(t.TempDir(), "stdout")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	output = file
	t.Cleanup(func() {
		output = nil
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return sinktest.Destination{
		URL:     "stdout:",
		Command: func(cmd *exec.Cmd) { cmd.Stdout = file },
		Lines: func(t testing.TB) []string {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Split(string(data[:bytes.LastIndexByte(data, '\n')+1]), "\n")
		},
	}
}

func TestReaderThatStopsReadingDoesNotHoldUpDeliver(t *testing.T) {
	reader, writer := io.Pipe()
	sink := newSink(writer)
	records := sinktest.Records(t, 1, 2)

	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() {
		_, err := sink.Deliver(ctx, &auditsink.Batch{Records: records[:1]})
		stopped <- err
	}()
	if _, err := io.ReadFull(reader, make([]byte, 10)); err != nil { // the write has begun
		t.Fatal(err)
	}
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("Deliver: %v", err)
	}

	// The reader comes back, and what was begun is whole.
	rest := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(reader)
		rest <- data
	}()
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[1:]}); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := <-rest, auditsink.AppendLines(nil, records)[10:]; !bytes.Equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", got, want)
	}
}

// narrow takes a number of bytes and fails, until the number is negative.
type narrow struct {
	bytes.Buffer

	room int
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.room < 0 {
		return n.Buffer.Write(p)
	}
	_, _ = n.Buffer.Write(p[:n.room])
	return n.room, io.ErrShortWrite
}

func TestTornLineIsEnded(t *testing.T) {
	records := sinktest.Records(t, 1, 3)
	lines := auditsink.AppendLines(nil, records)
	room := len(records[0].Line) + 1 + 50
	out := &narrow{room: room}
	sink := newSink(out)
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
	if err == nil || result.Accepted != 1 {
		t.Fatalf("accepted %d, %v", result.Accepted, err)
	}
	out.room = -1
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[1:]}); err != nil {
		t.Fatal(err)
	}
	want := string(lines[:room]) + "\n" + string(auditsink.AppendLines(nil, records[1:]))
	if out.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", out.String(), want)
	}
}
