package main

import (
	"context"
	"fmt"
)

type migrateCommands struct {
	Status migrateStatusCommand `cmd:"" help:"List the migrations, applied and still to be applied."`
	Up     migrateUpCommand     `cmd:"" help:"Apply the migrations that are missing."`
}

type migrateStatusCommand struct{ databaseFlag }

// Run prints one line a migration.
func (c migrateStatusCommand) Run(ctx context.Context, std streams) error {
	db, err := c.open(ctx, std)
	if err != nil {
		return err
	}
	defer db.Close()
	migrations, err := db.MigrationStatus(ctx)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	rows := [][]string{{"VERSION", "NAME", "APPLIED"}}
	for _, m := range migrations {
		applied := "pending"
		if !m.AppliedAt.IsZero() {
			applied = stamp(m.AppliedAt)
		}
		if m.Newer {
			applied += " by a newer version of this program"
		}
		rows = append(rows, []string{m.Version, m.Name, applied})
	}
	return printTable(std.out, rows)
}

type migrateUpCommand struct{ databaseFlag }

// Run migrates, as the server does at its start.
func (c migrateUpCommand) Run(ctx context.Context, std streams) error {
	db, err := c.openOrMake(ctx, std)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	std.note("The database is up to date.")
	return nil
}
