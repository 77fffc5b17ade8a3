package graph

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/schema/field"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/keloa/apitokens/ent/schema"
)

// ours are the definitions that the schema adds to those of every schema.
func ours(t *testing.T) []*ast.Definition {
	t.Helper()
	all := newSchema(nil).Schema().Types
	defs := make([]*ast.Definition, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if def := all[name]; !def.BuiltIn {
			defs = append(defs, def)
		}
	}
	if len(defs) < 30 {
		t.Fatalf("only %d types: the walk is broken", len(defs))
	}
	return defs
}

func TestEverythingIsDescribed(t *testing.T) {
	described := func(name, description string) {
		if strings.TrimSpace(description) == "" && !strings.Contains(name, ".__") {
			t.Errorf("%s has no description", name)
		}
	}
	for _, def := range ours(t) {
		described(def.Name, def.Description)
		for _, f := range def.Fields {
			described(def.Name+"."+f.Name, f.Description)
			for _, arg := range f.Arguments {
				described(def.Name+"."+f.Name+"."+arg.Name, arg.Description)
			}
		}
		for _, v := range def.EnumValues {
			described(def.Name+"."+v.Name, v.Description)
		}
	}
	for _, d := range newSchema(nil).Schema().Directives {
		described("@"+d.Name, d.Description)
	}
}

func TestEveryRootFieldSaysWhatItNeeds(t *testing.T) {
	open := []string{"viewer", "abilities"}
	own := []string{"endSession"} // what everybody may change: what is theirs
	s := newSchema(nil).Schema()
	walked := 0
	for _, root := range []*ast.Definition{s.Query, s.Mutation, s.Subscription} {
		if root == nil {
			continue
		}
		for _, f := range root.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			walked++
			can := f.Directives.ForName("can")
			switch {
			case slices.Contains(open, f.Name):
				if can != nil {
					t.Errorf("%s needs an ability, and should not", f.Name)
				}
			case can == nil:
				t.Errorf("%s.%s has no @can", root.Name, f.Name)
			case root == s.Mutation && !slices.Contains(own, f.Name) && can.Arguments.ForName("ability").Value.Raw != "FULL_ACCESS":
				t.Errorf("the mutation %s does not need FULL_ACCESS", f.Name)
			case root == s.Mutation && attempts[f.Name] == "":
				t.Errorf("the audit log has no name for a refused %s", f.Name)
			}
		}
	}
	if walked < 8 {
		t.Errorf("walked only %d fields", walked)
	}
}

// TestNothingSensitiveIsReachable compares the names of the sensitive columns
// with every name in the schema: fields, arguments, filters, orders.
func TestNothingSensitiveIsReachable(t *testing.T) {
	var sensitive []string
	for _, fields := range [][]*field.Descriptor{
		descriptors(schema.Token{}.Fields()), descriptors(schema.Session{}.Fields()), descriptors(schema.SignInCode{}.Fields()),
	} {
		for _, f := range fields {
			if f.Sensitive {
				sensitive = append(sensitive, fold(f.Name))
			}
		}
	}
	if !slices.Contains(sensitive, "secrethash") {
		t.Fatalf("sensitive columns are %v: the walk is broken", sensitive)
	}
	allowed := []string{"MintTokenInput.idempotencyKey"} // what is hashed, coming in
	check := func(name, last string) {
		if slices.Contains(allowed, name) {
			return
		}
		folded := fold(last)
		for _, s := range append(sensitive, "hash") {
			if strings.Contains(folded, s) {
				t.Errorf("%s reaches %s", name, s)
			}
		}
	}
	for _, def := range ours(t) {
		for _, f := range def.Fields {
			check(def.Name+"."+f.Name, f.Name)
			for _, arg := range f.Arguments {
				check(def.Name+"."+f.Name+"."+arg.Name, arg.Name)
			}
		}
		for _, v := range def.EnumValues {
			check(def.Name+"."+v.Name, v.Name)
		}
	}
}

func descriptors[F interface{ Descriptor() *field.Descriptor }](fields []F) []*field.Descriptor {
	all := make([]*field.Descriptor, len(fields))
	for i, f := range fields {
		all[i] = f.Descriptor()
	}
	return all
}

// fold makes secret_hash, secretHash and SECRET_HASH one.
func fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
