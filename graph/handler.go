// Package graph is the GraphQL API: the schema by hand, resolvers that unpack,
// call the domain and return, one table of errors, one place of limits, and the
// HTTP handler.
//
// # Transport
//
// The handler keeps to GraphQL over HTTP. Nothing is written before an operation
// has finished, so that an answer can be withheld to the last. Subscriptions come
// over WebSockets (graphql-transport-ws) or as server-sent events (the distinct
// connections mode of graphql-sse), where the same holds of each event.
//
// # Errors
//
// [Explain] is the table. What it does not know is INTERNAL; its cause goes to
// the log and nowhere else.
//
// # Limits
//
// limits.go has them all. They are checked before anything is validated, because
// validation itself can be made to take seconds.
package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/keloa/apitokens/token"
)

// Options are what the handler stands on. All are needed.
type Options struct {
	Tokens *token.Service
	Logger *slog.Logger
	// Answer calls write, which sends the answer to someone known, or returns
	// why that must not be sent: [token.Service.Answer] for the caller.
	Answer func(ctx context.Context, write func() error) error
	// Authenticate says who opened a WebSocket, by the value of an
	// Authorization header that came in its first message.
	Authenticate func(r *http.Request, authorization string) (token.Caller, error)
}

// Handler serves GraphQL over HTTP: one operation and one answer, or a stream.
type Handler struct {
	engine       *engine
	log          *slog.Logger
	answer       func(ctx context.Context, write func() error) error
	authenticate func(*http.Request, string) (token.Caller, error)
	tokens       *token.Service
	streams      *streams
}

// NewHandler returns the handler of /graphql. It expects the caller in the
// context, see [WithCaller].
func NewHandler(o Options) *Handler {
	return &Handler{
		engine:       newEngine(newSchema(o.Tokens), o.Logger),
		log:          o.Logger,
		answer:       o.Answer,
		authenticate: o.Authenticate,
		tokens:       o.Tokens,
		streams:      newStreams(),
	}
}

// Stop ends all streams, so that their clients connect again elsewhere, and
// waits for that until ctx is done. No new ones are let in.
func (h *Handler) Stop(ctx context.Context) { h.streams.stop(ctx) }

// Streams is how many WebSockets and event streams are open.
func (h *Handler) Streams() int { return h.streams.count() }

// answer is an HTTP answer before it is written: a GraphQL response and its
// status. Data is nil, and left out, if nothing was executed.
type answer struct {
	status   int
	streamed bool            // it was sent as a stream: nothing is left to write
	Errors   gqlerror.List   `json:"errors,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if IsSocket(r) {
		h.serveSocket(w, r)
		return
	}
	media, ok := negotiate(r.Header)
	var a answer
	switch {
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		w.Header().Set("Allow", "GET, POST")
		a = refusal(r.Context(), &Problem{Code: CodeBadUserInput, Status: http.StatusMethodNotAllowed, Message: "use POST or GET"})
	case !ok && !takesStream(r.Header):
		media = mediaJSON
		a = refusal(r.Context(), &Problem{
			Code: CodeBadUserInput, Status: http.StatusNotAcceptable,
			Message: "an answer is " + mediaGraphQL + " or " + mediaJSON + ", or for a subscription " + mediaStream,
		})
	default:
		a = h.serve(w, r, media)
	}
	if a.streamed {
		return
	}
	h.write(w, r, cmp.Or(media, mediaJSON), a)
}

// serve executes the operation of a request. Media is empty if the client takes
// a stream only.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, media string) (a answer) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), maxDuration, errTooSlow)
	defer cancel()
	defer func() {
		// Fields recover by themselves; this is for what runs before them.
		if value := recover(); value != nil {
			a = refusal(ctx, h.engine.recover(ctx, value))
		}
	}()
	params, err := readRequest(w, r)
	if err != nil {
		return refusal(ctx, err)
	}
	ctx = graphql.StartOperationTrace(ctx)
	op, errs := h.engine.CreateOperationContext(ctx, params)
	if errs != nil {
		if media == "" && !isUnauthenticated(errs) {
			return h.serveEvents(w, r, nil, errs)
		}
		a := answer{status: http.StatusBadRequest, Errors: errs}
		if media == mediaJSON {
			a.status = http.StatusOK
		}
		return a
	}
	kind := op.Operation.Operation
	if r.Method == http.MethodGet && kind == ast.Mutation {
		w.Header().Set("Allow", "POST")
		return refusal(ctx, &Problem{Code: CodeBadUserInput, Status: http.StatusMethodNotAllowed, Message: "a GET runs no mutations: use POST"})
	}
	switch {
	case media == "", kind == ast.Subscription && takesStream(r.Header):
		return h.serveEvents(w, r, op, nil)
	case kind == ast.Subscription:
		return refusal(ctx, errNoStream)
	}
	responses, ctx := h.engine.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // the context ended before anything was executed
		return refusal(ctx, context.Cause(ctx))
	}
	return answer{status: http.StatusOK, Errors: response.Errors, Data: response.Data}
}

// refusal is the answer to a request that is not executed, with the status of
// the problem.
func refusal(ctx context.Context, err error) answer {
	p := Explain(err)
	return answer{status: p.Status, Errors: gqlerror.List{p.gqlError(ctx)}}
}

// release calls write, which sends an answer, unless who asked has lost the right
// to it meanwhile: then it returns why.
func (h *Handler) release(ctx context.Context, write func() error) error {
	if anonymous(callerFrom(ctx)) {
		return write()
	}
	return h.answer(ctx, write)
}

// isUnauthenticated reports whether the errors say that the caller is nobody.
func isUnauthenticated(errs gqlerror.List) bool {
	return slices.ContainsFunc(errs, func(err *gqlerror.Error) bool {
		return err.Extensions["code"] == CodeUnauthenticated
	})
}

// write sends the answer, unless who asked has lost the right to it meanwhile.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, media string, a answer) {
	ctx := r.Context()
	if isUnauthenticated(a.Errors) {
		h.send(w, r, media, a)
		return
	}
	err := h.release(ctx, func() error {
		h.send(w, r, media, a)
		return nil
	})
	if err != nil { // and nothing was sent
		h.logFault(ctx, err)
		h.send(w, r, media, refusal(ctx, err))
	}
}

// logFault logs an error whose cause belongs in the log.
func (h *Handler) logFault(ctx context.Context, err error) {
	if isServerFault(Explain(err).Code) && !errors.Is(err, errGone) {
		logUnforeseen(ctx, h.log, err)
	}
}

// send sends the answer. One of someone who is not known, or not any more, is a
// 401 and nothing else.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, media string, a answer) {
	ctx := r.Context()
	for _, err := range a.Errors {
		if err.Extensions["code"] == CodeUnauthenticated {
			a = refusal(ctx, token.ErrUnauthenticated)
			w.Header().Set("WWW-Authenticate", Challenge(r))
		}
	}
	a.Errors = a.Errors[:min(len(a.Errors), maxErrors)]
	if err := send(w, media, a); err != nil {
		logUnforeseen(ctx, h.log, err)
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}

// Refuse answers err, in the shape of every answer of the API, to a request
// that is not let through to the handler.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	media, ok := negotiate(r.Header)
	if !ok {
		media = mediaJSON
	}
	_ = send(w, media, refusal(r.Context(), err)) // an answer without data is JSON
}

// send reports an error, and has sent nothing, if the answer is not JSON.
func send(w http.ResponseWriter, media string, a answer) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	for _, err := range a.Errors {
		if p, ok := errors.AsType[*Problem](err); ok && p.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
		}
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store") // a secret may be in it
	Flush(w, func() {
		w.WriteHeader(a.status)
		_, _ = w.Write(body) // the client has gone: there is nobody to tell
	})
	return nil
}

// Flush writes an answer and hands it to the operating system. A client that
// does not read has it broken off, since a revocation may wait for this.
func Flush(w http.ResponseWriter, write func()) {
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(MaxWrite)) // a writer without one is a test's
	write()
	_ = c.Flush()
}

// Challenge is what RFC 6750, section 3, has a 401 say: why, unless no
// credentials came.
func Challenge(r *http.Request) string {
	const realm = `Bearer realm="keloa"`
	if r.Header["Authorization"] == nil {
		return realm
	}
	return realm + `, error="invalid_token"`
}
