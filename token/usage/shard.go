package usage

import (
	"sync"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/slots"
)

const (
	// shards is how many parts the marks have, each with a lock of its own.
	shards = 64
	// maxMarked is how many entries a shard holds between two flushes: in all
	// shards together 2,097,152, so that a million tokens may be in use at the
	// turn of an hour. One takes about 50 bytes, and as many again while it is
	// written; 100, where the token is used in more than one way.
	maxMarked = 32768
	// kept is how many entries a shard keeps room for while it has none.
	kept = 1024
)

// shard is the part of the marks whose tokens end alike: the end of an id of
// version 7 is random. But for origins, it has no pointers that the collector of
// garbage would follow.
type shard struct {
	mu      sync.Mutex
	room    int // for so many entries
	entries []entry
	wide    []wide
	origins origins
	byKey   slots.Index // of entries
	dropped int64       // marks for which there was no room
	_       [64]byte
}

// mark reports whether a flush should come before its time: the shard is half
// full, or full. Nothing is allocated for a token that is marked already and
// comes from where another one has come from.
func (s *shard) mark(m *Mark) (flush bool) {
	hour, moment := split(m.At)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{m.Token, hour}
	i, known := s.byKey.Find(k.hash(), func(i int) bool { return s.entries[i].key == k })
	if !known {
		if len(s.entries) == s.room {
			s.dropped++
			return true
		}
		i = len(s.entries)
		s.entries = slots.Append(s.entries, entry{key: k})
		s.byKey.Insert(k.hash(), i, func(i int) uint64 { return s.entries[i].hash() })
		flush = len(s.entries) == s.room/2
	}
	if s.origins.full(s.room) {
		s.origins.keep(s.entries)
	}
	e := &s.entries[i]
	from := e.origin
	if e.at == 0 || s.origins.all[from] != (origin{m.IP, m.UserAgent}) {
		from = s.origins.of(m.IP, m.UserAgent)
	}
	s.add(e, m, moment, from)
	return flush
}

// add notes a use in an entry.
func (s *shard) add(e *entry, m *Mark, moment, origin uint32) {
	if e.at == 0 {
		e.origin, e.set = origin, m.Abilities
	}
	if e.wide == 0 && (e.origin != origin || e.set != m.Abilities) {
		s.wide = append(s.wide, e.alone(s.origins.all[e.origin]))
		e.wide = uint32(len(s.wide))
	}
	if e.wide != 0 {
		s.wide[e.wide-1].add(e, m, moment, origin)
	}
	e.requests += uint32(m.Requests)
	if moment >= e.at {
		e.at, e.origin = moment, origin
	}
}

// drain moves the entries to the end of into.
func (s *shard) drain(into *marked) (dropped int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	into.take(s.entries, s.wide, s.origins.all)
	dropped, s.dropped = s.dropped, 0
	if cap(s.entries) > kept {
		s.entries, s.wide, s.byKey = nil, nil, slots.Index{}
	} else {
		s.entries, s.wide = s.entries[:0], s.wide[:0]
		s.byKey.Clear()
	}
	s.origins = origins{}
	return dropped
}

// key is what marks are gathered by: a token and the hour, counted from 1970.
type key struct {
	token uuid.UUID
	hour  int32
}

func (k key) hash() uint64 {
	hash := uint64(fnvOffset) ^ uint64(uint32(k.hour))
	for i := 0; i < len(k.token); i += 8 {
		hash = mix(hash ^ order.Uint64(k.token[i:]))
	}
	return hash
}
