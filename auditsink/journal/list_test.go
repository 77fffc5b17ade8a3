package journal_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/sinktest"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/keyset"
)

var (
	home   = sinktest.Event(1).Workspace
	abroad = auditsink.Workspace{ID: uuid.Max, Slug: "abroad"}
)

// fill appends the ten events, and one abroad.
func fill(t *testing.T, db *database.DB) []auditsink.Event {
	t.Helper()
	events := tenEvents()
	appendEvents(t, db, events...)
	elsewhere := sinktest.Event(11)
	elsewhere.Workspace = abroad
	appendEvents(t, db, elsewhere)
	return events
}

// tenEvents happen at home, the oldest first. The even ones concern test-mode
// tokens.
func tenEvents() []auditsink.Event {
	events := make([]auditsink.Event, 10)
	for i := range events {
		e := sinktest.Event(int64(i + 1))
		e.Test = i%2 == 0
		e.At = e.At.Add(time.Duration(i) * time.Hour)
		if i == 4 {
			e.Actor = auditsink.Actor{Kind: auditsink.Token, ID: &uuid.UUID{9}, Name: "another"}
			e.Target = auditsink.Target{Type: "Operator", ID: &uuid.UUID{8}, Label: "somebody"}
			e.Outcome = auditsink.Refused
		}
		events[i] = e
	}
	return events
}

// numbers lists entries by the number of their event.
func numbers(entries []journal.Entry) []int {
	list := make([]int, len(entries))
	for i, e := range entries {
		list[i] = int(e.ID[15])
	}
	return list
}

func TestListPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		events := fill(t, db)
		j := open(db)
		cursor := func(n int) *keyset.Cursor {
			parsed, err := keyset.ParseCursor(journal.Entry{Event: events[n-1]}.Cursor().String())
			if err != nil {
				t.Fatal(err)
			}
			return &parsed
		}
		for name, test := range map[string]struct {
			keyset.Request

			want           []int
			next, previous bool
		}{
			"newest":  {keyset.Request{First: new(3)}, []int{10, 9, 8}, true, false},
			"on":      {keyset.Request{First: new(3), After: cursor(8)}, []int{7, 6, 5}, true, true},
			"end":     {keyset.Request{First: new(3), After: cursor(4)}, []int{3, 2, 1}, false, true},
			"oldest":  {keyset.Request{Last: new(3)}, []int{3, 2, 1}, false, true},
			"back":    {keyset.Request{Last: new(3), Before: cursor(3)}, []int{6, 5, 4}, true, true},
			"begin":   {keyset.Request{Last: new(3), Before: cursor(7)}, []int{10, 9, 8}, true, false},
			"default": {keyset.Request{}, []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, false, false},
			"beyond":  {keyset.Request{After: cursor(1)}, []int{}, false, true},
		} {
			page, err := j.List(t.Context(), journal.Query{Request: test.Request, Workspace: home.ID})
			if err != nil {
				t.Fatal(err)
			}
			if got := numbers(page.Entries); !reflect.DeepEqual(got, test.want) || page.HasNext != test.next || page.HasPrevious != test.previous {
				t.Errorf("%s: %v, next %t, previous %t; want %v", name, got, page.HasNext, page.HasPrevious, test.want)
			}
			if page.Total != nil {
				t.Error("counted without being asked")
			}
		}
		for field, bad := range map[string]keyset.Request{
			"first": {First: new(101)}, "last": {Last: new(0)},
			"after": {After: new(keyset.NewCursor(keyset.Order{Column: "label_key"}, keyset.Key{}))},
		} {
			_, err := j.List(t.Context(), journal.Query{Request: bad, Workspace: home.ID})
			if wrong, ok := errors.AsType[*keyset.ArgumentError](err); !ok || wrong.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
	})
}

// TestFilters holds lists and tails against each other. The entries that the
// tails see are sealed by another server.
func TestFilters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		events := tenEvents()
		j := open(db)
		tails := map[string]*journal.Tail{}
		cases := map[string]struct {
			journal.Query

			want []int
		}{
			"actions":  {journal.Query{Filter: journal.Filter{Actions: []string{auditsink.ActionRevoke, auditsink.ActionSignIn}}}, []int{9, 7, 5, 3, 1}},
			"none":     {journal.Query{Filter: journal.Filter{Actions: []string{}}}, []int{}},
			"actor":    {journal.Query{Filter: journal.Filter{ActorID: &uuid.UUID{9}}}, []int{5}},
			"target":   {journal.Query{Filter: journal.Filter{TargetID: &uuid.UUID{8}}}, []int{5}},
			"outcome":  {journal.Query{Filter: journal.Filter{Outcome: new(auditsink.Refused)}}, []int{5}},
			"period":   {journal.Query{Filter: journal.Filter{Since: &events[2].At, Until: &events[5].At}}, []int{5, 4, 3}},
			"test":     {journal.Query{TestOnly: true}, []int{9, 7, 5, 3, 1}},
			"both":     {journal.Query{TestOnly: true, Filter: journal.Filter{Since: &events[6].At}}, []int{9, 7}},
			"stranger": {journal.Query{Filter: journal.Filter{ActorID: &uuid.UUID{7}}}, []int{}},
			"zone":     {journal.Query{Filter: journal.Filter{Since: new(events[8].At.In(time.FixedZone("", 7200)))}}, []int{10, 9}},
		}
		for name, test := range cases {
			tails[name] = follow(t, j, home.ID, test.TestOnly, test.Filter)
			defer tails[name].Close()
		}
		fill(t, db)
		run(t, open(db))()
		for name, test := range cases {
			test.Workspace, test.Count, test.First = home.ID, true, new(100)
			page, err := j.List(t.Context(), test.Query)
			if err != nil {
				t.Fatal(err)
			}
			if got := numbers(page.Entries); !reflect.DeepEqual(got, test.want) || *page.Total != len(test.want) {
				t.Errorf("%s: %v of %d, want %v", name, got, *page.Total, test.want)
			}
			for _, want := range slices.Backward(test.want) {
				if got := int(next(t, tails[name]).ID[15]); got != want {
					t.Errorf("%s: followed to %d, want %d", name, got, want)
				}
			}
		}
		for _, tail := range tails {
			wantNoMore(t, tail) // all has been read by now
		}
	})
}

func TestGet(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		events := fill(t, db)
		j := open(db)
		got, err := j.Get(t.Context(), home.ID, true, events[4].ID)
		if err != nil || got.Seq != nil || got.Changes["state"] != [2]any{nil, "ACTIVE"} {
			t.Errorf("%+v, %v", got, err)
		}
		if !reflect.DeepEqual(got.Event, events[4]) {
			t.Errorf("got %+v, want %+v", got.Event, events[4])
		}
		run(t, j)()
		if got, err := j.Get(t.Context(), home.ID, false, events[4].ID); err != nil || got.Seq == nil || *got.Seq != 5 {
			t.Errorf("%+v, %v", got, err)
		}
		for name, get := range map[string]func() (journal.Entry, error){
			"of another workspace": func() (journal.Entry, error) { return j.Get(t.Context(), abroad.ID, false, events[4].ID) },
			"of a live token":      func() (journal.Entry, error) { return j.Get(t.Context(), home.ID, true, events[5].ID) },
			"unknown":              func() (journal.Entry, error) { return j.Get(t.Context(), home.ID, false, uuid.New()) },
		} {
			if _, err := get(); !errors.Is(err, journal.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
