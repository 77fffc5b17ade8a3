package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token/ratelimit"
)

// observed is the outermost layer of a listener: it gives the request its id,
// the answer the headers that every answer has, and the log one line. A panic
// further in becomes an internal error.
func (h *handlers) observed(next http.Handler, common commonHeaders) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, r := begin(w, r)
		common(v)
		defer func() {
			h.metrics.count(r.URL.Path, v.out.status)
			if h.logged(r, v) {
				h.logRequest(r, v)
			}
		}()
		defer h.recoverPanic(r, v, common)
		next.ServeHTTP(&v.out, r)
		if v.out.status == 0 {
			v.out.WriteHeader(http.StatusOK)
		}
	})
}

// commonHeaders sets what every answer of a listener says, unless a handler
// knows better.
type commonHeaders func(*visit)

// forServices has answers not be kept.
func forServices(v *visit) {
	v.out.add("X-Request-Id", v.origin.RequestID)
	v.out.add("Cache-Control", "no-store")
}

// forBrowsers has answers not be kept, guessed at, framed, or told about to
// others.
func forBrowsers(v *visit) {
	forServices(v)
	header := v.out.Header()
	header["Content-Security-Policy"] = nothingElse
	header["Cross-Origin-Opener-Policy"] = sameOrigin
	header["Referrer-Policy"] = noReferrer
	header["X-Content-Type-Options"] = noSniff
}

// The values of headers that all answers share. Nothing may write into them.
var (
	nothingElse = []string{"default-src 'none'; frame-ancestors 'none'"}
	sameOrigin  = []string{"same-origin"}
	noReferrer  = []string{"no-referrer"}
	noSniff     = []string{"nosniff"}
	jsonType    = []string{"application/json"}
)

// logRequest never logs the query: it may hold anything.
func (h *handlers) logRequest(r *http.Request, v *visit) {
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", cleanPath(r.URL.Path)),
		slog.Int("status", v.out.status),
		slog.Int64("bytes", v.out.bytes),
		slog.Duration("duration", time.Since(v.start)),
	}
	actor := v.caller.Actor
	if v.token != uuid.Nil {
		actor = auditsink.Actor{Kind: auditsink.Token, ID: &v.token}
	}
	if actor.Kind != "" {
		attrs = append(attrs, slog.String("caller_kind", string(actor.Kind)))
	}
	if actor.ID != nil {
		attrs = append(attrs, slog.String("caller_id", actor.ID.String()))
	}
	h.log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// logged reports whether a request gets its line in the log. All do but those
// that come in floods, which would cost more to log than to answer: of them so
// many a second do, and at level debug all.
func (h *handlers) logged(r *http.Request, v *visit) bool {
	if !comesInFloods(r.URL.Path) || v.out.status >= http.StatusInternalServerError ||
		h.log.Enabled(r.Context(), slog.LevelDebug) {
		return true
	}
	if v.out.status < http.StatusBadRequest {
		return h.answers.allow(v.start)
	}
	return h.refusals.allow(v.start)
}

// recoverPanic is to be deferred. An answer that has begun cannot be taken
// back: it is broken off, so that the client does not take it for whole.
func (h *handlers) recoverPanic(r *http.Request, v *visit, common commonHeaders) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	h.log.LogAttrs(r.Context(), slog.LevelError, "panic",
		slog.String("panic", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	if v.out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	v.out.clear() // a cookie may be among the headers
	common(v)
	h.answerProblem(&v.out, r, errPanicked)
}

// recorder notes the status and counts the bytes of an answer. The status is
// zero until the answer has begun.
type recorder struct {
	http.ResponseWriter
	wire   *wireAnswer // ResponseWriter, if it is one
	status int
	bytes  int64
	quota  ratelimit.Quota // what the answer says of a limit
	reset  int64           // when there is more of it, in seconds since 1970
}

// add adds a header that comes once, and means nothing to net/http. The name is
// sent as it stands.
func (w *recorder) add(name, value string) {
	if w.wire != nil {
		w.wire.add(name, value)
		return
	}
	w.Header()[name] = []string{value}
}

// clear takes back all headers.
func (w *recorder) clear() {
	if w.wire != nil {
		w.wire.clear()
		return
	}
	clear(w.Header())
}

// vouched writes an answer that is true as long as answering is locked, and
// unlocks it once the operating system has the answer.
func (w *recorder) vouched(answering sync.Locker, write func()) {
	defer answering.Unlock()
	graph.Flush(w, write)
}

// WriteHeader notes the final status: those below 200 only announce it, but for
// the one that hands the connection over.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
		if w.quota.Limit != 0 && status != http.StatusUnauthorized {
			w.addQuota()
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives [http.ResponseController] the writer within.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
