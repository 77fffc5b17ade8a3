package main

import (
	"sync"
	"time"
)

// deadlineSlack is how much too soon a deadline of a wire may be met.
const deadlineSlack = time.Second

// deadline is that of reading from a wire, or of writing to it. To tell the
// runtime of one costs more than to keep it in mind.
type deadline struct {
	mu      sync.Mutex
	wanted  time.Time // zero for none
	known   time.Time // what the runtime was told
	waiting bool      // whether it matters at this moment
}

// set has the deadline be t. What waits at this moment hears of it at once: that
// is how net/http ends a read.
func (d *deadline) set(t time.Time, tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if !d.waiting {
		return nil
	}
	d.known = t
	return tell(t)
}

// wait is called before what the deadline bounds, done after it.
func (d *deadline) wait(tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = true
	early := d.wanted.Sub(d.known)
	if d.wanted.IsZero() == d.known.IsZero() && 0 <= early && early <= deadlineSlack {
		return nil
	}
	d.known = d.wanted
	return tell(d.wanted)
}

func (d *deadline) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = false
}
