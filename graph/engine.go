package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/keloa/apitokens/token"
)

// engine is gqlgen's executor with our own way into it: the limits come before
// validation, and who is unknown is turned away before anything is executed.
type engine struct {
	*executor.Executor

	documents *documents
	recover   graphql.RecoverFunc
}

func newEngine(schema graphql.ExecutableSchema, log *slog.Logger) *engine {
	e := &engine{executor.New(schema), newDocuments(schema.Schema()), recoverer(log)}
	e.SetErrorPresenter(presenter(log))
	e.SetRecoverFunc(e.recover)
	e.AroundResponses(withBatches)
	return e
}

// CreateOperationContext makes an operation ready to be dispatched. The errors
// it returns are fit to be answered.
func (e *engine) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	doc, errs := e.documents.load(ctx, params.Query)
	if errs != nil {
		return nil, errs
	}
	op := doc.Operations.ForName(params.OperationName)
	if op == nil {
		return nil, gqlerror.List{badInput("operationName must name an operation of the query", "operationName").gqlError(ctx)}
	}
	if anonymous(callerFrom(ctx)) && !onlyIntrospection(doc, op) {
		return nil, gqlerror.List{Explain(token.ErrUnauthenticated).gqlError(ctx)}
	}
	variables, err := coerce(e.documents.schema, op, params.Variables)
	if err != nil {
		return nil, gqlerror.List{Explain(err).gqlError(ctx)}
	}
	operation := &graphql.OperationContext{
		RawQuery:      params.Query,
		Variables:     variables,
		OperationName: params.OperationName,
		Doc:           doc,
		Operation:     op,
		Extensions:    params.Extensions,
		Headers:       params.Headers,
		RecoverFunc:   e.recover,
		ResolverMiddleware: func(ctx context.Context, next graphql.Resolver) (any, error) {
			return next(ctx)
		},
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
			return next(ctx)
		},
	}
	// Validation knows nothing of aliases, @skip and @include here.
	if op.Operation == ast.Subscription && len(graphql.CollectFields(operation, op.SelectionSet, []string{"Subscription"})) != 1 {
		return nil, gqlerror.List{badInput("a subscription has exactly one field", "").gqlError(ctx)}
	}
	return operation, nil
}
