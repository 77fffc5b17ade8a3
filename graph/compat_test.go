package graph

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// released is the schema of the last release, as SDL printed it then. A release
// replaces it; nothing else does.
//
//go:embed testdata/released.graphqls
var released string

func TestSchemaKeepsWhatWasReleased(t *testing.T) {
	for _, change := range breaking(parse(t, released), parse(t, SDL())) {
		t.Error(change)
	}
}

func TestBreakingChangesAreFound(t *testing.T) {
	const before = `
		type Query { a(x: Int): E! b: [String!]! c(in: In): N }
		enum E { ONE TWO }
		input In { y: Int z: Int = 1 }
		interface N { id: ID! }
		type T implements N { id: ID! }`
	for want, edit := range map[string][2]string{
		"":                            {"b:", "d: Int b:"},
		"Query.a is gone":             {"a(x: Int): E!", "d: E"},
		"Query.a may be null now":     {"E!", "E"},
		"Query.b has another type":    {"[String!]!", "[Int!]!"},
		"Query.a.x is gone":           {"(x: Int)", ""},
		"Query.a.x must be given now": {"x: Int", "x: Int!"},
		"Query.a.w must be given":     {"x: Int", "x: Int w: Int!"},
		"E.TWO is gone":               {"TWO", ""},
		"In.y is gone":                {"y: Int", ""},
		"In.w must be given":          {"y: Int", "y: Int w: String!"},
		"In.z has another default":    {"= 1", "= 2"},
		"T is no N any more":          {"type T implements N", "type T"},
		"T is gone":                   {"type T implements", "type U implements"},
	} {
		got := strings.Join(breaking(parse(t, before), parse(t, strings.Replace(before, edit[0], edit[1], 1))), "; ")
		if got != want {
			t.Errorf("%q to %q: got %q, want %q", edit[0], edit[1], got, want)
		}
	}
}

func parse(t *testing.T, sdl string) *ast.Schema {
	t.Helper()
	s, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// breaking lists what a client of before may stumble over in after.
func breaking(before, after *ast.Schema) []string {
	var found []string
	for name, old := range before.Types {
		def := after.Types[name]
		if def == nil || def.Kind != old.Kind {
			found = append(found, name+" is gone")
			continue
		}
		found = append(found, brokenDefinition(old, def)...)
	}
	slices.Sort(found)
	return found
}

func brokenDefinition(old, def *ast.Definition) []string {
	var found []string
	for _, i := range old.Interfaces {
		if !slices.Contains(def.Interfaces, i) {
			found = append(found, fmt.Sprintf("%s is no %s any more", def.Name, i))
		}
	}
	for _, v := range old.EnumValues {
		if def.EnumValues.ForName(v.Name) == nil {
			found = append(found, def.Name+"."+v.Name+" is gone")
		}
	}
	if def.Kind == ast.InputObject {
		return append(found, brokenInputs(def.Name, inputs(old.Fields), inputs(def.Fields))...)
	}
	for _, f := range old.Fields {
		name := def.Name + "." + f.Name
		now := def.Fields.ForName(f.Name)
		if now == nil {
			found = append(found, name+" is gone")
			continue
		}
		switch {
		case now.Type.String() == f.Type.String(), now.Type.String() == f.Type.String()+"!":
		case now.Type.String()+"!" == f.Type.String():
			found = append(found, name+" may be null now")
		default:
			found = append(found, name+" has another type")
		}
		found = append(found, brokenInputs(name, f.Arguments, now.Arguments)...)
	}
	return found
}

// inputs are the fields of an input object as if they were arguments.
func inputs(fields ast.FieldList) ast.ArgumentDefinitionList {
	var list ast.ArgumentDefinitionList
	for _, f := range fields {
		list = append(list, &ast.ArgumentDefinition{Name: f.Name, Type: f.Type, DefaultValue: f.DefaultValue})
	}
	return list
}

func brokenInputs(owner string, before, after ast.ArgumentDefinitionList) []string {
	var found []string
	for _, old := range before {
		name := owner + "." + old.Name
		now := after.ForName(old.Name)
		switch {
		case now == nil:
			found = append(found, name+" is gone")
		case now.Type.String() == old.Type.String()+"!":
			found = append(found, name+" must be given now")
		case now.Type.String() != old.Type.String() && now.Type.String()+"!" != old.Type.String():
			found = append(found, name+" has another type")
		case old.DefaultValue != nil && (now.DefaultValue == nil || now.DefaultValue.String() != old.DefaultValue.String()):
			found = append(found, name+" has another default")
		}
	}
	for _, now := range after {
		if before.ForName(now.Name) == nil && now.Type.NonNull && now.DefaultValue == nil {
			found = append(found, owner+"."+now.Name+" must be given")
		}
	}
	return found
}
