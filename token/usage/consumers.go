package usage

import (
	"net/netip"
	"strings"

	"entgo.io/ent/dialect/sql"

	"github.com/keloa/apitokens/ent/usagebucket"
)

// consumers is who used a token in an hour: sets of bits, of which each program
// and each network has one, drawn by a hash with the hour. What is written of an
// hour is the union, whichever servers saw whom. Two that draw the same bit are
// taken for one, and in the next hour they draw again.
//
// The bits are counted from the lowest, and the highest of an int64 is no bit, as
// MySQL's | makes unsigned numbers.
type consumers struct {
	agents   int64 // agentBits
	networks int64 // networkBits for IPv4, and as many above for IPv6
}

const (
	agentBits   = 62
	networkBits = 31
	// The networks that a consumer is taken to be in: who has one address of
	// it may well have another soon.
	network4 = 24
	network6 = 48
)

// add notes one use. It allocates nothing.
func (c *consumers) add(hour int64, ip, agent string) {
	if name := product(agent); name != "" {
		c.agents |= 1 << (hashText(uint64(hour), name) % agentBits)
	}
	if ip == "" {
		return
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return
	}
	if addr = addr.Unmap(); addr.Is4() {
		c.networks |= 1 << (hashNetwork(uint64(hour), addr, network4) % networkBits)
	} else {
		// A consumer that has both kinds of address is one in each.
		c.networks |= 1 << (networkBits + hashNetwork(uint64(hour), addr, network6)%networkBits)
	}
}

// product is what a User-Agent header begins with, without the version (RFC 9110,
// section 10.1.5): an update does not make another program of it.
func product(agent string) string {
	if end := strings.IndexAny(agent, "/ "); end >= 0 {
		return agent[:end]
	}
	return agent
}

// FNV-1a, which needs nothing but the bytes.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashText(seed uint64, text string) uint64 {
	hash := (fnvOffset ^ seed) * fnvPrime
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * fnvPrime
	}
	return mix(hash)
}

func hashNetwork(seed uint64, addr netip.Addr, bits int) uint64 {
	hash := (fnvOffset ^ seed) * fnvPrime
	if addr.Is4() {
		for _, b := range addr.As4() {
			if bits -= 8; bits < 0 {
				break
			}
			hash = (hash ^ uint64(b)) * fnvPrime
		}
		return mix(hash)
	}
	for _, b := range addr.As16() {
		if bits -= 8; bits < 0 {
			break
		}
		hash = (hash ^ uint64(b)) * fnvPrime
	}
	return mix(hash)
}

// mix has the low bits depend on all others.
func mix(hash uint64) uint64 {
	hash ^= hash >> 32
	hash *= fnvPrime
	return hash ^ hash>>29
}

// Shared is the hours in which several programs used a token, or programs in
// several networks of one kind.
func Shared(s *sql.Selector) *sql.Predicate {
	several := func(set string) *sql.Predicate {
		// Without its lowest bit, something is left.
		return sql.ExprP("(" + set + ") & (CAST((" + set + ") AS SIGNED) - 1) <> 0")
	}
	networks := s.C(usagebucket.FieldNetworks)
	return sql.Or(
		several(s.C(usagebucket.FieldAgents)),
		several(networks+" & 2147483647"),
		several(networks+" >> 31"),
	)
}
