package database_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/migrate"
)

// The migrations make what the schema says.
func TestNoDrift(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		db := dbtest.Open(t, url)
		dir, err := migrate.Versions(db.Dialect())
		if err != nil {
			t.Fatal(err)
		}
		before, err := dir.Files()
		if err != nil {
			t.Fatal(err)
		}
		err = migrate.Plan(t.Context(), entsql.OpenDB(db.Dialect(), db.SQL()), dir, "drift")
		if errors.Is(err, atlas.ErrNoPlan) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		after, err := dir.Files()
		if err != nil {
			t.Fatal(err)
		}
		t.Fatalf("the schema needs a migration that is missing, run `make migration NAME=…`:\n%s", after[len(before)].Bytes())
	})
}

// Six servers that start at once apply each migration once.
func TestMigrateAtOnce(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const servers = 6
		var wg sync.WaitGroup
		errs := make([]error, servers)
		for i := range servers {
			db := dbtest.Open(t, url)
			wg.Go(func() { errs[i] = db.Migrate(t.Context()) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		// A migration applied twice would have failed or left two rows.
		db := dbtest.Open(t, url)
		var heads int
		if err := db.SQL().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit_head WHERE id = 1 AND seq = 0").Scan(&heads); err != nil {
			t.Fatal(err)
		}
		if heads != 1 {
			t.Errorf("audit_head has %d rows, want 1", heads)
		}
	})
}

func TestMigrationStatus(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		db := dbtest.Open(t, url)
		status := func() []database.Migration {
			t.Helper()
			all, err := db.MigrationStatus(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		pending := status()
		if len(pending) < 2 || pending[0].Name != "init" || !pending[0].AppliedAt.IsZero() {
			t.Fatalf("before: %+v", pending)
		}
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		applied := status()
		if len(applied) != len(pending) {
			t.Fatalf("%d migrations became %d", len(pending), len(applied))
		}
		for _, m := range applied {
			if age := time.Since(m.AppliedAt); age < 0 || age > time.Minute || m.Newer {
				t.Errorf("after: %+v", m)
			}
		}
	})
}

// A database of a newer version is shown as one, and left alone.
func TestNewerDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		_, err := db.SQL().ExecContext(t.Context(), `INSERT INTO schema_migrations
			(version, name, applied, total, applied_at, hash, partial)
			VALUES ('29991231235959', 'future', 1, 1, '2999-12-31T23:59:59Z', '', 'null')`)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context()); !errors.Is(err, database.ErrNewer) {
			t.Errorf("Migrate: %v, want ErrNewer", err)
		}
		all, err := db.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last := all[len(all)-1]; last.Name != "future" || !last.Newer || last.AppliedAt.IsZero() {
			t.Errorf("last: %+v", last)
		}
	})
}

// A database that holds someone else's tables is refused and left alone.
func TestForeignDatabase(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		db := dbtest.Open(t, url)
		for _, table := range []string{"theirs", "theirs_too"} {
			if _, err := db.SQL().ExecContext(t.Context(), "CREATE TABLE "+table+" (id int)"); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Migrate(t.Context()); err == nil {
			t.Fatal("migrated a database with other tables")
		}
		if _, err := db.SQL().ExecContext(t.Context(), "SELECT 1 FROM tokens"); err == nil {
			t.Error("made our tables beside theirs")
		}
	})
}

// later returns the migrations with one more.
func later(t *testing.T, db *database.DB, text string) atlas.Dir {
	t.Helper()
	dir, err := migrate.Versions(db.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteFile("29991231235959_later.sql", []byte(text)); err != nil {
		t.Fatal(err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := atlas.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
	return dir
}

// SQLite changes a column by making its table anew. The rows that refer to it
// stay, and none is left that refers to nothing.
func TestRebuiltTable(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLiteURL(t))
	addWorkspace(t, db, "one")
	w := db.Client().Workspace.Query().OnlyX(t.Context())
	err := db.Client().Operator.Create().SetWorkspace(w).
		SetEmail("a@b").SetName("a").SetRole("ADMIN").SetCreatedAt(time.Now()).Exec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const rebuild = `
		CREATE TABLE new_workspaces (id uuid NOT NULL PRIMARY KEY, slug text NOT NULL, name text NULL, plan text NOT NULL, created_at datetime NOT NULL);
		INSERT INTO new_workspaces SELECT * FROM workspaces;
		DROP TABLE workspaces;
		ALTER TABLE new_workspaces RENAME TO workspaces;`
	if err := database.MigrateWith(db, t.Context(), later(t, db, rebuild+"DELETE FROM workspaces;")); err == nil || !strings.Contains(err.Error(), "table operators would refer to rows that do not exist") {
		t.Errorf("an operator of no workspace: %v", err)
	}
	if err := database.MigrateWith(db, t.Context(), later(t, db, rebuild)); err != nil {
		t.Error(err)
	}
	if n := db.Client().Operator.Query().CountX(t.Context()); n != 1 {
		t.Errorf("%d operators, want 1", n)
	}
}

// A migration that fails can be mended and applied to its end.
func TestMigrationThatFails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const first = "CREATE TABLE extra (id int);\n"
		if err := database.MigrateWith(db, t.Context(), later(t, db, first+"INSERT INTO missing VALUES (1);")); err == nil || !strings.Contains(err.Error(), "missing") {
			t.Fatalf("a table that is missing: %v", err)
		}
		all, err := db.MigrationStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last := all[len(all)-1]; !last.AppliedAt.IsZero() && last.Name == "later" {
			t.Errorf("listed as applied: %+v", last)
		}
		if err := database.MigrateWith(db, t.Context(), later(t, db, first+"INSERT INTO extra VALUES (1);")); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.SQL().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM extra").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}
