package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ratelimit"
)

// The headers that say what is left of a limit, as they are spelled on their way.
const (
	limitHeader     = "X-RateLimit-Limit"
	remainingHeader = "X-RateLimit-Remaining"
	resetHeader     = "X-RateLimit-Reset" // seconds since 1970, rounded up
)

// sayQuota has the answer say what is left of a limit: nothing where there is
// none.
func (v *visit) sayQuota(q ratelimit.Quota) {
	if q.Limit == 0 || v.out.ResponseWriter == nil {
		return
	}
	reset := v.start.Add(q.Reset + time.Second - 1).Unix()
	var room [60]byte
	b := strconv.AppendInt(room[:0], int64(q.Limit), 10)
	limit := len(b)
	b = strconv.AppendInt(b, int64(q.Remaining), 10)
	remaining := len(b)
	text := string(strconv.AppendInt(b, reset, 10)) // one piece of memory for all three
	header := v.out.Header()
	header[limitHeader] = v.value(text[:limit])
	header[remainingHeader] = v.value(text[limit:remaining])
	header[resetHeader] = v.value(text[remaining:])
}

// overLimit has the answer say what is left of a limit, and answers 429 if that
// is nothing. It reports whether it has answered. It is for [token.Service.Vouch].
func (h *handlers) overLimit(w http.ResponseWriter, r *http.Request, q ratelimit.Quota) bool {
	visitOf(r.Context()).sayQuota(q)
	if q.Allowed() {
		return false
	}
	graph.Flush(w, func() { h.answerProblem(w, r, graph.Explain(&token.RateError{Quota: q})) })
	return true
}

// withoutQuota takes out what sayQuota said: all answers to what opens nothing
// look the same, also if it opened something a moment ago.
func withoutQuota(header http.Header) {
	delete(header, limitHeader)
	delete(header, remainingHeader)
	delete(header, resetHeader)
}
