package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/sinktest"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// patience is how long a test waits for what must happen: far longer than a
// lease.
const patience = 30 * time.Second

func TestLeaseIsHeldByOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		one, other := uuid.New(), uuid.New()
		claim := func(holder uuid.UUID, ttl time.Duration) (auditsink.Lease, error) {
			return j.Claim(t.Context(), auditsink.Destination{Name: "archive"}, holder, ttl)
		}
		first, err := claim(one, time.Hour)
		if err != nil || first.Cursor != 0 {
			t.Fatalf("%+v, %v", first, err)
		}
		if _, err := claim(other, time.Hour); !errors.Is(err, auditsink.ErrHeld) {
			t.Fatalf("claimed a lease that another holds: %v", err)
		}
		if err := j.Advance(t.Context(), first, 7); err != nil {
			t.Fatal(err)
		}

		// The holder itself may claim again, which ends its earlier lease.
		again, err := claim(one, 20*time.Millisecond)
		if err != nil || again.Cursor != 7 || again.Epoch <= first.Epoch {
			t.Fatalf("%+v, %v", again, err)
		}
		wantFenced(t, j, first)

		// One that is paused for longer than its lease loses it.
		var taken auditsink.Lease
		for deadline := time.Now().Add(patience); ; {
			taken, err = claim(other, time.Hour)
			if err == nil {
				break
			}
			if !errors.Is(err, auditsink.ErrHeld) || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		wantFenced(t, j, again)
		if err := j.Release(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if _, err := claim(one, time.Hour); !errors.Is(err, auditsink.ErrHeld) {
			t.Fatalf("a lease was released by who had lost it: %v", err)
		}

		// Its place stays where it is, and never goes back.
		if err := j.Advance(t.Context(), taken, 3); err != nil {
			t.Fatal(err)
		}
		if err := j.Release(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		if last, err := claim(one, time.Hour); err != nil || last.Cursor != 7 {
			t.Errorf("%+v, %v", last, err)
		}
	})
}

func wantFenced(t *testing.T, j *journal.Journal, lease auditsink.Lease) {
	t.Helper()
	if err := j.Advance(t.Context(), lease, 99); !errors.Is(err, auditsink.ErrFenced) {
		t.Fatalf("advanced with a lease that was lost: %v", err)
	}
}

func TestStartIsForNewSinks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		for range 3 {
			appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		}
		run(t, j)()
		for name, test := range map[string]struct {
			start auditsink.Start
			want  int64
		}{
			"begin": {auditsink.Start{}, 0},
			"now":   {auditsink.Start{Now: true}, 3},
			"seq2":  {auditsink.Start{Seq: 2}, 1},
			"later": {auditsink.Start{Seq: 9}, 8},
		} {
			for _, start := range []auditsink.Start{test.start, {Seq: 1}, {Now: true}} {
				lease, err := j.Claim(t.Context(), auditsink.Destination{Name: name, Start: start}, uuid.Max, time.Hour)
				if err != nil || lease.Cursor != test.want || lease.End != max(3, test.want) {
					t.Errorf("%s: the cursor is %d of %d, %v; want %d", name, lease.Cursor, lease.End, err, test.want)
				}
			}
		}
	})
}

// relay feeds NAME=URL from the journal until the returned function is called.
func relay(t *testing.T, j *journal.Journal, sink string) (stop func()) {
	t.Helper()
	var mux auditsink.Mux
	mux.Register(filesink.Scheme, filesink.Open)
	to, err := mux.Open(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- auditsink.NewRelay(to, j, nil).Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// copyOf is what a file would hold that has every record that passes.
func copyOf(t *testing.T, j *journal.Journal, passes func(auditsink.Record) bool) []byte {
	t.Helper()
	records, err := j.Read(t.Context(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var want []auditsink.Record
	for _, r := range records {
		if passes(r) {
			want = append(want, r)
		}
	}
	return auditsink.AppendLines(nil, want)
}

func all(auditsink.Record) bool { return true }

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes, the journal %d, or they differ", filepath.Base(path), len(got), len(want))
	}
}

// A file's copy is the journal, byte by byte, also when relays come and go.
func TestFileHoldsTheJournal(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		stop := run(t, j)
		folder := t.TempDir()
		everything, mints := filepath.Join(folder, "all"), filepath.Join(folder, "mints")
		for range 3 {
			stopAll := relay(t, j, "all=file:"+everything)
			stopMints := relay(t, j, "mints=file:"+mints+"?filter=action:*.mint")
			for range 40 {
				id := uuid.New()
				appendEvents(t, db, event(auditsink.ActionMint, id), event(auditsink.ActionRevoke, id))
				j.Wake()
			}
			stopAll()
			stopMints()
		}
		stop()
		relay(t, j, "all=file:"+everything)() // what was sealed after the last one stopped
		relay(t, j, "mints=file:"+mints+"?filter=action:*.mint")()
		want := copyOf(t, j, all)
		if n := bytes.Count(want, []byte("\n")); n != 3*40*2 {
			t.Errorf("the journal holds %d records", n)
		}
		wantFile(t, everything, want)
		wantFile(t, mints, copyOf(t, j, func(r auditsink.Record) bool { return r.Action == auditsink.ActionMint }))
	})
}

// What is no record, as a disk or a hand has left it, keeps nothing else from a
// sink, and is not taken there for what it says.
func TestUnreadableRecordIsAStub(t *testing.T) {
	whole, err := sinktest.Event(7).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string]string{
		"torn":                string(whole[:len(whole)-30]),
		"another line behind": string(whole) + "\n" + string(sinktest.Records(t, 900, 1)[0].Line),
		"a line's end behind": string(whole) + "\n",
		"of two lines before": strings.Replace(string(whole), `"source":"/workspaces/`, "\"source\":\"/workspaces/\n", 1),
		"of an odd action":    strings.Replace(string(whole), `"type":"ai.keloa.`, "\"type\":\"ai.keloa.\n", 1),
		"of two lines":        strings.Replace(string(whole), `,"outcome"`, ",\n\"outcome\"", 1),
		"of two sequences":    strings.TrimSuffix(string(whole), "}") + `,"data":{},"sequence":"000000000000000900"}`,
		"a list":              strings.Replace(string(whole), `"data":{`, `"data":[{`, 1) + "]",
		"not in UTF-8":        strings.Replace(string(whole), `"outcome"`, "\"\xff\":1,\"outcome\"", 1),
		"nothing of the kind": "garbage",
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) { wantStub(t, db, found) })
		})
	}
}

func wantStub(t *testing.T, db *database.DB, found string) {
	t.Helper()
	j := journal.New(journal.Options{Database: db, Logger: slog.New(slog.DiscardHandler)})
	appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
	run(t, j)()
	_, err := db.SQL().ExecContext(t.Context(), "INSERT INTO audit_entries (id, workspace_id, at, action, outcome, test, record)"+
		" SELECT ?, workspace_id, at, action, outcome, test, ? FROM audit_entries", uuid.Must(uuid.NewV7()), []byte(found))
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, db, event(auditsink.ActionRevoke, uuid.New()))
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	stop := run(t, j)
	relay(t, j, "archive=file:"+path)()
	stop()

	records, err := j.Read(t.Context(), 0, 10)
	if err != nil || len(records) != 3 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	torn := slices.IndexFunc(records, auditsink.Record.IsStub)
	if torn < 1 || records[torn].LeafHash() != tlog.RecordHash([]byte(found)) || !bytes.Contains(records[torn].Line, []byte(`"changes":{"action":[null,"`+auditsink.ActionMint+`"]}`)) {
		t.Fatalf("the stub is record %d of:\n%s", torn+1, auditsink.AppendLines(nil, records))
	}
	wantFile(t, path, auditsink.AppendLines(nil, records))
	exported, err := j.Export(t.Context(), journal.Range{}, 0, 10)
	if err != nil || !bytes.Equal(auditsink.AppendLines(nil, exported), auditsink.AppendLines(nil, records)) {
		t.Errorf("exported %d records, %v", len(exported), err)
	}
	page, err := j.List(t.Context(), journal.Query{Workspace: sinktest.Event(1).Workspace.ID})
	if err != nil || len(page.Entries) != 3 {
		t.Errorf("the list has %+v, %v", page.Entries, err)
	}
	if _, err := j.Verify(t.Context(), journal.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("audit record %d: was changed: it is no record any more", torn+1)) {
		t.Errorf("Verify: %v", err)
	}
}

// Of two relays of one name, one delivers, and the other takes over after it.
func TestTwoRelaysDeliverOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		one, other := open(db), open(db)
		stop := run(t, one)
		folder := t.TempDir()
		paths := []string{filepath.Join(folder, "one"), filepath.Join(folder, "other")}
		stops := []func(){relay(t, one, "archive=file:"+paths[0]), relay(t, other, "archive=file:"+paths[1])}

		size := func(path string) int64 {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		wait := func(condition func() bool) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.After(patience); !condition(); {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatal("waited in vain")
				}
			}
		}
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		wait(func() bool { return size(paths[0])+size(paths[1]) > 0 })
		first := 0
		if size(paths[1]) > 0 {
			first = 1
		}
		stops[first]()
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		wait(func() bool { return size(paths[1-first]) > 0 })
		stops[1-first]()
		stop()

		want := copyOf(t, one, all)
		end := bytes.IndexByte(want, '\n') + 1
		wantFile(t, paths[first], want[:end])
		wantFile(t, paths[1-first], want[end:])
	})
}
