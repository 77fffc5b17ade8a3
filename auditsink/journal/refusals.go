package journal

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

// What bounds refusals.
const (
	window     = time.Minute
	oneByOne   = 10   // of one kind, in a window
	maxKinds   = 1000 // told apart in a window; what is over that is one kind for each workspace
	maxWaiting = 1000 // for their commit; what is over that is counted
	groupSize  = 100  // in one transaction
	// commitTime bounds a commit, which is not called off with the request
	// that began it: others wait for it too.
	commitTime = 10 * time.Second
)

// kind is what refusals have in common that are counted together. Only the
// workspace is set where there were too many kinds.
type kind struct {
	workspace       uuid.UUID
	actor           uuid.UUID
	name            string // where the actor has no id
	action, network string
	test            bool
}

// network returns the address that stands for those which one host may have by
// itself, as many as it likes: of IPv6, that of the /64 network.
func network(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil || !address.Is6() || address.Is4In6() {
		return ip
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return ip
	}
	return prefix.Addr().String()
}

// tally is how often one kind came in a window.
type tally struct {
	summary  auditsink.Event // what will stand for those counted, but for its time
	recorded int             // one by one
	counted  int             // beyond that
}

// refusals decides which events are recorded one by one, and commits those that
// wait together in one transaction.
type refusals struct {
	commit func(context.Context, []auditsink.Event) error
	due    []auditsink.Event // counted and not recorded yet; belongs to Run

	mu         sync.Mutex
	began      time.Time // of the window
	tallies    map[kind]*tally
	waiting    []*waiter
	committing bool // somebody takes from waiting
}

type waiter struct {
	event auditsink.Event
	done  chan error // has room for one
}

func newRefusals(commit func(context.Context, []auditsink.Event) error) *refusals {
	return &refusals{commit: commit, tallies: make(map[kind]*tally)}
}

// add records the event, or counts it.
func (r *refusals) add(ctx context.Context, e auditsink.Event) error {
	w := r.admit(e)
	if w == nil {
		return nil
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit returns who waits for the event to be recorded, nil if it was counted.
func (r *refusals) admit(e auditsink.Event) *waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tally(e)
	if t.recorded == oneByOne || len(r.waiting) == maxWaiting {
		t.counted++
		return nil
	}
	t.recorded++
	w := &waiter{e, make(chan error, 1)}
	r.waiting = append(r.waiting, w)
	if !r.committing {
		r.committing = true
		go r.commitWaiting()
	}
	return w
}

func (r *refusals) tally(e auditsink.Event) *tally {
	e.IP = network(e.IP)
	k := kind{workspace: e.Workspace.ID, action: e.Action, network: e.IP, test: e.Test, name: e.Actor.Name}
	if e.Actor.ID != nil {
		k.actor, k.name = *e.Actor.ID, ""
	}
	t := r.tallies[k]
	if t == nil && len(r.tallies) >= maxKinds {
		k = kind{workspace: e.Workspace.ID}
		t = r.tallies[k]
		e.Actor, e.Action, e.IP, e.Test = auditsink.Actor{Kind: auditsink.System, Name: "various"}, auditsink.ActionRefuse, "", false
	}
	if t == nil {
		t = &tally{summary: auditsink.Event{
			Workspace: e.Workspace,
			Actor:     e.Actor,
			Action:    e.Action,
			Outcome:   e.Outcome,
			Target:    auditsink.Target{Type: e.Target.Type},
			Test:      e.Test,
			IP:        e.IP,
		}}
		r.tallies[k] = t
	}
	return t
}

// sum returns the one event that stands for all that were counted.
func (t *tally) sum(now time.Time) auditsink.Event {
	e := t.summary
	e.ID = uuid.Must(uuid.NewV7()) // fails only without randomness, which ends the process
	e.At = now
	e.Changes = map[string][2]any{"refusals": {0, t.counted}}
	return e
}

// commitWaiting commits those that wait, a group at a time, until none does.
// While it commits one group, the next one gathers.
func (r *refusals) commitWaiting() {
	for group := r.take(); group != nil; group = r.take() {
		events := make([]auditsink.Event, len(group))
		for i, w := range group {
			events[i] = w.event
		}
		ctx, done := context.WithTimeout(context.Background(), commitTime)
		err := r.commit(ctx, events)
		done()
		for _, w := range group {
			w.done <- err
		}
	}
}

func (r *refusals) take() []*waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), groupSize)
	if n == 0 {
		r.waiting, r.committing = nil, false
		return nil
	}
	group := r.waiting[:n:n]
	r.waiting = r.waiting[n:]
	return group
}
