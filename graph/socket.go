package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/keloa/apitokens/token"
)

// socket is a WebSocket that speaks graphql-transport-ws: any number of
// operations, one after the other or at once. One goroutine reads; each
// operation has one.
type socket struct {
	*Handler

	conn    *websocket.Conn
	request *http.Request
	place   *place
	by      token.Caller
	// ctx ends when the socket does; operations run in it.
	ctx context.Context

	mu         sync.Mutex
	operations map[string]*operation // that the client has not completed
	active     int                   // with those that it has, and that have not ended yet
	closing    bool                  // no operation begins any more
	running    sync.WaitGroup        // operations
}

// operation is one that is under way on a socket.
type operation struct{ cancel context.CancelFunc }

// serveSocket serves a WebSocket until it is closed. The caller in the context is
// who the upgrade came from; the first message may say better.
func (h *Handler) serveSocket(w http.ResponseWriter, r *http.Request) {
	if err := checkHandshake(r); err != nil {
		Refuse(w, r, err)
		return
	}
	// A request's context has no meaning once its connection is taken over.
	ctx, place, err := h.streams.enter(context.WithoutCancel(r.Context()))
	if err != nil {
		Refuse(w, r, err)
		return
	}
	defer place.leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol},
		// Origins are checked with what a socket comes with: without
		// credentials, it is good for nothing.
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled, // it costs memory, idle too
	})
	if err != nil {
		return // the answer is sent
	}
	conn.SetReadLimit(maxFrame)
	s := &socket{Handler: h, conn: conn, request: r, place: place, ctx: ctx, operations: map[string]*operation{}}
	defer s.abandon()
	stop := context.AfterFunc(ctx, func() { s.close(closing(context.Cause(ctx))) })
	defer stop()
	if conn.Subprotocol() != subprotocol {
		s.close(closeSubprotocol, "Subprotocol not acceptable")
		return
	}
	if s.introduce() {
		s.serve()
	}
}

// abandon frees what the socket holds, once nothing is read from it any more.
func (s *socket) abandon() {
	_ = s.conn.CloseNow() // waits, if it is being closed
	s.wind()
}

// close closes the socket as soon as nothing is under way on it. It may be
// called any number of times; the first counts.
func (s *socket) close(code websocket.StatusCode, reason string) {
	s.wind()
	s.refuse(code, reason)
}

// wind ends the operations, and lets mutations finish.
func (s *socket) wind() {
	s.mu.Lock()
	s.closing = true
	for _, o := range s.operations {
		o.cancel()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// refuse closes the socket at once: the client does not keep to the protocol. If
// the client has gone, there is nobody to tell.
func (s *socket) refuse(code websocket.StatusCode, reason string) { _ = s.conn.Close(code, reason) }

// read returns the next message. It reports false if there is none; the socket
// is closed then.
func (s *socket) read() (received, bool) {
	kind, text, err := s.conn.Read(context.Background()) // ends with the connection
	if err != nil {
		return received{}, false
	}
	m, ok := parseMessage(text)
	if kind != websocket.MessageText || !ok {
		s.refuse(closeBadRequest, "Invalid message")
		return received{}, false
	}
	return m, true
}

// introduce finds out who opened the socket. It reports false, and has closed
// the socket, if nobody did who may.
func (s *socket) introduce() bool {
	late := time.AfterFunc(s.streams.init, func() { s.refuse(closeInitTimeout, "Connection initialisation timeout") })
	defer late.Stop()
	for {
		m, ok := s.read()
		switch {
		case !ok:
			return false
		case m.Type == typePing:
			s.pong()
		case m.Type == typePong:
		case m.Type != typeInit:
			s.refuse(closeUnauthorized, reasonUnauthorized)
			return false
		default:
			if err := s.identify(m.Payload); err != nil {
				s.refuse(closing(err))
				return false
			}
			return true
		}
	}
}

// identify says who the socket is of: who its first message names, or else who
// the upgrade came from.
func (s *socket) identify(payload json.RawMessage) error {
	s.by = callerFrom(s.request.Context())
	header, err := authorization(payload)
	if err != nil {
		return token.ErrUnauthenticated
	}
	if header != "" {
		s.by, err = s.authenticate(s.request, header)
	}
	if err == nil && anonymous(s.by) {
		err = token.ErrUnauthenticated
	}
	if err == nil {
		err = s.place.claim(s.by)
	}
	if err != nil {
		s.logFault(s.request.Context(), err)
	}
	return err
}

// serve answers operations until the socket is closed, or what the caller came
// with ends.
func (s *socket) serve() {
	ctx, cancel := context.WithCancel(WithCaller(s.ctx, s.by))
	defer cancel()
	s.ctx = ctx
	// The socket is under way as a request is. It is another request than its
	// operations: the one that revokes its own token is answered all the same.
	held, done := s.tokens.Begin(ctx, s.by)
	defer done()
	stop := context.AfterFunc(held, func() { s.close(closing(context.Cause(held))) })
	defer stop()
	var alive sync.WaitGroup
	alive.Go(func() { every(ctx, s.streams.ping, s.ping) })
	defer alive.Wait()
	defer cancel()
	if err := s.release(held, func() error { return s.send(message{Type: typeAck}) }); err != nil {
		s.logFault(held, err)
		s.refuse(closing(err))
		return
	}
	for {
		m, ok := s.read()
		if !ok {
			return
		}
		switch m.Type {
		case typePing:
			s.pong()
		case typePong:
		case typeSubscribe:
			s.begin(m)
		case typeComplete:
			s.complete(m.ID)
		case typeInit:
			s.refuse(closeTooManyInit, "Too many initialisation requests")
		default:
			s.refuse(closeBadRequest, "Invalid message")
		}
	}
}

// begin starts an operation.
func (s *socket) begin(m received) {
	s.mu.Lock()
	duplicate, full := s.operations[m.ID] != nil, s.active == maxOperations
	if !s.closing && !duplicate && !full {
		s.start(m)
	}
	s.mu.Unlock()
	switch {
	case duplicate:
		s.refuse(closeDuplicate, "Subscriber already exists")
	case full:
		s.fail(m.ID, errTooManyOperations)
	}
}

// start is begin, with the lock held.
func (s *socket) start(m received) {
	ctx, cancel := context.WithCancel(s.ctx)
	o := &operation{cancel}
	s.operations[m.ID] = o
	s.active++
	s.running.Go(func() {
		defer cancel()
		err := s.run(ctx, m)
		switch wanted := s.end(m.ID, o); {
		case !wanted, isQuiet(err):
		case err == nil:
			_ = s.send(message{ID: m.ID, Type: typeComplete})
		case Explain(err).Code == CodeUnauthenticated:
			go s.close(closing(err)) // which waits for this to end
		default:
			s.fail(m.ID, err)
		}
	})
}

// end reports whether the operation is still wanted: the client has not
// completed it. From here on its id may be used again.
func (s *socket) end(id string, o *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	wanted := s.operations[id] == o
	if wanted {
		delete(s.operations, id)
	}
	return wanted
}

// complete ends the operation: the client wants no more of it.
func (s *socket) complete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.operations[id]; o != nil {
		delete(s.operations, id)
		o.cancel()
	}
}

// run runs the operation that a message asks for.
func (s *socket) run(ctx context.Context, m received) error {
	var fields map[string]json.RawMessage
	if decode(m.Payload, &fields) != nil {
		return badInput("payload must be an object", "payload")
	}
	params, err := readParams(fields)
	if err != nil {
		return err
	}
	op, errs := s.engine.CreateOperationContext(ctx, params)
	if errs != nil {
		return errs
	}
	if _, err := s.tokens.Admit(ctx, s.by); err != nil {
		return err
	}
	if op.Operation.Operation == ast.Mutation {
		// One that revokes its own token ends the socket, and is answered.
		ctx = context.WithoutCancel(ctx)
	}
	ctx, done := s.tokens.Begin(ctx, s.by)
	defer done()
	return s.perform(ctx, op, func(a answer) error {
		return s.release(ctx, func() error { return s.send(message{m.ID, typeNext, a}) })
	})
}

func (s *socket) fail(id string, err error) {
	_ = s.send(message{id, typeError, s.explain(s.ctx, err)})
}

// ping asks the client for a sign of life, and gives it up if there is none.
func (s *socket) ping() {
	ctx, cancel := context.WithTimeout(context.Background(), s.streams.pong)
	defer cancel()
	if s.conn.Ping(ctx) != nil {
		_ = s.conn.CloseNow()
	}
}

func (s *socket) pong() { _ = s.send(message{Type: typePong}) }

// send sends a message. A client that does not take it in time is cut off.
func (s *socket) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.streams.write)
	defer cancel()
	if s.conn.Write(ctx, websocket.MessageText, text) != nil {
		_ = s.conn.CloseNow()
		return errGone
	}
	return nil
}
