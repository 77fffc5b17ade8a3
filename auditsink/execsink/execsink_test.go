package execsink

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

// example returns the path of an example of the documentation.
func example(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../docs/sinks/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// script writes a program in shell.
func script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	return strings.FieldsFunc(string(data), func(c rune) bool { return c == '\n' })
}

func open(t testing.TB, program string) *Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "program=exec:"+program)
	if err != nil {
		t.Fatal(err)
	}
	sink := d.Sink.(*Sink)
	sink.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	t.Cleanup(func() {
		if err := sink.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return sink
}

func deliver(ctx context.Context, sink *Sink, records []auditsink.Record) (int, error) {
	result, err := sink.Deliver(ctx, &auditsink.Batch{Records: records})
	if err == nil {
		return len(records), nil
	}
	return result.Accepted, err
}

// The example in Python is a sink.
func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Mux: mux(),
		New: func(t testing.TB) sinktest.Destination {
			file := filepath.Join(t.TempDir(), "audit.jsonl")
			return sinktest.Destination{
				URL:   "exec:" + script(t, "exec '"+example(t, "sink.py")+"' '"+file+"'"),
				Lines: func(t testing.TB) []string { return read(t, file) },
				Slow:  true,
			}
		},
		BadURLs: []string{
			"exec:", "exec://host/bin/sh", "exec:/no/such/program", "exec:no-such-program", "exec:/", "exec:" + example(t, "README.md"),
			"exec:sh?arg=Canary-4711", "exec:%zzCanary-4711", "exec:sh#Canary-4711",
		},
	})
}

// The example in shell keeps and acknowledges each record.
func TestExampleInShell(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	sink := open(t, script(t, "exec '"+example(t, "sink.sh")+"' '"+file+"'"))
	records := append(sinktest.Records(t, 1, 12), sinktest.Hostile(t, 13)...)
	for _, batch := range [][]auditsink.Record{records[:5], records[5:]} {
		if n, err := deliver(t.Context(), sink, batch); err != nil {
			t.Fatalf("%d accepted, %v", n, err)
		}
	}
	got := read(t, file)
	for i, r := range records {
		if i >= len(got) || got[i] != string(r.Line) {
			t.Fatalf("record %d is not in %q", r.Seq, got)
		}
	}
}

// sequenced is the beginning of a program in shell that reads records.
const sequenced = `while IFS= read -r r; do s=${r#*'"sequence":"'}; s=${s%%'"'*}; s=${s#"${s%%[1-9]*}"}; `

func TestRejection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept")
	sink := open(t, script(t, sequenced+`case $s in 4|6) echo '{"reject":'$s',"reason":"even"}';; *) echo $s >>'`+file+`'; echo '{"ack":'$s'}';; esac; done`))
	records := sinktest.Records(t, 1, 9)
	var seqs []int64
	for len(records) > 0 {
		n, err := deliver(t.Context(), sink, records)
		records = records[n:]
		if rejected, ok := errors.AsType[*auditsink.RejectedError](err); ok && rejected.Reason == "even" && rejected.Seq == records[0].Seq {
			seqs = append(seqs, rejected.Seq)
			records = records[1:]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	kept := make(map[string]bool)
	for _, line := range read(t, file) {
		kept[line] = true
	}
	if len(seqs) != 2 || seqs[0] != 4 || seqs[1] != 6 || len(kept) != 7 || kept["4"] || kept["6"] {
		t.Errorf("rejected %v, kept %v", seqs, kept)
	}
}

func TestProgramsThatMisbehave(t *testing.T) {
	records := sinktest.Records(t, 1, 200) // more than a pipe holds
	for name, c := range map[string]struct {
		program  string
		accepted int
		want     string
	}{
		"ends":                         {"exit 3", 0, "the program"},
		"ends in the middle":           {sequenced + `[ $s = 3 ] && exit; echo '{"ack":'$s'}'; done`, 2, "the program"},
		"stops reading":                {"exec sleep 600", 0, "acknowledge"},
		"never acknowledges":           {sequenced + "done", 0, "wait for the program to acknowledge"},
		"stops acknowledging":          {sequenced + `[ $s -gt 7 ] || echo '{"ack":'$s'}'; done`, 7, "acknowledge"},
		"writes nonsense":              {"echo Canary; exec cat >/dev/null", 0, "something other"},
		"writes its input":             {"exec cat", 0, "something other"},
		"says both":                    {`echo '{"ack":1,"reject":2}'; exec cat >/dev/null`, 0, "something other"},
		"writes without an end":        {"exec cat /dev/zero", 0, "something other"},
		"acknowledges what is to come": {`echo '{"ack":201}'; exec cat >/dev/null`, 0, "was not given"},
	} {
		t.Run(name, func(t *testing.T) {
			sink := open(t, script(t, c.program))
			for range 2 { // it is started again
				ctx, done := context.WithTimeout(t.Context(), 400*time.Millisecond)
				n, err := deliver(ctx, sink, records)
				done()
				if err == nil || n != c.accepted || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Canary") {
					t.Errorf("%d accepted, %v", n, err)
				}
				if sink.running != nil {
					t.Error("it still runs")
				}
			}
		})
	}
}

// Close leaves nothing behind of a program that does not end by itself: each
// of its processes holds the other end of a pipe.
func TestCloseKills(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	sink := open(t, script(t, `exec 3>'`+fifo+`'; trap "" TERM; sleep 600 & echo '{"ack":1}'; exec sleep 600`))
	ended := make(chan error, 1)
	go func() {
		_, err := os.ReadFile(fifo)
		ended <- err
	}()
	if _, err := deliver(t.Context(), sink, sinktest.Records(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("something is left of the program")
	}
}

func TestStandardErrorIsLogged(t *testing.T) {
	var log bytes.Buffer
	sink := open(t, script(t, `echo "the last words" >&2; head -c 5000 /dev/zero | tr '\0' x >&2; echo >&2
		i=0; while [ $i -lt 300 ]; do echo more >&2; i=$((i+1)); done`))
	sink.log = slog.New(slog.NewTextHandler(&log, nil))
	if _, err := deliver(t.Context(), sink, sinktest.Records(t, 1, 1)); err == nil {
		t.Error("nothing was acknowledged")
	}
	text := log.String()
	if !strings.Contains(text, `line="the last words"`) || strings.Count(text, "line=more") != 98 ||
		strings.Count(text, "\n") != 101 || !strings.Contains(text, "too much") || len(text) > 30<<10 {
		t.Errorf("logged %s", text)
	}
}

func TestOwnSettingsAreNotPassedOn(t *testing.T) {
	t.Setenv("KELOA_DATABASE", "Canary")
	t.Setenv("SINK_TOKEN", "passed on")
	file := filepath.Join(t.TempDir(), "env")
	sink := open(t, script(t, `env >'`+file+`'; echo '{"ack":1}'; exec cat >/dev/null`))
	if _, err := deliver(t.Context(), sink, sinktest.Records(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(read(t, file), "\n")
	if strings.Contains(got, "KELOA_") || !strings.Contains(got, "SINK_TOKEN=passed on") {
		t.Errorf("the environment is %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"ack":1}`, `{"reject":2,"reason":"x"}`, `{"ack":1}{"ack":2}`, `{"ack":-1}`, `null`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if s := parse(text); s.err == nil && (s.Ack < 0 || s.Reject < 0 || s.Ack+s.Reject == 0) {
			t.Errorf("%q is %+v", text, s)
		}
	})
}
