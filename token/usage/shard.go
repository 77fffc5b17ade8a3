package usage

import (
	"math/bits"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
)

const (
	// shards is how many parts the marks have, each with a lock of its own.
	shards = 64
	// maxMarked is how many entries a shard holds between two flushes: in
	// all shards together 131,072 tokens, which take 20 MB, and as much
	// again while they are written.
	maxMarked = 2048
	// crowded is when a shard asks for a flush before its time.
	crowded = maxMarked / 2
	// abilityBits is how many abilities an [ability.Set] has room for.
	abilityBits = 8
)

// key is what marks are gathered by: a token and the hour, counted from 1970.
type key struct {
	token uuid.UUID
	hour  int64
}

// entry is what was marked of a token in an hour. Moments are microseconds since
// 1970, and zero for never.
type entry struct {
	key

	requests  int64
	at        int64
	ip, agent string // of the use at that moment
	by        consumers
	abilities [abilityBits]int64
}

func (e *entry) add(m *Mark, at int64) {
	e.requests += int64(m.Requests)
	if m.Requests > 0 && (e.ip != m.IP || e.agent != m.UserAgent || e.by == consumers{}) {
		e.by.add(e.hour, m.IP, m.UserAgent)
	}
	if at >= e.at {
		e.at, e.ip, e.agent = at, m.IP, m.UserAgent
	}
	for set := uint8(m.Abilities); set != 0; set &= set - 1 {
		moment := &e.abilities[bits.TrailingZeros8(set)]
		*moment = max(*moment, at)
	}
}

// abilityAt is the ability with that place in a set.
func abilityAt(bit int) ability.Ability { return ability.Set(1 << bit).List()[0] }

// shard is the part of the marks whose tokens end alike: the end of an id of
// version 7 is random.
type shard struct {
	mu      sync.Mutex
	index   map[key]uint32 // into entries
	entries []entry
	dropped int64 // marks for which there was no room
	_       [64]byte
}

// mark reports whether the shard has just become crowded. Nothing is allocated
// for a token that is marked already, nor, once there were as many, for others.
func (s *shard) mark(m *Mark) (flush bool) {
	k := key{m.Token, m.At.Unix() / int64(time.Hour/time.Second)}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, known := s.index[k]
	if !known {
		if len(s.entries) == maxMarked {
			s.dropped++
			return true
		}
		if s.index == nil {
			s.index = map[key]uint32{}
		}
		i = uint32(len(s.entries))
		s.index[k] = i
		s.entries = append(s.entries, entry{key: k})
		flush = len(s.entries) == crowded
	}
	s.entries[i].add(m, m.At.UnixMicro())
	return flush
}

// drain moves the entries to the end of into.
func (s *shard) drain(into []entry) (_ []entry, dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	into = append(into, s.entries...)
	dropped, s.dropped = s.dropped, 0
	clear(s.index)
	clear(s.entries) // lets go of the strings
	s.entries = s.entries[:0]
	return into, dropped
}
