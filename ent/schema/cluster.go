package schema

import (
	"time"

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
		// How many requests other servers cancelled when they applied it.
		field.Int("cancelled").Default(0),
	}
}

// Server is one running server: how far it has applied the feed, for how long
// it trusts what it has cached, and when it last said that it is there. That
// moment is by the server's own clock: others may see whether it changes, and
// compare it with nothing.
type Server struct{ ent.Schema }

// Fields of a server.
func (Server) Fields() []ent.Field {
	return []ent.Field{
		id(),
		field.Int64("seen"),
		field.Int64("lease").GoType(time.Duration(0)).Default(0).Immutable(),
		field.Time("renewed_at").SchemaType(moment),
	}
}
