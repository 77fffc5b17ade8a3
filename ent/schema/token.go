package schema

import (
	"unicode/utf8"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/token/ability"
)

// Token is an API token: everything about it but the secret, of which only the
// hash and the last four characters are kept.
type Token struct{ ent.Schema }

// Fields of a token. Its state is not stored: it follows from revoked_at,
// expires_at, rotating and the moment of asking. Who minted and who revoked it are kept
// by name as well, as it was then; the command line has no id.
func (Token) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("workspace_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("label").MaxLen(utf8.UTFMax * maxLabel).SchemaType(characters(maxLabel)),
		// label_key is the label folded for search and order, so that both
		// databases find and sort alike. Folding can triple a text.
		field.String("label_key").MaxLen(utf8.UTFMax * 3 * maxLabel).SchemaType(characters(3 * maxLabel)),
		digest("secret_hash"),
		field.String("secret_tail").MaxLen(4).Immutable(),
		field.Enum("mode").Values("LIVE", "TEST").SchemaType(word).Immutable(),
		field.Time("created_at").SchemaType(moment).Immutable(),
		field.Time("expires_at").SchemaType(moment).Optional().Nillable(),
		// What makes a repeated mint harmless: a digest of who minted with
		// which key, and one of what was asked for under it.
		optionalDigest("idempotency_key"),
		optionalDigest("idempotency_input"),
		field.Enum("minted_by_kind").GoType(auditsink.ActorKind("")).SchemaType(word).Immutable(),
		field.UUID("minted_by_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.String("minted_by_name").MaxLen(utf8.UTFMax * maxName).SchemaType(characters(maxName)).Immutable(),
		// What is known of the newest use that was written: the three move
		// together, and only forward.
		field.Time("last_used_at").SchemaType(moment).Optional().Nillable(),
		field.String("last_used_ip").MaxLen(maxIP).Optional().Nillable(),
		field.String("last_used_user_agent").MaxLen(maxUserAgent).Optional().Nillable(),
		field.Time("exposed_at").SchemaType(moment).Optional().Nillable(),
		// A rotation ties two tokens: rotated_from_id is the predecessor of
		// this one, rotated_to_id its newest successor. They are no foreign
		// keys: a rotation that is used must not lock more than it changes.
		field.UUID("rotated_from_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.UUID("rotated_to_id", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
		// rotating is set while the successor has not been used; then
		// revoke_old says what its first use does to this token, and
		// rotation_ends_at when this token ends without one.
		field.Bool("rotating").Default(false),
		field.Enum("revoke_old").Values("WHEN_NEW_IS_LIVE", "MANUALLY").SchemaType(word).Optional().Nillable(),
		field.Time("rotation_ends_at").SchemaType(moment).Optional().Nillable(),
		// pending is set on a successor until its first use.
		field.Bool("pending").Default(false),
		// due_at is when the sweep has something to do: to record that the
		// token has expired, or to end it after its rotation.
		field.Time("due_at").SchemaType(moment).Optional().Nillable(),
		field.Time("revoked_at").SchemaType(moment).Optional().Nillable(),
		field.Enum("revoked_by_kind").GoType(auditsink.ActorKind("")).SchemaType(word).Optional().Nillable(),
		field.UUID("revoked_by_id", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
		field.String("revoked_by_name").MaxLen(utf8.UTFMax * maxName).SchemaType(characters(maxName)).Optional().Nillable(),
		field.String("revoke_reason").MaxLen(utf8.UTFMax * maxReason).SchemaType(characters(maxReason)).Optional().Nillable(),
	}
}

// Edges of a token.
func (Token) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("workspace", Workspace.Type).Ref("tokens").Field("workspace_id").Unique().Required().Immutable(),
		edge.To("grants", Grant.Type),
	}
}

// Indexes of a token: one for each order of a list, so that a page costs the
// same however many tokens there are. Those that are not revoked, nearly always
// the ones asked for, stand together.
func (Token) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("idempotency_key").Unique(),
		index.Fields("workspace_id", "revoked_at", "id"),
		index.Fields("workspace_id", "revoked_at", "label_key", "id"),
		index.Fields("workspace_id", "revoked_at", "expires_at", "id"),
		index.Fields("workspace_id", "revoked_at", "last_used_at", "id"),
		index.Fields("workspace_id", "id"),
		index.Fields("workspace_id", "minted_by_id", "id"),
		index.Fields("workspace_id", "rotating", "id"),
		index.Fields("due_at"),
	}
}

// Grant is one ability of one token.
type Grant struct{ ent.Schema }

// Fields of a grant.
func (Grant) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.UUID("token_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Enum("ability").GoType(ability.Ability("")).SchemaType(word).Immutable(),
	}
}

// Edges of a grant.
func (Grant) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("token", Token.Type).Ref("grants").Field("token_id").Unique().Required().Immutable(),
	}
}

// Indexes of a grant.
func (Grant) Indexes() []ent.Index {
	return []ent.Index{index.Fields("token_id", "ability").Unique()}
}
