package graph

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// coerce checks the variables of an operation against their types, and fills in
// the defaults. Given holds what encoding/json makes of an object, with
// json.Number.
//
// It stands in for gqlparser's, which takes 7 for a String and "read" for READ,
// and quotes values.
func coerce(schema *ast.Schema, op *ast.OperationDefinition, given map[string]any) (map[string]any, error) {
	c := checker{schema: schema}
	values := make(map[string]any, len(op.VariableDefinitions))
	for _, v := range op.VariableDefinitions {
		value, ok := given[v.Variable]
		switch {
		case ok:
		case v.DefaultValue != nil:
			value, _ = v.DefaultValue.Value(nil) // validated with the document
			values[v.Variable] = value
			continue
		case !v.Type.NonNull:
			continue
		}
		if err := c.check(v.Variable, v.Type, value); err != nil {
			return nil, err
		}
		values[v.Variable] = value
	}
	return values, nil
}

// checkLiterals is the validation rule for the values in a document: those of
// arguments and the defaults of variables.
func checkLiterals(schema *ast.Schema) core.RuleFunc {
	c := checker{schema, true}
	return func(observers *core.Events, add core.AddErrFunc) {
		check := func(name string, typ *ast.Type, value *ast.Value) {
			if err := c.check(name, typ, literal(value)); err != nil {
				add(func(e *gqlerror.Error) { e.Err = err }, core.At(value.Position))
			}
		}
		arguments := func(given ast.ArgumentList, defs ast.ArgumentDefinitionList) {
			for _, arg := range given {
				if def := defs.ForName(arg.Name); def != nil {
					check(arg.Name, def.Type, arg.Value)
				}
			}
		}
		observers.OnField(func(_ *core.Walker, f *ast.Field) {
			if f.Definition != nil {
				arguments(f.Arguments, f.Definition.Arguments)
			}
		})
		observers.OnDirective(func(_ *core.Walker, d *ast.Directive) {
			if d.Definition != nil {
				arguments(d.Arguments, d.Definition.Arguments)
			}
		})
		observers.OnVariable(func(_ *core.Walker, v *ast.VariableDefinition) {
			if v.DefaultValue != nil && v.Definition != nil {
				check(v.Variable, v.Type, v.DefaultValue)
			}
		})
	}
}

type (
	// enumName is an enum value in a document, where it has no quotes.
	enumName string
	// variable is a value that is known, and checked, later.
	variable struct{}
)

// literal is a value of a document as encoding/json would have made it, but for
// enum values and variables.
func literal(v *ast.Value) any {
	switch v.Kind {
	case ast.Variable:
		return variable{}
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw)
	case ast.StringValue, ast.BlockValue:
		return v.Raw
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.EnumValue:
		return enumName(v.Raw)
	case ast.ListValue:
		list := make([]any, len(v.Children))
		for i, child := range v.Children {
			list[i] = literal(child.Value)
		}
		return list
	case ast.ObjectValue:
		object := make(map[string]any, len(v.Children))
		for _, child := range v.Children {
			object[child.Name] = literal(child.Value)
		}
		return object
	case ast.NullValue:
	}
	return nil
}

// checker checks values against types.
type checker struct {
	schema     *ast.Schema
	inDocument bool // rather than in JSON
}

// check reports a [Problem] that names the field if value is not of the type.
// Scalars of our own are read, and refused, when they are used. It never quotes
// the value.
func (c checker) check(field string, typ *ast.Type, value any) error {
	switch {
	case value == variable{}:
		return nil
	case value == nil && typ.NonNull:
		return badInput(field+": must be given", field)
	case value == nil:
		return nil
	case typ.Elem != nil:
		return c.list(field, typ.Elem, value)
	}
	def := c.schema.Types[typ.NamedType]
	if def.Kind == ast.InputObject {
		return c.object(field, def, value)
	}
	if !c.leaf(def, value) {
		return badInput(field+": must be of type "+def.Name, field)
	}
	return nil
}

func (c checker) leaf(def *ast.Definition, value any) bool {
	text, isText := value.(string)
	switch {
	case def.Kind == ast.Enum && c.inDocument:
		name, ok := value.(enumName)
		return ok && def.EnumValues.ForName(string(name)) != nil
	case def.Kind == ast.Enum:
		return isText && def.EnumValues.ForName(text) != nil
	case def.Name == "Int":
		number, ok := value.(json.Number)
		_, err := strconv.ParseInt(string(number), 10, 32)
		return ok && err == nil
	case def.Name == "ID":
		// The specification has it taken for its text, which is no id here:
		// the scalar says what one is.
		number, _ := value.(json.Number)
		_, err := strconv.ParseInt(string(number), 10, 64)
		return isText || err == nil
	case def.Name == "String":
		return isText
	case def.Name == "Boolean":
		_, ok := value.(bool)
		return ok
	}
	return true
}

// names are what GraphQL has names look like, if they are short.
var names = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]{0,30}$`)

// naming is a name that somebody gave a field, as far as it can be no secret.
func naming(name string) string {
	if !names.MatchString(name) {
		return "of this name"
	}
	return strconv.Quote(name)
}

// list takes one value for a list of one, as the specification has it.
func (c checker) list(field string, typ *ast.Type, value any) error {
	items, ok := value.([]any)
	if !ok {
		return c.check(field, typ, value)
	}
	if len(items) > maxList {
		return tooComplex("%s: may have at most %d items", field, maxList)
	}
	for _, item := range items {
		if err := c.check(field, typ, item); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) object(field string, def *ast.Definition, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return badInput(field+": must be of type "+def.Name, field)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if def.Fields.ForName(name) == nil {
			return badInput(field+": "+def.Name+" has no field "+naming(name), field)
		}
	}
	for _, f := range def.Fields {
		value, given := object[f.Name]
		if !given && f.DefaultValue != nil {
			continue
		}
		if err := c.check(f.Name, f.Type, value); err != nil {
			return err
		}
	}
	return nil
}
