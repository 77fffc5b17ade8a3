package graph

import (
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2/formatter"
)

// SDL is the schema as text, one definition a type, as /schema.graphql answers
// it.
var SDL = sync.OnceValue(func() string {
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatSchema(newSchema(nil).Schema())
	return text.String()
})
