package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
)

// The tables of use are written in the background, long after the request. They
// have no foreign keys: those would lock tokens, and one row of a token that is
// gone would keep all others of its batch from being written.

// AbilityUse is when a token last exercised an ability, be it granted or implied
// by full access.
type AbilityUse struct{ ent.Schema }

// Fields of the use of an ability.
func (AbilityUse) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("token_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Enum("ability").GoType(ability.Ability("")).SchemaType(word).Immutable(),
		field.Time("last_used_at").SchemaType(moment),
	}
}

// Indexes of the use of an ability.
func (AbilityUse) Indexes() []ent.Index {
	return []ent.Index{index.Fields("token_id", "ability").Unique()}
}

// UsageBucket counts the requests of a token in one hour. Hours without any have
// no row.
type UsageBucket struct{ ent.Schema }

// Fields of a bucket.
func (UsageBucket) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("token_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("start").SchemaType(moment).Immutable(), // the full hour
		field.Int64("requests"),
		// Who made them, as far as can be told: sets of bits, one for each
		// kind of program and for each network, drawn by a hash. Two that
		// share a bit are taken for one.
		field.Int64("agents").Default(0),
		field.Int64("networks").Default(0),
	}
}

// Indexes of a bucket.
func (UsageBucket) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("token_id", "start").Unique(),
		index.Fields("start"),
	}
}

// UsageFlush is one batch of use that was written, and is written with it. It
// keeps the batch from being added a second time when the answer to its commit
// was lost, and tells the other servers which tokens were used.
type UsageFlush struct{ ent.Schema }

// Fields of a flush.
func (UsageFlush) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("recorder", uuid.UUID{}).SchemaType(key).Immutable(), // who wrote it
		field.Int64("n").Immutable(),                                    // counts its batches from 1
		field.Time("at").SchemaType(moment).Immutable(),
		// tokens is the ids of those that were used, 16 bytes each.
		field.Bytes("tokens").MaxLen(16 * 500).SchemaType(map[string]string{dialect.MySQL: "blob"}).Immutable(),
	}
}

// Indexes of a flush.
func (UsageFlush) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("recorder", "n").Unique(),
		index.Fields("at"),
	}
}
