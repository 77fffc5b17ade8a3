package database_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/workspace"
)

func TestTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		refused := errors.New("refused")
		tries := 0
		err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			tries++
			if err := createWorkspace(tx.Workspace, "one").Exec(ctx); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) || tries != 1 {
			t.Errorf("%d tries, then %v", tries, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				if err := createWorkspace(tx.Workspace, "one").Exec(ctx); err != nil {
					return err
				}
				panic("a bug")
			})
		}()
		if n := countWorkspaces(t, db); n != 0 {
			t.Errorf("%d workspaces stayed of transactions that failed", n)
		}
		err = db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			return createWorkspace(tx.Workspace, "one").Exec(ctx)
		})
		if n := countWorkspaces(t, db); err != nil || n != 1 {
			t.Errorf("%d workspaces after a commit: %v", n, err)
		}
	})
}

func TestUniqueViolation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		addWorkspace(t, db, "one")
		err := createWorkspace(db.Client().Workspace, "one").Exec(t.Context())
		if !database.IsUniqueViolation(err) {
			t.Errorf("the same slug twice: %v", err)
		}
		err = db.Client().Operator.Create().SetWorkspaceID(insertEntry(t, db).ID).
			SetEmail("a@b").SetName("a").SetRole("ADMIN").SetCreatedAt(time.Now()).Exec(t.Context())
		if !ent.IsConstraintError(err) || database.IsUniqueViolation(err) {
			t.Errorf("an operator of no workspace: %v", err)
		}
	})
}

// What never succeeds is given up.
func TestTxGivesUp(t *testing.T) {
	db := dbtest.Open(t, dbtest.SQLiteURL(t))
	deadlock := &mysql.MySQLError{Number: 1213}
	tries := 0
	err := db.Tx(t.Context(), func(context.Context, *ent.Tx) error { tries++; return deadlock })
	if !errors.Is(err, deadlock) || tries != 6 {
		t.Errorf("%d tries, then %v", tries, err)
	}
}

// Two transactions that wait for each other both end well.
func TestTxAfterDeadlock(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	slugs := []string{"a", "b"}
	for _, slug := range slugs {
		addWorkspace(t, db, slug)
	}
	var tries atomic.Int32
	var wg, bothHoldOne sync.WaitGroup
	bothHoldOne.Add(2)
	errs := make([]error, 2)
	for i := range 2 {
		wg.Go(func() {
			arrive := sync.OnceFunc(bothHoldOne.Done)
			errs[i] = db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
				tries.Add(1)
				if err := rename(ctx, tx, slugs[i]); err != nil {
					return err
				}
				arrive()
				bothHoldOne.Wait()
				return rename(ctx, tx, slugs[1-i])
			})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := tries.Load(); n < 3 {
		t.Errorf("%d tries: there was no deadlock", n)
	}
}

func rename(ctx context.Context, tx *ent.Tx, slug string) error {
	return tx.Workspace.Update().Where(workspace.Slug(slug)).SetName(time.Now().String()).Exec(ctx)
}

// A transaction outlives one that holds its row for too long.
func TestTxAfterLockWait(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	addWorkspace(t, db, "a")
	holder, err := db.Client().Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := rename(t.Context(), holder, "a"); err != nil {
		t.Fatal(err)
	}
	tries := 0
	err = db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		if tries++; tries == 2 {
			if err := holder.Rollback(); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "SET innodb_lock_wait_timeout = 0"); err != nil {
			return err
		}
		return rename(ctx, tx, "a")
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries, then %v", tries, err)
	}
}

// A transaction whose connection is cut, before or at the commit, runs again.
func TestTxAfterLostConnection(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.MySQLURL(t))
	for _, when := range []string{"in the middle", "at the commit"} {
		tries := 0
		err := db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
			if tries++; tries == 1 {
				if err := killConnection(ctx, db, tx); err != nil {
					return err
				}
				if when == "at the commit" {
					return nil
				}
			}
			return createWorkspace(tx.Workspace, when).Exec(ctx)
		})
		if err != nil || tries != 2 {
			t.Errorf("%s: %d tries, then %v", when, tries, err)
		}
	}
}

func killConnection(ctx context.Context, db *database.DB, tx *ent.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT CONNECTION_ID()") //nolint:rowserrcheck // ScanInt does
	if err != nil {
		return err
	}
	defer rows.Close()
	id, err := entsql.ScanInt(rows)
	if err != nil {
		return err
	}
	_, err = db.SQL().ExecContext(ctx, "KILL CONNECTION ?", id)
	return err
}

// A transaction outlives another process that writes to the same file.
func TestTxAfterBusy(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	other := dbtest.Migrated(t, url)
	holder, err := other.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	release := &releaser{Handler: slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}), holder: holder}
	db, err := database.Open(t.Context(), url, database.Options{Logger: slog.New(release)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// Let SQLite itself not wait.
	if _, err := db.SQL().ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(ctx context.Context, tx *ent.Tx) error {
		return createWorkspace(tx.Workspace, "one").Exec(ctx)
	})
	if err != nil || release.retries != 1 {
		t.Errorf("%d retries, then %v", release.retries, err)
	}
}

// releaser ends the transaction that is in the way once it hears of a retry.
type releaser struct {
	slog.Handler
	holder  *sql.Tx
	retries int
}

func (r *releaser) Handle(context.Context, slog.Record) error {
	r.retries++
	return r.holder.Rollback()
}
