// Package slots finds what is kept in a slice by what it is known by. It takes about
// eight bytes for each, where a map would keep the keys once more.
package slots

// Most is how many positions an [Index] has room for.
const Most = 1<<positionBits - 1

const (
	positionBits = 24
	tagBits      = 32 - positionBits
)

// Index says at which position of a slice something is, by a hash of what it is
// known by, of any 64 bits that differ. The zero Index is empty. It is not safe for
// use by several goroutines.
//
// What it is told of positions must be true: hashOf is the hash of what is at a
// position at that moment.
type Index struct {
	// slots has a power of two of places, at least a quarter of them free: 0. A
	// taken one has the position, counted from 1, and above it some bits of the
	// hash, so that what is only next to it is seldom looked at. What finds its
	// place taken takes the next free one.
	slots []uint32
	taken int
}

// Find returns the position with that hash of what is asked for.
func (x *Index) Find(hash uint64, is func(position int) bool) (position int, found bool) {
	if x.taken == 0 {
		return 0, false
	}
	home, tag := spread(hash)
	for at := home; ; at++ {
		slot := x.slots[x.wrap(at)]
		if slot == 0 {
			return 0, false
		}
		if slot>>positionBits == tag && is(positionIn(slot)) {
			return positionIn(slot), true
		}
	}
}

// Insert adds a position, which must not be there.
func (x *Index) Insert(hash uint64, position int, hashOf func(position int) uint64) {
	if 4*(x.taken+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]uint32, max(8, 2*len(old)))
		for _, slot := range old {
			if slot != 0 {
				x.place(hashOf(positionIn(slot)), positionIn(slot))
			}
		}
	}
	x.place(hash, position)
	x.taken++
}

func (x *Index) place(hash uint64, position int) {
	at, tag := spread(hash)
	for x.slots[x.wrap(at)] != 0 {
		at++
	}
	x.slots[x.wrap(at)] = slotOf(tag, position)
}

// Move has what is at one position be at another.
func (x *Index) Move(hash uint64, from, to int) {
	_, tag := spread(hash)
	x.slots[x.wrap(x.slot(hash, from))] = slotOf(tag, to)
}

// Delete removes a position, which must be there. What was put off because its place
// was taken moves up.
func (x *Index) Delete(hash uint64, position int, hashOf func(position int) uint64) {
	free := x.slot(hash, position)
	for at := free + 1; x.slots[x.wrap(at)] != 0; at++ {
		home, _ := spread(hashOf(positionIn(x.slots[x.wrap(at)])))
		if x.wrap(at-home) >= x.wrap(at-free) {
			x.slots[x.wrap(free)] = x.slots[x.wrap(at)]
			free = at
		}
	}
	x.slots[x.wrap(free)] = 0
	x.taken--
}

// Clear removes all, and keeps the room.
func (x *Index) Clear() {
	clear(x.slots)
	x.taken = 0
}

// slot is where a position is.
func (x *Index) slot(hash uint64, position int) uint64 {
	at, tag := spread(hash)
	for x.slots[x.wrap(at)] != slotOf(tag, position) {
		at++
	}
	return at
}

func (x *Index) wrap(at uint64) uint64 { return at & uint64(len(x.slots)-1) }

func slotOf(tag uint32, position int) uint32 { return tag<<positionBits | uint32(position+1) }

func positionIn(slot uint32) int { return int(slot&Most) - 1 }

// spread has every bit of a hash count.
func spread(hash uint64) (home uint64, tag uint32) {
	hash ^= hash >> 32
	hash *= 0x9e3779b97f4a7c15 // 2^64 by the golden ratio
	return hash >> 32, uint32(hash>>16) & (1<<tagBits - 1)
}

// Append is append, but makes room for an eighth more where append makes room for up
// to as much again.
func Append[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		grown := make([]T, len(s), len(s)+len(s)/8+8)
		copy(grown, s)
		s = grown
	}
	return append(s, v)
}
