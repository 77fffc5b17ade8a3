package filesink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/keloa/apitokens/auditsink"
)

const (
	blockSize = 64 << 10 // how much of the file is read at once, from its end
	headSize  = 100      // how much of a line tells whether a sink began it
)

// settle makes sure that the open file is the one at the path, that it ends in
// a complete line and that what it holds is known.
func (s *Sink) settle() error {
	same, err := s.unchanged()
	if same || err != nil {
		return err
	}
	if err := s.forget(); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	if err := s.repair(); err != nil {
		return fmt.Errorf("repair the last line: %w", err)
	}
	if s.last, err = lastSequence(s.file, s.size); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	// Another process may have been killed before it could sync what is
	// about to be called held.
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync the file: %w", err)
	}
	return nil
}

// unchanged reports whether the file is open, still the one at the path and of
// the size it was left with.
func (s *Sink) unchanged() (bool, error) {
	if s.file == nil {
		return false, nil
	}
	there, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the file: %w", err)
	}
	ours, err := s.file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the file: %w", err)
	}
	return os.SameFile(there, ours) && ours.Size() == s.size, nil
}

func (s *Sink) open() error {
	_, err := os.Lstat(s.path)
	missing := errors.Is(err, fs.ErrNotExist)
	s.file, err = os.OpenFile(s.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", s.path)
	}
	s.size = info.Size()
	if missing {
		return syncFolder(filepath.Dir(s.path))
	}
	return nil
}

// makeFolder makes the folder of the file. One whose parent is missing is more
// likely misspelt, or on a disk that is not mounted.
func (s *Sink) makeFolder() error {
	folder := filepath.Dir(s.path)
	err := os.Mkdir(folder, folderMode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("make the folder: %w", err)
	}
	return syncFolder(filepath.Dir(folder))
}

// syncFolder makes a new file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	err = folder.Sync()
	if err := errors.Join(err, folder.Close()); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}

// repair ends the file with a newline. What was begun by a sink and cut short
// is removed: it was never acknowledged. What someone else left there is ended
// by a newline.
func (s *Sink) repair() error {
	lines := backwards{file: s.file}
	end, err := lines.start(s.size)
	if err != nil || end == s.size {
		return err
	}
	head := make([]byte, min(s.size-end, headSize))
	if _, err := s.file.ReadAt(head, end); err != nil {
		return err
	}
	// After a loss of power, a file may end in zeros that stand for what was
	// not written.
	if auditsink.BeginsLine(string(bytes.TrimRight(head, "\x00"))) {
		s.size = end
		return s.file.Truncate(end)
	}
	if _, err := s.file.WriteString("\n"); err != nil {
		return err
	}
	s.size++
	return nil
}

// lastSequence returns the sequence of the last record among the complete lines
// up to end, 0 if there is none.
func lastSequence(file io.ReaderAt, end int64) (int64, error) {
	lines := backwards{file: file}
	for end > 0 {
		start, err := lines.start(end - 1)
		if err != nil {
			return 0, err
		}
		if length := end - 1 - start; length <= int64(auditsink.MaxLine) {
			line := make([]byte, length)
			if _, err := file.ReadAt(line, start); err != nil {
				return 0, err
			}
			if stamp, err := auditsink.ParseStamp(line); err == nil {
				return stamp.Seq, nil
			}
		}
		end = start
	}
	return 0, nil
}

// backwards finds lines from the end of a file, reading each block once.
type backwards struct {
	file  io.ReaderAt
	block []byte
	at    int64 // where the block begins
}

// start returns where the line that ends at end begins.
func (b *backwards) start(end int64) (int64, error) {
	for end > 0 {
		if end <= b.at || end > b.at+int64(len(b.block)) {
			b.block = make([]byte, min(end, blockSize))
			b.at = end - int64(len(b.block))
			if _, err := b.file.ReadAt(b.block, b.at); err != nil {
				return 0, err
			}
		}
		if i := bytes.LastIndexByte(b.block[:end-b.at], '\n'); i >= 0 {
			return b.at + int64(i) + 1, nil
		}
		end = b.at
	}
	return 0, nil
}
