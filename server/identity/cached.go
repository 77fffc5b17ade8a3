package identity

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// fresh is how long what was read is taken for true, and kept how long if
	// the other party does not answer.
	fresh = 5 * time.Minute
	kept  = time.Hour
	// pause is the least time between two questions.
	pause = 5 * time.Second
)

// cached is what another party publishes: read when it is needed, and again now and
// then.
type cached[T any] struct {
	load func(context.Context) (T, error)
	now  func() time.Time

	known   atomic.Pointer[reading[T]]
	loading sync.Mutex // guards what follows
	tried   time.Time
	failure error // of the last try; nil if it succeeded
}

type reading[T any] struct {
	value T
	at    time.Time
}

// get returns what is published. If what is known is not enough, such as keys
// without the one that is needed, it is read again, if that was not done just now.
func (c *cached[T]) get(ctx context.Context, enough func(T) bool) (value T, err error) {
	if known := c.known.Load(); known != nil && enough(known.value) {
		age := c.now().Sub(known.at)
		if age < fresh {
			return known.value, nil
		}
		// One asks; the others need not wait for the answer.
		if age < kept && !c.loading.TryLock() {
			return known.value, nil
		} else if age < kept {
			defer c.loading.Unlock()
			return c.again(ctx, enough)
		}
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	return c.again(ctx, enough)
}

// again is get with the lock held.
func (c *cached[T]) again(ctx context.Context, enough func(T) bool) (value T, err error) {
	known, now := c.known.Load(), c.now()
	if known != nil && now.Sub(known.at) < fresh && enough(known.value) {
		return known.value, nil // it was read while we waited
	}
	if now.Sub(c.tried) >= pause {
		c.tried = now
		// Others rest on the answer too: that our client went away must not
		// break it off.
		value, c.failure = c.load(context.WithoutCancel(ctx))
		if c.failure == nil {
			known = &reading[T]{value, now}
			c.known.Store(known)
		}
	}
	if known != nil && now.Sub(known.at) < kept {
		return known.value, nil // enough or not: there is no more to be had
	}
	return value, c.failure
}
