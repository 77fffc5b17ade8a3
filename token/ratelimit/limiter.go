package ratelimit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	// DefaultTimeout is how long a request waits for Redis at most.
	DefaultTimeout = 100 * time.Millisecond
	// retryAfter is how long Redis is left alone once it has failed: then one
	// request asks again, while the others go on without it.
	retryAfter = time.Second
)

// Options are how a limiter is made. The zero value counts in memory.
type Options struct {
	// Redis is where servers count together, see [ParseURL]; nil to count in
	// memory.
	Redis   *redis.Options
	Timeout time.Duration    // of one request to Redis; zero for DefaultTimeout
	Now     func() time.Time // nil for the system's clock
	Logger  *slog.Logger     // nil for the default logger
}

// Limiter counts the requests of tokens and sessions.
//
// While Redis fails, each server counts by itself: a limit then is one of each
// server's, and no request waits for longer than the time-out. That is logged
// when it begins and when it ends.
type Limiter struct {
	log     *slog.Logger
	memory  *memory
	shared  *shared // nil for none
	timeout time.Duration

	away    atomic.Int64 // when Redis is asked again, in nanoseconds since 1970; zero while it answers
	refused atomic.Uint64
	alone   atomic.Uint64
}

// New returns a limiter. The caller closes it.
func New(o Options) *Limiter {
	l := &Limiter{log: o.Logger, timeout: o.Timeout}
	if l.log == nil {
		l.log = slog.Default()
	}
	if l.timeout == 0 {
		l.timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l.memory = newMemory(o.Now, maxIDs)
	if o.Redis != nil {
		l.shared = newShared(o.Redis, l.timeout)
	}
	return l
}

// Take counts a request of id, a token or a session, against a limit per minute:
// zero to MaxPerMinute. A zero limit lets everything through.
func (l *Limiter) Take(ctx context.Context, id uuid.UUID, limit int) Quota {
	if limit <= 0 {
		return Quota{}
	}
	q, ok := l.takeShared(ctx, id, limit)
	if !ok {
		q = l.memory.take(id, limit)
	}
	if !q.Allowed() {
		l.refused.Add(1)
	}
	return q
}

// takeShared reports false if there is no Redis, or it does not answer.
func (l *Limiter) takeShared(ctx context.Context, id uuid.UUID, limit int) (Quota, bool) {
	if l.shared == nil {
		return Quota{}, false
	}
	if !l.asks() {
		l.alone.Add(1)
		return Quota{}, false
	}
	// A client that goes away says nothing of Redis.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
	defer cancel()
	q, err := l.shared.take(bounded, id, limit)
	l.note(ctx, err)
	if err != nil {
		l.alone.Add(1)
	}
	return q, err == nil
}

// asks reports whether Redis is to be asked: always while it answers, else by one
// request each retryAfter.
func (l *Limiter) asks() bool {
	away := l.away.Load()
	if away == 0 {
		return true
	}
	now := time.Now().UnixNano()
	return now >= away && l.away.CompareAndSwap(away, now+retryAfter.Nanoseconds())
}

// note logs when Redis stops answering, and when it answers again.
func (l *Limiter) note(ctx context.Context, err error) {
	switch {
	case err != nil && l.away.CompareAndSwap(0, time.Now().Add(retryAfter).UnixNano()):
		l.log.WarnContext(ctx, "rate limits are not shared: Redis does not answer, so each server counts by itself", slog.Any("error", err))
	case err == nil && l.away.Load() != 0 && l.away.Swap(0) != 0:
		l.log.InfoContext(ctx, "rate limits are shared again")
	}
}

// Ping has the log say at once if Redis does not answer.
func (l *Limiter) Ping(ctx context.Context) {
	if l.shared == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	l.note(ctx, l.shared.client.Ping(bounded).Err())
}

// Stats is what a limiter holds, and what it did since it was made.
type Stats struct {
	IDs     int    // tokens and sessions that are counted in memory
	Refused uint64 // requests
	Alone   uint64 // requests counted in memory because Redis failed
	Shared  bool   // whether the last that was heard of Redis was an answer
}

// Stats counts.
func (l *Limiter) Stats() Stats {
	return Stats{
		IDs:     l.memory.ids(),
		Refused: l.refused.Load(),
		Alone:   l.alone.Load(),
		Shared:  l.shared != nil && l.away.Load() == 0,
	}
}

// Close closes the connections to Redis.
func (l *Limiter) Close() error {
	if l.shared == nil {
		return nil
	}
	return l.shared.client.Close()
}
