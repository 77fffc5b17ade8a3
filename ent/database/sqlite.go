package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	entgo "entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver

	"github.com/keloa/apitokens/ent"
)

// maxReaders bounds the connections that read. Each holds a cache of 2 MB.
const maxReaders = 8

// sqliteFile is the file of a database, as an absolute path.
type sqliteFile string

// dsn names the file and sets what SQLite keeps for each connection: a commit
// is on the disk when it returns, a transaction takes the write lock when it
// begins (one that took it later could not wait for it), moments are text that
// sorts, in UTC.
func (f sqliteFile) dsn(more ...string) string {
	q := append([]string{
		"_journal_mode=WAL", "_synchronous=FULL", "_busy_timeout=5000",
		"_txlock=immediate", "_time_format=sqlite", "_timezone=UTC",
	}, more...)
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(string(f)), RawQuery: strings.Join(q, "&")}
	return u.String()
}

func (f sqliteFile) open(connections int, more ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", f.dsn(more...))
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func openSQLite(ctx context.Context, path string, o Options) (*DB, error) {
	file, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	db := &DB{
		dialect: dialect.SQLite,
		log:     o.Logger,
		lock:    flock.New(string(file)+".lock", flock.SetPermissions(0o600)),
		// A migration may rebuild a table, and with foreign keys on that
		// would delete the rows that refer to it.
		openMigrator: func() (*sql.DB, error) { return file.open(1, "_fk=0") },
	}
	if db.writer, err = file.open(1, "_fk=1"); err != nil {
		return nil, err
	}
	if db.readers, err = file.open(maxReaders, "_fk=1", "_query_only=1"); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.client = ent.NewClient(ent.Driver(splitDriver{
		Driver:  entsql.OpenDB(dialect.SQLite, db.writer),
		readers: entsql.OpenDB(dialect.SQLite, db.readers),
	}))
	if err := db.writer.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w: is it an SQLite database?", file, err), db.Close())
	}
	return db, nil
}

// prepareFile makes the file, readable by its owner only, and its folder.
func prepareFile(path string) (sqliteFile, error) {
	switch {
	case path == "":
		return "", &URLError{"the database URL names no file: write it as sqlite:data/keloa.db"}
	case strings.HasPrefix(path, ":memory:"):
		return "", &URLError{"a database in memory would lose its audit log: name a file, as in sqlite:data/keloa.db"}
	case strings.ContainsAny(path, "?#"):
		return "", &URLError{"the database URL sqlite:PATH takes no keys: leave out ? and what follows it"}
	case strings.HasPrefix(path, "//"):
		return "", &URLError{"the database URL must not have slashes after sqlite: but those of the path itself, as in sqlite:data/keloa.db or sqlite:/var/lib/keloa.db"}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the database file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the database file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("open the database file: %w", err)
	}
	return sqliteFile(path), file.Close()
}

// splitDriver sends what only reads to the readers and all else, transactions
// first of all, to the one connection that writes.
type splitDriver struct {
	*entsql.Driver // the writer

	readers *entsql.Driver
}

// Query tells a query from an INSERT … RETURNING, which ent sends this way as
// well, by the context that ent gives to queries only.
func (d splitDriver) Query(ctx context.Context, query string, args, v any) error {
	if entgo.QueryFromContext(ctx) != nil {
		return d.readers.Query(ctx, query, args, v)
	}
	return d.Driver.Query(ctx, query, args, v)
}
