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
// none, nor in a 401, since all answers to what opens nothing look the same, also
// if it opened something a moment ago.
func (v *visit) sayQuota(q ratelimit.Quota) {
	v.out.quota, v.out.reset = q, v.start.Add(q.Reset+time.Second-1).Unix()
}

// addQuota adds what sayQuota has noted.
func (w *recorder) addQuota() {
	var room [60]byte
	b := strconv.AppendInt(room[:0], int64(w.quota.Limit), 10)
	limit := len(b)
	b = strconv.AppendInt(b, int64(w.quota.Remaining), 10)
	remaining := len(b)
	text := string(strconv.AppendInt(b, w.reset, 10)) // one piece of memory for all three
	w.add(limitHeader, text[:limit])
	w.add(remainingHeader, text[limit:remaining])
	w.add(resetHeader, text[remaining:])
}

// overLimit has the answer say what is left of a limit, and answers 429 if that
// is nothing. It reports whether it has answered.
func (h *handlers) overLimit(r *http.Request, v token.Vouched) bool {
	visit := visitOf(r.Context())
	visit.sayQuota(v.Quota)
	if v.Quota.Allowed() {
		return false
	}
	visit.out.vouched(v.Answering, func() {
		h.answerProblem(&visit.out, r, graph.Explain(&token.RateError{Quota: v.Quota}))
	})
	return true
}
