package usage

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"time"

	"github.com/keloa/apitokens/token/ability"
)

// abilityBits is how many abilities an [ability.Set] has room for.
const abilityBits = 8

// order is that in which the bytes of an id are taken for a number.
var order = binary.LittleEndian

// entry is what was marked of a token in an hour. A moment is microseconds since
// the hour began, counted from 1, so that zero is never: 32 bits have room for it.
type entry struct {
	key

	requests uint32
	at       uint32
	origin   uint32 // of the use at that moment, in origins
	// wide is where the rest is, counted from 1. At zero there is no more to
	// say: all uses came from that origin with these abilities, and the last
	// was at that moment. In a flood of tokens that is so of nearly all.
	wide uint32
	set  ability.Set
}

// wide is what is marked of a token that is used in more than one way.
type wide struct {
	by        consumers
	abilities [abilityBits]uint32
}

// origin is where a use came from.
type origin struct{ ip, agent string }

// alone is the wide form of an entry that has none.
func (e *entry) alone(from origin) (w wide) {
	if e.requests > 0 {
		w.by.add(int64(e.hour), from.ip, from.agent)
	}
	w.exercise(e.set, e.at)
	return w
}

func (w *wide) add(e *entry, m *Mark, moment, origin uint32) {
	if m.Requests > 0 && (e.origin != origin || w.by == consumers{}) {
		w.by.add(int64(e.hour), m.IP, m.UserAgent)
	}
	w.exercise(m.Abilities, moment)
}

func (w *wide) exercise(set ability.Set, moment uint32) {
	for left := uint8(set); left != 0; left &= left - 1 {
		last := &w.abilities[bits.TrailingZeros8(left)]
		*last = max(*last, moment)
	}
}

// abilityAt is the ability with that place in a set.
func abilityAt(bit int) ability.Ability { return ability.Set(1 << bit).List()[0] }

// split is the hour of a time, and the moment in it.
func split(t time.Time) (hour int32, moment uint32) {
	const micros = int64(time.Hour / time.Microsecond)
	all := t.UnixMicro()
	return int32(all / micros), uint32(all%micros) + 1
}

// time is when a moment in the hour of the entry was.
func (e *entry) time(moment uint32) time.Time {
	return e.start().Add(time.Duration(moment-1) * time.Microsecond)
}

// start is when the hour began.
func (e *entry) start() time.Time {
	return time.Unix(int64(e.hour)*int64(time.Hour/time.Second), 0).UTC()
}

// origins is where the uses of a shard came from, each once.
type origins struct {
	index map[origin]uint32 // into all
	all   []origin
}

// of is the number of an origin. Its strings are copied: they may be parts of a
// whole request.
func (o *origins) of(ip, agent string) uint32 {
	n, known := o.index[origin{ip, agent}]
	if !known {
		if o.index == nil {
			o.index = map[origin]uint32{}
		}
		from := origin{strings.Clone(ip), strings.Clone(agent)}
		n = uint32(len(o.all))
		o.index[from] = n
		o.all = append(o.all, from)
	}
	return n
}

// full reports whether there are twice as many as so many entries can have.
func (o *origins) full(entries int) bool { return len(o.all) >= 2*entries }

// keep forgets the origins that no entry has any more.
func (o *origins) keep(entries []entry) {
	old := o.all
	*o = origins{}
	for i := range entries {
		from := old[entries[i].origin]
		entries[i].origin = o.of(from.ip, from.agent)
	}
}

// marked is what was taken from the shards to be written.
type marked struct {
	entries []entry
	wide    []wide
	origins []origin
}

// take adds what a shard has.
func (m *marked) take(entries []entry, wides []wide, from []origin) {
	begin, wideBegin, fromBegin := len(m.entries), uint32(len(m.wide)), uint32(len(m.origins))
	m.entries = append(m.entries, entries...)
	m.wide = append(m.wide, wides...)
	m.origins = append(m.origins, from...)
	for i := begin; i < len(m.entries); i++ {
		e := &m.entries[i]
		e.origin += fromBegin
		if e.wide != 0 {
			e.wide += wideBegin
		}
	}
}

// all is the whole of an entry.
func (m *marked) all(e *entry) wide {
	if e.wide != 0 {
		return m.wide[e.wide-1]
	}
	return e.alone(m.origins[e.origin])
}
