package main

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// livesite is the server as it is run, on a database of its own.
type livesite struct {
	origin   string
	database string // its URL
	flags    []string
	stop     func()
	log      *transcript
}

// serveSite runs the server until the test ends, with flags besides those that all
// tests need.
func serveSite(t *testing.T, flags ...string) *livesite {
	t.Helper()
	s := &livesite{database: "sqlite:" + filepath.Join(t.TempDir(), "keloa.db"), flags: flags, log: &transcript{}}
	s.start(t, "127.0.0.1:0")
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Log(s.log)
		}
	})
	return s
}

var settingsLine = regexp.MustCompile(`(?m)^Settings +(http://\S+)/settings/api-tokens$`)

// start starts the server at an address, and waits until it says where it is.
func (s *livesite) start(t *testing.T, listen string) {
	t.Helper()
	var command serveCommand
	parser, err := kong.New(&command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"--listen=" + listen, "--internal-listen=off", "--database=" + s.database, "--last-used-flush=100ms"}, s.flags...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := command.config()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended, out := make(chan error, 1), &transcript{}
	go func() { ended <- serve(ctx, cfg, streams{strings.NewReader(""), out, s.log}, func() {}) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	await(t, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, s.log)
		default:
		}
		return strings.Contains(out.String(), "Stop with")
	})
	s.origin = settingsLine.FindStringSubmatch(out.String())[1]
}

// run runs a command beside the server and returns what it prints.
func (s *livesite) run(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := runCommand(t, append(args, "--database="+s.database)...)
	if code != exitDone {
		t.Fatalf("%s: %s", strings.Join(args, " "), errs)
	}
	return strings.TrimSpace(out)
}

// signInPath is a one-time link for an operator, without the origin.
func (s *livesite) signInPath(t *testing.T, operator string) string {
	t.Helper()
	link := s.run(t, "signin", "--operator="+operator)
	return link[strings.Index(link, "/sign-in"):]
}

// signedIn opens a tab in which an operator has signed in.
func (s *livesite) signedIn(t *testing.T, operator string) *tab {
	t.Helper()
	b := openTab(t, s.origin)
	b.goTo(t, s.signInPath(t, operator))
	b.sees(t, "h1", "API tokens")
	return b
}

// mint makes a token on the command line and returns its secret.
func (s *livesite) mint(t *testing.T, label string, abilities ...string) string {
	t.Helper()
	args := []string{"token", "mint", "--label=" + label}
	for _, ability := range abilities {
		args = append(args, "--ability="+ability)
	}
	return s.run(t, args...)
}

// ask sends a query with a secret, as a program does.
func (s *livesite) ask(t *testing.T, secret, query string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.origin+graphQLPath, strings.NewReader(`{"query":`+quoted(query)+`}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// past is a token as it is after some time.
type past struct {
	label, abilities string
	minted           int // days ago
	expires          int // days from now; 0 for never
	used             time.Duration
	busy             float64 // requests on a usual day; 0 for never used
	agent            string
}

// pasts are tokens as a workspace has them: fit to be looked at.
var pasts = []past{
	{"zapier-prod", "read write-contacts", 210, 90, 4 * time.Minute, 240, "Zapier/1.0"},
	{"website-widget", "read write-conversations", 140, 0, 50 * time.Second, 1900, "keloa-js/3.2.1 (node 22.11)"},
	{"crm-sync", "read write-contacts manage-webhooks", 95, 9, 5 * time.Hour, 60, "crm-sync/2.4 python-requests/2.32"},
	{"data-warehouse-nightly", "read", 61, 0, 11 * time.Hour, 24, "dbt/1.9"},
	{"ops-console", "full-access", 40, 50, 3 * 24 * time.Hour, 8, "curl/8.9.1"},
	{"old-importer", "read write-contacts", 300, 0, 74 * 24 * time.Hour, 0, "ruby/3.1"},
	{"new-partner", "read", 2, 88, 0, 0, ""},
}

// idOf is the id of the token with that label.
func (s *livesite) idOf(t *testing.T, label string) string {
	t.Helper()
	id, ok := s.ids(t)[label]
	if !ok {
		t.Fatalf("no token is called %s", label)
	}
	return id
}

// ids are the ids of the tokens by their labels.
func (s *livesite) ids(t *testing.T) map[string]string {
	t.Helper()
	var tokens []struct{ ID, Label string }
	if err := json.Unmarshal([]byte(s.run(t, "token", "list", "--json")), &tokens); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, each := range tokens {
		ids[each.Label] = each.ID
	}
	return ids
}

// serveFurnished runs a server whose tokens have a past.
func serveFurnished(t *testing.T) *livesite {
	t.Helper()
	s := serveSite(t)
	s.run(t, "workspace", "set-plan", token.DefaultWorkspace, "growth")
	db := dbtest.Open(t, s.database)
	random := rand.New(rand.NewPCG(7, 7))
	for _, p := range pasts {
		s.mint(t, p.label, strings.Fields(p.abilities)...)
	}
	ids := s.ids(t)
	for _, p := range pasts {
		id, err := uuid.Parse(ids[p.label])
		if err != nil {
			t.Fatal(err)
		}
		p.remember(t, db, id, random)
	}
	return s
}

// remember writes what is known of a token that has had this past.
func (p past) remember(t *testing.T, db *database.DB, id uuid.UUID, random *rand.Rand) {
	t.Helper()
	now := time.Now().UTC()
	// When a token was minted never changes, ent sees to that.
	if _, err := db.SQL().ExecContext(t.Context(), `UPDATE tokens SET created_at = ? WHERE id = ?`, now.AddDate(0, 0, -p.minted), id); err != nil {
		t.Fatal(err)
	}
	update := db.Client().Token.UpdateOneID(id)
	if p.expires > 0 {
		update.SetExpiresAt(now.AddDate(0, 0, p.expires))
	}
	if p.used > 0 {
		update.SetLastUsedAt(now.Add(-p.used)).SetLastUsedIP("203.0.113.7").SetLastUsedUserAgent(p.agent)
		db.Client().AbilityUse.Create().SetTokenID(id).SetAbility(ability.Read).SetLastUsedAt(now.Add(-p.used)).ExecX(t.Context())
	}
	update.ExecX(t.Context())
	for day := range 30 {
		at := now.AddDate(0, 0, -day).Truncate(24 * time.Hour).Add(9 * time.Hour)
		requests := int64(p.busy * (0.5 + random.Float64()))
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			requests /= 6
		}
		if requests > 0 && at.Before(now.Add(-p.used)) && day < p.minted {
			db.Client().UsageBucket.Create().SetTokenID(id).SetStart(at).SetRequests(requests).ExecX(t.Context())
		}
	}
}
