//go:build !linux

package feed

import "time"

var started = time.Now()

// Boot is the time since the process was started, by Go's monotonic clock.
// Whether that goes on while the machine is suspended differs from system to
// system, and there is no call that all of them have: servers that may be
// suspended belong on Linux.
func Boot() time.Duration { return time.Since(started) }
