package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
)

// event is what happens to a token, or is answered about it.
type event string

const (
	// A revocation is two events within its call: from the one on a server
	// may refuse the token, from the other on all do. Between the two the
	// servers may differ, and nobody was promised otherwise.
	revoking event = "revoking"
	revoked  event = "revoked"
	active   event = "active"
	refused  event = "refused"
)

type input struct {
	token uuid.UUID
	event event
}

// writes stands for the right of a token to write, which can be given up before
// the token is revoked: a narrowing is to this what a revocation is to the token.
func writes(id uuid.UUID) uuid.UUID {
	id[0] ^= 0xff // no token of this century has such an id
	return id
}

// model is a token, or a right of it, as its users see it.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byToken := map[uuid.UUID][]porcupine.Operation{}
		for _, op := range history {
			id := op.Input.(input).token
			byToken[id] = append(byToken[id], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byToken {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return active },
	Step: func(state, in, _ any) (bool, any) {
		switch event := in.(input).event; event {
		case revoking:
			if state == active {
				return true, revoking
			}
			return true, state // revoked twice
		case revoked:
			return state != active, revoked
		case active:
			return state != revoked, state
		default:
			return state != active, state
		}
	},
}

// history is what was observed, on one clock.
type history struct {
	began time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	returned   map[uuid.UUID]int64 // when the first revocation did
	counts     map[event]int
	late       map[string]int // what was answered too late, by kind
}

func newHistory() *history {
	return &history{
		began: time.Now(), returned: map[uuid.UUID]int64{}, counts: map[event]int{}, late: map[string]int{},
	}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

func (h *history) add(id uuid.UUID, e event, from, to int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{Input: input{id, e}, Call: from, Return: to})
	h.counts[e]++
}

// revoke notes a revocation. One that failed may still take effect, at any time.
func (h *history) revoke(id uuid.UUID, from int64, err error) {
	to := int64(math.MaxInt64)
	if err == nil {
		to = h.now()
		h.mu.Lock()
		if first, known := h.returned[id]; !known || to < first {
			h.returned[id] = to
		}
		h.mu.Unlock()
	}
	h.add(id, revoking, from, to)
	h.add(id, revoked, from, to)
}

// answered notes what was answered about a token between two moments: nothing,
// if the server did not know.
func (h *history) answered(kind string, id uuid.UUID, from, to int64, err error) {
	switch {
	case err == nil:
		h.add(id, active, from, to)
		h.mu.Lock()
		if at, ended := h.returned[id]; ended && from > at {
			h.late[kind]++
		}
		h.mu.Unlock()
	case errors.Is(err, token.ErrUnauthenticated):
		h.add(id, refused, from, to)
	}
}

// check reports an error if the history is impossible.
func (h *history) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for kind, n := range h.late {
		return fmt.Errorf("%d %s were answered although the revocation had returned", n, kind)
	}
	if result := porcupine.CheckOperationsTimeout(model, h.operations, time.Minute); result != porcupine.Ok {
		return fmt.Errorf("the history of %d events: %s", len(h.operations), result)
	}
	return nil
}

// wantMany fails if there is too little in the history to prove anything.
func (h *history) wantMany(t *testing.T) {
	t.Helper()
	t.Logf("%d answers active, %d refused, %d revocations and narrowings", h.counts[active], h.counts[refused], h.counts[revoked])
	if h.counts[active] < 100 || h.counts[refused] < 100 || len(h.returned) < 5 {
		t.Error("too little happened: this proves nothing")
	}
}

// limited is how long a client waits for one answer.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 4*time.Second)
}

// TestModel shows that the model can tell.
func TestModel(t *testing.T) {
	id := uuid.New()
	type step struct {
		event    event
		from, to int64
	}
	for name, c := range map[string]struct {
		steps []step
		want  bool
	}{
		"servers differ while it is revoked": {[]step{{revoking, 1, 9}, {revoked, 1, 9}, {refused, 2, 3}, {active, 4, 5}}, true},
		"begun before it returned":           {[]step{{revoking, 1, 9}, {revoked, 1, 9}, {active, 8, 12}}, true},
		"begun after it returned":            {[]step{{revoking, 1, 9}, {revoked, 1, 9}, {active, 10, 12}}, false},
		"refused before anything":            {[]step{{refused, 1, 2}, {revoking, 3, 9}, {revoked, 3, 9}}, false},
		"active after an unknown outcome":    {[]step{{revoking, 1, math.MaxInt64}, {revoked, 1, math.MaxInt64}, {active, 10, 12}}, true},
	} {
		h := newHistory()
		for _, s := range c.steps {
			h.add(id, s.event, s.from, s.to)
		}
		if err := h.check(); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
