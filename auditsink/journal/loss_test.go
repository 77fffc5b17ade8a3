package journal_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// kept returns the newest checkpoint, as somebody keeps it elsewhere.
func (l *lasting) kept(t *testing.T) string {
	t.Helper()
	signed, err := l.LastCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Who cuts records off under a server has it record a loss. Each checkpoint over
// what was cut off convicts them, unless a copy holds that as it was signed.
func TestVerifyOfLostRecordsThatWereSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		third := l.kept(t)
		l.serve(t, 1)
		fourth := l.kept(t)
		l.serve(t, 2)
		sixth := l.kept(t)
		copied := copyOf(t, l.Journal, all)
		l.putBack(t, 3)
		l.serve(t, 2) // records 7 and 8, and 9, which says what was lost
		ninth := l.kept(t)

		lines := bytes.SplitAfter(copied, []byte("\n"))
		another := relined(t, lines[0], 5)
		copyWith := func(lines ...[]byte) journal.VerifyOptions {
			return journal.VerifyOptions{Copy: bytes.NewReader(joined(lines...)), Checkpoints: []string{sixth}}
		}
		for name, test := range map[string]struct {
			options journal.VerifyOptions
			reason  string
		}{
			"all of it":           {journal.VerifyOptions{Checkpoints: []string{sixth}}, "is lost: a checkpoint that was kept covers records 4 to 6, which the database has lost; see whether a copy holds them"},
			"some of it":          {journal.VerifyOptions{Checkpoints: []string{fourth, ninth}}, "covers records 4 to 4"},
			"beside the copy":     {journal.VerifyOptions{Beside: []string{third, sixth}}, "covers records 4 to 6"},
			"the copy ends early": {copyWith(lines[:5]...), "covers records 4 to 6, which the database has lost, and the copy does not hold all of them"},
			"the copy has a gap":  {copyWith(lines[3], lines[5]), "does not hold all of them"},
			"the copy has a stub": {copyWith(lines[3], stubOf(t, lines[4]), lines[5]), "does not hold all of them"},
			"another is in the copy": {copyWith(lines[3], another, lines[5]),
				"is lost, and it, or one after it up to record 6, is not in the copy as it was signed"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := l.Verify(t.Context(), test.options)
				wantTampered(t, err, 4, test.reason)
			})
		}

		report, err := l.Verify(t.Context(), journal.VerifyOptions{Copy: bytes.NewReader(copied), Checkpoints: []string{third, fourth, ninth}, Beside: []string{sixth}})
		if err != nil || report.Records != 6 || len(report.Lost) != 1 || report.Lost[0].Copied != 3 || report.Lost[0].Signed != 6 || report.Signed != 9 {
			t.Errorf("%+v, %v", report, err)
		}
		report, err = l.Verify(t.Context(), journal.VerifyOptions{Checkpoints: []string{third, ninth}})
		if err != nil || report.Records != 6 || len(report.Lost) != 1 || report.Lost[0].Signed != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		report, err = l.Verify(t.Context(), journal.VerifyOptions{Copy: bytes.NewReader(joined(lines[3], stubOf(t, lines[4]), lines[5]))})
		if err != nil || report.Lost[0].Copied != 2 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// relined gives a record another place, with the leaf hash that it has there.
func relined(t *testing.T, line []byte, seq int64) []byte {
	t.Helper()
	r, err := auditsink.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = auditsink.NewRecord(seq, r.Canonical()); err != nil {
		t.Fatal(err)
	}
	return auditsink.AppendLines(nil, []auditsink.Record{r})
}

func stubOf(t *testing.T, line []byte) []byte {
	t.Helper()
	r, err := auditsink.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.Stub(); err != nil {
		t.Fatal(err)
	}
	return auditsink.AppendLines(nil, []auditsink.Record{r})
}

// What is lost a second time was signed over what was lost the first time, and a
// server may sign where a loss ends.
func TestVerifyOfWhatWasLostTwice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		text, err := journal.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		l := last(t, db)
		if l.key, err = journal.ParseKey(text); err != nil {
			t.Fatal(err)
		}
		l.memory = journal.NewMemory(filepath.Join(t.TempDir(), "key"), l.key)
		l.serve(t, 3)
		l.serve(t, 2)
		l.putBack(t, 3)
		l.serve(t, 1) // records 6 and 7
		l.serve(t, 2)
		ninth := l.kept(t)
		copied := copyOf(t, l.Journal, all)
		l.putBack(t, 7)
		l.serve(t, 1) // records 10 and 11

		root, err := l.Root(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(text)
		if err != nil {
			t.Fatal(err)
		}
		fifth, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n5\n%s\n", signer.Name(), root)}, signer)
		if err != nil {
			t.Fatal(err)
		}

		_, err = l.Verify(t.Context(), journal.VerifyOptions{Checkpoints: []string{string(fifth), ninth}})
		wantTampered(t, err, 8, "covers records 8 to 9")
		report, err := l.Verify(t.Context(), journal.VerifyOptions{Checkpoints: []string{string(fifth), ninth}, Copy: bytes.NewReader(copied)})
		if err != nil || report.Records != 7 || len(report.Lost) != 2 || report.Lost[0].Signed != 0 || report.Lost[1].Signed != 9 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// Of a loss that was not passed over yet more may be lost: both were signed as one
// log.
func TestVerifyOfLossesSideBySide(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		l := last(t, db)
		l.serve(t, 3)
		l.serve(t, 2)
		first := l.memory
		l.memory = journal.NewMemory(filepath.Join(t.TempDir(), "other"), l.key)
		l.serve(t, 2) // the first server remembers 5, the second 7
		seventh := l.kept(t)
		copied := copyOf(t, l.Journal, all)
		l.putBack(t, 3)
		lease, err := l.Claim(t.Context(), auditsink.Destination{Name: "archive"}, uuid.New(), 0)
		if err != nil {
			t.Fatal(err)
		}
		lease.Cursor = 3
		for _, high := range []int64{5, 7} {
			if err := l.Ahead(t.Context(), lease, high); err != nil {
				t.Fatal(err)
			}
		}
		l.memory = first
		l.serve(t, 1)

		_, err = l.Verify(t.Context(), journal.VerifyOptions{Checkpoints: []string{seventh}})
		wantTampered(t, err, 4, "covers records 4 to 7")
		report, err := l.Verify(t.Context(), journal.VerifyOptions{Checkpoints: []string{seventh}, Copy: bytes.NewReader(copied)})
		if err != nil || len(report.Lost) != 2 || report.Lost[1].Signed != 7 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
