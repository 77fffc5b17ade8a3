package graph

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/usage"
)

var update = flag.Bool("update", false, "write what is answered into testdata/api")

func TestMain(m *testing.M) { dbtest.Main(m) }

// TestAPI runs the cases in testdata/api on both databases. A case is a list of
// files: "as" says who asks from there on, "query.graphql" and "variables.json"
// what, "want.json" is the answer, "flush" has what tokens were used for written,
// and "want.audit" at the end is every entry of the audit log that the case made,
// and no other.
//
// What is random is numbered in the order in which it is first seen: <id 1>,
// <secret 1>, <cursor 1>. The same text in a query stands for what was seen.
func TestAPI(t *testing.T) {
	files, err := filepath.Glob("testdata/api/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				archive, err := txtar.ParseFile(file)
				if err != nil {
					t.Fatal(err)
				}
				run(t, newWorld(t, db), archive)
				if *update && !t.Failed() {
					if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

func run(t *testing.T, w *world, archive *txtar.Archive) {
	t.Helper()
	as, query, variables := "admin", "", "null"
	audited := false
	for i, f := range archive.Files {
		text := w.expand(strings.TrimSpace(string(f.Data)))
		switch f.Name {
		case "as":
			as = text
		case "query.graphql":
			query = text
		case "variables.json":
			variables = text
		case "want.json":
			body := fmt.Sprintf(`{"query": %s, "variables": %s}`, quote(query), variables)
			by := w.caller(t, as)
			ctx, done := w.tokens.Begin(t.Context(), by)
			got := ask(t, w.handler, by, request(body, "Accept", mediaGraphQL).WithContext(ctx))
			done()
			w.compare(t, &archive.Files[i], fmt.Sprintf("%s as %s", query, as), indent(t, w.number(got.text)))
			variables = "null"
		case "flush":
			if err := w.usage.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		case "want.audit":
			w.compare(t, &archive.Files[i], "the audit log", w.number(w.audit(t)))
			audited = true
		default:
			t.Fatalf("unknown file %q", f.Name)
		}
	}
	if !audited {
		t.Error("the case does not say what the audit log holds")
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // every string is JSON
	return string(quoted)
}

func indent(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// world is a database with two workspaces, "default" and "other", and the
// handler over it.
type world struct {
	db      *database.DB
	tokens  *token.Service
	usage   *usage.Recorder
	handler http.Handler
	begun   int // entries in the audit log before the case
	people  map[string]token.Caller
	seen    map[string][]string // by kind, what was numbered
}

func newWorld(t *testing.T, db *database.DB) *world {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 9, 12, 44, 120931000, time.UTC) }
	logs := &strings.Builder{}
	t.Cleanup(func() {
		if logs.Len() > 0 {
			t.Errorf("something unforeseen was logged:\n%s", logs)
		}
	})
	log := slog.New(slog.NewTextHandler(logs, nil))
	j := journal.New(journal.Options{Database: db, Logger: log, Now: now})
	w := &world{db: db, people: map[string]token.Caller{"anonymous": {Origin: origin}}, seen: map[string][]string{}}
	w.usage = usage.New(usage.Options{Database: db, Logger: log, Interval: time.Hour, Now: now})
	w.tokens = token.New(token.Options{Database: db, Journal: j, Usage: w.usage, Now: now})
	w.handler = NewHandler(Options{Tokens: w.tokens, Logger: log, Answer: func(ctx context.Context, write func() error) error {
		return w.tokens.Answer(ctx, callerFrom(ctx), write)
	}})
	for _, slug := range []string{"default", "other"} {
		if _, err := w.tokens.CreateWorkspace(t.Context(), slug, "The "+slug, workspace.PlanSTARTER, "admin@"+slug+".example"); err != nil {
			t.Fatal(err)
		}
	}
	home, err := w.tokens.Workspace(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	db.Client().Operator.Create().SetWorkspace(home).SetEmail("member@default.example").SetName("Mem").
		SetRole(operator.RoleMEMBER).SetCreatedAt(now()).ExecX(t.Context())
	w.people["admin"] = w.signIn(t, "default", "admin@default.example")
	w.people["member"] = w.signIn(t, "default", "member@default.example")
	w.people["stranger"] = w.signIn(t, "other", "admin@other.example")
	w.begun = db.Client().AuditEntry.Query().CountX(t.Context())
	return w
}

func (w *world) signIn(t *testing.T, slug, email string) token.Caller {
	t.Helper()
	code, err := w.tokens.SignInCode(t.Context(), slug, email)
	if err != nil {
		t.Fatal(err)
	}
	session, err := w.tokens.SignIn(t.Context(), code, origin)
	if err != nil {
		t.Fatal(err)
	}
	return w.authenticate(t, session)
}

var origin = token.NewOrigin("203.0.113.7", "test/1", "req-1")

func (w *world) authenticate(t *testing.T, secret bearer.Secret) token.Caller {
	t.Helper()
	by, err := w.tokens.Authenticate(t.Context(), secret, origin)
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// caller is one of the people, or the token whose secret it is.
func (w *world) caller(t *testing.T, as string) token.Caller {
	t.Helper()
	if by, ok := w.people[as]; ok {
		return by
	}
	secret, err := bearer.Parse(as)
	if err != nil {
		t.Fatalf("as: nobody is %q", as)
	}
	return w.authenticate(t, secret)
}

// random is what differs from run to run.
var random = map[string]*regexp.Regexp{
	"id":     regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`),
	"secret": regexp.MustCompile(`keloa_pk_(?:live|test)_[0-9A-Za-z]{32}`),
	"tail":   regexp.MustCompile(`…[0-9A-Za-z]{4}`),
	"cursor": regexp.MustCompile(`[A-Za-z0-9_-]{24,}`),
}

func (w *world) number(text string) string {
	for _, kind := range []string{"id", "secret", "tail", "cursor"} {
		text = random[kind].ReplaceAllStringFunc(text, func(s string) string {
			n := slices.Index(w.seen[kind], s)
			if n < 0 {
				n = len(w.seen[kind])
				w.seen[kind] = append(w.seen[kind], s)
			}
			return fmt.Sprintf("<%s %d>", kind, n+1)
		})
	}
	return text
}

func (w *world) expand(text string) string {
	for kind, seen := range w.seen {
		for n, s := range seen {
			text = strings.ReplaceAll(text, fmt.Sprintf("<%s %d>", kind, n+1), s)
		}
	}
	return text
}

func (w *world) compare(t *testing.T, want *txtar.File, what, got string) {
	t.Helper()
	if *update {
		want.Data = []byte(got)
		return
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// audit is what the case made the audit log say: who did what to what.
func (w *world) audit(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, row := range w.db.Client().AuditEntry.Query().Order(auditentry.ByID()).AllX(t.Context())[w.begun:] {
		var record struct {
			Data struct {
				Actor     auditsink.Actor
				Action    string
				Outcome   auditsink.Outcome
				Target    auditsink.Target
				IP        string
				UserAgent string
				RequestID string
				Changes   json.RawMessage
			}
		}
		if err := json.Unmarshal(row.Record, &record); err != nil {
			t.Fatal(err)
		}
		d := record.Data
		if d.IP != origin.IP || d.UserAgent != origin.UserAgent || d.RequestID != origin.RequestID {
			t.Errorf("%s does not say where it came from: %s", d.Action, row.Record)
		}
		fmt.Fprintf(&b, "%s %s by %s %s", d.Action, d.Outcome, d.Actor.Kind, d.Actor.Name)
		if d.Target.Label != "" {
			fmt.Fprintf(&b, " on %s", d.Target.Label)
		}
		fmt.Fprintf(&b, " %s\n", d.Changes)
	}
	return b.String()
}
