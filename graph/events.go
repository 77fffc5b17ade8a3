package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// eventStream is an answer of server-sent events, as graphql-sse's distinct
// connections mode has them: a "next" for each answer, then a "complete".
type eventStream struct {
	writer  http.ResponseWriter
	control *http.ResponseController
	write   time.Duration
	cancel  context.CancelFunc // when the client takes nothing more

	mu sync.Mutex // of the writer
}

// serveEvents answers an operation as a stream, or the errors for which there is
// none. What it returns is streamed, unless there is no place or no right to it.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request, op *graphql.OperationContext, errs gqlerror.List) answer {
	by := callerFrom(r.Context())
	ctx, place, err := h.streams.enter(r.Context())
	if err != nil {
		return refusal(r.Context(), err)
	}
	defer place.leave()
	if err := place.claim(by); err != nil {
		return refusal(ctx, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &eventStream{writer: w, control: http.NewResponseController(w), write: h.streams.write, cancel: cancel}
	if err := h.release(ctx, s.begin); errors.Is(err, errGone) {
		return answer{streamed: true}
	} else if err != nil {
		h.logFault(ctx, err)
		return refusal(ctx, err)
	}
	var alive sync.WaitGroup
	alive.Go(func() { every(ctx, h.streams.ping, func() { _ = s.send(":\n\n") }) })
	defer alive.Wait()
	defer cancel()

	if op == nil {
		s.finish(h.explain(ctx, errs))
		return answer{streamed: true}
	}
	err = h.perform(ctx, op, func(a answer) error {
		return h.release(ctx, func() error { return s.next(a) })
	})
	switch {
	case err == nil:
		s.finish(nil)
	case !isQuiet(err):
		s.finish(h.explain(ctx, err))
	}
	return answer{streamed: true}
}

// begin sends the head. From there on the connection has no deadlines but those
// of each event.
func (s *eventStream) begin() error {
	if s.control.SetReadDeadline(time.Time{}) != nil {
		return errGone
	}
	s.writer.Header().Set("Content-Type", mediaStream+"; charset=utf-8")
	s.writer.Header().Set("Cache-Control", "no-store")
	s.writer.Header().Set("X-Accel-Buffering", "no") // has nginx pass events on as they come
	s.writer.WriteHeader(http.StatusOK)
	return s.send(":\n\n")
}

// finish sends why the stream ended, if not by itself, and that it did: the
// client does not connect again.
func (s *eventStream) finish(why gqlerror.List) {
	if why != nil {
		_ = s.next(answer{Errors: why})
	}
	_ = s.send("event: complete\ndata:\n\n")
}

func (s *eventStream) next(a answer) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return s.send("event: next\ndata: " + string(text) + "\n\n") // JSON is one line
}

// errGone is returned for what could not be sent: there is nobody to tell.
var errGone = errors.New("the client takes nothing more")

// isQuiet reports whether an operation ended for a reason that its client is not
// told: it went away itself, or is to connect again.
func isQuiet(err error) bool {
	return errors.Is(err, errGone) || errors.Is(err, context.Canceled) || errors.Is(err, errStopping)
}

func (s *eventStream) send(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.control.SetWriteDeadline(time.Now().Add(s.write))
	if err == nil {
		_, err = s.writer.Write([]byte(text))
	}
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		s.cancel()
		return errGone
	}
	return nil
}
