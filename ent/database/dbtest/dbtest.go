// Package dbtest gives tests databases: on SQLite, and on a private MariaDB
// server that the first test of a process to need one starts.
//
// A package whose tests use it ends the server in its TestMain:
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
package dbtest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest/mariadb"
)

// shared is the process's MariaDB server.
var shared struct {
	once   sync.Once
	server *mariadb.Server
	err    error
}

// Main runs the tests, then ends the server, if there is one, and returns the
// exit code.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		shared.server.Stop()
	}
	return code
}

// Each runs test twice, as subtests "sqlite" and "mariadb", with a database of
// that kind that is empty and migrated.
func Each(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		test(t, Migrated(t, url))
	})
}

// EachURL runs test twice, as Each does, with the URL of a database in which
// there is nothing.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLiteURL(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, MySQLURL(t)) })
}

// Migrated opens and migrates a database, until the test ends.
func Migrated(t testing.TB, url string) *database.DB {
	t.Helper()
	db := Open(t, url)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// Open opens a database as it is, until the test ends.
func Open(t testing.TB, url string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url, database.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// SQLiteURL returns the URL of a file that does not exist yet, and that is
// removed when the test ends.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "keloa.db")
}

// MySQLURL returns the URL of a new, empty database on MariaDB.
func MySQLURL(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = mariadb.Start(context.Background()) //nolint:usetesting // it outlives this test
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	url, err := shared.server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}
