package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
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

// Session is an operator who is signed in. It ends at the earliest of
// expires_at, which moves as the session is used, ends_at, which does not, and
// ended_at, when somebody ended it.
type Session struct{ ent.Schema }

// Fields of a session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		id(),
		digest("secret_hash"),
		field.UUID("operator_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("created_at").SchemaType(moment).Immutable(),
		field.Time("expires_at").SchemaType(moment),
		// A session without ends_at is from before there were two limits.
		field.Time("ends_at").SchemaType(moment).Optional().Nillable().Immutable(),
		field.Time("ended_at").SchemaType(moment).Optional().Nillable(),
		field.Time("seen_at").SchemaType(moment).Optional().Nillable(),
		// role is what the operator may do with this session, as whoever
		// vouched for them said.
		field.Enum("role").Values("ADMIN", "MEMBER").SchemaType(word).Default("MEMBER").
			Annotations(entsql.Default("MEMBER")).Immutable(),
		field.Enum("way").Values("LINK", "OIDC", "HOST", "JWT").SchemaType(word).Default("LINK").
			Annotations(entsql.Default("LINK")).Immutable(),
		// memberships are the workspaces, by slug, and the roles there that
		// the way in named; null where those that they were added to count.
		field.JSON("memberships", map[string]string{}).Optional().Immutable(),
		field.String("ip").MaxLen(maxIP).Optional().Nillable().Immutable(),
		field.String("user_agent").MaxLen(maxUserAgent).Optional().Nillable().Immutable(),
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
	return []ent.Index{index.Fields("expires_at"), index.Fields("operator_id")}
}
