package schema

import (
	"unicode/utf8"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

// Workspace is a customer: the wall that nothing sees through.
type Workspace struct{ ent.Schema }

// Fields of a workspace.
func (Workspace) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.String("slug").MaxLen(63).Unique().Immutable(),
		field.String("name").MaxLen(utf8.UTFMax * maxName).SchemaType(characters(maxName)),
		field.Enum("plan").Values("STARTER", "GROWTH", "BUSINESS", "SCALE").SchemaType(word),
		field.Time("created_at").SchemaType(moment).Immutable(),
	}
}

// Edges of a workspace.
func (Workspace) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("operators", Operator.Type),
		edge.To("tokens", Token.Type),
	}
}
