// Package database opens the database that the entities of package ent are
// stored in, runs transactions on it and migrates it. It is the one place that
// knows that there are two kinds: an embedded SQLite, and servers that speak
// MySQL's protocol.
//
// # Errors
//
// Errors of this package tell an administrator what to do and never hold a
// password. Errors of a statement may hold values of a row (MySQL names the
// value of a duplicate key, which may be a secret's hash): they are for no
// client and no log before the domain has translated them.
//
// # Concurrency
//
// A DB is safe for concurrent use.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"entgo.io/ent/dialect"
	"github.com/gofrs/flock"

	"github.com/keloa/apitokens/ent"
	_ "github.com/keloa/apitokens/ent/runtime" // the hooks of the schema
)

// Options say how to open a database. The zero value will do.
type Options struct {
	Logger *slog.Logger // nil for the default logger
}

// DB is an open database.
type DB struct {
	dialect string
	log     *slog.Logger
	client  *ent.Client
	writer  *sql.DB
	readers *sql.DB      // SQLite only
	lock    *flock.Flock // SQLite only: who holds it is the server

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by their text

	// openMigrator opens one more connection, for migrating only.
	openMigrator func() (*sql.DB, error)
}

// Open opens the database at rawURL and sees that it answers:
//
//	sqlite:PATH
//	mysql://USER:PASSWORD@HOST:PORT/NAME?tls=true
//
// PATH is taken as it stands; the file and its folder are made if they are
// missing. USER and PASSWORD may be percent-encoded, PORT defaults to 3306, and
// PASSWORD may be env:VARIABLE or file:PATH. Open does not migrate. It reports
// [URLError] for a URL that cannot be read.
func Open(ctx context.Context, rawURL string, o Options) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	kind, rest, _ := strings.Cut(rawURL, ":")
	switch kind {
	case "sqlite":
		return openSQLite(ctx, rest, o)
	case "mysql":
		return openMySQL(ctx, rest, o)
	default:
		return nil, &URLError{"the database URL must begin with sqlite: or mysql://, as in sqlite:data/keloa.db"}
	}
}

// Client returns the entities. With SQLite, a query outside a transaction runs
// on a reader and does not wait for writers.
func (db *DB) Client() *ent.Client { return db.client }

// SQL returns the database for hand-written statements; with SQLite, its one
// connection that writes.
func (db *DB) SQL() *sql.DB { return db.writer }

// Read runs a query that is asked again and again. It is prepared at first:
// parsing a statement costs more than finding a row by its key. There are as
// many texts of queries as the program has, so none is forgotten before Close.
func (db *DB) Read(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := db.prepare(ctx, query) //nolint:sqlclosecheck // kept until Close
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

func (db *DB) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if statement, ok := db.prepared[query]; ok {
		return statement, nil
	}
	from := db.writer
	if db.readers != nil {
		from = db.readers
	}
	statement, err := from.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept until Close
	if err != nil {
		return nil, err
	}
	if db.prepared == nil {
		db.prepared = map[string]*sql.Stmt{}
	}
	db.prepared[query] = statement
	return statement, nil
}

// Dialect returns dialect.SQLite or dialect.MySQL.
func (db *DB) Dialect() string { return db.dialect }

// LockServer makes this process the one server of an SQLite file until Close,
// and fails if there is another. Commands beside a server do not call it. Many
// servers may share what is not SQLite, where it does nothing.
func (db *DB) LockServer() error {
	if db.dialect != dialect.SQLite {
		return nil
	}
	locked, err := db.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the database file: %w", err)
	}
	if !locked {
		return fmt.Errorf("another server is running on this database file (it holds %s): stop it, or use a mysql:// database, which servers can share",
			db.lock.Path())
	}
	return nil
}

// Close closes all connections and gives up the server's lock. Transactions
// that still run fail.
func (db *DB) Close() error {
	if db.dialect == dialect.MySQL {
		// All that it can fail with is that a connection was lost, which
		// closes it as well.
		_ = db.writer.Close()
		return nil
	}
	return errors.Join(db.writer.Close(), db.readers.Close(), db.lock.Close())
}
