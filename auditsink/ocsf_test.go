package auditsink_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	ocsf "github.com/valllabh/ocsf-schema-golang/ocsfvalidate/1.2"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// classNames are the names that the schema has for the classes.
var classNames = map[int]string{
	0: "base_event", 3001: "account_change", 3002: "authentication", 3004: "entity_management", 6003: "api_activity",
}

// everyRecord returns a record of every action, by every kind of actor, with all
// there can be and with as little as there can be.
func everyRecord(t *testing.T) []auditsink.Record {
	t.Helper()
	id := uuid.New()
	var records []auditsink.Record
	for _, action := range auditsink.Actions {
		for _, actor := range []auditsink.Actor{
			{Kind: auditsink.Operator, ID: &id, Name: "owner@localhost"}, {Kind: auditsink.Token, ID: &id, Name: "zapier"}, {Kind: auditsink.System, Name: "clock"},
		} {
			for _, bare := range []bool{false, true} {
				e := sinktest.Event(int64(len(records) + 1))
				e.Action, e.Actor = action, actor
				e.Changes = map[string][2]any{"attempted": {nil, "developers.api_token.mint"}, "expiresAt": {nil, 1.5}}
				if bare {
					e.IP, e.UserAgent, e.RequestID, e.Changes, e.Target = "", "", "", nil, auditsink.Target{Type: "Workspace"}
					e.Outcome = auditsink.Refused
				}
				records = append(records, sealed(t, int64(len(records)+1), e))
			}
		}
	}
	stub, err := records[0].Stub()
	if err != nil {
		t.Fatal(err)
	}
	return append(append(records, stub), sinktest.Hostile(t, 1000)...)
}

func sealed(t *testing.T, seq int64, e auditsink.Event) auditsink.Record {
	t.Helper()
	canonical, err := e.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	r, err := auditsink.NewRecord(seq, canonical)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every event is one of its class as the published schema defines it.
func TestOCSFKeepsToTheSchema(t *testing.T) {
	for _, r := range everyRecord(t) {
		mapped, err := auditsink.OCSF.Record(r)
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			Class    int `json:"class_uid"`
			Type     int `json:"type_uid"`
			Activity int `json:"activity_id"`
		}
		if err := json.Unmarshal(mapped.Line, &event); err != nil {
			t.Fatal(err)
		}
		name, known := classNames[event.Class]
		ofLog := strings.HasPrefix(r.Action, "audit_log.")
		if !known || event.Type != event.Class*100+event.Activity || (event.Class == 0) != ofLog {
			t.Errorf("%s: class %d, type %d, activity %d", r.Action, event.Class, event.Type, event.Activity)
			continue
		}
		if err := validate(name, mapped.Line); err != nil {
			t.Errorf("%s: %v\n%s", r.Action, err, mapped.Line)
		}
		if bytes.ContainsAny(mapped.Line, "\n\r") || !utf8.Valid(mapped.Line) || !bytes.HasPrefix(mapped.Line, []byte(auditsink.OCSFPrefix)) {
			t.Errorf("%s: %q", r.Action, mapped.Line)
		}
	}
}

// Both tables of the documentation have every action there is.
func TestActionsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, recorded, found := strings.Cut(string(text), "\n## What is recorded\n")
	recorded, _, _ = strings.Cut(recorded, "\n## ")
	_, mapped, foundToo := strings.Cut(string(text), "\n### In OCSF\n")
	mapped, _, _ = strings.Cut(mapped, "\n## ")
	if !found || !foundToo {
		t.Fatal("docs/audit.md has other headings")
	}
	for _, action := range auditsink.Actions {
		if !strings.Contains(recorded, "`"+action+"`") {
			t.Errorf("%s is not said to be recorded", action)
		}
		if !strings.Contains(mapped, "`"+strings.Replace(action, "developers.", "…", 1)+"`") {
			t.Errorf("%s is not said to be mapped to OCSF", action)
		}
	}
}

// Who signed in, or was signed out, is the user of an authentication, whoever did
// it.
func TestOCSFSaysWhoSignedOut(t *testing.T) {
	e, id := sinktest.Event(1), uuid.New()
	e.Action, e.Target = auditsink.ActionSignOut, auditsink.Target{Type: "Operator", ID: &id, Label: "guest@localhost"}
	mapped, err := auditsink.OCSF.Record(sealed(t, 1, e))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"activity_name":"Logoff"`, `"actor":{"user":{"name":"owner@localhost"`, `"user":{"name":"guest@localhost","uid":"` + id.String() + `"`} {
		if !strings.Contains(string(mapped.Line), want) {
			t.Errorf("%s is not in\n%s", want, mapped.Line)
		}
	}
}

// validate validates against the published schema of a class. The package has
// it with the profile for clouds, which is not ours: what that one requires is
// added.
func validate(class string, line []byte) error {
	return ocsf.Validate(class, append([]byte(`{"cloud":{"provider":"none"},`), line[1:]...))
}

// The schema is one that refuses something.
// A record whose data are not those of an event is one, too: that of its stub.
func TestOCSFOfWhatCannotBeRead(t *testing.T) {
	whole := sinktest.Records(t, 1, 1)[0]
	torn, err := auditsink.NewRecord(1, bytes.Replace(whole.Canonical(), []byte(`"data":{"workspace":{`), []byte(`"data":{"workspace":5,"was":{`), 1))
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := auditsink.OCSF.Record(torn)
	if err != nil {
		t.Fatal(err)
	}
	stub, err := torn.Stub()
	if err != nil {
		t.Fatal(err)
	}
	want, err := auditsink.OCSF.Record(stub)
	if err != nil || !bytes.Equal(mapped.Line, want.Line) {
		t.Errorf("%s, want %s, %v", mapped.Line, want.Line, err)
	}
}

func TestOCSFSchemaRefuses(t *testing.T) {
	mapped, err := auditsink.OCSF.Record(sinktest.Records(t, 1, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{`"severity_id":1`: `"severity_id":7`, `"entity":`: `"entities":`, `"sequence":1`: `"sequence":"1"`} {
		line := strings.Replace(string(mapped.Line), old, wrong, 1)
		if line == string(mapped.Line) || validate("entity_management", []byte(line)) == nil {
			t.Errorf("%s instead of %s was taken", wrong, old)
		}
	}
}

func TestOCSFLine(t *testing.T) {
	r := sinktest.Records(t, 1, 1)[0] // a revocation
	mapped, err := auditsink.OCSF.Record(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"product":{"name":"Keloa API tokens","vendor_name":"Keloa"},"version":"1.2.0","uid":"00000000-0000-7000-8000-000000000001",` +
		`"sequence":1,"event_code":"developers.api_token.revoke","log_name":"audit","original_time":"2026-11-23T09:12:44.120932Z",` +
		`"tenant_uid":"03000000-0000-0000-0000-000000000000","correlation_uid":"request-1"},"time":1795425164120,"category_uid":3,"class_uid":3004,` +
		`"type_uid":300404,"activity_id":4,"activity_name":"Delete","severity_id":1,"status_id":1,"message":"developers.api_token.revoke",` +
		`"actor":{"user":{"name":"owner@localhost","uid":"01000000-0000-0000-0000-000000000000","type":"User","type_id":1}},` +
		`"src_endpoint":{"ip":"203.0.113.7"},"http_request":{"user_agent":"sinktest","uid":"request-1"},` +
		`"entity":{"type":"ApiToken","uid":"02000000-0000-0000-0000-000000000000","name":"consumer 1"},` +
		`"unmapped":{"leafhash":"` + r.LeafHash().String() + `","workspace_slug":"default","changes":{"state":[null,"ACTIVE"]}}}`
	if string(mapped.Line) != want {
		t.Errorf("got\n%s\nwant\n%s", mapped.Line, want)
	}
	if mapped.Seq != r.Seq || mapped.ID != r.ID || mapped.Action != r.Action {
		t.Errorf("the record became %+v", mapped)
	}
}

func TestOCSFSaysTestMode(t *testing.T) {
	e := sinktest.Event(1)
	e.Test = true
	mapped, err := auditsink.OCSF.Record(sealed(t, 1, e))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(mapped.Line, []byte(`"workspace_slug":"default","mode":"TEST",`)) {
		t.Errorf("got\n%s", mapped.Line)
	}
}

func TestStampOfEveryFormat(t *testing.T) {
	large := sinktest.Event(1)
	large.Changes = map[string][2]any{}
	for _, letter := range "abcdefgh" {
		large.Changes[string(letter)] = [2]any{strings.Repeat(`"`, 3<<10), strings.Repeat(`\`, 500)}
	}
	records := append(everyRecord(t), sealed(t, 999_999_999_999_999_999, large))
	for _, r := range records {
		for _, format := range []auditsink.Format{"", auditsink.OCSF} {
			mapped, err := format.Record(r)
			if err != nil {
				t.Fatal(err)
			}
			stamp, err := auditsink.ParseStamp(mapped.Line)
			if err != nil || stamp.Seq != r.Seq || stamp.Leaf != r.LeafHash() {
				t.Errorf("%q: %+v, %v", format, stamp, err)
			}
			if len(mapped.Line) > auditsink.MaxLine {
				t.Errorf("%q: %d bytes of %d", format, len(mapped.Line), len(r.Line))
			}
		}
	}
	line, err := auditsink.OCSF.Record(records[0])
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{`"sequence":1`: `"sequence":0`, `"leafhash":"`: `"leafhash":"x`, `"Keloa"`: `"Other"`, "}}": "}"} {
		if _, err := auditsink.ParseStamp(bytes.Replace(line.Line, []byte(old), []byte(wrong), 1)); err == nil {
			t.Errorf("%s instead of %s was taken", wrong, old)
		}
	}
}
