package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servers are the servers that a script has started, by name.
type servers map[string]*serverProcess

type serversKey struct{}

// serverProcess is a server in a process of its own.
type serverProcess struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

func (s servers) kill() {
	for _, server := range s {
		_ = server.cmd.Process.Kill() // it may have ended
		<-server.ended
	}
}

// find returns the server that the first of n arguments names.
func find(ts *testscript.TestScript, neg bool, n int, args []string) *serverProcess {
	if neg || len(args) != n {
		ts.Fatalf("this takes %d arguments and no !", n)
	}
	server := ts.Value(serversKey{}).(servers)[args[0]]
	if server == nil {
		ts.Fatalf("no server is called %s", args[0])
	}
	return server
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server NAME FLAG...")
	}
	name := args[0]
	out, from := appendTo(ts, name+".out")
	errs, errsFrom := appendTo(ts, name+".err")
	defer func() { ts.Check(errors.Join(out.Close(), errs.Close())) }()
	cmd := exec.CommandContext(context.Background(), programName, append([]string{"--listen=127.0.0.1:0", "--internal-listen=127.0.0.1:0"}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "TMPDIR", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Stdout, cmd.Stderr = out, errs
	ts.Check(cmd.Start())
	server := &serverProcess{cmd, make(chan struct{})}
	ts.Value(serversKey{}).(servers)[name] = server
	go func() {
		_ = cmd.Wait() // ProcessState says more
		close(server.ended)
	}()
	err := eventually(func() error {
		printed := ts.ReadFile(name + ".out")[from:] + ts.ReadFile(name + ".err")[errsFrom:]
		select {
		case <-server.ended:
			return fatal{fmt.Errorf("the server ended: %s", printed)}
		default:
		}
		return addresses(ts, name, printed)
	})
	ts.Check(err)
}

// appendTo opens a file of the script, and says where new text begins.
func appendTo(ts *testscript.TestScript, name string) (*os.File, int64) {
	file, err := os.OpenFile(ts.MkAbs(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	info, err := file.Stat()
	ts.Check(err)
	return file, info.Size()
}

var bannerLine = regexp.MustCompile(`(?m)^(GraphQL|Internal|Sign in) +(http://\S+)`)

// addresses sets the variables of a server that has printed its banner.
func addresses(ts *testscript.TestScript, name, printed string) error {
	if !strings.Contains(printed, "Stop with Ctrl-C.") {
		return errors.New("the server has printed no banner yet")
	}
	for _, line := range bannerLine.FindAllStringSubmatch(printed, -1) {
		switch line[1] {
		case "GraphQL":
			ts.Setenv(name, strings.TrimSuffix(line[2], "/graphql"))
		case "Internal":
			ts.Setenv(name+"_internal", line[2])
		case "Sign in":
			ts.Setenv(name+"_signin", line[2])
		}
	}
	return nil
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	server := find(ts, neg, 2, args)
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	ts.Check(server.cmd.Process.Signal(signals[args[1]]))
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	server := find(ts, neg, 2, args)
	select {
	case <-server.ended:
	case <-time.After(patience):
		ts.Fatalf("the server %s still runs", args[0])
	}
	if code := strconv.Itoa(server.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("the server %s ended with %s:\n%s", args[0], code, ts.ReadFile(args[0]+".err"))
	}
}

// fatal is an error that waiting does not mend.
type fatal struct{ error }

// eventually calls check until it reports nil, or fails for good, or patience
// has run out.
func eventually(check func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := check()
		if _, final := errors.AsType[fatal](err); err == nil || final {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("after %s: %w", patience, err)
		}
	}
}

// filesBelow calls fn with every regular file of the script.
func filesBelow(dir string, fn func(path string, content []byte)) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fn(path, content)
		return nil
	})
}
