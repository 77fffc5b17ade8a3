package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// SignInCode is a one-time sign-in link: valid for a while, used once.
type SignInCode struct{ ent.Schema }

// Fields of a sign-in code.
func (SignInCode) Fields() []ent.Field {
	return []ent.Field{
		id(),
		digest("secret_hash"),
		field.UUID("operator_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("created_at").SchemaType(moment).Immutable(),
		field.Time("expires_at").SchemaType(moment).Immutable(),
		field.Time("used_at").SchemaType(moment).Optional().Nillable(),
	}
}

// Edges of a sign-in code.
func (SignInCode) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("operator", Operator.Type).Ref("sign_in_codes").Field("operator_id").Unique().Required().Immutable(),
	}
}

// Indexes of a sign-in code.
func (SignInCode) Indexes() []ent.Index {
	return []ent.Index{index.Fields("expires_at")}
}

// Session is an operator who is signed in.
type Session struct{ ent.Schema }

// Fields of a session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		id(),
		digest("secret_hash"),
		field.UUID("operator_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("created_at").SchemaType(moment).Immutable(),
		field.Time("expires_at").SchemaType(moment).Immutable(),
		field.Time("ended_at").SchemaType(moment).Optional().Nillable(),
	}
}

// Edges of a session.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("operator", Operator.Type).Ref("sessions").Field("operator_id").Unique().Required().Immutable(),
	}
}

// Indexes of a session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("expires_at")}
}
