package usage_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// Listeners hear of the flushes of all servers, of each token once a flush.
func TestListen(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		here, there := newRecorder(e, nil), newRecorder(e, nil)
		ids := make([]uuid.UUID, 4) // in ascending order: they are made one after the other
		for i := range ids {
			minted, _ := e.Mint(t, "x", ability.Read)
			ids[i] = minted.ID
		}
		round := func(r *usage.Recorder, used ...uuid.UUID) {
			t.Helper()
			for _, id := range used {
				r.Mark(usage.Mark{Token: id, Abilities: ability.Of(ability.Read), Requests: 1, At: e.Now()})
			}
			if err := r.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var heard []uuid.UUID
		listen := func() (stop func()) {
			t.Helper()
			stop, err := here.Listen(t.Context(), func(uses []usage.Use) {
				for _, use := range uses {
					heard = append(heard, use.Token)
					if use.Workspace != e.Owner.Workspace.ID {
						t.Errorf("%s is said to be of workspace %s", use.Token, use.Workspace)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			return stop
		}
		want := func(want ...uuid.UUID) {
			t.Helper()
			slices.SortFunc(heard, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			if !slices.Equal(heard, want) {
				t.Errorf("heard of %v, want %v", heard, want)
			}
			heard = nil
		}
		round(there, ids[0]) // before anyone listens
		stop := listen()
		round(here)
		want()
		round(here, ids[1], ids[2], ids[1])
		want(ids[1], ids[2])
		round(there, ids[3], ids[1])
		want() // this server has not looked
		round(here, ids[1], uuid.New())
		want(ids[1], ids[3])
		round(here)
		want()

		// A server that has just come is heard from its first flush on.
		round(newRecorder(e, nil), ids[0])
		round(here)
		want(ids[0])

		// Who comes after a silence hears nothing old.
		stop()
		round(here, ids[0])
		want()
		stop = listen()
		round(here, ids[1])
		want(ids[1])
		stop()
	})
}
