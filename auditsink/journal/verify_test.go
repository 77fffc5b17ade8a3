package journal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/auditcheckpoint"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

func newKey(t *testing.T) *journal.Key {
	t.Helper()
	text, err := journal.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := journal.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// proven is a log of a few records with a checkpoint at 4, 9 and 13, and what
// was kept of it elsewhere.
type proven struct {
	*journal.Journal
	db          *database.DB
	key         *journal.Key
	copied      []byte
	checkpoints []string
}

func prove(t *testing.T, db *database.DB) *proven {
	t.Helper()
	p := &proven{db: db, key: newKey(t)}
	for _, n := range []int{4, 5, 4} {
		p.seal(t, n)
		signed, err := p.LastCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.checkpoints = append(p.checkpoints, signed)
	}
	p.copied = copyOf(t, p.Journal, all)
	return p
}

// seal appends and seals n records, and has a new process sign them.
func (p *proven) seal(t *testing.T, n int) {
	t.Helper()
	for range n {
		appendEvents(t, p.db, event(auditsink.ActionMint, uuid.New()))
	}
	p.Journal = journal.New(journal.Options{Database: p.db, Key: p.key})
	run(t, p.Journal)()
}

func (p *proven) verify(t *testing.T, o journal.VerifyOptions) (journal.Report, error) {
	t.Helper()
	return p.Verify(t.Context(), o)
}

// everything is all that there is to compare the log with.
func (p *proven) everything() journal.VerifyOptions {
	return journal.VerifyOptions{Keys: []string{p.key.Public()}, Checkpoints: p.checkpoints, Copy: bytes.NewReader(p.copied)}
}

func wantTampered(t *testing.T, err error, seq int64, reason string) {
	t.Helper()
	found, ok := errors.AsType[*journal.TamperedError](err)
	if !ok || found.Seq != seq || !strings.Contains(found.Reason, reason) {
		t.Errorf("got %v, want record %d: %s", err, seq, reason)
	}
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		var told int64
		o := p.everything()
		o.Progress = func(_, total int64) { told = total }
		report, err := p.verify(t, o)
		if err != nil || told != 13 {
			t.Errorf("%v, told of %d", err, told)
		}
		if report.Records != 13 || report.Checkpoints != 3 || report.Signed != 13 || report.Copied != 13 {
			t.Errorf("%+v", report)
		}
		report, err = p.verify(t, journal.VerifyOptions{})
		if err != nil || len(report.Keys) != 1 || report.Keys[0] != p.key.Public() {
			t.Errorf("%+v, %v", report, err)
		}

		// A copy may begin late, have records twice, and hold what is no
		// record.
		lines := bytes.SplitAfter(p.copied, []byte("\n"))
		some := joined(lines[3], []byte("hello\n"), lines[4], lines[3], lines[4], lines[5], lines[6][:20])
		report, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(some)})
		if err != nil || report.Copied != 3 || report.Foreign != 2 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// A copy has every record between its first and its last, but for what a filter
// keeps from it.
func TestVerifyFindsWhatTheCopyLacks(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		lines := bytes.SplitAfter(p.copied, []byte("\n"))
		gap := joined(lines[2], lines[3], lines[6])
		_, err := p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(gap)})
		wantTampered(t, err, 5, "is not in the copy")
		_, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(gap), CopyFilter: filter(t, "action:*.mint")})
		wantTampered(t, err, 5, "is not in the copy")
		report, err := p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(gap), CopyFilter: filter(t, "action:*.revoke")})
		if err != nil || report.Copied != 3 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// What is left of a message whose sender was killed is passed over, wherever it
// was cut. A record of which there is nothing else is missing.
func TestVerifyPassesOverWhatWasCutOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		lines := bytes.SplitAfter(p.copied, []byte("\n"))
		whole := bytes.TrimSuffix(lines[1], []byte("\n"))
		for _, n := range []int{1, len(whole) / 3, len(whole) - len(`"}}`), len(whole) - 1} {
			cut := joined(whole[:n], []byte("\n"))
			report, err := p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(joined(lines[0], cut, joined(lines[1:]...)))})
			if err != nil || report.Copied != report.Records || report.Foreign != 1 {
				t.Errorf("cut to %d bytes: %+v, %v", n, report, err)
			}
			_, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(joined(lines[0], cut, joined(lines[2:]...)))})
			wantTampered(t, err, 2, "is not in the copy")
		}
	})
}

func filter(t *testing.T, text string) auditsink.Filter {
	t.Helper()
	f, err := auditsink.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestVerifyOfAnEmptyLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		report, err := open(db).Verify(t.Context(), journal.VerifyOptions{Copy: strings.NewReader("")})
		if err != nil || report.Records != 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// tamper runs statements as an administrator would: with the triggers away.
func (p *proven) tamper(t *testing.T, statements ...string) {
	t.Helper()
	triggers := []string{
		"audit_entries_new", "audit_entries_sealed_only", "audit_entries_kept", "audit_tree_unchanged", "audit_tree_kept", "audit_tree_new",
		"audit_checkpoints_unchanged", "audit_checkpoints_kept", "audit_checkpoints_new",
		"audit_keys_unchanged", "audit_keys_kept", "audit_keys_new",
	}
	for _, trigger := range triggers {
		p.exec(t, "DROP TRIGGER IF EXISTS "+trigger)
	}
	for _, statement := range statements {
		p.exec(t, statement)
	}
}

func (p *proven) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := p.db.SQL().ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// rebuild makes the tree anew from the records, and a checkpoint over all of
// it: what an attacker with all of the database does.
func (p *proven) rebuild(t *testing.T, key *journal.Key) {
	t.Helper()
	p.tamper(t, "DELETE FROM audit_tree", "DELETE FROM audit_checkpoints", "DELETE FROM audit_keys")
	run(t, journal.New(journal.Options{Database: p.db, Key: key}))()
	if n := p.db.Client().AuditTree.Query().CountX(t.Context()); n == 0 {
		t.Fatal("the tree is empty")
	}
}

// edit changes what record seq says, and nothing else of it.
func (p *proven) edit(t *testing.T, seq int64) {
	t.Helper()
	row := p.db.Client().AuditEntry.Query().Where(auditentry.Seq(seq)).OnlyX(t.Context())
	changed := bytes.Replace(row.Record, []byte(`"SUCCEEDED"`), []byte(`"SUCCEEDER"`), 1)
	if bytes.Equal(changed, row.Record) {
		t.Fatal("nothing was changed")
	}
	p.tamper(t)
	p.exec(t, "UPDATE audit_entries SET record = ?, outcome = 'SUCCEEDER' WHERE seq = ?", changed, seq)
}

func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		tamper func(t *testing.T, p *proven)
		seq    int64
		reason string // by the database alone
	}{
		{"edited", func(t *testing.T, p *proven) { p.edit(t, 7) }, 7, "was changed"},
		{"a column", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_entries SET action = 'developers.api_token.revoke' WHERE seq = 7")
		}, 7, "column action"},
		{"the mode", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_entries SET test = NOT test WHERE seq = 7")
		}, 7, "column test"},
		{"the signature of the end", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_head SET note = REPLACE(note, '— keloa.ai/audit-log ', '— keloa.ai/audit-log A')")
		}, 13, "the end of the log"},
		{"no record any more", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_entries SET record = '{' WHERE seq = 7")
		}, 7, "no record any more"},
		{"deleted", func(t *testing.T, p *proven) {
			p.tamper(t, "DELETE FROM audit_entries WHERE seq = 7")
		}, 7, "is missing"},
		{"deleted, and the rest moved up", func(t *testing.T, p *proven) {
			p.tamper(t, "DELETE FROM audit_entries WHERE seq = 7",
				"UPDATE audit_entries SET seq = seq + 1000 WHERE seq > 7",
				"UPDATE audit_entries SET seq = seq - 1001 WHERE seq > 1000",
				"UPDATE audit_head SET seq = 12")
		}, 7, "not in its place"},
		{"reordered", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_entries SET seq = 1000 WHERE seq = 7",
				"UPDATE audit_entries SET seq = 7 WHERE seq = 10",
				"UPDATE audit_entries SET seq = 10 WHERE seq = 1000")
		}, 7, "not in its place"},
		{"truncated", func(t *testing.T, p *proven) {
			p.tamper(t, "DELETE FROM audit_entries WHERE seq >= 11")
		}, 11, "is missing"},
		{"truncated, and the head", func(t *testing.T, p *proven) {
			p.tamper(t, "DELETE FROM audit_entries WHERE seq >= 11", "UPDATE audit_head SET seq = 10")
		}, 11, "is missing"},
		{"the head alone", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_head SET seq = 10")
		}, 11, "is behind the end of the log, which the head has at record 10"},
		{"the signature of the end, taken away", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_head SET note = NULL")
		}, 13, "it is the last, and the head of the log lacks the signature over it"},
		{"the tree", func(t *testing.T, p *proven) {
			p.exchange(t, 8)
		}, 8, "the Merkle tree above it"},
		{"a leaf", func(t *testing.T, p *proven) {
			p.tamper(t, "DELETE FROM audit_tree WHERE seq = 8")
		}, 8, "no leaf"},
		{"a checkpoint", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_checkpoints SET note = REPLACE(note, '— keloa.ai/audit-log ', '— keloa.ai/audit-log A') WHERE size = 9")
		}, 9, "the checkpoint at it"},
		{"a checkpoint moved", func(t *testing.T, p *proven) {
			p.tamper(t, "UPDATE audit_checkpoints SET size = 6 WHERE size = 9")
		}, 5, "up to record 6"},
		{"re-signed with another key", func(t *testing.T, p *proven) {
			p.rebuild(t, newKey(t))
			p.tamper(t, "DELETE FROM audit_keys")
		}, 13, "signed with no known key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				p := prove(t, db)
				test.tamper(t, p)
				_, err := p.verify(t, journal.VerifyOptions{})
				wantTampered(t, err, test.seq, test.reason)
			})
		})
	}
}

// exchange changes the hash of the subtree that record seq completes.
func (p *proven) exchange(t *testing.T, seq int64) {
	t.Helper()
	p.tamper(t)
	row := p.db.Client().AuditTree.GetX(t.Context(), seq)
	row.Hashes[len(row.Hashes)-1] ^= 1
	p.exec(t, "UPDATE audit_tree SET hashes = ? WHERE seq = ?", row.Hashes, seq)
}

// Who has all of the database can make all of it agree. What was kept elsewhere
// convicts them: the keys, a checkpoint, a copy.
func TestVerifyAgainstWhatWasKeptElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		p.edit(t, 7)
		p.rebuild(t, newKey(t))
		if _, err := p.verify(t, journal.VerifyOptions{}); err != nil {
			t.Errorf("the database does not agree with itself: %v", err)
		}
		_, err := p.verify(t, journal.VerifyOptions{Keys: []string{p.key.Public()}})
		wantTampered(t, err, 13, "signed with no known key")
		_, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(p.copied)})
		wantTampered(t, err, 7, "not what the copy holds")

		p.rebuild(t, p.key) // who has the key of a server as well
		o := p.everything()
		o.Copy = nil
		_, err = p.verify(t, o)
		wantTampered(t, err, 5, "up to record 9, is not what was signed")
		_, err = p.verify(t, p.everything())
		wantTampered(t, err, 7, "not what the copy holds")
	})
}

// Who has the database and none of the keys can make the tree agree with what
// they changed, and take away the checkpoints that it contradicts: what they
// cannot make is the signature of the end.
func TestVerifyWantsTheEndSigned(t *testing.T) {
	for name, hide := range map[string][]string{
		"the checkpoints after it are deleted": {"DELETE FROM audit_checkpoints WHERE size > 4"},
		"all checkpoints are deleted":          {"DELETE FROM audit_checkpoints"},
		"all that was signed is deleted":       {"DELETE FROM audit_checkpoints", "UPDATE audit_head SET note = NULL"},
		"the keys are deleted, too":            {"DELETE FROM audit_checkpoints", "UPDATE audit_head SET note = NULL", "DELETE FROM audit_keys"},
		"an old signature is put in its place": {
			"UPDATE audit_head SET note = (SELECT note FROM audit_checkpoints WHERE size = 4)",
			"DELETE FROM audit_checkpoints WHERE size > 4",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				p := prove(t, db)
				p.edit(t, 7)
				p.regrow(t)
				p.tamper(t, hide...)
				for _, keys := range [][]string{nil, {p.key.Public()}} {
					_, err := p.verify(t, journal.VerifyOptions{Keys: keys})
					if found, ok := errors.AsType[*journal.TamperedError](err); !ok {
						t.Errorf("with keys %v: %v", keys, err)
					} else if found.Seq > 13 {
						t.Errorf("it names record %d", found.Seq)
					}
				}
			})
		})
	}
}

// regrow makes the tree that the records have now, as [proven.rebuild] does, but
// signs nothing.
func (p *proven) regrow(t *testing.T) {
	t.Helper()
	head := p.db.Client().AuditHead.Query().OnlyX(t.Context())
	p.tamper(t, "DELETE FROM audit_tree")
	appendEvents(t, p.db, event(auditsink.ActionMint, uuid.New()))
	run(t, journal.New(journal.Options{Database: p.db}))() // the tree catches up before it grows
	p.tamper(t, "DELETE FROM audit_entries WHERE seq > 13", "DELETE FROM audit_tree WHERE seq > 13", "UPDATE audit_head SET seq = 13")
	p.exec(t, "UPDATE audit_head SET note = ?", *head.Note)
}

// The end is signed with the records that it is made of: after the loss of a
// process, too.
func TestWhatIsSealedIsSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := journal.New(journal.Options{Database: db, Key: newKey(t)})
		stop := run(t, j)
		for n := range int64(5) {
			sealed := j.Sealed()
			appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
			j.Wake()
			<-sealed
			report, err := j.Verify(t.Context(), journal.VerifyOptions{})
			if err != nil || report.Signed != report.Records || report.Records < n+1 {
				t.Errorf("%+v, %v", report, err)
			}
		}
		stop()
	})
}

func TestVerifyOfAnEmptyLogThatWasSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		p.tamper(t, "DELETE FROM audit_entries", "DELETE FROM audit_tree", "DELETE FROM audit_checkpoints", "UPDATE audit_head SET seq = 0, note = NULL")
		_, err := p.verify(t, journal.VerifyOptions{})
		wantTampered(t, err, 1, "is empty")
	})
}

// What a sink keeps beside its copy convicts by itself, also where the copy is
// gone, and a log that is signed with keys of others.
func TestVerifyAgainstWhatIsBesideACopy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		beside := journal.VerifyOptions{Beside: p.checkpoints}
		if report, err := p.verify(t, beside); err != nil || report.Signed != 13 {
			t.Errorf("%+v, %v", report, err)
		}
		p.edit(t, 7)
		p.rebuild(t, newKey(t))
		_, err := p.verify(t, beside)
		if err == nil || !strings.Contains(err.Error(), "beside the copy: open a checkpoint") {
			t.Errorf("signed with another key: %v", err)
		}
		p.rebuild(t, p.key)
		_, err = p.verify(t, beside)
		wantTampered(t, err, 5, "up to record 9, is not what was signed")
	})
}

// A log that was cut off, or put back to an earlier state, agrees with itself.
func TestVerifyOfALogThatWasPutBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		p.tamper(t, "DELETE FROM audit_entries WHERE seq > 9", "DELETE FROM audit_tree WHERE seq > 9",
			"DELETE FROM audit_checkpoints WHERE size > 9",
			"UPDATE audit_head SET seq = 9, note = (SELECT note FROM audit_checkpoints WHERE size = 9)")
		if report, err := p.verify(t, journal.VerifyOptions{}); err != nil || report.Records != 9 {
			t.Errorf("%+v, %v", report, err)
		}
		o := p.everything()
		o.Copy = nil
		_, err := p.verify(t, o)
		wantTampered(t, err, 10, "once went on to record 13")
		_, err = p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(p.copied)})
		wantTampered(t, err, 10, "the copy has record 10")

		// It went on since, in another way.
		p.seal(t, 6)
		_, err = p.verify(t, p.everything())
		wantTampered(t, err, 10, "not what the copy holds")
	})
}

func TestVerifyOfACopyThatWasChanged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		p := prove(t, db)
		changed := bytes.Replace(p.copied, []byte(`"SUCCEEDED"`), []byte(`"SUCCEEDER"`), 1)
		_, err := p.verify(t, journal.VerifyOptions{Copy: bytes.NewReader(changed)})
		if !errors.Is(err, auditsink.ErrLeafHash) || !strings.Contains(err.Error(), "line 1 of the copy") {
			t.Errorf("got %v", err)
		}
		endless := strings.NewReader(strings.Repeat("x", auditsink.MaxLine+10))
		if _, err := p.verify(t, journal.VerifyOptions{Copy: endless}); err == nil || !strings.Contains(err.Error(), "longer than any record") {
			t.Errorf("got %v", err)
		}
	})
}

// A process does not sign a log that no longer begins with what it has signed.
func TestRewrittenLogIsNotSigned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now := time.Now()
		j := journal.New(journal.Options{Database: db, Key: newKey(t), Now: func() time.Time { return now }})
		p := &proven{Journal: j, db: db}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		sealed := j.Sealed()
		go func() { ended <- j.Run(ctx) }()
		<-sealed
		for deadline := time.Now().Add(patience); db.Client().AuditCheckpoint.Query().CountX(t.Context()) == 0; {
			if time.Now().After(deadline) {
				t.Fatal("nothing was signed")
			}
		}
		p.edit(t, 1)
		row := db.Client().AuditEntry.Query().OnlyX(t.Context())
		hash := tlog.RecordHash(row.Record)
		p.exec(t, "UPDATE audit_tree SET hashes = ?", hash[:])
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		cancel()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "does not continue what was signed") {
			t.Errorf("Run: %v", err)
		}
		if n := db.Client().AuditCheckpoint.Query().Where(auditcheckpoint.IDGT(1)).CountX(t.Context()); n != 0 {
			t.Error("it was signed")
		}
	})
}

func TestKeysAreRead(t *testing.T) {
	text, err := journal.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", text[:len(text)-4], strings.Replace(text, "keloa.ai/audit-log", "another", 1), text + "A"} {
		if _, err := journal.ParseKey(bad); err == nil || strings.Contains(err.Error(), text[40:]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
