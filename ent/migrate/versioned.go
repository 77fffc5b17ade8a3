// Package migrate holds the versioned migrations: SQL by ent and by hand, one
// folder a dialect, which only ever grows. What else is in it is generated.
package migrate

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	atlas "ariga.io/atlas/sql/migrate"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
)

//go:embed mysql sqlite
var versions embed.FS

// Versions returns the versioned migrations of a dialect, in a copy of the
// embedded folder that the caller may change.
func Versions(of string) (*atlas.MemDir, error) {
	name := "mysql"
	if of == dialect.SQLite {
		name = "sqlite"
	}
	entries, err := versions.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	dir := new(atlas.MemDir)
	for _, entry := range entries {
		text, err := fs.ReadFile(versions, name+"/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		if err := dir.WriteFile(entry.Name(), text); err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
	}
	if err := atlas.Validate(dir); err != nil {
		return nil, fmt.Errorf("migrations for %s do not match their atlas.sum, run `make migration`: %w", of, err)
	}
	return dir, nil
}

// Plan replays dir on an empty database and writes into dir the migration that
// is missing to what the schema says. It reports atlas.ErrNoPlan if none is.
func Plan(ctx context.Context, empty dialect.Driver, dir atlas.Dir, name string) error {
	m, err := schema.NewMigrate(empty,
		schema.WithDir(dir), schema.WithMigrationMode(schema.ModeReplay),
		schema.WithFormatter(atlas.DefaultFormatter), // up only: a pair of files breaks the replay
		schema.WithDropColumn(true), schema.WithDropIndex(true),
		schema.WithErrNoPlan(true))
	if err != nil {
		return fmt.Errorf("plan a migration: %w", err)
	}
	if err := m.NamedDiff(ctx, name, Tables...); err != nil {
		return fmt.Errorf("plan a migration: %w", err)
	}
	return nil
}
