package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keloa/apitokens/token/ability"
)

// TestSubscriptionExamples runs what docs/subscriptions.md shows, until an entry
// of the audit log comes out.
func TestSubscriptionExamples(t *testing.T) {
	const page = "subscriptions.md"
	script := blockFile(t, page, "bash", "example.sh")
	program := built(t, blockFile(t, page, "go", "main.go"))
	oneSite(t, func(t *testing.T, s *site) {
		seal := startSealing(t, s)
		defer seal()
		_, secret := s.mint(t, "watcher", ability.Read)
		for name, command := range map[string][]string{
			"curl": {"bash", script},
			"Go":   {program},
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := exec.CommandContext(ctx, command[0], command[1:]...)
				c.Env = append(os.Environ(), "KELOA_URL="+s.public, "KELOA_TOKEN="+secret)
				c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // bash has a child
				c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
				out, in := io.Pipe()
				c.Stdout, c.Stderr = in, in
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				var ended sync.WaitGroup
				ended.Go(func() { _ = in.CloseWithError(c.Wait()) })
				defer ended.Wait()
				defer func() { _ = out.Close() }()
				defer cancel()
				wantExampleOutput(t, s, out)
			})
		}
	})
}

// wantExampleOutput mints tokens until one shows up: when the example has come
// so far as to watch, it does not say.
func wantExampleOutput(t *testing.T, s *site, out io.Reader) {
	t.Helper()
	found := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"targetLabel":"shown"`) {
				found <- true
				return
			}
			t.Log(lines.Text())
		}
		found <- false
	}()
	shown := false
	await(t, func() bool {
		select {
		case shown = <-found:
			return true
		default:
			made, _ := s.mint(t, "shown", ability.Read)
			if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
				t.Fatal(err)
			}
			return false
		}
	})
	if !shown {
		t.Error("the example ended without an event")
	}
}

func startSealing(t *testing.T, s *site) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var sealing sync.WaitGroup
	sealing.Go(func() {
		if err := s.Journal.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); sealing.Wait() }
}
