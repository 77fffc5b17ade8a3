package database_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// The name of a file may be odd, and its owner alone can read it.
func TestSQLiteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "100%25 1&x.db")
	db := dbtest.Migrated(t, "sqlite:"+path)
	addWorkspace(t, db, "one")
	for name, want := range map[string]fs.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %v, want %v", name, got, want)
		}
	}
}

// What is no database is refused when it is opened, not at the first request.
func TestNotSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, bytes.Repeat([]byte("these are notes\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), "sqlite:"+path, database.Options{})
	if err == nil {
		_ = db.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), "is it an SQLite database?") {
		t.Error(err)
	}
}

func TestSQLiteSettings(t *testing.T) {
	db := dbtest.Open(t, dbtest.SQLiteURL(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := db.SQL().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

// Queries do not wait for a transaction that writes, and do not see it.
func TestReadersDoNotWait(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLiteURL(t))
	tx, err := db.Client().Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := createWorkspace(tx.Workspace, "one").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countWorkspaces(t, db); n != 0 {
		t.Errorf("saw %d workspaces of an open transaction", n)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := countWorkspaces(t, db); n != 1 {
		t.Errorf("saw %d workspaces of a committed transaction", n)
	}
}

// One server at a time, while commands come and go.
func TestLockServer(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	first, second, command := dbtest.Open(t, url), dbtest.Open(t, url), dbtest.Open(t, url)
	if err := first.LockServer(); err != nil {
		t.Fatal(err)
	}
	if err := second.LockServer(); err == nil || !strings.Contains(err.Error(), "another server is running") {
		t.Errorf("second server: %v", err)
	}
	if err := command.Migrate(t.Context()); err != nil {
		t.Errorf("command: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.LockServer(); err != nil {
		t.Errorf("second server after the first: %v", err)
	}
}

func TestServersShareMariaDB(t *testing.T) {
	url := dbtest.MySQLURL(t)
	for range 2 {
		if err := dbtest.Open(t, url).LockServer(); err != nil {
			t.Error(err)
		}
	}
}

func TestMySQLSettings(t *testing.T) {
	db := dbtest.Open(t, dbtest.MySQLURL(t))
	if db.Dialect() != dialect.MySQL {
		t.Fatal(db.Dialect())
	}
	for expression, want := range map[string]string{
		"@@tx_isolation":                        "READ-COMMITTED",
		"@@time_zone":                           "+00:00",
		"@@collation_connection":                "utf8mb4_bin",
		"@@sql_mode LIKE '%STRICT_ALL_TABLES%'": "1",
	} {
		var got string
		if err := db.SQL().QueryRowContext(t.Context(), "SELECT "+expression).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", expression, got, want)
		}
	}
}

func TestMySQLErrorsSayWhatToDo(t *testing.T) {
	url := dbtest.MySQLURL(t)
	host := url[strings.Index(url, "@"):]
	server := host[:strings.LastIndex(host, "/")]
	for url, want := range map[string]string{
		"mysql://nobody:hunter2" + host:      "refuses user nobody",
		"mysql://root" + server + "/missing": "there is no database missing",
		"mysql://root" + host + "?tls=true":  "cannot reach the database",
	} {
		db, err := database.Open(t.Context(), url, database.Options{})
		if err == nil {
			_ = db.Close()
			t.Errorf("%s was opened", url)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

// Moments come back as they were and sort as moments do, fractions or none.
func TestMoments(t *testing.T) {
	base := time.Date(2026, 11, 23, 9, 12, 44, 0, time.UTC)
	elsewhere := time.FixedZone("", 2*60*60)
	moments := []time.Time{base, base.Add(100 * time.Millisecond), base.Add(120 * time.Millisecond).In(elsewhere), base.Add(time.Second)}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for i := range moments {
			w := createWorkspace(db.Client().Workspace, uuid.NewString()).SetCreatedAt(moments[i])
			if err := w.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		all, err := db.Client().Workspace.Query().Order(ent.Asc("created_at")).All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range all {
			if !w.CreatedAt.Equal(moments[i]) || w.CreatedAt.Location() != time.UTC {
				t.Errorf("moment %d is %v, want %v in UTC", i, w.CreatedAt, moments[i])
			}
		}
	})
}

func createWorkspace(c *ent.WorkspaceClient, slug string) *ent.WorkspaceCreate {
	return c.Create().SetSlug(slug).SetName(slug).SetPlan("STARTER").SetCreatedAt(time.Now())
}

func addWorkspace(t *testing.T, db *database.DB, slug string) {
	t.Helper()
	if err := createWorkspace(db.Client().Workspace, slug).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func countWorkspaces(t *testing.T, db *database.DB) int {
	t.Helper()
	n, err := db.Client().Workspace.Query().Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
