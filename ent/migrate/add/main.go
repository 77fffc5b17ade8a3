// Command add writes the migration that takes both databases from what the
// migrations make to what the schema says:
//
//	go run ./ent/migrate/add NAME
//
// It replays the migrations on an empty SQLite file and on a private MariaDB.
// Without a name it writes no migration, and takes what was edited by hand into
// the checksums of atlas.sum.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest/mariadb"
	"github.com/keloa/apitokens/ent/migrate"
)

func main() {
	name := strings.Join(os.Args[1:], "_")
	if err := run(context.Background(), name); err != nil {
		fmt.Fprintln(os.Stderr, "migration:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string) error {
	sqlite, err := atlas.NewLocalDir("ent/migrate/sqlite")
	if err != nil {
		return err
	}
	mysql, err := atlas.NewLocalDir("ent/migrate/mysql")
	if err != nil {
		return err
	}
	if name == "" {
		return errors.Join(rehash(sqlite), rehash(mysql))
	}
	if err := addSQLite(ctx, name, sqlite); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	if err := addMySQL(ctx, name, mysql); err != nil {
		return fmt.Errorf("mysql: %w", err)
	}
	return nil
}

func rehash(dir atlas.Dir) error {
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	return atlas.WriteSumFile(dir, sum)
}

func addSQLite(ctx context.Context, name string, dir atlas.Dir) error {
	scratch, err := os.MkdirTemp("", "keloa-migration-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	return add(ctx, "sqlite:"+filepath.Join(scratch, "db"), name, dir)
}

func addMySQL(ctx context.Context, name string, dir atlas.Dir) error {
	server, err := mariadb.Start(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	url, err := server.NewDatabase(ctx)
	if err != nil {
		return err
	}
	return add(ctx, url, name, dir)
}

func add(ctx context.Context, url, name string, dir atlas.Dir) error {
	db, err := database.Open(ctx, url, database.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	err = migrate.Plan(ctx, entsql.OpenDB(db.Dialect(), db.SQL()), dir, name)
	if errors.Is(err, atlas.ErrNoPlan) {
		fmt.Fprintf(os.Stderr, "%s: nothing to do\n", db.Dialect())
		return nil
	}
	return err
}
