// Package ratelimit counts requests against a limit per minute: those of a token
// or session in a [Limiter], and authentications that failed, by address, in
// [Addresses].
//
// # Rule
//
// The rule is the generic cell rate algorithm (ITU-T I.371), a token bucket that
// is kept as one number: the moment at which the whole limit would be there
// again. A minute's worth may be spent at once; then requests are let through as
// they come back, one every minute/limit. What is refused costs nothing.
//
// One number for each id is why the rule is written out here: a limiter object of
// golang.org/x/time/rate takes ten times that, with pointers for the garbage
// collector to follow, and cannot be shared between servers.
//
// # Memory
//
// Everything is bounded. What is idle, for which the whole limit is there again,
// needs no place and is dropped.
//
// # Concurrency
//
// All types may be used by any number of goroutines. Counting in memory takes no
// lock that two ids are likely to share, and allocates nothing for an id that is
// known.
package ratelimit

import "time"

// MaxPerMinute is the highest limit there can be: one a microsecond, which is as
// fine as time is counted here. Zero is no limit.
const MaxPerMinute = int(time.Minute / time.Microsecond)

// Quota is what a limit has left after a request was counted, or refused.
type Quota struct {
	Limit     int           // requests a minute; zero for no limit, and then nothing else is set
	Remaining int           // how many more would be let through at once
	Reset     time.Duration // until the whole limit is there again
	Wait      time.Duration // until one more is let through; zero if this one was
}

// Allowed reports whether the request was let through.
func (q Quota) Allowed() bool { return q.Wait == 0 }

// pace is a limit in microseconds.
type pace struct {
	interval int64 // after which one request comes back
	whole    int64 // after which all do: a minute, less what does not divide
}

func paceOf(limit int) pace {
	interval := max(1, time.Minute.Microseconds()/int64(limit))
	return pace{interval, interval * int64(limit)}
}

// spend counts a request at the moment now. Full is when the whole limit is there
// again; spend returns the new full, which is the old one if the request is
// refused, and for how long that is. A clock that was put back, or a limit that
// was lowered, makes nobody wait for more than one request to come back.
func (p pace) spend(full, now int64) (after, wait int64) {
	full = min(max(full, now), now+p.whole)
	if wait := full + p.interval - now - p.whole; wait > 0 {
		return full, wait
	}
	return full + p.interval, 0
}

// quota is what there is to say after spend.
func (p pace) quota(limit int, reset, wait int64) Quota {
	return Quota{
		Limit:     limit,
		Remaining: int((p.whole - reset) / p.interval),
		Reset:     time.Duration(reset) * time.Microsecond,
		Wait:      time.Duration(wait) * time.Microsecond,
	}
}
