package blobsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/keloa/apitokens/auditsink"
)

// FileScheme is what a folder's URL begins with.
const FileScheme = "blob+file"

const folderMode = 0o700

// folder is where objects are files.
type folder string

// OpenFile reads blob+file:PATH: relative to the working directory, or absolute.
// The folder is made if it is missing; what it would be in must be there.
func OpenFile(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	if _, err := auditsink.Keys(u); err != nil {
		return nil, err
	}
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return nil, errors.New("its path is malformed")
		}
	}
	if u.Host != "" || path == "" {
		return nil, errors.New("it names no folder: write " + FileScheme + ":PATH")
	}
	f := folder(filepath.Clean(path))
	if err := os.Mkdir(string(f), folderMode); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // who configures us names it
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	if info, err := os.Stat(string(f)); err != nil || !info.IsDir() { //nolint:gosec // the same
		return nil, errors.New("its path is not that of a folder")
	}
	return &Sink{open: f.open}, nil
}

func (f folder) open(context.Context) (*place, error) { return &place{store: f}, nil }

func (f folder) close() error { return nil }

func (f folder) path(key string) string { return filepath.Join(string(f), filepath.FromSlash(key)) }

func (f folder) list(_ context.Context, under string) ([]string, error) {
	entries, err := os.ReadDir(f.path(under))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the folder: %w", err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
		if entry.IsDir() {
			names[i] += "/"
		}
	}
	return names, nil
}

func (f folder) read(_ context.Context, key string) ([]byte, error) {
	file, err := os.Open(f.path(key))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxObject))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	// Who made it may have been killed before its name was on the disk.
	return text, f.sync(key)
}

// create gives a file its name when it is whole and on the disk.
func (f folder) create(_ context.Context, key string, lines []byte) (bool, error) {
	path := f.path(key)
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return false, fmt.Errorf("make a folder: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-") // its mode is 0600
	if err != nil {
		return false, fmt.Errorf("make a file: %w", err)
	}
	_, err = file.Write(lines)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Link(file.Name(), path) // which replaces nothing, as a move would
	}
	err = errors.Join(err, os.Remove(file.Name()))
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		err = f.sync(key)
	}
	if err != nil {
		return false, fmt.Errorf("make a file: %w", err)
	}
	return true, nil
}

// sync makes the name of a file durable, and those of all folders that it is in,
// which may be new.
func (f folder) sync(key string) error {
	for path := filepath.Dir(f.path(key)); ; path = filepath.Dir(path) {
		if err := syncFolder(path); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		if path == filepath.Dir(string(f)) || path == string(f) && path == filepath.Dir(path) {
			return nil
		}
	}
}

func syncFolder(path string) error {
	opened, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
