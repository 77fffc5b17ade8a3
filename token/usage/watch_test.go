package usage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// Subscribers hear of the flushes of all servers, each id once a flush.
func TestSubscribe(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		here, there := newRecorder(e, nil), newRecorder(e, nil)
		round := func(r *usage.Recorder, used ...uuid.UUID) {
			t.Helper()
			for _, id := range used {
				r.Mark(usage.Mark{Token: id, Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
			}
			if err := r.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ids := make([]uuid.UUID, 6)
		for i := range ids {
			ids[i] = uuid.New()
		}
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
		round(there, ids[0]) // before anyone asks

		ctx, leave := context.WithCancel(t.Context())
		used, err := here.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := func(want ...uuid.UUID) {
			t.Helper()
			select {
			case got := <-used:
				slices.SortFunc(got, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			default:
				if want != nil {
					t.Errorf("got nothing, want %v", want)
				}
			}
		}
		round(here)
		want()
		round(here, ids[1], ids[2], ids[1])
		want(ids[1], ids[2])
		round(there, ids[3], ids[1])
		want() // this server has not looked
		round(here, ids[1])
		want(ids[1], ids[3])
		round(here)
		want()

		// Who does not keep up receives the newest.
		round(here, ids[4])
		round(here, ids[5])
		want(ids[5])
		want()

		// A server that has just come is heard from its first flush on, and
		// whoever comes after a silence hears nothing old.
		round(newRecorder(e, nil), ids[4])
		round(here)
		want(ids[4])
		leave()
		deadline := time.After(patience)
		for here.Subscribed() {
			select {
			case <-deadline:
				t.Fatal("the subscriber does not leave")
			case <-time.After(time.Millisecond):
			}
		}
		round(here, ids[0])
		want()
		used, err = here.Subscribe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		round(here, ids[1])
		want(ids[1])
	})
}
