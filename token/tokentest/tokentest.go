// Package tokentest gives tests a token service over a fresh database, with a
// workspace, an operator who is signed in, a clock that stands still until it
// is moved, and the audit log at hand.
package tokentest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/usage"
)

// The workspace and the operator that an Env begins with.
const (
	Slug       = token.DefaultWorkspace
	OwnerEmail = token.DefaultOperator
)

// Config changes what an Env begins with. The zero value changes nothing.
type Config struct {
	Plans         token.Plans
	RevokeExposed bool
	Limits        *ratelimit.Limiter
}

// Env is a token service and what it stands on.
type Env struct {
	DB      *database.DB
	Journal *journal.Journal
	Service *token.Service
	// Usage is flushed by whoever wants to see what is in it.
	Usage *usage.Recorder
	// Owner is an admin of the workspace, by the session OwnerSession.
	Owner        token.Caller
	OwnerSession bearer.Secret

	clock clock
	seen  map[string]bool // ids of the audit entries that a test has looked at
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Each runs test twice, on SQLite and on MariaDB.
func Each(t *testing.T, test func(t *testing.T, e *Env)) {
	t.Helper()
	EachWith(t, Config{}, test)
}

// EachWith is Each with something changed.
func EachWith(t *testing.T, c Config, test func(t *testing.T, e *Env)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		t.Helper()
		test(t, New(t, db, c))
	})
}

// New returns a service over an empty, migrated database. Its audit log begins
// after the sign-in of the owner.
func New(t *testing.T, db *database.DB, c Config) *Env {
	t.Helper()
	e := &Env{DB: db, seen: map[string]bool{}}
	e.clock.now = time.Now().UTC().Truncate(time.Microsecond)
	e.Journal = journal.New(journal.Options{Database: db, Now: e.clock.read})
	e.Usage = usage.New(usage.Options{Database: db, Logger: slog.New(slog.DiscardHandler), Interval: time.Hour, Now: e.clock.read})
	e.Service = token.New(token.Options{
		Database: db, Journal: e.Journal, Plans: c.Plans, RevokeExposed: c.RevokeExposed, Usage: e.Usage, Limits: c.Limits, Now: e.clock.read,
	})
	if err := e.Service.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Owner, e.OwnerSession = e.signIn(t, Slug, OwnerEmail)
	e.NewAudit(t)
	return e
}

// Join makes the service a server of a cluster, until the test ends, so that it
// may answer from its cache.
func (e *Env) Join(t *testing.T) {
	t.Helper()
	member, err := e.Service.Join(t.Context(), time.Second, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	left := make(chan error, 1)
	go func() { left <- member.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
}

// Rand is where tests draw secrets from.
func Rand() io.Reader { return rand.Reader }

// Client is the entities.
func (e *Env) Client() *ent.Client { return e.DB.Client() }

// Now is what the service's clock shows.
func (e *Env) Now() time.Time { return e.clock.read() }

// Advance moves the service's clock.
func (e *Env) Advance(d time.Duration) {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	e.clock.now = e.clock.now.Add(d)
}

// Mint makes a live token as the owner.
func (e *Env) Mint(t *testing.T, label string, abilities ...ability.Ability) (*ent.Token, bearer.Secret) {
	t.Helper()
	return e.MintInput(t, token.MintInput{Label: label, Abilities: abilities, Mode: enttoken.ModeLIVE})
}

// MintInput makes a token as the owner.
func (e *Env) MintInput(t *testing.T, in token.MintInput) (*ent.Token, bearer.Secret) {
	t.Helper()
	minted, err := e.Service.Mint(t.Context(), e.Owner, in)
	if err != nil {
		t.Fatal(err)
	}
	return minted.Token, *minted.Secret
}

// As is the caller who comes with a secret.
func (e *Env) As(t *testing.T, secret bearer.Secret) token.Caller {
	t.Helper()
	by, err := e.Service.Authenticate(t.Context(), secret, token.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// SignIn signs an operator in.
func (e *Env) SignIn(t *testing.T, slug, email string) token.Caller {
	t.Helper()
	by, _ := e.signIn(t, slug, email)
	return by
}

func (e *Env) signIn(t *testing.T, slug, email string) (token.Caller, bearer.Secret) {
	t.Helper()
	code, err := e.Service.SignInCode(t.Context(), slug, email)
	if err != nil {
		t.Fatal(err)
	}
	session, err := e.Service.SignIn(t.Context(), code, token.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return e.As(t, session), session
}

// Member adds an operator who is a member of the workspace, and signs them in.
func (e *Env) Member(t *testing.T, email string) token.Caller {
	t.Helper()
	if _, err := e.Service.AddOperator(t.Context(), e.Owner, email, "", operator.RoleMEMBER); err != nil {
		t.Fatal(err)
	}
	return e.SignIn(t, Slug, email)
}

// Stranger is an admin of another workspace, made at the first call.
func (e *Env) Stranger(t *testing.T) token.Caller {
	t.Helper()
	const slug, email = "elsewhere", "stranger@localhost"
	if !e.Client().Workspace.Query().Where(workspace.Slug(slug)).ExistX(t.Context()) {
		if _, err := e.Service.CreateWorkspace(t.Context(), slug, "Elsewhere", workspace.PlanSCALE, email); err != nil {
			t.Fatal(err)
		}
	}
	return e.SignIn(t, slug, email)
}

// NewAudit returns the audit entries that have been made since it was last
// called, as lines "action outcome actor target", in the order of their ids.
func (e *Env) NewAudit(t *testing.T) []string {
	t.Helper()
	rows, err := e.Client().AuditEntry.Query().Order(ent.Asc(auditentry.FieldID)).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, row := range rows {
		if e.seen[row.ID.String()] {
			continue
		}
		e.seen[row.ID.String()] = true
		event, err := auditsink.ParseCanonical(row.Record)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", event.Action, event.Outcome, event.Actor.Name, event.Target.Label))
	}
	return lines
}

// WantAudit expects exactly these entries since the last look at the audit log.
func (e *Env) WantAudit(t *testing.T, want ...string) {
	t.Helper()
	if got := e.NewAudit(t); !slices.Equal(got, want) {
		t.Errorf("the audit log has\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// WantNoMintAfterRevoke seals the audit log and expects that no token has
// minted after the entry of its own revocation.
func (e *Env) WantNoMintAfterRevoke(t *testing.T) {
	t.Helper()
	ended := map[string]bool{}
	for _, r := range e.Sealed(t) {
		event, err := auditsink.ParseCanonical(r.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		switch event.Action {
		case auditsink.ActionRevoke:
			ended[event.Target.ID.String()] = true
		case auditsink.ActionMint:
			if event.Actor.ID != nil && ended[event.Actor.ID.String()] {
				t.Errorf("entry %d: a token minted after it was revoked", r.Seq)
			}
		}
	}
	if len(ended) == 0 {
		t.Error("nothing was revoked: this proves nothing")
	}
}

// Sealed seals the audit log and returns all of it.
func (e *Env) Sealed(t *testing.T) []auditsink.Record {
	t.Helper()
	stop, cancel := context.WithCancel(t.Context())
	cancel() // Run seals what there is before it returns
	if err := e.Journal.Run(stop); err != nil {
		t.Fatal(err)
	}
	records, err := e.Journal.Read(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// Dump returns the text of every column of every table.
func (e *Env) Dump(t *testing.T) []byte {
	t.Helper()
	var dump bytes.Buffer
	for _, table := range e.tables(t) {
		rows, err := e.DB.SQL().QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(pointers...); err != nil {
				t.Fatal(err)
			}
			for i, value := range values {
				fmt.Fprintf(&dump, "%s.%s=%s\n", table, columns[i], value)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dump.Bytes()
}

func (e *Env) tables(t *testing.T) []string {
	t.Helper()
	query := "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
	if e.DB.Dialect() == "sqlite3" {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	}
	rows, err := e.DB.SQL().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return tables
}

// Counter counts outcomes of goroutines and keeps the first error.
type Counter struct {
	mu    sync.Mutex
	n     int
	first error
}

// Add counts one outcome.
func (c *Counter) Add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.first == nil {
		c.first = err
	}
}

// N is how many were counted.
func (c *Counter) N() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// First is the first error that was counted.
func (c *Counter) First() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}
