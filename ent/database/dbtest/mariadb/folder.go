package mariadb

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// home is where the folders of all servers of this user are. It is not the
// user's cache: a server that root starts runs as another user, who cannot go
// there.
func home() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("keloa-mariadb-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the server's user goes through it
		return "", fmt.Errorf("make a folder for MariaDB: %w", err)
	}
	return dir, nil
}

// systemTables returns a folder with the system tables of this version of the
// server, which it makes if this is the first time.
func systemTables(ctx context.Context, binary string) (string, error) {
	version, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask MariaDB for its version: %w", err)
	}
	base, err := home()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, fmt.Sprintf("template-%x", sha256.Sum256(version))[:24])
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, install(ctx, dir)
}

// install makes the system tables beside dir and then gives them its name, so
// that an interrupted installation leaves no half of them.
func install(ctx context.Context, dir string) error {
	binary, err := find("mariadb-install-db")
	if err != nil {
		return err
	}
	unfinished := dir + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("make system tables: %w", err)
	}
	args := []string{"--no-defaults", "--datadir=" + unfinished, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--innodb-log-file-size=8M"}
	if os.Getuid() == 0 {
		args = append(args, "--user="+account)
	}
	if out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("make system tables: %w: %s", err, out)
	}
	return os.Rename(unfinished, dir)
}

// makeDir gives the server a folder with a copy of the template, after sweeping
// up what servers left behind that could not.
func (s *Server) makeDir(ctx context.Context, template string) error {
	base, err := home()
	if err != nil {
		return err
	}
	sweep(base)
	if s.dir, err = os.MkdirTemp(base, "run-"); err != nil {
		return fmt.Errorf("make a folder for MariaDB: %w", err)
	}
	s.lock = flock.New(filepath.Join(s.dir, "lock"))
	if locked, err := s.lock.TryLock(); err != nil || !locked {
		return fmt.Errorf("lock %s: swept too early: %w", s.dir, err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { //nolint:gosec // the server's user goes through it
		return fmt.Errorf("make a folder for MariaDB: %w", err)
	}
	// cp keeps the owner, which is the user that the server runs as.
	if out, err := exec.CommandContext(ctx, "cp", "-a", template, filepath.Join(s.dir, "data")).CombinedOutput(); err != nil {
		return fmt.Errorf("copy system tables: %w: %s", err, out)
	}
	return nil
}

func (s *Server) removeDir() {
	_ = os.RemoveAll(s.dir)
	_ = s.lock.Unlock()
}

// sweep removes the folders whose lock nobody holds. One that has no lock yet
// is just being made.
func sweep(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, "run-*", "lock"))
	for _, path := range locks {
		lock := flock.New(path, flock.SetFlag(os.O_RDWR))
		if free, err := lock.TryLock(); err != nil || !free {
			continue
		}
		_ = os.RemoveAll(filepath.Dir(path))
		_ = lock.Unlock()
	}
}
