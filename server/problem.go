package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// What the HTTP layer itself refuses, beside the errors that graph.Explain
// knows.
var (
	errTokenInURL = &graph.Problem{
		Code: graph.CodeTokenInURL, Status: http.StatusBadRequest,
		Message: "the URL holds a secret, and URLs are logged on their way: send it in the Authorization header, and replace it",
	}
	errBrowserUse = &graph.Problem{
		Code: graph.CodeBrowserUse, Status: http.StatusForbidden,
		Message: "a web page of another origin sent this secret: secrets are for servers, where visitors cannot read them",
	}
	errCrossOrigin = &graph.Problem{
		Code: graph.CodeForbidden, Status: http.StatusForbidden,
		Message: "a web page of another origin sent this request",
	}
	errNoSuchPath = &graph.Problem{
		Code: graph.CodeNotFound, Status: http.StatusNotFound,
		Message: "there is nothing at this path",
	}
	errMethod = &graph.Problem{
		Code: graph.CodeBadUserInput, Status: http.StatusMethodNotAllowed,
		Message: "the method is not one of those in the Allow header",
	}
	errResourceServer = &graph.Problem{
		Code: graph.CodeUnauthenticated, Status: http.StatusUnauthorized,
		Message: "introspection needs the name and secret of a resource server by HTTP Basic",
	}
	errPanicked = &graph.Problem{
		Code: graph.CodeInternal, Status: http.StatusInternalServerError,
		Message: "internal error",
	}
)

// badRequest is the problem of a request that cannot be understood. The message
// must not quote the request.
func badRequest(status int, message string) *graph.Problem {
	return &graph.Problem{Code: graph.CodeBadUserInput, Status: status, Message: message}
}

// refuse answers the request with what graph.Explain says of err. The cause of
// an unforeseen error goes to the log.
func (h *handlers) refuse(w http.ResponseWriter, r *http.Request, err error) {
	_, tooOften := errors.AsType[*token.RateError](err)
	if _, known := errors.AsType[*knownError](err); known || tooOften {
		if err = h.refuseKnown(w, r, visitOf(r.Context()).caller, err); err == nil {
			return
		}
	}
	problem := graph.Explain(err)
	switch problem.Code {
	case graph.CodeInternal:
		h.log.ErrorContext(r.Context(), "unforeseen error", slog.Any("error", err))
	case graph.CodeUnavailable:
		h.log.WarnContext(r.Context(), "the database does not answer", slog.Any("error", err))
	}
	h.answerProblem(w, r, problem)
}

// knownError is a refusal that says that the caller of the visit came with what is
// good. It is no answer for what was revoked meanwhile.
type knownError struct{ error }

func (e *knownError) Unwrap() error { return e.error }

// refuseKnown answers the request with what graph.Explain says of why, while by
// still holds what it came with. If it returns an error, that is to be answered
// instead.
func (h *handlers) refuseKnown(w http.ResponseWriter, r *http.Request, by token.Caller, why error) error {
	by.Abilities = 0 // a refusal makes use of none, so losing one changes nothing
	return h.tokens.Answer(r.Context(), by, func() error {
		graph.Flush(w, func() { h.answerProblem(w, r, graph.Explain(why)) })
		return nil
	})
}

// answerProblem writes the problem in the shape that the path answers in.
func (h *handlers) answerProblem(w http.ResponseWriter, r *http.Request, p *graph.Problem) {
	if challenge := challenge(r, p); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if r.URL.Path == graphQLPath {
		by := token.Caller{Origin: visitOf(r.Context()).origin} // for the request id
		graph.Refuse(w, r.WithContext(graph.WithCaller(r.Context(), by)), p)
		return
	}
	// By hand: whoever guesses secrets is answered so every time.
	body := append(make([]byte, 0, 256), `{"error":{"code":`...)
	body = appendJSONText(body, string(p.Code))
	body = append(body, `,"message":`...)
	body = appendJSONText(body, p.Message)
	body = append(body, `,"requestId":`...)
	body = appendJSONText(body, visitOf(r.Context()).origin.RequestID)
	body = append(body, "}}\n"...)
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client has gone: there is nobody to tell
}

// challenge is the WWW-Authenticate header that goes with the problem (RFC 6750,
// section 3), empty for none. It gives a reason only to those who sent
// credentials.
func challenge(r *http.Request, p *graph.Problem) string {
	switch {
	case p == errResourceServer:
		return `Basic realm="keloa", charset="UTF-8"`
	case p.Status == http.StatusUnauthorized:
		return graph.Challenge(r)
	case p.Ability != "":
		return fmt.Sprintf(`Bearer realm="keloa", error="insufficient_scope", scope=%q`, ability.Of(p.Ability).Scope())
	}
	return ""
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: there is nobody to tell
}
