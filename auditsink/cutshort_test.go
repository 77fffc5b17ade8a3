package auditsink_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// A file that is changed under the server ends up with every record once, in
// order; one that was emptied, with those after.
func TestFileThatIsChangedUnderTheRelay(t *testing.T) {
	const before, kept = 41, 20
	for name, test := range map[string]struct {
		change func(text []byte) []byte
		first  int64  // in the file at last
		lacks  string // what the log says was delivered again
	}{
		"cut after a line":       {func(text []byte) []byte { return text[:lineAt(text, kept)] }, 1, "from=21 to=41"},
		"cut in a line":          {func(text []byte) []byte { return text[:lineAt(text, kept)+40] }, 1, "from=21 to=41"},
		"cut before its newline": {func(text []byte) []byte { return text[:len(text)-1] }, 1, "from=41 to=41"},
		"cut, and junk appended": {func(text []byte) []byte { return append(text[:lineAt(text, kept)], "a note\nno end"...) }, 1, "from=21 to=41"},
		"junk appended":          {func(text []byte) []byte { return append(text, "a note\nno end"...) }, 1, ""},
		"emptied":                {func([]byte) []byte { return nil }, before + 1, ""},
	} {
		for when, reopen := range map[string]bool{"": false, ", and reopened": true} {
			t.Run(name+when, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "audit.jsonl")
				synctest.Test(t, func(t *testing.T) {
					var mux auditsink.Mux
					mux.Register(filesink.Scheme, filesink.Open)
					to, err := mux.Open(t.Context(), "archive=file:"+path)
					if err != nil {
						t.Fatal(err)
					}
					source, records := newMemory(), sinktest.Records(t, 1, before+1)
					r := start(t, source, to)
					synctest.Wait()
					source.add(records[:before]...)
					synctest.Wait()
					if err := os.WriteFile(path, test.change(fileOf(t, path)), 0o600); err != nil {
						t.Fatal(err)
					}
					if reopen {
						if err := r.relay.Reopen(t.Context()); err != nil {
							t.Fatal(err)
						}
						pass(time.Second)
						wantRecords(t, path, test.first, before) // without a new record
					}
					source.add(records[before])
					pass(time.Minute)
					wantRecords(t, path, test.first, before+1)
					r.stop()
					wantLacks(t, r.log.String(), test.lacks)
					if reopen && strings.Contains(r.log.String(), "is down") {
						t.Errorf("to reopen is no failure: %s", &r.log)
					}
				})
			})
		}
	}
}

func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// lineAt is where the line after n lines begins.
func lineAt(text []byte, n int) int {
	return len(bytes.Join(bytes.SplitAfter(text, []byte("\n"))[:n], nil))
}

// wantRecords fails unless the file has exactly these records.
func wantRecords(t *testing.T, path string, first, last int64) {
	t.Helper()
	next := first
	for line := range bytes.Lines(fileOf(t, path)) {
		r, err := auditsink.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil { // a note
			continue
		}
		if r.Seq != next {
			t.Fatalf("record %d where %d belongs", r.Seq, next)
		}
		next++
	}
	if next != last+1 {
		t.Fatalf("the file ends at record %d, want %d", next-1, last)
	}
}

func wantLacks(t *testing.T, log, lacks string) {
	t.Helper()
	const warning = "the destination lacks audit records that were delivered"
	want := 1
	if lacks == "" {
		want = 0
	}
	if strings.Count(log, warning) != want || !strings.Contains(log, lacks) {
		t.Errorf("want %q of what it lacks, logged %s", lacks, log)
	}
}
