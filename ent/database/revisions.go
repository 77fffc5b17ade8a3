package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
)

// revisions is the table of the migrations that were applied, as Atlas's
// executor reads and writes it. Its statements are the same in both dialects.
type revisions struct{ conn schema.ExecQuerier }

const revisionsTable = "schema_migrations"

// Ident names the table.
func (r revisions) Ident() *atlas.TableIdent { return &atlas.TableIdent{Name: revisionsTable} }

// create makes the table. Moments are text in RFC 3339, which both databases
// keep to the nanosecond; partial holds the checksums of the statements applied
// of a migration that is not finished.
func (r revisions) create(ctx context.Context) error {
	_, err := r.conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+revisionsTable+` (
		version varchar(64) NOT NULL PRIMARY KEY,
		name varchar(255) NOT NULL,
		applied int NOT NULL,
		total int NOT NULL,
		applied_at varchar(35) NOT NULL,
		hash varchar(64) NOT NULL,
		partial text NOT NULL)`)
	return err
}

// ReadRevisions reads all revisions in order.
func (r revisions) ReadRevisions(ctx context.Context) ([]*atlas.Revision, error) {
	return r.read(ctx, "ORDER BY version")
}

// ReadRevision reports atlas.ErrRevisionNotExist for a version not begun.
func (r revisions) ReadRevision(ctx context.Context, version string) (*atlas.Revision, error) {
	found, err := r.read(ctx, "WHERE version = ?", version)
	if err == nil && len(found) == 0 {
		return nil, atlas.ErrRevisionNotExist
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func (r revisions) read(ctx context.Context, which string, args ...any) (found []*atlas.Revision, err error) {
	rows, err := r.conn.QueryContext(ctx,
		"SELECT version, name, applied, total, applied_at, hash, partial FROM "+revisionsTable+" "+which, args...)
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		revision, err := scanRevision(rows)
		if err != nil {
			return nil, fmt.Errorf("read applied migrations: %w", err)
		}
		found = append(found, revision)
	}
	return found, rows.Err()
}

func scanRevision(rows *sql.Rows) (*atlas.Revision, error) {
	var at, partial string
	r := &atlas.Revision{Type: atlas.RevisionTypeExecute}
	if err := rows.Scan(&r.Version, &r.Description, &r.Applied, &r.Total, &at, &r.Hash, &partial); err != nil {
		return nil, err
	}
	var err error
	if r.ExecutedAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return nil, err
	}
	return r, json.Unmarshal([]byte(partial), &r.PartialHashes)
}

// WriteRevision inserts or replaces a revision.
func (r revisions) WriteRevision(ctx context.Context, revision *atlas.Revision) error {
	partial, err := json.Marshal(revision.PartialHashes)
	if err != nil {
		return err
	}
	_, err = r.conn.ExecContext(ctx,
		"REPLACE INTO "+revisionsTable+" (version, name, applied, total, applied_at, hash, partial) VALUES (?, ?, ?, ?, ?, ?, ?)",
		revision.Version, revision.Description, revision.Applied, revision.Total,
		revision.ExecutedAt.UTC().Format(time.RFC3339Nano), revision.Hash, string(partial))
	return err
}

// DeleteRevision forgets a revision.
func (r revisions) DeleteRevision(ctx context.Context, version string) error {
	_, err := r.conn.ExecContext(ctx, "DELETE FROM "+revisionsTable+" WHERE version = ?", version)
	return err
}
