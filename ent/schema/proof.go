package schema

import (
	"context"
	"errors"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// What proves that the audit log was not changed is only ever inserted: a hook
// here and triggers in the migrations refuse everything else.

// AuditTree is the Merkle tree over the sealed records: one row a record, with
// the hash of its leaf and those of the subtrees that it completes.
type AuditTree struct{ ent.Schema }

// Fields of the tree.
func (AuditTree) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StorageKey("seq").Immutable().Annotations(counted()),
		// hashes are those of tlog.StoredHashes, one after the other: the
		// leaf's first. 32 bytes each, and no more than a sequence has bits.
		field.Bytes("hashes").MaxLen(63 * 32).SchemaType(map[string]string{dialect.MySQL: "varbinary(2016)"}).Immutable(),
	}
}

// Annotations of the tree.
func (AuditTree) Annotations() []schema.Annotation { return table("audit_tree") }

// Hooks of the tree.
func (AuditTree) Hooks() []ent.Hook { return []ent.Hook{insertOnly} }

// AuditCheckpoint is what a server signed of the tree: its size and its root.
type AuditCheckpoint struct{ ent.Schema }

// Fields of a checkpoint.
func (AuditCheckpoint) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StorageKey("size").Immutable().Annotations(counted()), // the last sequence in the tree
		field.Text("note").MaxLen(4 << 10).Immutable(),
		field.Time("at").SchemaType(moment).Immutable(),
	}
}

// Hooks of a checkpoint.
func (AuditCheckpoint) Hooks() []ent.Hook { return []ent.Hook{insertOnly} }

// AuditKey is a public key that a server of this database signs checkpoints
// with. The private one is in a file of that server's.
type AuditKey struct{ ent.Schema }

// Fields of a key.
func (AuditKey) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("public_key").MaxLen(255).Immutable(),
		field.Time("at").SchemaType(moment).Immutable(), // when it was first used
	}
}

// Hooks of a key.
func (AuditKey) Hooks() []ent.Hook { return []ent.Hook{insertOnly} }

// AuditEpoch says that the database went back in time: sequences that were given
// out before are not in it, and are not given out again.
type AuditEpoch struct{ ent.Schema }

// Fields of an epoch.
func (AuditEpoch) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").StorageKey("up_to").Immutable().Annotations(counted()), // the last sequence that is lost
		field.Int64("after").Immutable(),                                         // the last one before those
		field.Time("at").SchemaType(moment).Immutable(),
		// record is the audit entry that says so.
		field.UUID("record", uuid.UUID{}).SchemaType(key).Immutable(),
	}
}

// Annotations of an epoch.
func (AuditEpoch) Annotations() []schema.Annotation { return table("audit_epochs") }

// Hooks of an epoch.
func (AuditEpoch) Hooks() []ent.Hook { return []ent.Hook{insertOnly} }

func insertOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if !m.Op().Is(ent.OpCreate) {
			return nil, errors.New("what proves the audit log is inserted, never changed or deleted")
		}
		return next.Mutate(ctx, m)
	})
}
