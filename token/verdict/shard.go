package verdict

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/slots"
)

// missingSlots is how many secrets that open nothing a shard remembers. Each
// has one place to be; the next with the same place takes it. A thousand secrets
// in turn seldom meet in 65,536 places, which take 2.6 MB.
const missingSlots = 1 << 8

// shard is the part of a table whose hashes begin alike.
type shard struct {
	mu      sync.Mutex
	limit   int // of entries
	entries []entry
	byHash  slots.Index // of entries
	byToken slots.Index // the same
	texts   texts
	hand    int // where to look for an entry to make room next
	missing [missingSlots]missing
	lookups [3]uint64 // by the State they found
	_       [64]byte  // keeps the locks of two shards out of one cache line
}

// hashKey and tokenKey are what the indexes know an entry by. What comes first in a
// hash is spent on its shard, and an id of version 7 ends in random bits.
func hashKey(h *bearer.Hash) uint64    { return binary.LittleEndian.Uint64(h[8:]) }
func tokenKey(token *uuid.UUID) uint64 { return binary.LittleEndian.Uint64(token[8:]) }

func (s *shard) hashKeyAt(i int) uint64  { return hashKey(&s.entries[i].hash) }
func (s *shard) tokenKeyAt(i int) uint64 { return tokenKey(&s.entries[i].token) }

func (s *shard) ofHash(h *bearer.Hash) (i int, known bool) {
	return s.byHash.Find(hashKey(h), func(i int) bool { return s.entries[i].hash == *h })
}

func (s *shard) ofToken(token *uuid.UUID) (i int, known bool) {
	return s.byToken.Find(tokenKey(token), func(i int) bool { return s.entries[i].token == *token })
}

// entry is a verdict without a pointer in it.
type entry struct {
	hash      bearer.Hash
	token     uuid.UUID
	workspace uuid.UUID
	issuedAt  int64
	expiresAt int64
	text      text // the slug, then the label
	perMinute uint32
	slugLen   uint16
	abilities ability.Set
	test      bool
	pending   bool
	expired   bool
	revoked   bool
	used      bool // since the hand last passed
}

type missing struct {
	hash  bearer.Hash
	until int64 // zero where there is none
}

// get asks for the time only where that matters.
func (s *shard) get(h bearer.Hash, now func() time.Time) (v Verdict, state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.ofHash(&h); ok {
		s.entries[i].used = true
		v, state = s.verdict(&s.entries[i]), Known
	} else if m := s.missingAt(h); m.until != 0 && m.hash == h && now().UnixMicro() < m.until {
		state = Missing
	}
	s.lookups[state]++
	return v, state
}

func (s *shard) peek(h bearer.Hash) (Verdict, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.ofHash(&h); ok {
		return s.verdict(&s.entries[i]), true
	}
	return Verdict{}, false
}

func (s *shard) verdict(e *entry) Verdict {
	both := s.texts.at(e.text)
	return Verdict{
		Token:     e.token,
		Workspace: e.workspace,
		Slug:      both[:e.slugLen],
		Label:     both[e.slugLen:],
		Abilities: e.abilities,
		Test:      e.test,
		Pending:   e.pending,
		IssuedAt:  unpack(e.issuedAt),
		ExpiresAt: unpack(e.expiresAt),
		Expired:   e.expired,
		Revoked:   e.revoked,

		RequestsPerMinute: int(e.perMinute),
	}
}

// put keeps v if current still holds under the lock. A text too long to be kept
// is no error: the database is asked again.
func (s *shard) put(h bearer.Hash, v Verdict, current func() bool) {
	if len(v.Slug)+len(v.Label) > maxText {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !current() {
		return
	}
	if i, ok := s.ofHash(&h); ok {
		s.remove(i)
	}
	if i, ok := s.ofToken(&v.Token); ok { // a token has one secret
		s.remove(i)
	}
	if len(s.entries) >= s.limit {
		s.evict()
	}
	i := len(s.entries)
	s.entries = slots.Append(s.entries, entry{
		hash:      h,
		token:     v.Token,
		workspace: v.Workspace,
		issuedAt:  pack(v.IssuedAt),
		expiresAt: pack(v.ExpiresAt),
		text:      s.texts.add(v.Slug, v.Label),
		perMinute: uint32(v.RequestsPerMinute),
		slugLen:   uint16(len(v.Slug)),
		abilities: v.Abilities,
		test:      v.Test,
		pending:   v.Pending,
		expired:   v.Expired,
		revoked:   v.Revoked,
		used:      true,
	})
	s.byHash.Insert(hashKey(&h), i, s.hashKeyAt)
	s.byToken.Insert(tokenKey(&v.Token), i, s.tokenKeyAt)
	if m := s.missingAt(h); m.hash == h {
		*m = missing{}
	}
}

func (s *shard) putMissing(h bearer.Hash, until int64, current func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if current() {
		*s.missingAt(h) = missing{h, until}
	}
}

func (s *shard) missingAt(h bearer.Hash) *missing { return &s.missing[h[1]] }

func (s *shard) end(token uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.ofToken(&token); ok {
		s.remove(i)
	}
}

func (s *shard) endWorkspace(workspace uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range slices.Backward(s.entries) { // removing one moves the last
		if e.workspace == workspace {
			s.remove(i)
		}
	}
}

// evict makes room: it passes over entries that were used since it last came by
// and removes the first that was not.
func (s *shard) evict() {
	for {
		s.hand = (s.hand + 1) % len(s.entries)
		if e := &s.entries[s.hand]; e.used {
			e.used = false
			continue
		}
		s.remove(s.hand)
		return
	}
}

// remove closes the gap it makes with the last entry.
func (s *shard) remove(i int) {
	gone, last := s.entries[i].text, len(s.entries)-1
	s.byHash.Delete(s.hashKeyAt(i), i, s.hashKeyAt)
	s.byToken.Delete(s.tokenKeyAt(i), i, s.tokenKeyAt)
	if i != last {
		s.byHash.Move(s.hashKeyAt(last), last, i)
		s.byToken.Move(s.tokenKeyAt(last), last, i)
		s.entries[i] = s.entries[last]
	}
	s.entries = s.entries[:last]
	if s.texts.drop(gone) {
		s.compact()
	}
}

// compact writes the texts anew, without those that were dropped.
func (s *shard) compact() {
	old := s.texts
	s.texts = texts{}
	for i := range s.entries {
		e := &s.entries[i]
		e.text = s.texts.add(old.at(e.text), "")
	}
}

func (s *shard) lockedClear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *shard) clear() {
	s.entries = nil
	s.byHash, s.byToken = slots.Index{}, slots.Index{}
	s.texts = texts{}
	clear(s.missing[:])
}

func (s *shard) addTo(sum *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum.Entries += len(s.entries)
	for state, n := range s.lookups {
		sum.Lookups[state] += n
	}
}

// never is the zero time, packed.
const never = math.MinInt64

// pack turns a time into a number: [time.Time] has a pointer in it.
func pack(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMicro()
}

func unpack(micros int64) time.Time {
	if micros == never {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
