package auditsink_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

func example() auditsink.Event {
	operator, token := uuid.MustParse("019935b0-0000-7000-8000-000000000001"), uuid.MustParse("019935b0-0000-7000-8000-000000000002")
	return auditsink.Event{
		ID:        uuid.MustParse("019935b0-0000-7000-8000-0000000000ff"),
		At:        time.Date(2026, 11, 23, 10, 12, 44, 120_930_000, time.FixedZone("CET", 3600)),
		Workspace: auditsink.Workspace{ID: uuid.MustParse("019935b0-0000-7000-8000-000000000003"), Slug: "default"},
		Actor:     auditsink.Actor{Kind: auditsink.Operator, ID: &operator, Name: "owner@localhost"},
		Action:    auditsink.ActionRevoke,
		Outcome:   auditsink.Succeeded,
		Target:    auditsink.Target{Type: "ApiToken", ID: &token, Label: "<zapier> & \"prod\"\n\u00e9\xff"},
		IP:        "203.0.113.7",
		UserAgent: "curl/8",
		RequestID: "r-1",
		Changes:   map[string][2]any{"state": {"ACTIVE", "REVOKED"}, "reason": {nil, "left"}},
	}
}

const exampleHead = `{"specversion":"1.0","id":"019935b0-0000-7000-8000-0000000000ff","source":"/workspaces/019935b0-0000-7000-8000-000000000003",` +
	`"type":"ai.keloa.developers.api_token.revoke","time":"2026-11-23T09:12:44.120930Z","datacontenttype":"application/json",`

const exampleData = `"data":{"workspace":{"id":"019935b0-0000-7000-8000-000000000003","slug":"default"},` +
	`"actor":{"kind":"OPERATOR","id":"019935b0-0000-7000-8000-000000000001","name":"owner@localhost"},` +
	`"action":"developers.api_token.revoke","outcome":"SUCCEEDED",` +
	`"target":{"type":"ApiToken","id":"019935b0-0000-7000-8000-000000000002","label":"<zapier> & \"prod\"\né�"},` +
	`"ip":"203.0.113.7","userAgent":"curl/8","requestId":"r-1","changes":{"reason":[null,"left"],"state":["ACTIVE","REVOKED"]}}}`

func canonical(t *testing.T, e auditsink.Event) string {
	t.Helper()
	text, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCanonical(t *testing.T) {
	if got := canonical(t, example()); got != exampleHead+exampleData {
		t.Errorf("got\n%s\nwant\n%s", got, exampleHead+exampleData)
	}
}

func TestCanonicalLeavesOutWhatIsMissing(t *testing.T) {
	e := example()
	e.Actor, e.Target = auditsink.Actor{Kind: auditsink.System, Name: "clock"}, auditsink.Target{Type: "ApiToken"}
	e.IP, e.UserAgent, e.RequestID, e.Changes = "", "", "", nil
	want := `"data":{"workspace":{"id":"019935b0-0000-7000-8000-000000000003","slug":"default"},"actor":{"kind":"SYSTEM","name":"clock"},` +
		`"action":"developers.api_token.revoke","outcome":"SUCCEEDED","target":{"type":"ApiToken"}}}`
	if got := canonical(t, e); got != exampleHead+want {
		t.Errorf("got\n%s\nwant\n%s", got, exampleHead+want)
	}
}

func TestCanonicalSaysTheMode(t *testing.T) {
	e := example()
	e.Test = true
	text := canonical(t, e)
	if !strings.Contains(text, `\"prod\"\né�"},"mode":"TEST","ip":"203.0.113.7"`) {
		t.Errorf("got %s", text)
	}
	if back, err := auditsink.ParseCanonical([]byte(text)); err != nil || !back.Test {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestCanonicalRefusesWhatSaysTooLittle(t *testing.T) {
	for name, spoil := range map[string]func(*auditsink.Event){
		"no id":          func(e *auditsink.Event) { e.ID = uuid.Nil },
		"no time":        func(e *auditsink.Event) { e.At = time.Time{} },
		"no workspace":   func(e *auditsink.Event) { e.Workspace.ID = uuid.Nil },
		"unknown action": func(e *auditsink.Event) { e.Action = "unheard.of" },
		"not JSON":       func(e *auditsink.Event) { e.Changes = map[string][2]any{"x": {make(chan int), nil}} },
	} {
		e := example()
		spoil(&e)
		if _, err := e.Canonical(); err == nil {
			t.Error(name, "was accepted")
		}
	}
}

func TestCanonicalIsBounded(t *testing.T) {
	e := example()
	e.UserAgent = strings.Repeat("\u00e9\x00", 50_000)
	e.Changes = map[string][2]any{"state": {"ACTIVE", "REVOKED"}, "big": {strings.Repeat("x", 100_000), nil}}
	for key := range strings.SplitSeq("abcdefghijklmnopqrstuvwxyz", "") {
		e.Changes[key] = [2]any{strings.Repeat("y", 2000), strings.Repeat("z", 500)}
	}
	text := canonical(t, e)
	if len(text) > auditsink.MaxCanonical || text != canonical(t, e) {
		t.Errorf("%d bytes, or different ones each time", len(text))
	}
	got, err := auditsink.ParseCanonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got.Changes["state"] != e.Changes["state"] || got.Changes["big"][0] != "(left out: 100002 bytes)" || !strings.HasPrefix(e.UserAgent, got.UserAgent) {
		t.Errorf("too much was left out: %v, a user agent of %d bytes", got.Changes, len(got.UserAgent))
	}
	e.Target.Label = strings.Repeat("x", auditsink.MaxCanonical)
	if _, err := e.Canonical(); !errors.Is(err, auditsink.ErrTooLarge) {
		t.Errorf("an endless label: %v", err)
	}
}

func TestParseCanonical(t *testing.T) {
	want := example()
	want.At, want.Target.Label = want.At.UTC(), strings.ToValidUTF8(want.Target.Label, "\uFFFD")
	got, err := auditsink.ParseCanonical([]byte(exampleHead + exampleData))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// What is read back and written again is the same, to the byte, and the line of
// a record gives back its canonical bytes.
func FuzzRecord(f *testing.F) {
	f.Add("label", "agent", "key", "value", int64(42))
	f.Add(`","data":{"a":1},"sequence":"`, "\x00\n\u2028", "\xff", "\U0001f98a", int64(1))
	f.Fuzz(func(t *testing.T, label, agent, key, value string, number int64) {
		e := example()
		e.Target.Label, e.UserAgent, e.RequestID = label, agent, value
		e.Changes = map[string][2]any{key: {value, number}, value: {nil, []any{label, true}}}
		first, err := e.Canonical()
		if errors.Is(err, auditsink.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := auditsink.ParseCanonical(first)
		if err != nil {
			t.Fatal(err)
		}
		if again := canonical(t, back); again != string(first) {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
		seq := max(number&0x7fffffffffff, 1)
		r, err := auditsink.NewRecord(seq, first)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(r.Line), "\n\r") || len(r.Line) > auditsink.MaxLine {
			t.Fatalf("not a line: %q", r.Line)
		}
		parsed, err := auditsink.ParseLine(r.Line)
		if err != nil || !reflect.DeepEqual(parsed, r) || string(parsed.Canonical()) != string(first) {
			t.Fatalf("got %+v, %v; want %+v", parsed, err, r)
		}
	})
}
