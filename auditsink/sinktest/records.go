package sinktest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

var actions = [...]string{auditsink.ActionMint, auditsink.ActionRevoke, auditsink.ActionRefuse, auditsink.ActionSignIn}

// Event returns the event of a number: always the same, and of an action that
// changes from one to the next.
func Event(n int64) auditsink.Event {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[6], id[8] = 0x70, 0x80
	actor, target := uuid.UUID{1}, uuid.UUID{2}
	return auditsink.Event{
		ID:        id,
		At:        time.Date(2026, 11, 23, 9, 12, 44, 120_931_000, time.UTC).Add(time.Duration(n) * time.Microsecond),
		Workspace: auditsink.Workspace{ID: uuid.UUID{3}, Slug: "default"},
		Actor:     auditsink.Actor{Kind: auditsink.Operator, ID: &actor, Name: "owner@localhost"},
		Action:    actions[n%int64(len(actions))],
		Outcome:   auditsink.Succeeded,
		Target:    auditsink.Target{Type: "ApiToken", ID: &target, Label: fmt.Sprintf("consumer %d", n)},
		IP:        "203.0.113.7",
		UserAgent: "sinktest",
		RequestID: fmt.Sprintf("request-%d", n),
		Changes:   map[string][2]any{"state": {nil, "ACTIVE"}},
	}
}

// Records returns the records of n events, the first of sequence first.
func Records(t testing.TB, first int64, n int) []auditsink.Record {
	t.Helper()
	records := make([]auditsink.Record, n)
	for i := range records {
		seq := first + int64(i)
		records[i] = seal(t, seq, Event(seq))
	}
	return records
}

// records are those of the destination that a test calls first to first+n-1.
func (d Destination) records(t testing.TB, first int64, n int) []auditsink.Record {
	t.Helper()
	return Records(t, d.after+first, n)
}

func seal(t testing.TB, seq int64, e auditsink.Event) auditsink.Record {
	t.Helper()
	r, err := sealed(seq, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealed(seq int64, e auditsink.Event) (auditsink.Record, error) {
	canonical, err := e.Canonical()
	if err != nil {
		return auditsink.Record{}, err
	}
	return auditsink.NewRecord(seq, canonical)
}

// Largest returns the record of a sequence that is as large as a record can be.
func Largest(t testing.TB, seq int64) auditsink.Record {
	t.Helper()
	const part = 8000 // of the bytes that one value may take
	e := Event(seq)
	for room := part + 1; room > part; {
		name := fmt.Sprintf("padding %d", len(e.Changes))
		e.Changes[name] = [2]any{nil, ""}
		room = auditsink.MaxCanonical - canonicalLen(t, e)
		e.Changes[name] = [2]any{nil, strings.Repeat("x", min(room, part))}
	}
	return seal(t, seq, e)
}

func canonicalLen(t testing.TB, e auditsink.Event) int {
	t.Helper()
	canonical, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return len(canonical)
}

// Hostile returns records whose texts break what is careless with them, the
// first of sequence first.
func Hostile(t testing.TB, first int64) []auditsink.Record {
	t.Helper()
	whole := string(Records(t, 1, 1)[0].Line)
	texts := []string{
		"", " ", "na\u00efve \u65e5\u672c\u8a9e", "\U0001f98a \U0001d4b3", // two, three and four bytes
		"\u0645\u0631\u062d\u0628\u0627 \u202egnp.exe", // right to left
		"nul \x00 bell \x07 escape \x1b[31m", "one\ntwo\r\nthree\u2028four\u2029",
		"bad \xff\xfe\xed\xa0\x80 bytes", `quote " backslash \ slash /`, "<script>&amp;</script>",
		`","data":{"forged":true},"sequence":"000000000000000099`,
		"x\n" + whole, whole + "\n" + whole,
	}
	records := make([]auditsink.Record, len(texts))
	for i, text := range texts {
		seq := first + int64(i)
		e := Event(seq)
		e.Target.Label, e.UserAgent, e.RequestID, e.Actor.Name = text, text, text, text
		e.Changes = map[string][2]any{"label": {text, []any{text, 1, nil}}, text: {nil, true}}
		records[i] = seal(t, seq, e)
	}
	return records
}
