package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// observed is the outermost layer of a listener: it gives the request its id,
// the answer the headers that every answer has, and the log one line. A panic
// further in becomes an internal error.
func (h *handlers) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{origin: originOf(r)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		out := &recorder{ResponseWriter: w}
		setCommon(out.Header(), v)
		defer func() { h.logRequest(r, v, out, time.Since(start)) }()
		defer h.recoverPanic(out, r, v)
		next.ServeHTTP(out, r)
	})
}

// setCommon sets what every answer says, unless a handler knows better: it is
// not to be kept, guessed at, framed, or told about to others.
func setCommon(header http.Header, v *visit) {
	header.Set("X-Request-Id", v.origin.RequestID)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
}

// logRequest never logs the query: it may hold anything.
func (h *handlers) logRequest(r *http.Request, v *visit, out *recorder, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", cleanPath(r.URL.Path)),
		slog.Int("status", out.status),
		slog.Int64("bytes", out.bytes),
		slog.Duration("duration", took),
	}
	if kind := v.caller.Actor.Kind; kind != "" {
		attrs = append(attrs, slog.String("caller_kind", string(kind)))
	}
	if id := v.caller.Actor.ID; id != nil {
		attrs = append(attrs, slog.String("caller_id", id.String()))
	}
	h.log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// recoverPanic is to be deferred. An answer that has begun cannot be taken
// back: it is broken off, so that the client does not take it for whole.
func (h *handlers) recoverPanic(out *recorder, r *http.Request, v *visit) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	h.log.LogAttrs(r.Context(), slog.LevelError, "panic",
		slog.String("panic", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	if out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(out.Header()) // a cookie may be among them
	setCommon(out.Header(), v)
	h.answerProblem(out, r, errPanicked)
}

// recorder notes the status and counts the bytes of an answer. The status is
// zero until the answer has begun.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader notes the final status: those below 200 only announce it.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives [http.ResponseController] the writer within.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
