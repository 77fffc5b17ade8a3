package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/token"
)

// open opens the database, as it stands. One that is not there is left so: a
// mistyped path must not become a file.
func (f databaseFlag) open(ctx context.Context, std streams) (*database.DB, error) {
	if path, ok := strings.CutPrefix(f.Database, "sqlite:"); ok && path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: there is no database at %s: serve or migrate up makes one", setting("database"), path)
		}
	}
	return f.openOrMake(ctx, std)
}

// openOrMake opens the database, and makes an SQLite file that is not there.
func (f databaseFlag) openOrMake(ctx context.Context, std streams) (*database.DB, error) {
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

// use calls fn with the domain on the database, beside any server. One that lacks
// migrations is left to the server and to migrate up, since servers of an older
// version may be at work on it.
func (f databaseFlag) use(ctx context.Context, std streams, plans token.Plans, fn func(*token.Service) error) (err error) {
	db, err := f.open(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := current(ctx, db); err != nil {
		return err
	}
	return withDomain(ctx, db, plans, fn)
}

// useOrMake is use for what a database may begin with: an empty one is set up
// first.
func (f databaseFlag) useOrMake(ctx context.Context, std streams, plans token.Plans, fn func(*token.Service) error) (err error) {
	db, err := f.openOrMake(ctx, std)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = current(ctx, db)
	isNew := errors.Is(err, errNoData)
	if isNew {
		err = db.Migrate(ctx)
	}
	if err == nil {
		err = withDomain(ctx, db, plans, fn)
	}
	if err == nil && isNew {
		std.note("There was no data yet: this is a new database. If you expected some, check --database.")
	}
	return err
}

func withDomain(ctx context.Context, db *database.DB, plans token.Plans, fn func(*token.Service) error) error {
	audit := journal.New(journal.Options{Database: db})
	tokens := token.New(token.Options{Database: db, Journal: audit, Plans: plans, Gate: journal.NewGate(audit)})
	if err := tokens.Bootstrap(ctx); err != nil {
		return err
	}
	return fn(tokens)
}

// current reports an error for a database that commands cannot work on as it is.
func current(ctx context.Context, db *database.DB) error {
	switch state, err := stateOf(ctx, db); {
	case err != nil:
		return err
	case state == schemaPending:
		return errPending
	case state == schemaEmpty:
		return errNoData
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

var (
	errPending = errors.New("the database has migrations to be applied: run " + programName + " migrate up")
	errNoData  = errors.New("there is no data in this database: check --database")
)

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
