package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keloa/apitokens/auditsink/journal"
)

// auditKeyPath is where the key is that signs checkpoints, if no other place is
// named: beside an SQLite database, and under data/ for one that servers share.
func auditKeyPath(named, database string) string {
	if named != "" {
		return named
	}
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return path + ".audit-key"
	}
	return filepath.Join("data", "audit-key")
}

// loadAuditKey reads the key, which is made at the first start. It is never in
// the database, since it is there to convict who changes that.
func loadAuditKey(path string) (*journal.Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeAuditKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting("audit-key"), err)
	}
	key, err := journal.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %s is %w; move it away to have another one made", setting("audit-key"), path, err)
	}
	return key, nil
}

// makeAuditKey makes the file whole or not at all, readable by its owner only.
// Of servers that start at once, one makes it and the others take that.
func makeAuditKey(path string) ([]byte, error) {
	private, err := journal.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(folder, ".audit-key-") // its mode is 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(private + "\n")
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}
