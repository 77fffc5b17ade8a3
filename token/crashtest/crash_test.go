package crashtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token"
)

const (
	patience    = time.Minute
	reopenEvery = 20 * time.Millisecond
)

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// site is a database, what it is copied to, and what was acknowledged.
type site struct {
	url    string
	key    string // that checkpoints are signed with
	db     *database.DB
	copies []*copied

	mu           sync.Mutex
	acknowledged map[string]bool // "ACTION ID"
}

func newSite(t *testing.T, url string) *site {
	t.Helper()
	key, err := journal.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: url, key: key, db: dbtest.Migrated(t, url), acknowledged: map[string]bool{}}
	audit := journal.New(journal.Options{Database: s.db})
	if err := token.New(token.Options{Database: s.db, Journal: audit}).Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.copies = []*copied{newFile(t), newStream(t, "nats", false), newStream(t, "batches", true), newTopic(t), newFolder(t), newReceiver(t)}
	return s
}

// server is a child as its parent sees it.
type server struct {
	cmd   *exec.Cmd
	stdin io.Closer
	read  chan struct{} // closed when all it said was read
}

func (s *site) start(t *testing.T, kill string) *server {
	t.Helper()
	var sinks []string
	for _, c := range s.copies {
		sinks = append(sinks, c.sink)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+s.url, childSinks+"="+strings.Join(sinks, " "), childKill+"="+kill, childKey+"="+s.key)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child := &server{cmd, stdin, make(chan struct{})}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // where the test fails before
	go func() {
		defer close(child.read)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			s.mu.Lock()
			s.acknowledged[lines.Text()] = true
			s.mu.Unlock()
		}
	}()
	return child
}

// said is how many mutations were acknowledged so far.
func (s *site) said() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acknowledged)
}

// wait waits for the end of a server.
func (child *server) wait(t *testing.T) error {
	t.Helper()
	hung := time.AfterFunc(patience, func() { _ = child.cmd.Process.Signal(syscall.SIGQUIT) })
	defer hung.Stop()
	<-child.read
	return child.cmd.Wait()
}

// stop has the server stop in order.
func (child *server) stop(t *testing.T) {
	t.Helper()
	if err := child.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.wait(t); err != nil {
		t.Fatalf("a server that was to stop: %v", err)
	}
}

func (s *site) await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// release has the leases on the sinks lapse, as they would after some seconds. A
// server that was frozen within a transaction may still lock them for a while.
func (s *site) release(t *testing.T) {
	t.Helper()
	s.await(t, "the leases", func() bool {
		return s.db.Client().SinkCursor.Update().ClearHeldUntil().Exec(t.Context()) == nil
	})
}

// check compares everything, once nobody works on the log.
func (s *site) check(t *testing.T) {
	t.Helper()
	audit := journal.New(journal.Options{Database: s.db})
	head, err := audit.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := audit.Read(t.Context(), 0, int(head))
	if err != nil {
		t.Fatal(err)
	}
	if waiting, err := s.db.Client().AuditEntry.Query().Count(t.Context()); err != nil || waiting != len(records) || int64(waiting) != head {
		t.Fatalf("%d entries, of which %d are sealed, up to %d (%v)", waiting, len(records), head, err)
	}
	recorded := map[string]int{}
	for _, r := range records {
		event, err := auditsink.ParseCanonical(r.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		if event.Target.ID != nil {
			recorded[event.Action+" "+event.Target.ID.String()]++
		}
	}
	for what := range s.acknowledged {
		if recorded[what] != 1 {
			t.Errorf("%s was acknowledged, and is recorded %d times", what, recorded[what])
		}
	}
	key, err := journal.ParseKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.copies {
		c.check(t, records, key.Public())
	}
	var file bytes.Buffer
	for _, line := range s.copies[0].lines(t) {
		fmt.Fprintln(&file, line)
	}
	report, err := audit.Verify(t.Context(), journal.VerifyOptions{Copy: &file})
	if err != nil || report.Copied != head {
		t.Errorf("verified %d copied records of %d: %v", report.Copied, head, err)
	}
	t.Logf("%d mutations acknowledged, %d records", len(s.acknowledged), head)
}

// soak is for how long a test goes on; zero for one round.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("KELOA_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func seeded(t *testing.T) *mathrand.Rand {
	t.Helper()
	seed := mathrand.Uint64()
	if text := os.Getenv("KELOA_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("KELOA_SEED=%d", seed)
	return mathrand.New(mathrand.NewPCG(seed, 0))
}

// TestKilled kills a server at each of the points, and lets the last one stop in
// order.
func TestKilled(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := newSite(t, url)
		random := seeded(t)
		end := time.Now().Add(soak(t))
		for round := 0; round == 0 || time.Now().Before(end); round++ {
			for _, point := range points {
				s.kill(t, point, 1+random.IntN(40))
			}
			s.release(t)
			last := s.start(t, "")
			before := s.said()
			s.await(t, "mutations", func() bool { return s.said() > before+minters })
			last.stop(t)
			s.check(t)
		}
	})
}

// kill runs a server until it has come by a point for the n-th time.
func (s *site) kill(t *testing.T, point string, n int) {
	t.Helper()
	s.release(t)
	before := s.said()
	if point == duringClose {
		n = 1 + n%len(s.copies)
	}
	child := s.start(t, point+":"+strconv.Itoa(n))
	if point == duringClose {
		s.await(t, "mutations", func() bool { return s.said() > before+n })
		_ = child.stdin.Close()
	}
	err := child.wait(t)
	if status, ok := child.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s, for the %d-th time: the server was not killed there: %v", point, n, err)
	}
}

// TestFrozen freezes a server while it delivers, lets another take over, and
// wakes the first: what it still has in its hands must not arrive twice, nor out
// of order, where the sink promises that. The leases lapse by themselves: until
// they have, a server rightly goes on where it was.
func TestFrozen(t *testing.T) {
	s := newSite(t, dbtest.MySQLURL(t))
	random := seeded(t)
	for range 4 {
		first := s.start(t, "")
		s.progress(t, 5+random.IntN(20), s.copies)
		signal(t, first, syscall.SIGSTOP)
		second := s.start(t, "")
		s.progress(t, 20, s.copies[1:]) // the first may hold the lock of the file
		signal(t, first, syscall.SIGCONT)
		s.progress(t, 20, s.copies)
		first.stop(t)
		second.stop(t)
	}
	s.release(t)
	s.start(t, "").stop(t)
	s.check(t)
}

// progress waits until n more records are in each of the copies.
func (s *site) progress(t *testing.T, n int, copies []*copied) {
	t.Helper()
	for _, c := range copies {
		before := len(c.lines(t))
		s.await(t, "records in "+c.sink, func() bool { return len(c.lines(t)) >= before+n })
	}
}

func signal(t *testing.T, child *server, sig syscall.Signal) {
	t.Helper()
	if err := child.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
