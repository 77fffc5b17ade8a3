package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// Code tells programs what went wrong. Codes are API.
type Code string

// The codes.
const (
	CodeUnauthenticated  Code = "UNAUTHENTICATED"
	CodeForbidden        Code = "FORBIDDEN"
	CodeNotFound         Code = "NOT_FOUND"
	CodeBadUserInput     Code = "BAD_USER_INPUT"
	CodeConflict         Code = "CONFLICT"
	CodeLimitReached     Code = "LIMIT_REACHED"
	CodeRateLimited      Code = "RATE_LIMITED"
	CodeQueryTooComplex  Code = "QUERY_TOO_COMPLEX"
	CodeAuditUnavailable Code = "AUDIT_UNAVAILABLE"
	CodeTokenInURL       Code = "TOKEN_IN_URL"
	CodeBrowserUse       Code = "BROWSER_USE"
	CodeUnavailable      Code = "UNAVAILABLE" // try again, after the seconds in Retry-After
	CodeInternal         Code = "INTERNAL"
)

// Problem is an error as clients see it, over GraphQL and over REST.
type Problem struct { //nolint:errname // an answer first, an error on its way there
	Code    Code
	Status  int    // of the HTTP answer, where the problem is all of it
	Message string // never quotes what the client sent
	// Field is the input field that is wrong; empty unless one is known.
	Field string
	// Fault is what is wrong with it, or what it conflicts with; empty where there
	// is nothing to choose between.
	Fault token.Fault
	// Limit is how many tokens the plan allows; zero for other problems.
	Limit int
	// Ability is what the caller lacks; empty for other problems.
	Ability ability.Ability
	// RetryAfter is after how many seconds it is worth trying again; zero
	// where nobody knows.
	RetryAfter int
}

func (p *Problem) Error() string { return p.Message }

// Explain is the one table of errors: what clients are told of err. An error
// that is not in it is INTERNAL, and its text is for the log only.
func Explain(err error) *Problem {
	var (
		problem   *Problem
		forbidden *token.ForbiddenError
		limit     *token.LimitError
		rate      *token.RateError
		argument  *keyset.ArgumentError
		input     *token.InputError
		audit     *token.AuditUnavailableError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &forbidden):
		return &Problem{Code: CodeForbidden, Status: http.StatusForbidden, Message: forbidden.Error(), Ability: forbidden.Ability}
	case errors.As(err, &limit):
		return &Problem{Code: CodeLimitReached, Status: http.StatusForbidden, Message: limit.Error(), Limit: limit.Limit}
	case errors.As(err, &rate):
		return &Problem{Code: CodeRateLimited, Status: http.StatusTooManyRequests, Message: rate.Error(), RetryAfter: rate.RetryAfter()}
	case errors.As(err, &input):
		return &Problem{Code: CodeBadUserInput, Status: http.StatusBadRequest, Message: input.Error(), Field: input.Field, Fault: input.Fault}
	case errors.As(err, &argument):
		return &Problem{Code: CodeBadUserInput, Status: http.StatusBadRequest, Message: argument.Error(), Field: argument.Field}
	case errors.As(err, &audit):
		return &Problem{Code: CodeAuditUnavailable, Status: http.StatusServiceUnavailable, Message: audit.Error(), RetryAfter: 1}
	case errors.Is(err, token.ErrUnauthenticated):
		return &Problem{Code: CodeUnauthenticated, Status: http.StatusUnauthorized, Message: token.ErrUnauthenticated.Error()}
	case errors.Is(err, token.ErrNotFound):
		return &Problem{Code: CodeNotFound, Status: http.StatusNotFound, Message: token.ErrNotFound.Error()}
	case errors.Is(err, token.ErrUnavailable):
		return &Problem{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, Message: token.ErrUnavailable.Error(), RetryAfter: 1}
	case errors.Is(err, token.ErrBehind):
		return &Problem{Code: CodeRateLimited, Status: http.StatusTooManyRequests, Message: "events came faster than they were read: subscribe again, and page through the list from the last that came"}
	}
	for conflict, fault := range conflicts {
		if errors.Is(err, conflict) {
			return &Problem{Code: CodeConflict, Status: http.StatusConflict, Message: conflict.Error(), Fault: fault}
		}
	}
	return &Problem{Code: CodeInternal, Status: http.StatusInternalServerError, Message: "internal error"}
}

// conflicts are the errors that say in what state something is.
var conflicts = map[error]token.Fault{
	token.ErrConflict: token.FaultKeyUsed,
	token.ErrRevoked:  token.FaultRevoked,
	token.ErrExpired:  token.FaultExpired,
	token.ErrRotated:  token.FaultRotated,
	token.ErrUnused:   token.FaultUnused,
}

// isServerFault tells the problems whose cause belongs in the log.
func isServerFault(c Code) bool { return c == CodeInternal || c == CodeUnavailable }

// gqlError is the problem as GraphQL spells it. It wraps the problem, so that
// explaining it again changes nothing.
func (p *Problem) gqlError(ctx context.Context) *gqlerror.Error {
	extensions := map[string]any{"code": p.Code, "requestId": callerFrom(ctx).RequestID}
	if p.Field != "" {
		extensions["field"] = p.Field
	}
	if p.Fault != "" {
		extensions["reason"] = p.Fault
	}
	if p.Limit > 0 {
		extensions["limit"] = p.Limit
	}
	if p.Ability != "" {
		extensions["ability"] = p.Ability
	}
	if p.RetryAfter > 0 {
		extensions["retryAfter"] = p.RetryAfter
	}
	return &gqlerror.Error{Err: p, Message: p.Message, Extensions: extensions}
}

// presenter makes the errors of an execution fit to be answered, and writes the
// cause of those that nobody foresaw to log.
func presenter(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // what ended the operation explains its errors
		}
		field := graphql.GetFieldContext(ctx)
		problem := Explain(err)
		if name, ok := badArgument(field, err); ok {
			problem = &Problem{Code: CodeBadUserInput, Status: http.StatusBadRequest, Message: name + ": " + reason(err), Field: name}
		}
		if isServerFault(problem.Code) {
			logUnforeseen(ctx, log, err)
		}
		presented := problem.gqlError(ctx)
		if field != nil {
			presented.Path = field.Path()
		}
		return presented
	}
}

// badArgument reports which argument of a field gqlgen could not read. Such an
// error carries a path that goes on past the field, into its arguments.
func badArgument(field *graphql.FieldContext, err error) (name string, ok bool) {
	located, ok := errors.AsType[*gqlerror.Error](err)
	if field == nil || !ok || len(located.Path) <= len(field.Path()) {
		return "", false
	}
	return lastName(located.Path), true
}

// reason is why an argument could not be read. What gqlgen says quotes the
// value; what our own scalars say does not.
func reason(err error) string {
	if input, ok := errors.AsType[*token.InputError](err); ok {
		return input.Reason
	}
	return "is not a valid value"
}

// lastName is the last name in a path that may end in list indexes.
func lastName(path ast.Path) string {
	for _, element := range slices.Backward(path) {
		if name, ok := element.(ast.PathName); ok {
			return string(name)
		}
	}
	return ""
}

// logUnforeseen is the only place that sees the text of an unforeseen error.
// The text may hold anything, so secrets are taken out here already.
func logUnforeseen(ctx context.Context, log *slog.Logger, err error) {
	level := slog.LevelError
	if errors.Is(err, context.Canceled) {
		level = slog.LevelInfo // the client went away; nobody reads the answer
	}
	log.LogAttrs(ctx, level, "graphql: unforeseen error", slog.String("error", bearer.Redact(err.Error())))
}

// recoverer turns a panic into an unforeseen error.
func recoverer(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, value any) error {
		log.ErrorContext(ctx, "graphql: panic",
			slog.String("panic", bearer.Redact(fmt.Sprint(value))),
			slog.String("stack", string(debug.Stack())))
		return &Problem{Code: CodeInternal, Status: http.StatusInternalServerError, Message: "internal error"}
	}
}
