package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"

	"github.com/keloa/apitokens/ent/migrate"
)

// migrateLockWait bounds the wait for another server that is migrating MySQL.
const migrateLockWait = 5 * time.Minute

// ErrNewer means that a newer version of this program has migrated the database.
var ErrNewer = errors.New("the database was migrated by a newer version of this program: upgrade this one")

// Migration is one step from an empty database to what this program needs.
type Migration struct {
	Version   string    // a moment: versions sort in the order of applying
	Name      string    // what it does, in a word
	AppliedAt time.Time // zero if it is still to be applied
	Newer     bool      // applied by a newer version; unknown to this one
}

// MigrationStatus lists the migrations, those applied and those to be applied,
// in order. It changes nothing.
func (db *DB) MigrationStatus(ctx context.Context) ([]Migration, error) {
	dir, err := migrate.Versions(db.dialect)
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	all := make(map[string]Migration)
	for _, f := range files {
		all[f.Version()] = Migration{Version: f.Version(), Name: f.Desc()}
	}
	applied, err := db.appliedMigrations(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range applied {
		m, known := all[r.Version]
		m.Version, m.Name, m.Newer = r.Version, r.Description, !known
		if r.Applied == r.Total {
			m.AppliedAt = r.ExecutedAt
		}
		all[r.Version] = m
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Migration) int { return strings.Compare(a.Version, b.Version) }), nil
}

// appliedMigrations reads the revisions of a database that may have no table of
// them yet.
func (db *DB) appliedMigrations(ctx context.Context) ([]*atlas.Revision, error) {
	query := "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?"
	if db.dialect == dialect.SQLite {
		query = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	}
	var tables int
	if err := db.writer.QueryRowContext(ctx, query, revisionsTable).Scan(&tables); err != nil {
		return nil, fmt.Errorf("look for applied migrations: %w", err)
	}
	if tables == 0 {
		return nil, nil
	}
	return revisions{db.writer}.ReadRevisions(ctx)
}

// Migrate applies the migrations that are missing. Servers may call it at the
// same time: one applies, the others wait and then find nothing to do.
//
// On SQLite all of them are applied or none. MySQL cannot take back a change
// of a table; there, what was applied of a migration that failed is noted, and
// the next call goes on after it.
//
// Migrate reports ErrNewer for a database that a newer version has migrated.
// GET_LOCK, which serialises servers, reaches one node of a Galera cluster:
// there, migrate with one server before starting the others.
func (db *DB) Migrate(ctx context.Context) error {
	dir, err := migrate.Versions(db.dialect)
	if err != nil {
		return err
	}
	return db.migrate(ctx, dir)
}

func (db *DB) migrate(ctx context.Context, dir atlas.Dir) error {
	pool, err := db.openMigrator()
	if err != nil {
		return err
	}
	defer pool.Close()
	if db.dialect == dialect.SQLite {
		err = db.migrateSQLite(ctx, pool, dir)
	} else {
		err = db.migrateMySQL(ctx, pool, dir)
	}
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// migrateSQLite holds the file's write lock in one transaction. Foreign keys
// are off on this connection, and checked before the end.
func (db *DB) migrateSQLite(ctx context.Context, pool *sql.DB, dir atlas.Dir) error {
	return db.retry(ctx, func() error {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		driver, err := sqlite.Open(tx)
		if err != nil {
			return err
		}
		if err := db.apply(ctx, dir, driver, tx); err != nil {
			return err
		}
		var table string
		err = tx.QueryRowContext(ctx, "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1").Scan(&table)
		if err == nil {
			return fmt.Errorf("table %s would refer to rows that do not exist", table)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.Commit()
	})
}

func (db *DB) migrateMySQL(ctx context.Context, pool *sql.DB, dir atlas.Dir) error {
	conn, err := pool.Conn(ctx) // GET_LOCK belongs to a connection
	if err != nil {
		return err
	}
	defer conn.Close()
	// The lock's name holds for the whole server, of which we are one database.
	const name = "CONCAT('keloa-migrate-', MD5(DATABASE()))"
	var got sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", ?)", migrateLockWait.Seconds()).Scan(&got); err != nil {
		return err
	}
	if !got.Bool {
		return fmt.Errorf("another server has been migrating for %s", migrateLockWait)
	}
	defer func() { // closing the pool would do; this is sooner
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK("+name+")")
	}()
	driver, err := mysql.Open(conn)
	if err != nil {
		return err
	}
	err = db.apply(ctx, dir, driver, conn)
	if hasNumber(err, errTriggerRight) {
		return fmt.Errorf("%w: set log_bin_trust_function_creators=1 on the database server, or migrate as a user who may make triggers", err)
	}
	return err
}

func (db *DB) apply(ctx context.Context, dir atlas.Dir, driver atlas.Driver, conn schema.ExecQuerier) error {
	stored := revisions{conn}
	if err := stored.create(ctx); err != nil {
		return err
	}
	if err := checkNotNewer(ctx, dir, stored); err != nil {
		return err
	}
	executor, err := atlas.NewExecutor(driver, dir, stored, atlas.WithLogger(migrationLog{ctx, db.log}))
	if err != nil {
		return err
	}
	err = executor.ExecuteN(ctx, 0)
	if notClean, ok := errors.AsType[*atlas.NotCleanError](err); ok {
		return fmt.Errorf("it holds tables that are not ours (%s): use an empty database", notClean.Reason)
	}
	if errors.Is(err, atlas.ErrNoPendingFiles) {
		return nil
	}
	return err
}

func checkNotNewer(ctx context.Context, dir atlas.Dir, stored revisions) error {
	files, err := dir.Files()
	if err != nil {
		return err
	}
	applied, err := stored.ReadRevisions(ctx)
	if err != nil {
		return err
	}
	for _, r := range applied {
		if !slices.ContainsFunc(files, func(f atlas.File) bool { return f.Version() == r.Version }) {
			return fmt.Errorf("%w (it knows migration %s)", ErrNewer, r.Version)
		}
	}
	return nil
}

// migrationLog says which migrations are applied.
type migrationLog struct {
	ctx context.Context
	log *slog.Logger
}

func (l migrationLog) Log(entry atlas.LogEntry) {
	if file, ok := entry.(atlas.LogFile); ok {
		l.log.InfoContext(l.ctx, "applying migration", slog.String("version", file.Version), slog.String("name", file.Desc))
	}
}
