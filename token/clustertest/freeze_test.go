package clustertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

// child is a server in a process of its own, which can be frozen. It reads
// secrets, a line each, verifies the last of them without a pause, and answers
// each line with when the last good verification of the secret before was begun,
// on the clock that all processes of the machine share.
func child(url string) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	tokens, member, err := openAlone(ctx, url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = member.Run(ctx) }()
	last := func() int64 { return 0 }
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(last())
		secret, err := bearer.Parse(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		last = verifyAlways(ctx, tokens, secret)
	}
	return 0
}

// verifyAlways verifies a secret until what it returns is called, and that then
// returns when the last verification that succeeded was begun.
func verifyAlways(ctx context.Context, tokens *token.Service, secret bearer.Secret) func() int64 {
	ctx, stop := context.WithCancel(ctx)
	var last int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			from := feed.Boot()
			if _, err := tokens.Verify(ctx, secret, token.Origin{}); err == nil {
				last = int64(from)
			}
		}
	})
	return func() int64 {
		stop()
		wg.Wait()
		return last
	}
}

// process is a child as its parent sees it.
type process struct {
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
}

func startChild(t *testing.T, url string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead
		_ = cmd.Wait()
	})
	return &process{cmd, in, bufio.NewScanner(out)}
}

// verify has the child verify a secret from now on, and returns when the one
// before was last good.
func (p *process) verify(t *testing.T, secret bearer.Secret) time.Duration {
	t.Helper()
	if _, err := io.WriteString(p.in, secret.Reveal()+"\n"); err != nil {
		t.Fatal(err)
	}
	if !p.lines.Scan() {
		t.Fatal("the other process has ended")
	}
	last, err := strconv.ParseInt(strings.TrimSpace(p.lines.Text()), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(last)
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestFrozen freezes a server in the middle of its work, for about a lease or
// much longer, revokes the token that it is verifying, and wakes it: it must not
// give one stale verdict.
func TestFrozen(t *testing.T) {
	nodes, direct := newCluster(t, 1, 1)
	p := startChild(t, direct)
	h := newHistory()
	const rounds = 12
	used := 0
	for round := range rounds {
		id, secret, err := nodes[0].mint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.verify(t, secret)
		pause(t.Context(), lease/4+time.Duration(round)*7*time.Millisecond)
		p.signal(t, syscall.SIGSTOP)
		if round%2 == 0 {
			pause(t.Context(), time.Duration(round)*lease/8)
		}
		if _, err := nodes[0].revoke(t.Context(), h, id); err != nil {
			t.Fatal(err)
		}
		returned := feed.Boot()
		p.signal(t, syscall.SIGCONT)
		pause(t.Context(), lease/4)
		last := p.verify(t, secret)
		if last > returned {
			t.Errorf("round %d: begun %s after the revocation had returned, and active", round, last-returned)
		}
		if last != 0 {
			used++
		}
	}
	if used < rounds/2 {
		t.Errorf("the token was good in %d rounds only: this proves nothing", used)
	}
}

// TestKilled kills a server: a revocation waits for it for a lease, until it is
// swept, and a new one takes its place.
func TestKilled(t *testing.T) {
	nodes, direct := newCluster(t, 1, 1)
	p := startChild(t, direct)
	h := newHistory()
	receipts := func() token.Receipt {
		t.Helper()
		id, secret, err := nodes[0].mint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			p.verify(t, secret)
		}
		receipt, err := nodes[0].revoke(t.Context(), h, id)
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	// One that has to wait long for a processor misses a poll now and then.
	await(t, func() bool { return receipts().ServersConfirmed == 2 })
	p.signal(t, syscall.SIGKILL)
	p = nil
	began := time.Now()
	if r := receipts(); r.ServersConfirmed != 1 || time.Since(began) < lease*3/4 {
		t.Errorf("one is dead: %+v after %s", r, time.Since(began))
	}
	await(t, func() bool { // swept
		began := time.Now()
		receipts()
		return time.Since(began) < lease/2
	})
	p = startChild(t, direct)
	await(t, func() bool { return receipts().ServersConfirmed == 2 })
}
