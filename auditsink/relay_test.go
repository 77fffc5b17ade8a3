package auditsink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// sink keeps what it accepts. Before accepting, it does as told.
type sink struct {
	mu     sync.Mutex
	got    []auditsink.Record
	calls  int
	closed bool
	before func(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error)
}

func (s *sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	accepted := len(b.Records)
	var result auditsink.Result
	var err error
	if s.before != nil {
		if result, err = s.before(ctx, b); err != nil {
			accepted = max(0, min(result.Accepted, accepted))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.got = append(s.got, b.Records[:accepted]...)
	return result, err
}

func (s *sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// sequences lists what the sink accepted.
func (s *sink) sequences() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]int64, len(s.got))
	for i, r := range s.got {
		list[i] = r.Seq
	}
	return list
}

func wantUpTo(t *testing.T, s *sink, last int) {
	t.Helper()
	got := s.sequences()
	for i, seq := range got {
		if seq != int64(i+1) {
			t.Fatalf("delivered %v", got)
		}
	}
	if len(got) != last {
		t.Fatalf("%d records were delivered, want %d", len(got), last)
	}
}

// running is a relay that runs, with what it logs.
type running struct {
	relay *auditsink.Relay
	log   bytes.Buffer
	stop  func()
}

func start(t *testing.T, source auditsink.Source, to auditsink.Destination) *running {
	t.Helper()
	r := &running{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	to.Name = "test"
	r.relay = auditsink.NewRelay(to, source, slog.New(slog.NewTextHandler(&r.log, nil)))
	go func() { ended <- r.relay.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// pass lets the time of the test pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// greedy takes more than other sinks at once.
type greedy struct{ *sink }

func (greedy) Describe() auditsink.Traits { return auditsink.Traits{Batch: 600} }

func TestRelayDeliversAsManyAsTheSinkTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 1000)...)
		r := start(t, source, auditsink.Destination{Sink: greedy{to}})
		synctest.Wait()
		wantUpTo(t, to, 1000)
		if to.calls != 2 {
			t.Errorf("%d batches, want 2 of at most 600 records", to.calls)
		}
		r.stop()
	})
}

func TestRelayDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		records := sinktest.Records(t, 1, 1000)
		source.add(records[:700]...)
		r := start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait()
		wantUpTo(t, to, 700)
		if to.calls != 3 {
			t.Errorf("%d batches, want 3 of at most 256 records", to.calls)
		}
		source.add(records[700:999]...)
		synctest.Wait() // no time passes: the seal wakes the relay
		wantUpTo(t, to, 999)
		source.add(records[999])
		r.stop()
		wantUpTo(t, to, 1000)
		if !to.closed || r.log.Len() != 0 || source.cursor != 1000 {
			t.Errorf("closed %t, cursor %d, logged %s", to.closed, source.cursor, &r.log)
		}
	})
}

func TestRelayBoundsBatchesByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		largest := 0
		to.before = func(_ context.Context, b *auditsink.Batch) (auditsink.Result, error) {
			largest = max(largest, len(auditsink.AppendLines(nil, b.Records)))
			return auditsink.Result{}, nil
		}
		e := sinktest.Event(1)
		e.Target.Label = strings.Repeat("x", 60<<10)
		canonical, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		for seq := range int64(50) {
			r, err := auditsink.NewRecord(seq+1, canonical)
			if err != nil {
				t.Fatal(err)
			}
			source.add(r)
		}
		start(t, source, auditsink.Destination{Sink: to}).stop()
		wantUpTo(t, to, 50)
		if largest > 1<<20 || to.calls > 5 {
			t.Errorf("%d batches of up to %d bytes", to.calls, largest)
		}
	})
}

func TestRelayRetriesForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 10)...)
		var down atomic.Bool
		down.Store(true)
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			if down.Load() {
				return auditsink.Result{}, errors.New("the cause")
			}
			return auditsink.Result{}, nil
		}
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(24 * time.Hour)
		if tries := to.calls; tries < 24*60 || tries > 24*60*6 {
			t.Errorf("%d tries in a day", tries)
		}
		wantUpTo(t, to, 0)
		down.Store(false)
		pass(time.Minute)
		wantUpTo(t, to, 10)
		r.stop()
		log := r.log.String()
		if strings.Count(log, "audit sink is down") != 1 || strings.Count(log, "the cause") != 1 || strings.Count(log, "audit sink is back") != 1 {
			t.Errorf("logged\n%s", log)
		}
	})
}

// A destination that asks to be left alone is, also by a relay that is told to
// stop meanwhile; one that asks for a year, for an hour.
func TestRelayLeavesTheDestinationAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 5)...)
		var asked atomic.Int64
		asked.Store(int64(10 * time.Minute))
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			return auditsink.Result{}, fmt.Errorf("post: %w", &auditsink.RetryError{After: time.Duration(asked.Load()), Err: errors.New("too busy")})
		}
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(9 * time.Minute)
		wantCalls(t, to, 1)
		asked.Store(int64(365 * 24 * time.Hour))
		pass(2 * time.Minute)
		wantCalls(t, to, 2)
		pass(58 * time.Minute)
		wantCalls(t, to, 2)
		pass(2 * time.Minute)
		wantCalls(t, to, 3)
		r.stop()
		wantCalls(t, to, 3)
		if !to.closed || !strings.Contains(r.log.String(), "too busy (to be tried again after 10m0s)") || !strings.Contains(r.log.String(), "stopped before it had taken everything") {
			t.Errorf("closed %t, logged %s", to.closed, &r.log)
		}
		if source.problem != "deliver: post: too busy (to be tried again after 1h0m0s)" {
			t.Errorf("reported %q", source.problem)
		}
	})
}

func wantCalls(t *testing.T, to *sink, want int) {
	t.Helper()
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.calls != want {
		t.Fatalf("%d deliveries, want %d", to.calls, want)
	}
}

// A sink that claims more than it was given is not believed.
func TestRelayDistrustsImpossibleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 10)...)
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			return auditsink.Result{Accepted: 11}, errors.New("confused")
		}
		start(t, source, auditsink.Destination{Sink: to})
		pass(time.Minute)
		if source.cursor != 0 {
			t.Errorf("the cursor is %d", source.cursor)
		}
	})
}

func TestRelayEndsADeliveryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 10)...)
		hang := true
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			if !hang {
				return auditsink.Result{}, nil
			}
			hang = false
			<-ctx.Done()
			return auditsink.Result{}, ctx.Err()
		}
		other := &sink{}
		start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait()
		start(t, source, auditsink.Destination{Sink: other}) // of the same name
		pass(29 * time.Second)
		wantUpTo(t, other, 0) // the lease is kept while the delivery lasts
		pass(10 * time.Second)
		if len(to.sequences())+len(other.sequences()) != 10 {
			t.Errorf("delivered %v and %v", to.sequences(), other.sequences())
		}
	})
}

func TestFilteredRecordsMoveTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mux auditsink.Mux
		to := &sink{}
		mux.Register("test", sinkOpener(to))
		opened, err := mux.Open(t.Context(), "a=test:?filter=action:*.mint")
		if err != nil {
			t.Fatal(err)
		}
		source := newMemory()
		records := sinktest.Records(t, 1, 1000)
		source.add(records...)
		start(t, source, opened).stop()
		if source.cursor != 1000 || source.moves > 4 {
			t.Errorf("the cursor is %d after %d moves", source.cursor, source.moves)
		}
		mints := 0
		for _, r := range records {
			if r.Action == auditsink.ActionMint {
				mints++
			}
		}
		if got := to.sequences(); len(got) != mints || mints == 0 {
			t.Errorf("%d of %d mints were delivered", len(got), mints)
		}
	})
}

// A sink that hangs when the server stops holds it up for a bounded time. It is
// said where it goes on, and not that it is down.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			<-ctx.Done()
			return auditsink.Result{Accepted: 2}, errors.New("one that does not say why")
		}
		source.add(sinktest.Records(t, 1, 5)...)
		r := start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait()
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > 10*time.Second || !to.closed {
			t.Errorf("the stop took %v, closed %t", took, to.closed)
		}
		log := r.log.String()
		if strings.Count(log, "\n") != 1 || !strings.Contains(log, "level=WARN") || !strings.Contains(log, "stopped before it had taken everything") || !strings.Contains(log, "from=3") {
			t.Errorf("logged %s", log)
		}
		if source.problem != "" || r.relay.Stats().Retries != 0 {
			t.Errorf("reported %q, %d retries", source.problem, r.relay.Stats().Retries)
		}
	})
}

// A sink that is down when the server stops, and has all there is, was not stopped
// too early.
func TestStopOfASinkThatHasEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &prober{}
		source.add(sinktest.Records(t, 1, 5)...)
		r := start(t, source, auditsink.Destination{Sink: to, Required: true})
		synctest.Wait()
		failure := errors.New("no route")
		to.failure.Store(&failure)
		pass(time.Minute)
		r.stop()
		if log := r.log.String(); !strings.Contains(log, "audit sink is down") || strings.Contains(log, "stopped") {
			t.Errorf("logged %s", log)
		}
	})
}
