package token

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/token/ability"
)

// inflight knows the requests that are under way on this server, by the token
// or session they came with, so that what ends that ends them; and it keeps an
// answer from being written while what it rests on ends. It holds as many
// requests as the server has.
type inflight struct {
	shards [256]flights
}

// flights are the requests of the credentials that share a shard.
type flights struct {
	// answering is held for reading from the last check of an answer until
	// it is written, and for writing while a credential ends. So once one has
	// ended, nothing that was checked before is still to be written.
	answering sync.RWMutex

	mu       sync.Mutex
	requests map[uuid.UUID]map[*request]struct{}

	_ [64]byte // keeps the locks of two shards out of one cache line
}

// request is one request under way.
type request struct {
	cancel   context.CancelCauseFunc
	operator uuid.UUID     // whose session it came with; zero for a token
	needed   atomic.Uint32 // the ability.Set that it has made use of
	// spared is set when the request ends what it came with: of all requests
	// with that it alone is answered, with the receipt. ended is set when it
	// has been cancelled. The mutex of the shard guards both.
	spared, ended bool
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// Begin registers a request of by, or a stream. The context it returns ends,
// with [ErrUnauthenticated] or a [ForbiddenError] as its cause, when what by came
// with ends, expires, or loses an ability that the request has made use of. The
// caller calls done when it has answered.
//
// What ended before Begin is found by [Service.Answer], which a stream asks for
// its first message as any other request does for its answer.
func (s *Service) Begin(ctx context.Context, by Caller) (_ context.Context, done func()) {
	id := by.credential()
	if id == uuid.Nil {
		return ctx, func() {}
	}
	expired := func() {}
	if !by.expiresAt.IsZero() {
		ctx, expired = context.WithTimeoutCause(ctx, by.expiresAt.Sub(s.now()), ErrUnauthenticated)
	}
	if by.pending {
		s.takeOver(ctx, by)
	}
	s.noteCaller(by, 0, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	r := &request{cancel: cancel}
	if by.Actor.Kind == auditsink.Operator {
		r.operator = *by.Actor.ID
	}
	s.inflight.add(id, r)
	return context.WithValue(ctx, requestKey{}, r), func() {
		s.inflight.remove(id, r)
		cancel(nil)
		expired()
	}
}

// credential is the id of what the caller came with; zero for the system.
func (c Caller) credential() uuid.UUID {
	if c.Token != uuid.Nil {
		return c.Token
	}
	return c.Session
}

// uses notes that the request makes use of an ability.
func (r *request) uses(a ability.Ability) { r.needed.Or(uint32(ability.Of(a))) }

// keeps has the request make do with what it has left: it gave up the rest itself,
// and is answered all the same.
func (r *request) keeps(left ability.Set) {
	for _, a := range ability.Set(r.needed.Load()).List() {
		if !left.Allows(a) {
			r.needed.And(^uint32(ability.Of(a)))
		}
	}
}

// lost is what the request has made use of and now does not allow; nil for
// nothing.
func (r *request) lost(now ability.Set) error { return lost(ability.Set(r.needed.Load()), now) }

func lost(needed, now ability.Set) error {
	for _, a := range needed.List() {
		if !now.Allows(a) {
			return lacks(a)
		}
	}
	return nil
}

// shard is that of a credential. Ids of version 7 end in random bits.
func (f *inflight) shard(id uuid.UUID) *flights { return &f.shards[id[len(id)-1]] }

func (f *inflight) add(id uuid.UUID, r *request) {
	shard := f.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.requests == nil {
		shard.requests = map[uuid.UUID]map[*request]struct{}{}
	}
	if shard.requests[id] == nil {
		shard.requests[id] = map[*request]struct{}{}
	}
	shard.requests[id][r] = struct{}{}
}

func (f *inflight) remove(id uuid.UUID, r *request) {
	shard := f.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.requests[id], r)
	if len(shard.requests[id]) == 0 {
		delete(shard.requests, id)
	}
}

// spare keeps the request that ctx belongs to from being cancelled, if id is
// what it came with: it is about to end that itself. It is called before the
// commit, which another goroutine may act on first. If nothing comes of it, undo
// takes it back.
func (f *inflight) spare(ctx context.Context, id uuid.UUID) (undo func()) {
	own, shard := requestOf(ctx), f.shard(id)
	set := func(spared bool) {
		shard.mu.Lock()
		defer shard.mu.Unlock()
		if _, under := shard.requests[id][own]; under {
			own.spared = spared
		}
	}
	set(true)
	return func() { set(false) }
}

// spared reports whether the request that ctx belongs to has ended id, with
// which it came.
func (f *inflight) spared(ctx context.Context, id uuid.UUID) bool {
	own, shard := requestOf(ctx), f.shard(id)
	if own == nil {
		return false
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return own.spared
}

// end waits until no answer that rests on id is being written, calls forget, and
// cancels the requests of id for which why gives a reason. It returns how many
// it cancelled.
func (f *inflight) end(id uuid.UUID, forget func(), why func(*request) error) int {
	shard := f.shard(id)
	shard.answering.Lock()
	defer shard.answering.Unlock()
	forget()
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return cancel(shard.requests[id], why)
}

// endAll is end for all credentials.
func (f *inflight) endAll(forget func(), why func(*request) error) (n int) {
	for i := range f.shards {
		shard := &f.shards[i]
		shard.answering.Lock()
		defer shard.answering.Unlock()
	}
	forget()
	for i := range f.shards {
		shard := &f.shards[i]
		shard.mu.Lock()
		for _, requests := range shard.requests {
			n += cancel(requests, why)
		}
		shard.mu.Unlock()
	}
	return n
}

// cancel counts a request once, however often it is told to end.
func cancel(requests map[*request]struct{}, why func(*request) error) (n int) {
	for r := range requests {
		if r.spared || r.ended {
			continue
		}
		if reason := why(r); reason != nil {
			r.ended = true
			r.cancel(reason)
			n++
		}
	}
	return n
}
