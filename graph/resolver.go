package graph

import (
	"github.com/99designs/gqlgen/graphql"

	"github.com/keloa/apitokens/graph/generated"
	"github.com/keloa/apitokens/token"
)

// Resolver is what the resolvers stand on.
type Resolver struct {
	tokens *token.Service
}

func newSchema(tokens *token.Service) graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{
		Resolvers:  &Resolver{tokens},
		Directives: generated.DirectiveRoot{Can: can(tokens)},
	})
}

// orNull is null in GraphQL for a text that is empty in Go.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// orZero is the zero value in Go for what is null in GraphQL.
func orZero[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func pointers[T any](values []T) []*T {
	list := make([]*T, len(values))
	for i := range values {
		list[i] = &values[i]
	}
	return list
}
