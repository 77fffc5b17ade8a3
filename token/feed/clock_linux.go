package feed

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boot is the time since the machine was started. Unlike the monotonic clock,
// which Go's own time follows, it goes on while the machine is suspended: a
// laptop that wakes must not trust what it knew when its lid was closed.
func Boot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // every Linux that Go runs on has this clock
	}
	return time.Duration(t.Nano())
}
