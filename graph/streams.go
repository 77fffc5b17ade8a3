package graph

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
)

var (
	errStopping = &Problem{
		Code: CodeUnavailable, Status: http.StatusServiceUnavailable,
		Message: "the server is stopping: connect again", RetryAfter: 1,
	}
	errTooManyStreams = &Problem{
		Code: CodeRateLimited, Status: http.StatusTooManyRequests,
		Message: "too many streams are open: close one, or come back later", RetryAfter: 1,
	}
	errTooManyOperations = &Problem{
		Code: CodeRateLimited, Status: http.StatusTooManyRequests,
		Message: "too many operations are under way on this connection",
	}
	errNoStream = &Problem{
		Code: CodeBadUserInput, Status: http.StatusNotAcceptable,
		Message: "a subscription needs a WebSocket (graphql-transport-ws), or a request that accepts " + mediaStream,
	}
)

// streams counts what stays open, by who opened it, and ends it all at a stop.
type streams struct {
	patience

	stopping context.Context // its end, not what it was made in
	halt     context.CancelFunc
	open     sync.WaitGroup

	mu    sync.Mutex
	total int
	each  map[uuid.UUID]int // zero for those who have not said yet who they are
}

func newStreams() *streams {
	s := &streams{patience: defaultPatience, each: map[uuid.UUID]int{}}
	s.stopping, s.halt = context.WithCancel(context.Background())
	return s
}

// place is the right of one socket or stream to be open.
type place struct {
	streams *streams
	of      uuid.UUID
	end     context.CancelCauseFunc
}

// enter gives a place to someone unknown. The context it returns ends when the
// place does, or with errStopping. The caller leaves.
func (s *streams) enter(ctx context.Context) (context.Context, *place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping.Err() != nil:
		return nil, nil, errStopping
	case s.total == maxStreams, s.each[uuid.Nil] == maxUnknown:
		return nil, nil, errTooManyStreams
	}
	s.total++
	s.each[uuid.Nil]++
	s.open.Add(1)
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.stopping, func() { end(errStopping) })
	return ctx, &place{s, uuid.Nil, func(cause error) { stop(); end(cause) }}, nil
}

// claim counts the place as that of by.
func (p *place) claim(by token.Caller) error {
	if by.Actor.ID == nil {
		return nil
	}
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	if p.streams.each[*by.Actor.ID] == maxStreamsEach {
		return errTooManyStreams
	}
	p.streams.forget(p.of)
	p.of = *by.Actor.ID
	p.streams.each[p.of]++
	return nil
}

func (p *place) leave() {
	p.end(nil)
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	p.streams.total--
	p.streams.forget(p.of)
	p.streams.open.Done()
}

// forget counts one less of id. It is called with the lock held.
func (s *streams) forget(id uuid.UUID) {
	if s.each[id]--; s.each[id] == 0 {
		delete(s.each, id)
	}
}

func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *streams) stop(ctx context.Context) {
	s.mu.Lock()
	s.halt() // from here on nobody enters, so that the wait has an end
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.open.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// every calls do at each interval until ctx is done.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}
