package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// ChangeClock is the one row that everything that ends or narrows a right
// locks and counts up, which makes the feed gap-free and in commit order.
type ChangeClock struct{ ent.Schema }

// Fields of the clock.
func (ChangeClock) Fields() []ent.Field {
	return []ent.Field{
		field.Int("id").Immutable().Annotations(counted()), // always 1
		field.Int64("n"), // the number of the last change; 0 for none
	}
}

// Annotations of the clock.
func (ChangeClock) Annotations() []schema.Annotation { return table("change_clock") }

// Change is one entry of the feed: whose right ended or narrowed.
type Change struct{ ent.Schema }

// Fields of a change.
func (Change) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StorageKey("n").Immutable().Annotations(counted()),
		field.String("kind").MaxLen(32).Immutable(),
		field.UUID("subject", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("at").SchemaType(moment).Immutable(),
	}
}

// Server is one running server: how far it has read the feed, and when it last
// said that it is there.
type Server struct{ ent.Schema }

// Fields of a server.
func (Server) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Int64("seen"),
		field.Time("renewed_at").SchemaType(moment),
	}
}
