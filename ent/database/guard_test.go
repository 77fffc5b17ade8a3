package database_test

import (
	"testing"
	"time"

	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/migrate"
)

func insertEntry(t *testing.T, db *database.DB) *ent.AuditEntry {
	t.Helper()
	entry, err := db.Client().AuditEntry.Create().
		SetWorkspaceID(uuid.Must(uuid.NewV7())).SetAt(time.Now().UTC().Truncate(time.Microsecond)).
		SetAction(auditsink.ActionMint).SetOutcome(auditsink.Succeeded).
		SetTest(false).SetRecord([]byte(`{}`)).
		Save(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// Hand-written SQL cannot change an audit entry, in any column, but to seal it.
func TestTriggersGuardAuditEntries(t *testing.T) {
	other := map[field.Type]any{
		field.TypeUUID:   uuid.NewString(),
		field.TypeTime:   time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC),
		field.TypeString: auditsink.ActionMint + " ", // which a comparison of texts takes for the same
		field.TypeEnum:   "SUCCEEDED ",
		field.TypeBool:   true,
		field.TypeBytes:  []byte(`{ }`),
		field.TypeInt64:  nil, // seq: to unseal
	}
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		entry := insertEntry(t, db)
		exec := func(query string, args ...any) error {
			_, err := db.SQL().ExecContext(t.Context(), query, args...)
			return err
		}
		for _, column := range migrate.AuditEntriesColumns {
			if column.Name != "seq" && exec("UPDATE audit_entries SET seq = 1, `"+column.Name+"` = ?", other[column.Type]) == nil {
				t.Errorf("%s was changed while sealing", column.Name)
			}
		}
		if exec("UPDATE audit_entries SET record = record") == nil {
			t.Error("updated without sealing")
		}
		if err := exec("UPDATE audit_entries SET seq = 1 WHERE id = ?", entry.ID.String()); err != nil {
			t.Errorf("seal: %v", err)
		}
		for _, column := range migrate.AuditEntriesColumns {
			if exec("UPDATE audit_entries SET `"+column.Name+"` = ?", other[column.Type]) == nil {
				t.Errorf("%s was changed after sealing", column.Name)
			}
		}
		if exec("DELETE FROM audit_entries") == nil {
			t.Error("deleted")
		}
		// REPLACE deletes what is in its way, on SQLite without a trigger on that.
		another := insertEntry(t, db)
		columns := "id, seq, workspace_id, at, action, outcome, actor_id, target_id, test, record"
		for name, query := range map[string]string{
			"replaced by id":       "REPLACE INTO audit_entries (" + columns + ") SELECT id, NULL, workspace_id, at, action, outcome, actor_id, target_id, test, 'x' FROM audit_entries WHERE seq = 1",
			"replaced by sequence": "REPLACE INTO audit_entries (" + columns + ") SELECT 'another', seq, workspace_id, at, action, outcome, actor_id, target_id, test, 'x' FROM audit_entries WHERE seq = 1",
			"inserted as sealed":   "INSERT INTO audit_entries (" + columns + ") SELECT 'another', 9, workspace_id, at, action, outcome, actor_id, target_id, test, 'x' FROM audit_entries WHERE seq = 1",
			"replaced in sealing":  "UPDATE OR REPLACE audit_entries SET seq = 1 WHERE id = '" + another.ID.String() + "'", // SQLite only
		} {
			if exec(query) == nil {
				t.Error(name)
			}
		}
		kept, err := db.Client().AuditEntry.Get(t.Context(), entry.ID)
		if err != nil {
			t.Fatal(err)
		}
		if *kept.Seq != 1 || kept.Action != entry.Action || !kept.At.Equal(entry.At) {
			t.Errorf("kept %v, want %v", kept, entry)
		}
	})
}

// The entities refuse before a trigger has to.
func TestHookGuardsAuditEntries(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLiteURL(t))
	entry := insertEntry(t, db)
	entries := db.Client().AuditEntry
	if err := entries.UpdateOne(entry).SetSeq(1).Exec(t.Context()); err != nil {
		t.Errorf("seal: %v", err)
	}
	if entries.UpdateOne(entry).ClearSeq().Exec(t.Context()) == nil {
		t.Error("unsealed")
	}
	if entries.DeleteOne(entry).Exec(t.Context()) == nil {
		t.Error("deleted one")
	}
	if _, err := entries.Delete().Exec(t.Context()); err == nil {
		t.Error("deleted all")
	}
}
