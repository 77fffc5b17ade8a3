package token

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// inflight knows the requests that are under way on this server, by the token
// or session they came with, so that what ends that ends them. It holds as many
// as the server has requests.
type inflight struct {
	mu       sync.Mutex
	requests map[uuid.UUID]map[*request]struct{}
}

// request is one request under way.
type request struct {
	cancel context.CancelCauseFunc
	// endedItself is set when the request revokes the token it came with:
	// of all requests with that token it alone is answered, with the receipt.
	// It is guarded by the mutex of inflight.
	endedItself bool
}

type requestKey struct{}

// Begin registers a request of by. The context it returns ends, with
// [ErrUnauthenticated] as its cause, when what by came with is revoked on this
// server. The caller calls done when it has answered.
func (s *Service) Begin(ctx context.Context, by Caller) (_ context.Context, done func()) {
	id := by.credential()
	if id == uuid.Nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &request{cancel: cancel}
	s.inflight.add(id, r)
	return context.WithValue(ctx, requestKey{}, r), func() {
		s.inflight.remove(id, r)
		cancel(nil)
	}
}

// credential is the id of what the caller came with; zero for the system.
func (c Caller) credential() uuid.UUID {
	if c.Token != nil {
		return c.Token.ID
	}
	return c.Session
}

func (f *inflight) add(id uuid.UUID, r *request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests == nil {
		f.requests = map[uuid.UUID]map[*request]struct{}{}
	}
	if f.requests[id] == nil {
		f.requests[id] = map[*request]struct{}{}
	}
	f.requests[id][r] = struct{}{}
}

func (f *inflight) remove(id uuid.UUID, r *request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.requests[id], r)
	if len(f.requests[id]) == 0 {
		delete(f.requests, id)
	}
}

// end cancels the requests that came with id, but for the one that ctx belongs
// to, and returns how many those were.
func (f *inflight) end(ctx context.Context, id uuid.UUID) int {
	own, _ := ctx.Value(requestKey{}).(*request)
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for r := range f.requests[id] {
		if r == own {
			r.endedItself = true
			continue
		}
		r.cancel(ErrUnauthenticated)
		n++
	}
	return n
}

// endedItself reports whether the request that ctx belongs to has revoked what
// it came with.
func (f *inflight) endedItself(ctx context.Context) bool {
	own, _ := ctx.Value(requestKey{}).(*request)
	if own == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return own.endedItself
}
