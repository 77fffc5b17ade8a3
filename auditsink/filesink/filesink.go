// Package filesink keeps the audit log in a file, one record a line, under
// file:PATH.
//
// # Durability
//
// A batch is one write and one fsync, and a new file's folder is synced too:
// what was acknowledged survives the loss of power, as far as the disk keeps
// its word. The file knows how far it has come, so every record is in it
// exactly once, also after kill -9. A file that was moved away takes that
// knowledge with it: if the process is also killed between writing a batch and
// recording that it did, that batch is at the end of the old file and at the
// beginning of the new one.
//
// A last line that was cut short is removed before anything is appended. Lines
// of others are kept and passed over. Two sinks of different names must not
// share a file: each would take the other's records for its own.
//
// Now and then a signed checkpoint of the log is appended to PATH.checkpoints,
// one a line: with the records it convicts a database that was changed.
//
// # Errors
//
// After a failed write or fsync nothing is assumed of the file: it is cut back
// to where it was, opened anew and read again.
//
// A file that somebody has cut short, but not emptied, gets nothing more before
// HighWater was asked for its end, so that who delivers can fill it up. Else it
// would have a gap for good.
//
// # Concurrency
//
// Several processes may append to one file: whoever writes holds a lock on
// PATH.lock, and looks again if the file is not as it left it. A file that was
// moved or deleted, as by logrotate, is made anew; so are its contents when it
// was emptied in place.
package filesink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/keloa/apitokens/auditsink"
)

// Scheme is what a file's URL begins with.
const Scheme = "file"

const (
	fileMode   = 0o600
	folderMode = 0o700
	lockPause  = 5 * time.Millisecond // between two looks at a lock that is taken
	openTime   = 2 * time.Second      // for which Open waits for it
)

// Sink appends to one file.
type Sink struct {
	path string

	mu     sync.Mutex // guards the rest, and is held while the file is used
	lock   *flock.Flock
	closed bool
	file   *os.File // nil until it is needed, and after every doubt
	size   int64    // of the file, all of it complete lines, where this process left it
	last   int64    // the highest sequence in it
	told   int64    // the last one that somebody was told is in it
	signed int64    // the size of the last checkpoint that this process kept
}

// Open opens the file that file:PATH names: relative to the working directory,
// or absolute. The file and its folder are made if they are missing; what that
// folder would be in must be there.
func Open(ctx context.Context, u *url.URL) (auditsink.Sink, error) {
	if _, err := auditsink.Keys(u); err != nil {
		return nil, err
	}
	path, err := pathOf(u)
	if err != nil {
		return nil, err
	}
	s := &Sink{path: path, lock: flock.New(path+".lock", flock.SetPermissions(fileMode))}
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	// Who holds the lock may have been stopped while it wrote. That keeps no
	// server from starting: deliveries wait, and say so.
	looking, done := context.WithTimeout(ctx, openTime)
	defer done()
	if _, err := s.HighWater(looking); err != nil && (looking.Err() == nil || ctx.Err() != nil) {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func pathOf(u *url.URL) (string, error) {
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errors.New("its path is malformed")
		}
	}
	if u.Host != "" {
		return "", errors.New("it names a host: write file:PATH, or file:/PATH for an absolute path")
	}
	if path == "" || filepath.Base(path) == "." || path[len(path)-1] == '/' {
		return "", errors.New("it names no file: write file:PATH")
	}
	return path, nil
}

// Describe says that the file takes many records at once: each batch costs an
// fsync.
func (s *Sink) Describe() auditsink.Traits { return auditsink.Traits{Batch: 4096} }

// Deliver appends those records of the batch that the file does not hold yet. It
// reports an error for a file that has lost the end of what it held, until
// HighWater has said where it goes on.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	var result auditsink.Result
	err := s.use(ctx, func() error {
		if 0 < s.last && s.last < s.told {
			return fmt.Errorf("the file was cut short: it had record %d and ends at %d, and is to be filled up before it gets more", s.told, s.last)
		}
		if err := s.append(b.Records); err != nil {
			return err
		}
		result.Accepted, s.told = len(b.Records), s.last
		return s.witness(b.Records[len(b.Records)-1].Checkpoint)
	})
	return result, err
}

// HighWater returns the last sequence in the file.
func (s *Sink) HighWater(ctx context.Context) (int64, error) {
	var last int64
	err := s.use(ctx, func() error {
		last, s.told = s.last, s.last
		return nil
	})
	return last, err
}

// Reopen closes the file; the next batch opens what is at the path then.
func (s *Sink) Reopen(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget()
}

// Close closes the file.
func (s *Sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.forget()
}

// use calls fn with the lock held and the file open, whole and known.
func (s *Sink) use(ctx context.Context, fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return auditsink.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.lock.TryLockContext(ctx, lockPause); err != nil {
		return fmt.Errorf("lock %s: %w", s.path, err)
	}
	defer func() { _ = s.lock.Unlock() }() // closing its descriptor ends it in any case
	if err := s.settle(); err != nil {
		return errors.Join(err, s.forget())
	}
	return fn()
}

// forget closes the file, so that the next use finds out everything anew.
func (s *Sink) forget() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("close the file: %w", err)
	}
	return nil
}

// append writes and syncs the records above the last one, all or none.
func (s *Sink) append(records []auditsink.Record) error {
	for len(records) > 0 && records[0].Seq <= s.last {
		records = records[1:]
	}
	if len(records) == 0 {
		return nil
	}
	lines := auditsink.AppendLines(nil, records)
	_, err := s.file.Write(lines)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		// A second fsync may report success for pages that the first
		// one lost: they must be written again, so none may stay.
		return errors.Join(fmt.Errorf("append to the file: %w", err), s.file.Truncate(s.size), s.forget())
	}
	s.size += int64(len(lines))
	s.last = records[len(records)-1].Seq
	return nil
}

// witness keeps a checkpoint beside the file, on a line of its own whatever is
// there.
func (s *Sink) witness(c auditsink.Checkpoint) error {
	if c.Size <= s.signed {
		return nil
	}
	file, err := os.OpenFile(s.path+".checkpoints", os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	line, err := c.AppendLine(nil)
	if err == nil && s.signed == 0 && !endsLine(file) {
		line = append([]byte{'\n'}, line...)
	}
	if err == nil {
		_, err = file.Write(line)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("keep a checkpoint: %w", err)
	}
	s.signed = c.Size
	return nil
}

// endsLine reports whether the file is empty or ends in a newline.
func endsLine(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] == '\n'
}
