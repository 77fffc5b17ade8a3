package journal_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
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

// clock is moved by hand.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time      { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.micros.Add(d.Microseconds()) }

func listed(t *testing.T, j *journal.Journal) []journal.Entry {
	t.Helper()
	page, err := j.List(t.Context(), journal.Query{
		Request:   keyset.Request{First: new(100)},
		Workspace: sinktest.Event(1).Workspace.ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func refusal(ip string) auditsink.Event {
	e := sinktest.Event(1)
	e.ID, e.Action, e.Outcome, e.IP = uuid.Nil, auditsink.ActionRefuse, auditsink.Refused, ip
	return e
}

func TestFloodOfRefusalsIsSummedUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		clock := newClock()
		j := journal.New(journal.Options{Database: db, Now: clock.now})
		stop := run(t, j)
		const flood = 500
		var group sync.WaitGroup
		for i := range flood {
			group.Go(func() {
				if err := j.Refuse(t.Context(), refusal("203.0.113.7")); err != nil {
					t.Error(err)
				}
				if i < 3 {
					if err := j.Refuse(t.Context(), refusal("203.0.113.8")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if n := len(listed(t, j)); n != 13 {
			t.Errorf("%d refusals were recorded one by one, want 10 and 3", n)
		}

		sealed := j.Sealed()
		clock.add(time.Minute)
		for deadline := time.After(time.Minute); len(listed(t, j)) == 13; {
			select {
			case <-sealed:
				sealed = j.Sealed()
			case <-deadline:
				t.Fatal("no summary after a minute")
			}
		}
		wantSummary(t, listed(t, j)[0], flood-10)

		// A new minute, which the stop ends early.
		for range 12 {
			if err := j.Refuse(t.Context(), refusal("203.0.113.7")); err != nil {
				t.Error(err)
			}
		}
		stop()
		entries := listed(t, j)
		if len(entries) != 13+1+10+1 {
			t.Errorf("%d entries at the end", len(entries))
		}
		wantSummary(t, entries[0], 2)
		for _, e := range entries {
			if e.Seq == nil {
				t.Errorf("%s is not sealed", e.ID)
			}
		}
	})
}

func wantSummary(t *testing.T, e journal.Entry, counted int) {
	t.Helper()
	want := [2]any{json.Number("0"), json.Number(fmt.Sprint(counted))}
	if e.Changes["refusals"] != want || e.Action != auditsink.ActionRefuse || e.IP != "203.0.113.7" ||
		e.Actor.Name != "owner@localhost" || e.Target.ID != nil || e.UserAgent != "" {
		t.Errorf("the summary is %+v, want one of %d refusals", e, counted)
	}
}

func TestRefuseReportsWhatCannotBeRecorded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		j := open(db)
		e := refusal("203.0.113.7")
		e.Workspace.ID = uuid.Nil
		if j.Refuse(t.Context(), e) == nil {
			t.Error("an event of no workspace was recorded")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if j.Refuse(t.Context(), refusal("203.0.113.7")) == nil {
			t.Error("an event was recorded in a closed database")
		}
	})
}
