package database_test

import (
	"errors"
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
