package ratelimit

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// maxIDs is how many ids a memory holds: as many as there are verdicts in
	// the cache. Each takes about 50 bytes.
	maxIDs = 1_200_000
	// sampled is how many ids are looked at for one that is idle whenever a
	// new one comes.
	sampled = 4
)

// memory counts on this server alone.
type memory struct {
	now    func() time.Time
	shards [1 << 8]shard
}

type shard struct {
	mu    sync.Mutex
	limit int                 // of ids
	full  map[uuid.UUID]int64 // when each has its whole limit again, in microseconds since 1970
	_     [64]byte            // keeps the locks of two shards out of one cache line
}

func newMemory(now func() time.Time, ids int) *memory {
	m := &memory{now: now}
	for i := range m.shards {
		m.shards[i].limit = max(1, ids/len(m.shards))
		m.shards[i].full = map[uuid.UUID]int64{}
	}
	return m
}

// take counts a request of id. Ids of version 7 end in random bits.
func (m *memory) take(id uuid.UUID, limit int) Quota {
	p, now := paceOf(limit), m.now().UnixMicro()
	full, wait := m.shards[id[len(id)-1]].spend(id, p, now)
	return p.quota(limit, full-now, wait)
}

func (s *shard) spend(id uuid.UUID, p pace, now int64) (full, wait int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.full[id]
	if !known {
		s.makeRoom(now)
	}
	full, wait = p.spend(before, now)
	s.full[id] = full
	return full, wait
}

// makeRoom drops the idle among some ids, chosen by the map's random order. If
// the shard is full of busy ones, the one of them that has used least is let off.
func (s *shard) makeRoom(now int64) {
	var least uuid.UUID
	seen := 0
	for id, full := range s.full {
		if full <= now {
			delete(s.full, id)
		} else if least == uuid.Nil || full < s.full[least] {
			least = id
		}
		if seen++; seen == sampled {
			break
		}
	}
	if len(s.full) >= s.limit {
		delete(s.full, least)
	}
}

// ids is how many are held.
func (m *memory) ids() (n int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.full)
		s.mu.Unlock()
	}
	return n
}
