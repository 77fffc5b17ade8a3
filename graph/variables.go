package graph

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// coerce checks the variables of an operation against their types, and fills in
// the defaults. It is as strict as the specification, where gqlparser takes 7
// for a String and "read" for READ, and it never quotes a value.
//
// Given holds what encoding/json makes of an object, with json.Number.
func coerce(schema *ast.Schema, op *ast.OperationDefinition, given map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(op.VariableDefinitions))
	for _, v := range op.VariableDefinitions {
		value, ok := given[v.Variable]
		if !ok && v.DefaultValue != nil {
			var err error
			if value, err = v.DefaultValue.Value(nil); err != nil {
				return nil, notValid(v.Variable)
			}
			values[v.Variable] = value // validated with the document
			continue
		}
		if !ok && !v.Type.NonNull {
			continue
		}
		if err := fits(schema, v.Variable, v.Type, value); err != nil {
			return nil, err
		}
		values[v.Variable] = value
	}
	return values, nil
}

func notValid(field string) error { return badInput(field+": is not a valid value", field) }

// fits reports a [Problem] that names the field if value is not of the type.
// Scalars of our own are read, and refused, when they are used.
func fits(schema *ast.Schema, field string, typ *ast.Type, value any) error {
	if value == nil {
		if typ.NonNull {
			return badInput(field+": must be given", field)
		}
		return nil
	}
	if typ.Elem != nil {
		return listFits(schema, field, typ.Elem, value)
	}
	def := schema.Types[typ.NamedType]
	ok := true
	switch {
	case def.Kind == ast.InputObject:
		return objectFits(schema, field, def, value)
	case def.Kind == ast.Enum:
		name, isText := value.(string)
		if !isText || def.EnumValues.ForName(name) == nil {
			return badInput(field+": is not a value of "+def.Name, field)
		}
	case def.Name == "Int":
		number, isNumber := value.(json.Number)
		_, err := strconv.ParseInt(string(number), 10, 32)
		ok = isNumber && err == nil
	case def.Name == "String", def.Name == "ID":
		_, ok = value.(string)
	case def.Name == "Boolean":
		_, ok = value.(bool)
	}
	if !ok {
		return badInput(field+": must be of type "+def.Name, field)
	}
	return nil
}

// listFits takes one value for a list of one, as the specification has it.
func listFits(schema *ast.Schema, field string, typ *ast.Type, value any) error {
	list, ok := value.([]any)
	if !ok {
		return fits(schema, field, typ, value)
	}
	if len(list) > maxList {
		return errLongList
	}
	for _, item := range list {
		if err := fits(schema, field, typ, item); err != nil {
			return err
		}
	}
	return nil
}

func objectFits(schema *ast.Schema, field string, def *ast.Definition, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return badInput(field+": must be of type "+def.Name, field)
	}
	for name := range object {
		if !slices.ContainsFunc(def.Fields, func(f *ast.FieldDefinition) bool { return f.Name == name }) {
			return badInput(field+": has a field that "+def.Name+" does not have", field)
		}
	}
	for _, f := range def.Fields {
		value, given := object[f.Name]
		if !given && f.DefaultValue != nil {
			continue
		}
		if err := fits(schema, f.Name, f.Type, value); err != nil {
			return err
		}
	}
	return nil
}
