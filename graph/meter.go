package graph

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/keloa/apitokens/ent/keyset"
)

// weight is what a selection set amounts to with its fragments in place.
type weight struct{ depth, fields, cost int }

// meter weighs a parsed document. It needs no validated one: it runs first,
// visits every node of the document once, and so takes linear time whatever
// the document would expand to.
type meter struct {
	schema    *ast.Schema
	fragments ast.FragmentDefinitionList
	// known holds the weight of each fragment. One that is being weighed is
	// there as zero, which ends a cycle; validation then refuses it.
	known   map[string]weight
	aliases int
	repeats int // the most in any selection set
}

// checkLimits reports a [Problem] for a document that would cost too much to
// validate or to execute.
func checkLimits(schema *ast.Schema, doc *ast.QueryDocument) error {
	m := &meter{schema: schema, fragments: doc.Fragments, known: map[string]weight{}}
	for _, op := range doc.Operations {
		if n := m.rootFields(op.SelectionSet, map[string]bool{}); n > maxRootFields {
			return tooComplex("an operation may have at most %d root fields", maxRootFields)
		}
		if err := m.weigh(op.SelectionSet, m.root(op.Operation)).check(); err != nil {
			return err
		}
	}
	// An unused fragment is validated all the same.
	for _, f := range doc.Fragments {
		if err := m.fragment(f.Name).check(); err != nil {
			return err
		}
	}
	switch {
	case m.aliases > maxAliases:
		return tooComplex("a document may have at most %d aliases", maxAliases)
	case m.repeats > maxRepeats:
		return tooComplex("a selection may name the same field at most %d times", maxRepeats)
	}
	return nil
}

func (w weight) check() error {
	switch {
	case w.depth > maxDepth:
		return tooComplex("selections may nest at most %d deep", maxDepth)
	case w.fields > maxFields:
		return tooComplex("an operation may have at most %d fields, fragments included", maxFields)
	case w.cost > maxCost:
		return tooComplex("the query costs more than %d: ask for fewer fields or smaller pages", maxCost)
	}
	return nil
}

func (m *meter) root(op ast.Operation) *ast.Definition {
	switch op {
	case ast.Mutation:
		return m.schema.Mutation
	case ast.Subscription:
		return m.schema.Subscription
	}
	return m.schema.Query
}

// rootFields counts the fields of an operation itself. A fragment counts once:
// spreading it again names the same fields again, and they are answered once.
func (m *meter) rootFields(set ast.SelectionSet, seen map[string]bool) int {
	n := 0
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			n++
		case *ast.InlineFragment:
			n += m.rootFields(s.SelectionSet, seen)
		case *ast.FragmentSpread:
			if f := m.fragments.ForName(s.Name); f != nil && !seen[s.Name] {
				seen[s.Name] = true
				n += m.rootFields(f.SelectionSet, seen)
			}
		}
	}
	return n
}

// weigh adds up a selection set. The parent is nil for a type that does not
// exist: validation refuses that, and counts stop mattering.
func (m *meter) weigh(set ast.SelectionSet, parent *ast.Definition) weight {
	var total weight
	seen := make(map[string]int, len(set))
	for _, selection := range set {
		var key string
		var w weight
		switch s := selection.(type) {
		case *ast.Field:
			key, w = s.Alias, m.field(s, parent)
		case *ast.InlineFragment:
			w = m.weigh(s.SelectionSet, m.narrow(s.TypeCondition, parent))
		case *ast.FragmentSpread:
			key, w = "..."+s.Name, m.fragment(s.Name)
		}
		seen[key]++
		if key != "" {
			m.repeats = max(m.repeats, seen[key])
		}
		total.depth = max(total.depth, w.depth)
		total.fields = min(total.fields+w.fields, maxFields+1)
		total.cost = min(total.cost+w.cost, maxCost+1)
	}
	return total
}

func (m *meter) field(f *ast.Field, parent *ast.Definition) weight {
	if f.Alias != f.Name {
		m.aliases++
	}
	def := fieldOf(parent, m.schema, f.Name)
	var child *ast.Definition
	if def != nil {
		child = m.schema.Types[def.Type.Name()]
	}
	w := m.weigh(f.SelectionSet, child)
	// Neither factor nor sum can overflow: sizes and weights are bounded.
	return weight{w.depth + 1, w.fields + 1, 1 + size(f, def, parent)*w.cost}
}

func (m *meter) fragment(name string) weight {
	if w, ok := m.known[name]; ok {
		return w
	}
	m.known[name] = weight{}
	f := m.fragments.ForName(name)
	if f == nil {
		return weight{}
	}
	w := m.weigh(f.SelectionSet, m.schema.Types[f.TypeCondition])
	m.known[name] = w
	return w
}

func (m *meter) narrow(condition string, parent *ast.Definition) *ast.Definition {
	if condition == "" {
		return parent
	}
	return m.schema.Types[condition]
}

func fieldOf(parent *ast.Definition, schema *ast.Schema, name string) *ast.FieldDefinition {
	switch {
	case parent == nil:
		return nil
	case parent == schema.Query && name == "__schema":
		return &ast.FieldDefinition{Type: ast.NamedType("__Schema", nil)}
	case parent == schema.Query && name == "__type":
		return &ast.FieldDefinition{Type: ast.NamedType("__Type", nil)}
	}
	return parent.Fields.ForName(name)
}

// sizes is about how many items the lists that are neither pages nor short have:
// those of the introspection schema, and a month of hours. The document does not
// say; a list that is not here has listSize.
var sizes = map[string]int{
	"ApiToken.usage": 31 * 24, "RevokeTokensPayload.tokens": 100,
	"__Schema.types": 60, "__Schema.directives": 6, "__Directive.args": 2,
	"__Type.fields": 5, "__Field.args": 2, "__Type.inputFields": 3,
	"__Type.interfaces": 1, "__Type.possibleTypes": 1, "__Type.enumValues": 3,
}

// listSize is the size of a list that has no page: abilities, and there are
// five of those.
const listSize = 5

// size is how many values of the field's own selection an answer may hold: the
// page size of a connection, or about how long a list is.
func size(f *ast.Field, def *ast.FieldDefinition, parent *ast.Definition) int {
	switch {
	case def == nil:
		return 1
	case def.Arguments.ForName("first") != nil:
		return max(pageSize(f, "first"), pageSize(f, "last"), 1)
	case def.Type.Elem == nil || strings.HasSuffix(parent.Name, "Connection"):
		return 1 // edges and nodes were counted with their connection
	}
	if n, ok := sizes[parent.Name+"."+def.Name]; ok {
		return n
	}
	return listSize
}

// pageSize reads a page size from the document. A variable counts as the
// largest page, so that the weight of a document does not depend on variables.
func pageSize(f *ast.Field, name string) int {
	arg := f.Arguments.ForName(name)
	switch {
	case arg == nil:
		return keyset.DefaultSize
	case arg.Value.Kind == ast.Variable:
		return keyset.MaxSize
	}
	n, err := strconv.Atoi(arg.Value.Raw)
	if err != nil {
		return keyset.MaxSize
	}
	return min(max(n, 0), keyset.MaxSize)
}
