package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

type callerKey struct{}

// WithCaller returns a context that says who asks. The HTTP layer sets it on
// every request: a Caller without an actor is anonymous, and carries the
// request id all the same.
func WithCaller(ctx context.Context, by token.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, by)
}

// callerFrom is the only place that reads the caller. Where none was set it is
// the zero Caller, which may do nothing.
func callerFrom(ctx context.Context) token.Caller {
	by, _ := ctx.Value(callerKey{}).(token.Caller)
	return by
}

func anonymous(by token.Caller) bool { return by.Actor.Kind == "" }

// attempts is what the audit log calls a mutation that was refused. A query
// goes by its own name.
var attempts = map[string]string{
	"mintToken":    auditsink.ActionMint,
	"revokeToken":  auditsink.ActionRevoke,
	"revokeTokens": auditsink.ActionRevoke,
	"rotateToken":  auditsink.ActionRotate,
	"updateToken":  auditsink.ActionUpdate,
	"endSession":   auditsink.ActionSignOut,
}

// can is the directive @can: it lets a field be resolved if the caller holds
// the ability, and has the refusal recorded if not.
func can(tokens *token.Service) func(context.Context, any, graphql.Resolver, ability.Ability) (any, error) {
	return func(ctx context.Context, _ any, next graphql.Resolver, needed ability.Ability) (any, error) {
		name := graphql.GetFieldContext(ctx).Field.Name
		if action, ok := attempts[name]; ok {
			name = action
		}
		if err := tokens.Can(ctx, callerFrom(ctx), needed, name); err != nil {
			return nil, err
		}
		return next(ctx)
	}
}
