package ratelimit_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ratelimit"
)

// hand is a clock that a test sets.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func newHand() *hand { return &hand{now: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)} }

func (h *hand) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func inMemory(t *testing.T) (*ratelimit.Limiter, *hand) {
	t.Helper()
	clock := newHand()
	return ratelimit.New(ratelimit.Options{Now: clock.read, Logger: slog.New(slog.DiscardHandler)}), clock
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func TestAMinutesWorthAtOnceThenAsItComesBack(t *testing.T) {
	limits, clock := inMemory(t)
	id := newID()
	take := func(remaining int, reset, wait time.Duration) {
		t.Helper()
		want := ratelimit.Quota{Limit: 6, Remaining: remaining, Reset: reset, Wait: wait}
		if got := limits.Take(t.Context(), id, 6); got != want || got.Allowed() != (wait == 0) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for n := range 6 {
		take(5-n, time.Duration(n+1)*10*time.Second, 0)
	}
	take(0, time.Minute, 10*time.Second)
	clock.advance(3 * time.Second)
	take(0, 57*time.Second, 7*time.Second) // what is refused costs nothing
	clock.advance(7 * time.Second)
	take(0, time.Minute, 0)
	take(0, time.Minute, 10*time.Second)
	clock.advance(time.Hour)
	take(5, 10*time.Second, 0) // no more than a minute's worth is saved
	if got := limits.Stats(); got.Refused != 3 {
		t.Errorf("%d refused, want 3", got.Refused)
	}
}

func TestIDsAreCountedApart(t *testing.T) {
	limits, _ := inMemory(t)
	for range 2 {
		if !limits.Take(t.Context(), newID(), 1).Allowed() {
			t.Error("refused for what another has used")
		}
	}
}

func TestNoLimit(t *testing.T) {
	limits, _ := inMemory(t)
	if got := limits.Take(t.Context(), newID(), 0); got != (ratelimit.Quota{}) || !got.Allowed() {
		t.Errorf("got %+v", got)
	}
	if n := limits.Stats().IDs; n != 0 {
		t.Errorf("%d ids are kept", n)
	}
}

// TestEveryLimitIsExact has limits that do not divide a minute let through what
// they say, and no more.
func TestEveryLimitIsExact(t *testing.T) {
	limits, _ := inMemory(t)
	for _, limit := range []int{1, 7, 120, 999, 70_001} {
		id, allowed := newID(), 0
		for range limit + 1 {
			if limits.Take(t.Context(), id, limit).Allowed() {
				allowed++
			}
		}
		if allowed != limit {
			t.Errorf("%d let through at a limit of %d", allowed, limit)
		}
	}
	if got := limits.Take(t.Context(), newID(), ratelimit.MaxPerMinute); got.Remaining != ratelimit.MaxPerMinute-1 {
		t.Errorf("the highest limit leaves %d", got.Remaining)
	}
}

// TestOverAnyTime tries at random moments: in no stretch of time is more let
// through than a minute's worth and what comes back in it, and nothing is refused
// that this would allow.
func TestOverAnyTime(t *testing.T) {
	const limit, interval = 60, time.Second
	random := rand.New(rand.NewPCG(1, 2))
	limits, clock := inMemory(t)
	id := newID()
	var passed []time.Time
	for range 2000 {
		clock.advance(time.Duration(random.Int64N(int64(800 * time.Millisecond))))
		now := clock.read()
		full := false
		for i := range passed {
			stretch := now.Sub(passed[i])
			full = full || time.Duration(len(passed)-i+1-limit)*interval > stretch
		}
		if got := limits.Take(t.Context(), id, limit); got.Allowed() == full {
			t.Fatalf("%+v after %d requests", got, len(passed))
		} else if got.Allowed() {
			passed = append(passed, now)
		}
	}
	if len(passed) < 500 {
		t.Errorf("only %d let through", len(passed))
	}
}

func TestAnotherLimitCountsAtOnce(t *testing.T) {
	limits, clock := inMemory(t)
	id := newID()
	for range 6 {
		limits.Take(t.Context(), id, 6)
	}
	clock.advance(10 * time.Second) // one in six has come back
	if got := limits.Take(t.Context(), id, 600); got.Remaining != 99 || got.Limit != 600 {
		t.Errorf("a higher limit: %+v", got)
	}
	if got := limits.Take(t.Context(), id, 3); got.Allowed() || got.Wait > 20*time.Second {
		t.Errorf("a lower limit: %+v", got)
	}
}

func TestAClockThatIsPutBackLocksNobodyOut(t *testing.T) {
	limits, clock := inMemory(t)
	id := newID()
	limits.Take(t.Context(), id, 6)
	clock.advance(-24 * time.Hour)
	if got := limits.Take(t.Context(), id, 6); got.Wait > 10*time.Second {
		t.Errorf("waits for %v", got.Wait)
	}
}

// TestMemoryIsBounded has more ids come than there is room for, while one is
// busy.
func TestMemoryIsBounded(t *testing.T) {
	clock := newHand()
	m := ratelimit.NewMemory(clock.read, 2560) // 10 a shard
	for range 20 * 2560 {
		m.Take(newID(), 60)
	}
	if n := m.IDs(); n > 2560 || n < 2000 {
		t.Errorf("%d ids in a memory for 2560", n)
	}
	// Once they are idle, they make room for those that come.
	clock.advance(time.Minute)
	for range 2000 {
		m.Take(newID(), 60)
	}
	if n := m.IDs(); n > 2300 {
		t.Errorf("%d ids are kept, most of them idle", n)
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	limits := ratelimit.New(ratelimit.Options{})
	id, ctx := newID(), t.Context()
	if n := testing.AllocsPerRun(100, func() { limits.Take(ctx, id, 600) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTakeTogether(t *testing.T) {
	limits, _ := inMemory(t)
	if n := allowedTogether(t.Context(), []*ratelimit.Limiter{limits}, newID(), 10, 200); n != 10 {
		t.Errorf("%d let through at a limit of 10", n)
	}
}

// allowedTogether has all requests be made at once, to each limiter in turn.
func allowedTogether(ctx context.Context, limits []*ratelimit.Limiter, id uuid.UUID, limit, requests int) (allowed int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range requests {
		all.Go(func() {
			if limits[i%len(limits)].Take(ctx, id, limit).Allowed() {
				mu.Lock()
				defer mu.Unlock()
				allowed++
			}
		})
	}
	all.Wait()
	return allowed
}

// BenchmarkTake counts requests of random ids among a million.
func BenchmarkTake(b *testing.B) {
	limits := ratelimit.New(ratelimit.Options{})
	ids := make([]uuid.UUID, 1_000_000)
	for i := range ids {
		ids[i] = newID()
		limits.Take(b.Context(), ids[i], 600)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		ctx := b.Context()
		for pb.Next() {
			limits.Take(ctx, ids[rand.IntN(len(ids))], 600)
		}
	})
}
