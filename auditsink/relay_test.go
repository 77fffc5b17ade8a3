package auditsink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

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

// resumer is a sink that knows what it holds.
type resumer struct {
	sink

	high int64
}

func (r *resumer) HighWater(context.Context) (int64, error) { return r.high, nil }

func TestRelayResumesBehindWhatTheDestinationHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &resumer{high: 7}
		source.add(sinktest.Records(t, 1, 10)...)
		start(t, source, auditsink.Destination{Sink: to}).stop()
		if got := to.sequences(); len(got) != 3 || got[0] != 8 || source.cursor != 10 {
			t.Errorf("delivered %v", got)
		}
	})
}

// A destination that has lost its end gets it again; one that was emptied is a
// new one, and its predecessor is kept elsewhere.
func TestRelayFillsWhatTheDestinationLost(t *testing.T) {
	for high, want := range map[int64]int{4: 6, 0: 1} {
		synctest.Test(t, func(t *testing.T) {
			source, to := newMemory(), &resumer{high: high}
			source.cursor = 9
			source.add(sinktest.Records(t, 1, 10)...)
			start(t, source, auditsink.Destination{Sink: to}).stop()
			got := to.sequences()
			if len(got) != want || got[len(got)-1] != 10 || source.cursor != 10 {
				t.Errorf("the destination held %d: delivered %v, cursor %d", high, got, source.cursor)
			}
		})
	}
}

// A destination that ends before the log, as the filter lets nothing more through,
// lacks nothing.
func TestFilteredRecordsAreNotLacking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filter, err := auditsink.ParseFilter("action:*.mint")
		if err != nil {
			t.Fatal(err)
		}
		records := sinktest.Records(t, 1, 40)
		last := slices.IndexFunc(records, filter.Passes)
		source, to := newMemory(), &resumer{high: records[last].Seq}
		rest := slices.DeleteFunc(slices.Clone(records[last+1:]), filter.Passes)
		source.add(records[:last+1]...)
		for _, r := range rest {
			if r, err = auditsink.NewRecord(int64(len(source.records)+1), r.Canonical()); err != nil {
				t.Fatal(err)
			}
			source.add(r)
		}
		source.cursor = int64(len(source.records))
		r := start(t, source, auditsink.Destination{Sink: to, Filter: filter})
		synctest.Wait()
		next, err := auditsink.NewRecord(source.cursor+1, records[last].Canonical())
		if err != nil {
			t.Fatal(err)
		}
		source.add(next)
		r.stop()
		if got := to.sequences(); len(rest) == 0 || !slices.Equal(got, []int64{next.Seq}) || r.log.Len() != 0 {
			t.Errorf("delivered %v, logged %s", got, &r.log)
		}
	})
}

// A destination that holds more than the log belongs to another log, or the
// database was put back: delivering would leave out what is new.
func TestRelayRefusesADestinationAheadOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &resumer{high: 11}
		source.add(sinktest.Records(t, 1, 10)...)
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(time.Minute)
		r.stop()
		if len(to.sequences()) != 0 || source.cursor != 0 || !strings.Contains(r.log.String(), "holds record 11, but this log ends at 10: another log's") {
			t.Errorf("delivered %v, logged %s", to.sequences(), &r.log)
		}
	})
}

// A relay that cannot prolong its lease delivers nothing after the lease has
// ended, and goes on when it can.
func TestRelayWithoutALeaseDoesNotDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		records := sinktest.Records(t, 1, 10)
		source.add(records[:5]...)
		start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait()
		wantUpTo(t, to, 5)
		source.fail(errors.New("no database"))
		pass(10 * time.Second)
		source.add(records[5:]...)
		pass(10 * time.Second)
		wantUpTo(t, to, 5)
		source.fail(nil)
		pass(time.Minute)
		wantUpTo(t, to, 10)
	})
}

// A delivery is called off when the lease ends under it, even where the
// database that should prolong the lease hangs.
func TestDeliveryEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.hang = true
		source.add(sinktest.Records(t, 1, 5)...)
		began := time.Now()
		var took time.Duration
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			before := auditsink.Holds(ctx)
			<-ctx.Done()
			if took == 0 {
				took = time.Since(began)
				if !before || auditsink.Holds(ctx) {
					t.Errorf("the lease held %t, and afterwards %t", before, auditsink.Holds(ctx))
				}
			}
			return auditsink.Result{}, ctx.Err()
		}
		start(t, source, auditsink.Destination{Sink: to})
		pass(10 * time.Second)
		if took == 0 || took > 5*time.Second {
			t.Errorf("the delivery went on for %v", took)
		}
	})
}

// A relay that gives its lease up early no longer holds it, whatever the sink
// still has in its hands: another server may have it at once.
func TestLeaseThatIsGivenUpDoesNotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 5)...)
		var first context.Context
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			if first == nil {
				first = ctx //nolint:fatcontext // a sink that hangs on to it is what this is about
				return auditsink.Result{}, errors.New("the cause")
			}
			return auditsink.Result{}, nil
		}
		start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait() // in which no time passes
		if first == nil || auditsink.Holds(first) {
			t.Error("it holds")
		}
	})
}

// A place behind the end of the log would leave out all that comes up to there,
// unless the destination holds so much that the log is to go on behind it.
func TestPlaceBehindTheEndIsRefused(t *testing.T) {
	const refused = "record 7 is kept as its last one, but the log ends at 5"
	for name, c := range map[string]struct {
		to   auditsink.Sink
		want string
	}{
		"which nothing bears out":        {&sink{}, refused},
		"which the destination does not": {&resumer{high: 4}, refused},
		"which the destination does":     {&resumer{high: 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := newMemory()
				source.add(sinktest.Records(t, 1, 5)...)
				source.cursor = 7
				start(t, source, auditsink.Destination{Sink: c.to})
				synctest.Wait()
				if (source.problem != "") != (c.want != "") || !strings.Contains(source.problem, c.want) {
					t.Errorf("reported %q", source.problem)
				}
			})
		})
	}
}

// A relay is fenced while it delivers: another has claimed the sink. The one
// that lost it neither moves the cursor nor delivers again.
func TestRelayThatIsFencedStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 5)...)
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			source.mu.Lock()
			defer source.mu.Unlock()
			source.epoch++
			source.holder, source.until = uuid.Max, time.Now().Add(time.Hour)
			return auditsink.Result{}, nil
		}
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(30 * time.Minute)
		if to.calls != 1 || source.cursor != 0 {
			t.Errorf("%d deliveries, the cursor is %d", to.calls, source.cursor)
		}
		if r.stop(); r.log.Len() != 0 {
			t.Errorf("to lose a lease is no failure: %s", &r.log)
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
