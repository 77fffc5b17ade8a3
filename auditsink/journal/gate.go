package journal

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// gateEvery is how long what is known of the required sinks is relied on.
const gateEvery = 500 * time.Millisecond

// UnavailableError names a required sink that is down or too far behind.
type UnavailableError struct{ Sink, Reason string }

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("tokens are not changed while the audit log cannot be copied to %s, which %s", e.Sink, e.Reason)
}

// Gate says whether tokens may be changed: not while a required sink is down or
// more than [MaxLag] behind, as whichever server feeds it has last reported.
// It is safe for concurrent use.
type Gate struct {
	journal *Journal

	mu       sync.Mutex
	required []string // nil for all that any server was told to require
	asked    time.Time
	answer   error
}

// NewGate returns a gate for all sinks that some server was told to require.
func NewGate(j *Journal) *Gate { return &Gate{journal: j} }

// Require replaces the sinks that are waited for.
func (g *Gate) Require(names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.required, g.asked, g.answer = append([]string{}, names...), time.Time{}, nil
}

// Check reports nil if tokens may be changed, and else an [*UnavailableError]. It
// reads the database at most every half second, for all who ask.
func (g *Gate) Check(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.required != nil && len(g.required) == 0 || time.Since(g.asked) < gateEvery {
		return g.answer
	}
	states, err := g.journal.Sinks(ctx)
	if err != nil {
		return err // of the database, which may answer the next one
	}
	g.asked, g.answer = time.Now(), judge(states, g.required)
	return g.answer
}

// judge returns an error for the first of the required sinks that cannot be
// waited for.
func judge(states []SinkState, required []string) error {
	known := make(map[string]SinkState, len(states))
	for _, s := range states {
		known[s.Name] = s
		if required == nil && s.Required && s.Unavailable() != "" {
			return &UnavailableError{s.Name, s.Unavailable()}
		}
	}
	for _, name := range required {
		state, begun := known[name]
		if !begun {
			return &UnavailableError{name, "was not reached yet"}
		}
		if reason := state.Unavailable(); reason != "" {
			return &UnavailableError{name, reason}
		}
	}
	return nil
}
