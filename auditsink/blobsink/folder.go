package blobsink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob/fileblob"

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

func (f folder) open(context.Context) (*place, error) {
	opened, err := fileblob.OpenBucket(string(f), &fileblob.Options{
		NoTempDir:   true, // a file moves into its place within one file system
		Metadata:    fileblob.MetadataDontWrite,
		DirFileMode: folderMode,
	})
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	return &place{bucket: opened, sync: f.sync}, nil
}

// sync makes a file and its name durable, and those of all folders that it is
// in, which may be new.
func (f folder) sync(key string) error {
	for path := filepath.Join(string(f), filepath.FromSlash(key)); ; path = filepath.Dir(path) {
		if err := syncOne(path); err != nil {
			return err
		}
		if path == filepath.Dir(string(f)) || path == string(f) && path == filepath.Dir(path) {
			return nil
		}
	}
}

func syncOne(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}
