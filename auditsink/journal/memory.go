package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// Memory is a file in which a server remembers what it last signed, outside of
// the database: that one may go back in time.
type Memory struct {
	path string // without the id of the database
	key  *Key
}

// NewMemory returns the memory of who signs with the key, in a file whose name
// begins with path. It is read when a log is opened.
func NewMemory(path string, key *Key) *Memory { return &Memory{path, key} }

// remembered is what a server knows of a log beside what the log says.
type remembered struct {
	Checkpoint

	// epochs is how often the log had gone back in time by then.
	epochs int
}

// stored is remembered as it is written.
type stored struct {
	Epochs     int    `json:"epochs"`
	Checkpoint string `json:"checkpoint"`
}

// file is where what is signed of one database is remembered: a key may be used
// for another after it.
func (m *Memory) file(database uuid.UUID) string {
	return fmt.Sprintf("%s.signed-%s", m.path, database)
}

// load returns what was signed last, with the key of the memory or an earlier
// one; its Size is 0 for nothing.
func (m *Memory) load(database uuid.UUID, earlier []string) (remembered, error) {
	path := m.file(database)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return remembered{}, nil
	}
	if err != nil {
		return remembered{}, fmt.Errorf("remember what was signed: %w", err)
	}
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return remembered{}, fmt.Errorf("remember what was signed: %s is damaged: move it away to sign whatever the log holds", path)
	}
	c, err := OpenCheckpoint(s.Checkpoint, append([]string{m.key.public}, earlier...))
	if err != nil {
		return remembered{}, fmt.Errorf("remember what was signed: %s: %w: move it away to sign whatever the log holds", path, err)
	}
	return remembered{c, s.Epochs}, nil
}

// store replaces what was remembered, whole or not at all.
func (m *Memory) store(database uuid.UUID, r remembered) error {
	signed, err := m.key.sign(r.Checkpoint)
	if err != nil {
		return err
	}
	text, err := json.Marshal(stored{r.epochs, signed})
	if err != nil {
		return err
	}
	path := m.file(database)
	file, err := os.CreateTemp(filepath.Dir(path), ".signed-") // its mode is 0600
	if err != nil {
		return fmt.Errorf("remember what was signed: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("remember what was signed: %w", err), os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("remember what was signed: %w", err), os.Remove(file.Name()))
	}
	return nil
}
