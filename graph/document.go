package graph

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/keloa/apitokens/token/bearer"
)

// documents parses, weighs and validates the text of queries, in that order,
// and keeps those that passed. What it returns must not be changed.
type documents struct {
	schema *ast.Schema
	rules  *rules.Rules
	kept   graphql.Cache[*ast.QueryDocument]
}

func newDocuments(schema *ast.Schema) *documents {
	return &documents{schema, validationRules(schema), lru.New[*ast.QueryDocument](maxCached)}
}

// load returns the document of a query, or up to [maxErrors] errors.
func (d *documents) load(ctx context.Context, query string) (*ast.QueryDocument, gqlerror.List) {
	if doc, ok := d.kept.Get(ctx, query); ok {
		return doc, nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
	if err != nil {
		return nil, gqlerror.List{syntaxError(ctx, err)}
	}
	if err := checkLimits(d.schema, doc); err != nil {
		return nil, gqlerror.List{Explain(err).gqlError(ctx)}
	}
	if errs := validator.ValidateWithRules(d.schema, doc, d.rules); len(errs) > 0 {
		return nil, validationErrors(ctx, errs)
	}
	if len(query) <= maxCachedQuery {
		d.kept.Add(ctx, query, doc)
	}
	return doc, nil
}

// validationRules are those of the specification. Those that would make
// suggestions are replaced by their silent twins, for suggesting costs more than
// everything else together; the one on values is our own.
func validationRules(schema *ast.Schema) *rules.Rules {
	all := rules.NewDefaultRules()
	for loud, silent := range map[string]validator.Rule{
		rules.FieldsOnCorrectTypeRule.Name: rules.FieldsOnCorrectTypeRuleWithoutSuggestions,
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ScalarLeafsRule.Name:         rules.ScalarLeafsRuleWithoutSuggestions,
	} {
		all.RemoveRule(loud)
		all.AddRule(silent.Name, silent.RuleFunc)
	}
	all.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, checkLiterals(schema))
	return all
}

// badInput is a request that the client got wrong.
func badInput(message, field string) *Problem {
	return &Problem{Code: CodeBadUserInput, Status: http.StatusBadRequest, Message: message, Field: field}
}

// syntaxError says where a query cannot be read. The parser's own words quote
// the query, which may hold a secret.
func syntaxError(ctx context.Context, err error) *gqlerror.Error {
	located, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return badInput("the query cannot be read", "").gqlError(ctx)
	}
	if strings.HasPrefix(located.Message, "exceeded token limit") {
		return tooComplex("a query may have at most %d tokens", maxTokens).gqlError(ctx)
	}
	syntax := badInput("the query has a syntax error here", "").gqlError(ctx)
	syntax.Locations = located.Locations
	return syntax
}

// maxMessage bounds what is kept of what validation says, in bytes.
const maxMessage = 300

// validationErrors keeps what validation says, which quotes names of the
// document but no values.
func validationErrors(ctx context.Context, errs gqlerror.List) gqlerror.List {
	answered := make(gqlerror.List, 0, maxErrors)
	for _, err := range errs[:min(len(errs), maxErrors)] {
		problem, ok := errors.AsType[*Problem](err)
		if !ok {
			problem = badInput("the query is not valid here", "")
			if len(err.Message) <= maxMessage {
				problem.Message = bearer.Redact(err.Message)
			}
		}
		invalid := problem.gqlError(ctx)
		invalid.Locations = err.Locations
		answered = append(answered, invalid)
	}
	return answered
}

// onlyIntrospection reports whether an operation asks for nothing but the
// schema, which is public. It decides before anything is executed.
func onlyIntrospection(doc *ast.QueryDocument, op *ast.OperationDefinition) bool {
	seen := map[string]bool{}
	var only func(ast.SelectionSet) bool
	only = func(set ast.SelectionSet) bool {
		for _, selection := range set {
			ok := true
			switch s := selection.(type) {
			case *ast.Field:
				ok = strings.HasPrefix(s.Name, "__")
			case *ast.InlineFragment:
				ok = only(s.SelectionSet)
			case *ast.FragmentSpread:
				if !seen[s.Name] {
					seen[s.Name] = true
					ok = only(doc.Fragments.ForName(s.Name).SelectionSet)
				}
			}
			if !ok {
				return false
			}
		}
		return true
	}
	return only(op.SelectionSet)
}
