package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver
)

const (
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	prefix    = "keloa_pk_live_"
	secretLen = len(prefix) + 32
)

// tokens are the secrets of the bench, one after the other: made from their
// number, so that they are the same in each run. They open nothing anywhere else.
type tokens struct{ text []byte }

func newTokens(n int) tokens {
	text := make([]byte, 0, n*secretLen)
	for i := range n {
		text = appendSecret(text, "known", i)
	}
	return tokens{text}
}

func (t tokens) len() int            { return len(t.text) / secretLen }
func (t tokens) secret(i int) []byte { return t.text[i*secretLen : (i+1)*secretLen] }

// appendSecret appends the i-th secret of a kind.
func appendSecret(text []byte, kind string, i int) []byte {
	text = append(text, prefix...)
	digest := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(kind), uint64(i)))
	for _, c := range digest {
		text = append(text, alphabet[int(c)%len(alphabet)])
	}
	return text
}

// fill makes a database with the tokens in it. They are inserted as rows:
// minting a million would take half an hour. The first has full access.
func fill(ctx context.Context, program, folder string, t tokens) (err error) {
	if err := command(ctx, program, folder, "migrate", "up"); err != nil {
		return err
	}
	if err := command(ctx, program, folder, "workspace", "set-plan", "default", "scale"); err != nil {
		return err
	}
	// What a plan limits is not what is measured.
	plans := []byte("scale: {tokens: 0, requestsPerMinute: 0}\n")
	if err := os.WriteFile(filepath.Join(folder, plansName), plans, 0o600); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, databaseName)+"?_pragma=synchronous(OFF)&_pragma=journal_mode(WAL)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	return withoutIndexes(ctx, db, func() error { return insert(ctx, db, t) })
}

// withoutIndexes calls fn while the tables of tokens have no indexes, which are
// faster made at once.
func withoutIndexes(ctx context.Context, db *sql.DB, fn func() error) error {
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('tokens', 'grants')")
	if err != nil {
		return err
	}
	defer rows.Close()
	var drop, create []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return err
		}
		drop, create = append(drop, "DROP INDEX `"+name+"`"), append(create, text)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, strings.Join(drop, ";")); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, strings.Join(create, ";"))
	return err
}

func insert(ctx context.Context, db *sql.DB, t tokens) error {
	var workspace string
	if err := db.QueryRowContext(ctx, "SELECT id FROM workspaces WHERE slug = 'default'").Scan(&workspace); err != nil {
		return fmt.Errorf("find the workspace: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after the commit
	token, err := tx.PrepareContext(ctx, `INSERT INTO tokens (id, label, label_key, secret_hash, secret_tail, mode, created_at, minted_by_kind, minted_by_name, workspace_id)
		VALUES (?, ?, ?, ?, ?, 'LIVE', ?, 'SYSTEM', 'bench', ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = token.Close() }()
	grant, err := tx.PrepareContext(ctx, "INSERT INTO grants (id, ability, token_id) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = grant.Close() }()
	minted := time.Now().UTC().Format("2006-01-02 15:04:05.999999-07:00")
	for i := range t.len() {
		secret := t.secret(i)
		hash := sha256.Sum256(secret)
		id, grantID, label := uuid.Must(uuid.NewV7()).String(), uuid.Must(uuid.NewV7()).String(), fmt.Sprintf("consumer-%07d", i)
		if _, err := token.ExecContext(ctx, id, label, label, hash[:], string(secret[secretLen-4:]), minted, workspace); err != nil {
			return fmt.Errorf("insert a token: %w", err)
		}
		name := "READ"
		if i == 0 {
			name = "FULL_ACCESS"
		}
		if _, err := grant.ExecContext(ctx, grantID, name, id); err != nil {
			return fmt.Errorf("insert a grant: %w", err)
		}
	}
	return tx.Commit()
}
