package filesink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Mux: mux(),
		New: func(t testing.TB) sinktest.Destination {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			return sinktest.Destination{
				URL:     "file:" + path,
				Lines:   func(t testing.TB) []string { return lines(t, path) },
				Foreign: func(t testing.TB) { add(t, path, "someone's note\n{}\n\n"+strings.Repeat("x", 200<<10)+"\nno end") },
			}
		},
		BadURLs: []string{
			"file:", "file:/", "file:.", "file:folder/", "file://host/path", "file:audit.jsonl#Canary-4711",
			"file://Canary-4711@/x", "file:%zzCanary-4711", "file:/no/such/folder/audit.jsonl", "file:/dev/null",
			"file:x?mode=0600",
		},
	})
}

// lines returns the complete lines of the file; none if there is no file.
func lines(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
}

func add(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) auditsink.Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "file=file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Sink.Close(t.Context()) })
	return d.Sink
}

func deliver(t testing.TB, sink auditsink.Sink, records []auditsink.Record) {
	t.Helper()
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
}

func wantFile(t testing.TB, path string, records ...[]auditsink.Record) {
	t.Helper()
	var want []byte
	for _, some := range records {
		want = auditsink.AppendLines(want, some)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file holds\n%s\nwant\n%s", got, want)
	}
}

func TestTornLastLineIsRemoved(t *testing.T) {
	records := sinktest.Records(t, 1, 4)
	line := string(records[2].Line)
	for _, torn := range []string{"{", line[:20], line[:len(line)/2], line, line[:40] + "\x00\x00\x00", "\x00\x00"} {
		path := filepath.Join(t.TempDir(), "audit.jsonl")
		add(t, path, string(auditsink.AppendLines(nil, records[:2]))+torn)
		sink := open(t, path)
		wantFile(t, path, records[:2])
		deliver(t, sink, records[1:])
		wantFile(t, path, records)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFileIsMadeAnewWhenItIsGone(t *testing.T) {
	for name, rotate := range map[string]func(t testing.TB, path string){
		"renamed": func(t testing.TB, path string) {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t testing.TB, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t testing.TB, path string) { // by one of the same size
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			add(t, path, strings.Repeat("\n", int(info.Size())))
		},
		"emptied": func(t testing.TB, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			sink := open(t, path)
			records := sinktest.Records(t, 1, 6)
			deliver(t, sink, records[:3])
			rotate(t, path)
			deliver(t, sink, records[3:])
			if got := lines(t, path); len(got) != 3 || got[0] != string(records[3].Line) {
				t.Errorf("the file holds %q", got)
			}
			if name == "renamed" {
				wantFile(t, path+".1", records[:3])
			}
		})
	}
}

// A file that was cut short gets nothing before it was asked where it ends, also
// when the sink has just let go of it.
func TestFileThatWasCutShortIsNotGoneOnWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	sink := open(t, path).(*Sink)
	records := sinktest.Records(t, 1, 6)
	deliver(t, sink, records[:5])
	if err := os.Truncate(path, int64(len(auditsink.AppendLines(nil, records[:2])))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sink.Reopen(t.Context()); err != nil {
			t.Fatal(err)
		}
		result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[5:]})
		if err == nil || result.Accepted != 0 || !strings.Contains(err.Error(), "it had record 5 and ends at 2") {
			t.Fatalf("%d accepted, %v", result.Accepted, err)
		}
	}
	if high, err := sink.HighWater(t.Context()); err != nil || high != 2 {
		t.Fatalf("HighWater is %d, %v", high, err)
	}
	deliver(t, sink, records[2:])
	wantFile(t, path, records)
}

func TestTwoSinksOnOneFileWriteEachRecordOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	one, other := open(t, path), open(t, path)
	records := sinktest.Records(t, 1, 40)
	for i := range 39 {
		deliver(t, one, records[i:i+1])
		deliver(t, other, records[i:i+2])
	}
	wantFile(t, path, records)
}

// A process that was stopped while it held the lock keeps no other from starting.
func TestOpensWhileTheLockIsHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	held := flock.New(path + ".lock")
	if err := held.Lock(); err != nil {
		t.Fatal(err)
	}
	sink := open(t, path)
	records := sinktest.Records(t, 1, 3)
	soon, done := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer done()
	if _, err := sink.Deliver(soon, &auditsink.Batch{Records: records}); err == nil {
		t.Error("delivered without the lock")
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	deliver(t, sink, records)
	wantFile(t, path, records)
}

// A disk that is full takes a part of a batch. What is torn is mended once there
// is room again.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	sink := open(t, path)
	// The limit is one for all files of the process: ours is to be the largest, or
	// the log in which go test keeps what a test opens is at its end, too.
	const before = 5000
	records := sinktest.Records(t, 1, before+15)
	deliver(t, sink, records[:before])
	signal.Ignore(syscall.SIGXFSZ) // so that a file at its limit is an error of the write
	defer signal.Reset(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = uint64(info.Size() + info.Size()/before*3/2) // in the middle of a line
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[before:]}); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("a full disk: %v", err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	deliver(t, sink, records[before:])
	wantFile(t, path, records)
}

func TestTwoSinksAtOnceWriteEachRecordOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	records := sinktest.Records(t, 1, 200)
	var group sync.WaitGroup
	for range 2 {
		sink := open(t, path)
		group.Go(func() {
			for i := range records {
				if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[i : i+1]}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	wantFile(t, path, records)
}

func TestRelativeAndEscapedPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	for url, path := range map[string]string{"a.jsonl": "a.jsonl", "./b%20%23c": "b #c", "%2e%2e%3F": "..?"} {
		open(t, url)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// Checkpoints are beside the file and not in it, on lines of their own also after
// one that was cut short, and each once.
func TestCheckpointsAreKeptBesideTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	add(t, path+".checkpoints", `{"size":1,"check`)
	sink := open(t, path)
	records := sinktest.Records(t, 1, 6)
	records[1].Checkpoint = auditsink.Checkpoint{Size: 2, Note: "one\n\n— two\n"}
	records[3].Checkpoint = auditsink.Checkpoint{Size: 4, Note: "three\n"}
	deliver(t, sink, records[:2])
	deliver(t, sink, records[:2])
	deliver(t, sink, records[2:4])
	deliver(t, sink, records[4:])
	wantFile(t, path, records)
	kept := lines(t, path+".checkpoints")
	if len(kept) != 3 {
		t.Fatalf("kept %q", kept)
	}
	for i, want := range []auditsink.Checkpoint{records[1].Checkpoint, records[3].Checkpoint} {
		if got, err := auditsink.ParseCheckpoint([]byte(kept[i+1])); err != nil || got != want {
			t.Errorf("kept %q, %v", kept[i+1], err)
		}
	}
}
