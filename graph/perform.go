package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/keloa/apitokens/token"
)

// perform runs an operation and hands each of its answers to emit, which must
// be done with it when it returns. Perform returns nil once the operation is
// complete; otherwise why it ended, which may be a list of errors to answer.
func (h *Handler) perform(ctx context.Context, op *graphql.OperationContext, emit func(answer) error) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer func() {
		// Fields recover by themselves; this is for what runs around them.
		if value := recover(); value != nil {
			err = h.engine.recover(ctx, value)
		}
	}()
	streaming := op.Operation.Operation == ast.Subscription
	if !streaming {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, maxDuration, errTooSlow)
		defer cancel()
	}
	responses, ctx := h.engine.DispatchOperation(context.WithValue(ctx, endKey{}, end), op)
	for {
		response := responses(ctx)
		switch {
		case response == nil:
			return context.Cause(ctx)
		case isUnauthenticated(response.Errors):
			return token.ErrUnauthenticated
		case response.Data == nil: // nothing was executed
			return response.Errors
		}
		a := answer{Errors: response.Errors[:min(len(response.Errors), maxErrors)], Data: response.Data}
		if err := emit(a); err != nil || !streaming {
			return err
		}
	}
}

type endKey struct{}

// events has a subscription answer what next returns, until it fails. The
// failure ends the operation that ctx is of, and is its explanation.
func events[T any](ctx context.Context, next func(context.Context) (T, error), closing func()) <-chan T {
	end, _ := ctx.Value(endKey{}).(context.CancelCauseFunc)
	to := make(chan T)
	go func() {
		defer closing()
		for {
			event, err := next(ctx)
			if err != nil {
				end(err)
				return
			}
			select {
			case to <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return to
}

// explain is what a client is told of why an operation ended.
func (h *Handler) explain(ctx context.Context, err error) gqlerror.List {
	if list, ok := errors.AsType[gqlerror.List](err); ok {
		return list[:min(len(list), maxErrors)]
	}
	h.logFault(ctx, err)
	return gqlerror.List{Explain(err).gqlError(ctx)}
}
