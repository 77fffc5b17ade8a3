package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/token"
)

// open opens the database, as it stands.
func (f databaseFlag) open(ctx context.Context, std streams) (*database.DB, error) {
	log, err := newLogger(std.err, "text", "warn")
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, f.Database, database.Options{Logger: log})
	if err != nil {
		return nil, databaseError(err)
	}
	return db, nil
}

// databaseError names the flag that err, of opening a database, is about.
func databaseError(err error) error {
	if _, ok := errors.AsType[*database.URLError](err); ok {
		return usagef("%s: %s", setting("database"), err)
	}
	return fmt.Errorf("%s: %w", setting("database"), err)
}

// use calls fn with the domain on the database, beside any server. An empty
// database is set up first; one that lacks migrations is left to the server and
// to migrate up, since servers of an older version may be at work on it.
func (f databaseFlag) use(ctx context.Context, std streams, plans token.Plans, fn func(*token.Service) error) (err error) {
	db, err := f.open(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	state, err := stateOf(ctx, db)
	switch {
	case err != nil:
		return err
	case state == schemaPending:
		return errPending
	case state == schemaEmpty:
		if err := db.Migrate(ctx); err != nil {
			return err
		}
	}
	audit := journal.New(journal.Options{Database: db})
	tokens := token.New(token.Options{Database: db, Journal: audit, Plans: plans, Gate: journal.NewGate(audit)})
	if err := tokens.Bootstrap(ctx); err != nil {
		return err
	}
	if err := fn(tokens); err != nil {
		return err
	}
	if state == schemaEmpty {
		std.note("There was no data yet: this is a new database. If you expected some, check --database.")
	}
	return nil
}

// schemaState is how far a database is migrated.
type schemaState int

const (
	schemaEmpty   schemaState = iota // nothing is applied
	schemaPending                    // something is still to be applied
	schemaCurrent
)

// stateOf reads how far the database is migrated, and reports
// [database.ErrNewer] if that is further than this program knows.
func stateOf(ctx context.Context, db *database.DB) (schemaState, error) {
	migrations, err := db.MigrationStatus(ctx)
	if err != nil {
		return 0, err
	}
	var applied int
	for _, m := range migrations {
		if m.Newer {
			return 0, database.ErrNewer
		}
		if !m.AppliedAt.IsZero() {
			applied++
		}
	}
	switch applied {
	case 0:
		return schemaEmpty, nil
	case len(migrations):
		return schemaCurrent, nil
	}
	return schemaPending, nil
}

var errPending = errors.New("the database has migrations to be applied: run " + programName + " migrate up")

// commandLine is the caller of what is asked for on the command line.
func commandLine(ctx context.Context, tokens *token.Service, slug string) (token.Caller, error) {
	workspace, err := tokens.Workspace(ctx, slug)
	if errors.Is(err, token.ErrNotFound) {
		return token.Caller{}, fmt.Errorf("there is no workspace %q: see %s workspace list", slug, programName)
	}
	if err != nil {
		return token.Caller{}, err
	}
	return token.System(workspace, "command line ("+userName()+")"), nil
}

// ownerOf is the caller for a token that is named by its id alone.
func ownerOf(ctx context.Context, tokens *token.Service, id uuid.UUID) (token.Caller, error) {
	workspace, err := tokens.WorkspaceOf(ctx, id)
	if errors.Is(err, token.ErrNotFound) {
		return token.Caller{}, fmt.Errorf("there is no token %s: see %s token list --all", id, programName)
	}
	if err != nil {
		return token.Caller{}, err
	}
	return token.System(workspace, "command line ("+userName()+")"), nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid()) // a container without a password file
}
