package journal_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

func TestExportNarrows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for i := range 6 {
			e := event(auditsink.ActionMint, uuid.New())
			e.At = day.Add(time.Duration(i) * time.Hour)
			if i%2 == 1 {
				e.Workspace = abroad
			}
			appendEvents(t, db, e)
		}
		run(t, j)()
		appendEvents(t, db, event(auditsink.ActionMint, uuid.New())) // not sealed
		at := func(hours int) *time.Time { return new(day.Add(time.Duration(hours) * time.Hour)) }
		for name, test := range map[string]struct {
			within journal.Range
			after  int64
			want   []int64
		}{
			"all":       {journal.Range{}, 0, []int64{1, 2, 3, 4}},
			"the rest":  {journal.Range{}, 4, []int64{5, 6}},
			"workspace": {journal.Range{Workspace: &abroad.ID}, 0, []int64{2, 4, 6}},
			"since":     {journal.Range{Since: at(4)}, 0, []int64{5, 6}},
			"until":     {journal.Range{Until: at(2)}, 0, []int64{1, 2}},
			"both":      {journal.Range{Since: at(1), Until: at(4), Workspace: &home.ID}, 0, []int64{3}},
		} {
			records, err := j.Export(t.Context(), test.within, test.after, 4)
			if err != nil || len(records) != len(test.want) {
				t.Errorf("%s: %d records, %v", name, len(records), err)
				continue
			}
			for i, r := range records {
				if r.Seq != test.want[i] {
					t.Errorf("%s: record %d, want %d", name, r.Seq, test.want[i])
				}
			}
		}
	})
}

func TestSinksSayHowFarTheyAre(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		for range 3 {
			appendEvents(t, db, event(auditsink.ActionMint, uuid.New()))
		}
		run(t, j)()
		holder := uuid.New()
		lease, err := j.Claim(t.Context(), auditsink.Destination{Name: "archive", Start: auditsink.Start{}}, holder, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Advance(t.Context(), lease, 2); err != nil {
			t.Fatal(err)
		}
		given, err := j.Claim(t.Context(), auditsink.Destination{Name: "later", Start: auditsink.Start{Seq: 9}}, holder, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Release(t.Context(), given); err != nil {
			t.Fatal(err)
		}
		states, err := j.Sinks(t.Context())
		if err != nil || len(states) != 2 {
			t.Fatalf("%+v, %v", states, err)
		}
		if s := states[0]; s.Name != "archive" || s.Cursor != 2 || s.Behind != 1 || !s.Fed || *s.Holder != holder {
			t.Errorf("%+v", s)
		}
		if s := states[1]; s.Name != "later" || s.Cursor != 8 || s.Behind != 0 || s.Fed || s.Holder != nil {
			t.Errorf("%+v", s)
		}
	})
}
