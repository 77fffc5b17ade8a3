package auditsink_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

// memory is a log in memory, whose clock is that of the test.
type memory struct {
	mu      sync.Mutex
	records []auditsink.Record
	sealed  chan struct{}
	cursor  int64
	epoch   int64
	holder  uuid.UUID
	until   time.Time
	moves   int   // how often the cursor moved
	failure error // of every call that touches the lease
	hang    bool  // advancing does not return

	problem    string           // that was last reported
	quarantine map[int64]string // why, by sequence
	full       int              // how many there may be; 0 for any number
	ahead      int64            // what was last heard of a sink ahead of the log
}

func newMemory() *memory { return &memory{sealed: make(chan struct{})} }

func (m *memory) add(records ...auditsink.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, records...)
	close(m.sealed)
	m.sealed = make(chan struct{})
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

func (m *memory) Read(_ context.Context, after int64, limit int) ([]auditsink.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := min(int64(len(m.records)), after+int64(limit))
	return m.records[min(after, end):end], nil
}

func (m *memory) Head(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.records)), nil
}

func (m *memory) Sealed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sealed
}

func (m *memory) Claim(_ context.Context, to auditsink.Destination, holder uuid.UUID, ttl time.Duration) (auditsink.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return auditsink.Lease{}, m.failure
	}
	if m.holder != holder && time.Now().Before(m.until) {
		return auditsink.Lease{}, auditsink.ErrHeld
	}
	m.epoch, m.holder, m.until = m.epoch+1, holder, time.Now().Add(ttl)
	return auditsink.Lease{
		Sink: to.Name, Epoch: m.epoch, Cursor: m.cursor, End: int64(len(m.records)), TTL: ttl, Down: m.problem != "", Quarantined: len(m.quarantine),
	}, nil
}

func (m *memory) Checkpoint(_ context.Context, size int64) (auditsink.Checkpoint, error) {
	return auditsink.Checkpoint{Size: size, Note: fmt.Sprint("signed at ", size)}, nil
}

// held runs fn under the lock, if the lease is still the last one.
func (m *memory) held(lease auditsink.Lease, fn func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return m.failure
	}
	if m.epoch != lease.Epoch {
		return auditsink.ErrFenced
	}
	return fn()
}

func (m *memory) Report(_ context.Context, lease auditsink.Lease, problem string) error {
	return m.held(lease, func() error {
		m.problem = problem
		return nil
	})
}

func (m *memory) Ahead(_ context.Context, lease auditsink.Lease, high int64) error {
	return m.held(lease, func() error {
		m.ahead = high
		if lease.Cursor == 0 {
			return errors.New("another log's")
		}
		return nil
	})
}

func (m *memory) Quarantine(_ context.Context, lease auditsink.Lease, seq int64, reason string) error {
	return m.held(lease, func() error {
		if m.full > 0 && len(m.quarantine) >= m.full {
			return auditsink.ErrQuarantineFull
		}
		if m.quarantine == nil {
			m.quarantine = make(map[int64]string)
		}
		m.quarantine[seq] = reason
		return nil
	})
}

// Quarantined has the lowest due at any time.
func (m *memory) Quarantined(context.Context, string) (auditsink.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.quarantine) == 0 {
		return auditsink.Record{}, nil
	}
	return m.records[slices.Min(slices.Collect(maps.Keys(m.quarantine)))-1], nil
}

func (m *memory) Offered(_ context.Context, lease auditsink.Lease, seq int64, problem string) error {
	return m.held(lease, func() error {
		m.quarantine[seq] = problem
		if problem == "" {
			delete(m.quarantine, seq)
		}
		return nil
	})
}

func (m *memory) Advance(ctx context.Context, lease auditsink.Lease, cursor int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hang {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		return ctx.Err()
	}
	if m.failure != nil {
		return m.failure
	}
	if m.epoch != lease.Epoch {
		return auditsink.ErrFenced
	}
	if cursor > m.cursor {
		m.cursor = cursor
		m.moves++
	}
	m.until = time.Now().Add(lease.TTL)
	return nil
}

func (m *memory) Release(_ context.Context, lease auditsink.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure == nil && m.epoch == lease.Epoch {
		m.until = time.Time{}
	}
	return m.failure
}
