package slots_test

import (
	"math/rand/v2"
	"testing"

	"github.com/keloa/apitokens/token/slots"
)

// things are kept as callers keep them: what is removed leaves its position to the
// last.
type things struct {
	all   []uint64 // which are their own hashes, but for some
	index slots.Index
	alike uint64 // so many have the same hash
}

func (s *things) hash(thing uint64) uint64   { return thing - thing%s.alike }
func (s *things) hashOf(position int) uint64 { return s.hash(s.all[position]) }
func (s *things) find(thing uint64) (int, bool) {
	return s.index.Find(s.hash(thing), func(position int) bool { return s.all[position] == thing })
}

func (s *things) add(thing uint64) {
	s.all = slots.Append(s.all, thing)
	s.index.Insert(s.hash(thing), len(s.all)-1, s.hashOf)
}

func (s *things) remove(position int) {
	last := len(s.all) - 1
	s.index.Delete(s.hashOf(position), position, s.hashOf)
	if position != last {
		s.index.Move(s.hashOf(last), last, position)
	}
	s.all[position] = s.all[last]
	s.all = s.all[:last]
}

// An index and a map, of things that come and go at random, know the same.
func TestIndexLikeAMap(t *testing.T) {
	for _, alike := range []uint64{1, 3, 50} {
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, alike))
			s, known := things{alike: alike}, map[uint64]bool{}
			most := 1 + random.Uint64N(300)
			for step := range 3000 {
				thing := random.Uint64N(most) << random.Uint64N(2*32)
				position, found := s.find(thing)
				if found != known[thing] || found && s.all[position] != thing {
					t.Fatalf("seed %d, step %d: %d found: %v", seed, step, thing, found)
				}
				if found {
					s.remove(position)
				} else {
					s.add(thing)
				}
				known[thing] = !found
				if random.IntN(1000) == 0 {
					s.index.Clear()
					s.all = s.all[:0]
					clear(known)
				}
			}
			for thing, there := range known {
				if _, found := s.find(thing); found != there {
					t.Fatalf("seed %d: in the end, %d found: %v", seed, thing, found)
				}
			}
		}
	}
}

func TestAppend(t *testing.T) {
	var s []int
	for i := range 10_000 {
		s = slots.Append(s, i)
		if s[i] != i || cap(s) > len(s)+len(s)/8+8 {
			t.Fatalf("room for %d, with %d", cap(s), len(s))
		}
	}
}
