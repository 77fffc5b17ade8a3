// Package mariadb runs a private MariaDB server, for tests and for drawing up
// migrations. A server lives in a folder of its own under the temporary folder,
// listens on loopback only, and dies with the process that started it.
//
// The first start on a machine takes seconds, because the system tables are
// made then; they are kept, and later starts copy them.
package mariadb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver
	"github.com/gofrs/flock"
)

const (
	startTimeout = 30 * time.Second
	attempts     = 3 // another process may take the port that we found free
)

// ErrNotInstalled says how to get a server where there is none.
var ErrNotInstalled = errors.New("MariaDB is not installed: run `make test`, or `apt-get install mariadb-server`")

// Server is a running server. It is safe for concurrent use.
type Server struct {
	dir       string
	lock      *flock.Flock // held while the server runs, so that no one sweeps dir
	addr      string
	process   *os.Process
	exited    chan struct{} // closed when the process is gone
	output    bytes.Buffer  // what it said; to be read once it has exited
	admin     *sql.DB
	databases atomic.Int64
}

// Start starts a server. The caller stops it.
func Start(ctx context.Context) (*Server, error) {
	binary, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	template, err := systemTables(ctx, binary)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range attempts {
		var s *Server
		if s, err = start(ctx, binary, template, nil); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("start MariaDB: %w", err)
}

// start starts a server with the flags that more, which may be nil, adds.
func start(ctx context.Context, binary, template string, more func(*Server) ([]string, error)) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), exited: make(chan struct{})}
	if err := s.makeDir(ctx, template); err != nil {
		return nil, err
	}
	var flags []string
	if more != nil {
		flags, err = more(s)
	}
	if err == nil {
		err = s.run(ctx, binary, port, flags)
	}
	if err != nil {
		s.removeDir()
		return nil, err
	}
	if err := s.awaitAnswer(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(s.output.Bytes()))
	}
	return s, nil
}

// NewDatabase makes an empty database and returns its URL, as database.Open
// takes it.
func (s *Server) NewDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("db%d", s.databases.Add(1))
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return s.url(name), nil
}

func (s *Server) url(database string) string { return "mysql://root@" + s.addr + "/" + database }

// Stop ends the server and removes what it stored.
func (s *Server) Stop() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	_ = s.process.Kill() // nothing in it is to be kept
	<-s.exited
	s.removeDir()
}

// run starts the process and returns. The kernel kills it when the thread that
// started it ends, so that thread is kept until the process is gone.
func (s *Server) run(ctx context.Context, binary string, port int, more []string) error {
	data := filepath.Join(s.dir, "data")
	flags := []string{
		"--no-defaults", "--datadir=" + data, "--socket=socket", // in datadir: a path of any length
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port),
		"--skip-name-resolve", "--skip-log-bin", "--skip-ssl",
		"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
		"--performance-schema=OFF", "--max-connections=300", "--key-buffer-size=1M",
		"--aria-pagecache-buffer-size=1M", "--tmpdir=" + data, "--character-set-server=utf8mb4",
	}
	ctx = context.WithoutCancel(ctx) // it outlives the start
	cmd := exec.CommandContext(ctx, binary, append(flags, more...)...)
	cmd.Env = append(os.Environ(), "PATH="+s.dir+string(os.PathListSeparator)+os.Getenv("PATH")) // for scripts of its own
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	cmd.SysProcAttr = attributes()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(s.exited)
		}
	}()
	return <-started
}

func (s *Server) awaitAnswer(ctx context.Context) error {
	admin, err := sql.Open("mysql", "root@tcp("+s.addr+")/")
	if err != nil {
		return err
	}
	s.admin = admin
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = admin.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		}
	}
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// find looks for a program where Debian puts those of administrators, too.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", name)); err == nil {
		return path, nil
	}
	return "", ErrNotInstalled
}
