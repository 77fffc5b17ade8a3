package schema

import (
	"context"
	"errors"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

// AuditEntry is one line of the audit log. It is inserted once and sealed once:
// a hook here and a trigger in the migrations refuse everything else.
type AuditEntry struct{ ent.Schema }

// Fields of an audit entry. The record is the truth; the columns beside it
// repeat what filters need.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		id(),
		// seq is null until the sealer has given the entry its place.
		field.Int64("seq").Optional().Nillable().Unique(),
		field.UUID("workspace_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("at").SchemaType(moment).Immutable(),
		field.String("action").MaxLen(64).Immutable(),
		field.Enum("outcome").GoType(auditsink.Outcome("")).SchemaType(word).Immutable(),
		field.UUID("actor_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.UUID("target_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		// test marks what concerns a test-mode token, which is all that
		// such a token may read.
		field.Bool("test").Immutable(),
		// record is the canonical CloudEvent, without sequence and leafhash.
		field.Bytes("record").MaxLen(64 << 10).SchemaType(map[string]string{dialect.MySQL: "mediumblob"}).Immutable(),
	}
}

// Indexes of an audit entry.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("workspace_id", "id"),
		index.Fields("workspace_id", "action", "id"),
		index.Fields("workspace_id", "actor_id", "id"),
		index.Fields("workspace_id", "target_id", "id"),
	}
}

// Hooks of an audit entry.
func (AuditEntry) Hooks() []ent.Hook { return []ent.Hook{insertAndSealOnly} }

func insertAndSealOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		sealing := m.Op().Is(ent.OpUpdate|ent.OpUpdateOne) && len(m.ClearedFields()) == 0 &&
			len(m.Fields()) == 1 && m.Fields()[0] == "seq"
		if !m.Op().Is(ent.OpCreate) && !sealing {
			return nil, errors.New("audit entries are inserted and sealed, never changed or deleted")
		}
		return next.Mutate(ctx, m)
	})
}

// AuditHead is the one row that the sealer locks: how far the log is sealed.
type AuditHead struct{ ent.Schema }

// Fields of the head.
func (AuditHead) Fields() []ent.Field {
	return []ent.Field{
		field.Int("id").Immutable().Annotations(counted()), // always 1
		field.Int64("seq"), // the last sequence given out; 0 for none
		// note is the checkpoint over seq, signed in the transaction that
		// gave it out. Null where nothing is sealed, or who sealed has no key.
		field.Text("note").MaxLen(4 << 10).Optional().Nillable(),
	}
}

// SinkCursor is how far one sink has come and which server is feeding it.
type SinkCursor struct{ ent.Schema }

// Fields of a sink's cursor.
func (SinkCursor) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("name").MaxLen(63).Immutable(),
		// cursor is the last sequence that the sink has acknowledged.
		field.Int64("cursor"),
		// starts_after is the cursor that the sink began with, if it was told
		// to begin beyond the end of the log. Otherwise it is null: all up to
		// the cursor was in the log.
		field.Int64("starts_after").Optional().Nillable().Immutable(),
		// epoch rises whenever another relay takes over; a cursor is moved
		// only by who holds the current one.
		field.Int64("epoch"),
		field.UUID("holder", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
		// held_until is on the database's clock.
		field.Time("held_until").SchemaType(moment).Optional().Nillable(),
		// required says that tokens are not minted while the sink is down.
		field.Bool("required").Default(false),
		// down_since, on the database's clock, and problem are null while
		// nothing is known to be wrong.
		field.Time("down_since").SchemaType(moment).Optional().Nillable(),
		field.String("problem").MaxLen(255).Optional().Nillable(),
	}
}

// AuditQuarantine is a record that a sink refused: the sink holds a stub in its
// place, and is offered the record again now and then.
type AuditQuarantine struct{ ent.Schema }

// Fields of a record in quarantine.
func (AuditQuarantine) Fields() []ent.Field {
	return []ent.Field{
		field.String("sink").MaxLen(63).Immutable(),
		field.Int64("seq").Immutable(),
		field.String("reason").MaxLen(255),
		field.Int("tries"),
		// retry_at is on the database's clock.
		field.Time("retry_at").SchemaType(moment),
	}
}

// Indexes of a record in quarantine.
func (AuditQuarantine) Indexes() []ent.Index {
	return []ent.Index{index.Fields("sink", "seq").Unique(), index.Fields("sink", "retry_at")}
}

// Annotations of a record in quarantine.
func (AuditQuarantine) Annotations() []schema.Annotation { return table("audit_quarantine") }

// table names a table whose plural ent would get wrong.
func table(name string) []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: name}}
}

// Annotations of the head.
func (AuditHead) Annotations() []schema.Annotation { return table("audit_head") }
