package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// FailuresPerMinute is how many authentications of one address may fail. Who has
// a good secret has no reason to send others: five a second, for hours, is a
// client that was set up wrongly, or somebody guessing.
const FailuresPerMinute = 300

const (
	// rows and ways make the table: rows that an address may be in, by its
	// hash, with so many places each. 16,384 places take half a megabyte.
	rows = 1 << 12
	ways = 4
)

// Addresses counts authentications that failed, by the address they came from:
// an IPv6 address by its network of 64 bits, which is what one customer has.
//
// The table has one size. Where it has no place left, the address with the
// fewest failures is forgotten; which addresses share a row is drawn by lot, so
// that nobody can choose whom to push out.
type Addresses struct {
	now  func() time.Time
	pace pace
	seed maphash.Seed
	// loud is until when some address is over the limit, in microseconds
	// since 1970: before it, and only then, the table is looked at.
	loud atomic.Int64
	// locks each guard every len(locks)-th row.
	locks [64]sync.Mutex
	table [rows][ways]failing
}

type failing struct {
	address netip.Addr
	full    int64 // as a shard has it
}

// NewAddresses returns an empty table. A nil now is the system's clock.
func NewAddresses(now func() time.Time) *Addresses {
	if now == nil {
		now = time.Now
	}
	return &Addresses{now: now, pace: paceOf(FailuresPerMinute), seed: maphash.MakeSeed()}
}

// Quiet reports whether no address is over the limit, which is nearly always.
func (a *Addresses) Quiet() bool {
	loud := a.loud.Load()
	return loud == 0 || a.now().UnixMicro() >= loud
}

// Wait is for how long an address is over the limit; zero if it is not. An
// invalid address never is.
func (a *Addresses) Wait(address netip.Addr) time.Duration {
	if a.Quiet() || !address.IsValid() {
		return 0
	}
	now := a.now().UnixMicro()
	row, lock := a.row(&address)
	defer lock.Unlock()
	for i := range row {
		if row[i].address == address {
			_, wait := a.pace.spend(row[i].full, now)
			return time.Duration(wait) * time.Microsecond
		}
	}
	return 0
}

// Fail counts a failure. It ignores an invalid address.
func (a *Addresses) Fail(address netip.Addr) {
	if !address.IsValid() {
		return
	}
	now := a.now().UnixMicro()
	row, lock := a.row(&address)
	defer lock.Unlock()
	place := &row[0]
	for i := range row {
		if row[i].address == address {
			place = &row[i]
			break
		}
		if row[i].full < place.full {
			place = &row[i]
		}
	}
	if place.address != address {
		*place = failing{address: address}
	}
	place.full, _ = a.pace.spend(place.full, now)
	if _, wait := a.pace.spend(place.full, now); wait > 0 {
		a.raise(now + wait)
	}
}

// raise puts loud off, never forward.
func (a *Addresses) raise(until int64) {
	for {
		loud := a.loud.Load()
		if until <= loud || a.loud.CompareAndSwap(loud, until) {
			return
		}
	}
}

// row locks the row of an address, and makes the address what the table knows it
// by.
func (a *Addresses) row(address *netip.Addr) (*[ways]failing, *sync.Mutex) {
	*address = address.Unmap().WithZone("")
	if address.Is6() {
		network, _ := address.Prefix(64) // which a valid address has
		*address = network.Addr()
	}
	n := maphash.Comparable(a.seed, *address) % rows
	lock := &a.locks[n%uint64(len(a.locks))]
	lock.Lock()
	return &a.table[n], lock
}
