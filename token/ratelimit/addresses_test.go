package ratelimit_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/keloa/apitokens/token/ratelimit"
)

// guesser is the address that fails.
const guesser = "192.0.2.1"

func failTimes(a *ratelimit.Addresses, n int) {
	for range n {
		a.Fail(netip.MustParseAddr(guesser))
	}
}

func TestFailuresOfAnAddress(t *testing.T) {
	clock := newHand()
	a := ratelimit.NewAddresses(clock.read)
	wait := func(address string) time.Duration { return a.Wait(netip.MustParseAddr(address)) }

	failTimes(a, ratelimit.FailuresPerMinute-1)
	if wait(guesser) != 0 {
		t.Error("refused below the limit")
	}
	failTimes(a, 1)
	const interval = time.Minute / ratelimit.FailuresPerMinute
	if got := wait(guesser); got != interval {
		t.Errorf("at the limit: waits %v, want %v", got, interval)
	}
	failTimes(a, 1000) // those that were under way
	if got := wait(guesser); got != interval {
		t.Errorf("beyond the limit: waits %v, want %v", got, interval)
	}
	if wait("::ffff:"+guesser) != interval {
		t.Error("the same address in another dress is another one")
	}
	if wait("192.0.2.2") != 0 {
		t.Error("a neighbour is refused")
	}
	clock.advance(interval)
	if wait(guesser) != 0 {
		t.Error("one more is not let through when its time has come")
	}
	failTimes(a, 1)
	if wait(guesser) != interval {
		t.Error("one more was two")
	}
}

func TestFailuresOfAnIPv6Network(t *testing.T) {
	a := ratelimit.NewAddresses(newHand().read)
	for i := range uint64(ratelimit.FailuresPerMinute) {
		address := netip.MustParseAddr("2001:db8:1:2::").As16()
		binary.BigEndian.PutUint64(address[8:], i)
		a.Fail(netip.AddrFrom16(address))
	}
	if a.Wait(netip.MustParseAddr("2001:db8:1:2:ffff::1")) == 0 {
		t.Error("the network is not one")
	}
	if a.Wait(netip.MustParseAddr("2001:db8:1:3::1")) != 0 {
		t.Error("the next network is the same one")
	}
}

func TestNoAddressIsNeverRefused(t *testing.T) {
	a := ratelimit.NewAddresses(newHand().read)
	for range 2 * ratelimit.FailuresPerMinute {
		a.Fail(netip.Addr{})
	}
	if a.Wait(netip.Addr{}) != 0 {
		t.Error("refused")
	}
}

// TestAFloodDoesNotFreeWhoIsRefused has 200,000 addresses fail once each: the
// table has no room for them, and keeps who has failed most.
func TestAFloodDoesNotFreeWhoIsRefused(t *testing.T) {
	clock := newHand()
	a := ratelimit.NewAddresses(clock.read)
	failTimes(a, ratelimit.FailuresPerMinute)
	for i := range uint32(200_000) {
		a.Fail(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a000000+i))))
	}
	if a.Wait(netip.MustParseAddr(guesser)) == 0 {
		t.Error("it was forgotten")
	}
}
