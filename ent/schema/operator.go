package schema

import (
	"unicode/utf8"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Operator is a person in one workspace. Who belongs to two workspaces is two
// operators with one e-mail address, so that no id is shared between them.
type Operator struct{ ent.Schema }

// Fields of an operator.
func (Operator) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("workspace_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("email").MaxLen(utf8.UTFMax * maxName).SchemaType(characters(maxName)).Immutable(),
		field.String("name").MaxLen(utf8.UTFMax * maxName).SchemaType(characters(maxName)),
		field.Enum("role").Values("ADMIN", "MEMBER").SchemaType(word),
		field.Time("created_at").SchemaType(moment).Immutable(),
		// removed_at is set instead of deleting the row, so that what
		// the operator did keeps an author.
		field.Time("removed_at").SchemaType(moment).Optional().Nillable(),
	}
}

// Edges of an operator.
func (Operator) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("operators").Field("workspace_id").Unique().Required().Immutable(),
		edge.To("sessions", Session.Type),
		edge.To("sign_in_codes", SignInCode.Type),
	}
}

// Indexes of an operator.
func (Operator) Indexes() []ent.Index {
	return []ent.Index{index.Fields("workspace_id", "email").Unique()}
}
