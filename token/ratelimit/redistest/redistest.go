// Package redistest runs a private Redis server for a test. It listens on
// loopback only, keeps nothing on the disk and ends with the test.
package redistest

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to listen.
const startTimeout = 20 * time.Second

// Server is a Redis server that a test can kill, freeze and start again.
type Server struct {
	Addr string // host and port, the same for as long as the test lasts

	t    *testing.T
	args []string
	cmd  *exec.Cmd // nil while it does not run
}

// Start starts a server with additional arguments, such as "--requirepass", "x".
func Start(t *testing.T, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, args: args}
	t.Cleanup(s.Kill)
	const attempts = 3 // another process may take the port that was free
	for attempt := range attempts {
		s.Addr = freeAddr(t)
		if s.run() {
			return s
		}
		t.Logf("attempt %d to start Redis on %s failed", attempt, s.Addr)
	}
	t.Fatal("Redis does not start")
	return nil
}

// run reports whether the server listens.
func (s *Server) run() bool {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", s.t.TempDir()}, s.args...)
	switch {
	case len(s.args) > 0 && strings.HasPrefix(s.args[0], "--tls"):
		args = append(args, "--port", "0", "--tls-port", port)
	default:
		args = append(args, "--port", port)
	}
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), "redis-server", args...) // until Kill
	cmd.Stderr = s.t.Output()
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start Redis: %v (.ci/install installs redis-server)", err)
	}
	s.cmd = cmd
	if s.listens() {
		return true
	}
	s.Kill()
	return false
}

func (s *Server) listens() bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var dialer net.Dialer
		if conn, err := dialer.DialContext(ctx, "tcp", s.Addr); err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// Kill ends the server at once, if it runs.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // frozen or not
	_ = s.cmd.Wait()         // it was killed
	s.cmd = nil
}

// Restart starts a server that was killed, at the same address and empty.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.run() {
		s.t.Fatal("Redis does not start again")
	}
}

// Freeze has the server hang: connections are accepted and nothing is answered.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw has a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "127.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
