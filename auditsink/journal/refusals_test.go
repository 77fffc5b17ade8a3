package journal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
)

func refused(workspace uuid.UUID, ip string) auditsink.Event {
	return auditsink.Event{
		ID: uuid.New(), At: time.Now(), Workspace: auditsink.Workspace{ID: workspace},
		Actor: auditsink.Actor{Kind: auditsink.System, Name: "x"}, Action: auditsink.ActionRefuse, IP: ip,
	}
}

// However many kinds there are, what is kept in memory and what is written is
// bounded, and every refusal is accounted for.
func TestKindsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var recorded, groups, counted int
		r := newRefusals(func(_ context.Context, events []auditsink.Event) error {
			groups++
			for _, e := range events {
				if n, summed := e.Changes["refusals"]; summed {
					counted += n[1].(int)
					if e.IP != "" || e.Actor.Name != "various" {
						t.Errorf("summary of %+v", e)
					}
				} else {
					recorded++
				}
			}
			return nil
		})
		home, other := uuid.New(), uuid.New()
		const surplus = 500
		for i := range maxKinds + surplus {
			if err := r.add(t.Context(), refused(home, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.add(t.Context(), refused(other, "1")); err != nil {
			t.Fatal(err)
		}
		if len(r.tallies) != maxKinds+2 {
			t.Errorf("%d kinds are told apart", len(r.tallies))
		}
		if err := r.finish(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if recorded != maxKinds+oneByOne+1 || counted != surplus-oneByOne {
			t.Errorf("%d were recorded and %d counted", recorded, counted)
		}
	})
}

// A host of IPv6 has as many addresses as it likes, all of one network.
func TestNetworkOfIPv6IsOneKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		byIP := map[string]int{}
		r := newRefusals(func(_ context.Context, events []auditsink.Event) error {
			for _, e := range events {
				if n, summed := e.Changes["refusals"]; summed {
					byIP[e.IP] += n[1].(int)
				}
			}
			return nil
		})
		for i := range 100 {
			for _, ip := range []string{fmt.Sprintf("2001:db8:0:1:%x::1", i), fmt.Sprintf("::ffff:192.0.2.%d", i), fmt.Sprintf("198.51.100.%d", i)} {
				if err := r.add(t.Context(), refused(uuid.Max, ip)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(r.tallies) != 201 {
			t.Errorf("%d kinds are told apart", len(r.tallies))
		}
		if err := r.finish(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if len(byIP) != 1 || byIP["2001:db8:0:1::"] != 100-oneByOne {
			t.Errorf("counted %v", byIP)
		}
	})
}

// While one group is being committed, those that come wait together, and those
// beyond the bound are counted.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var sizes []int
		r := newRefusals(func(_ context.Context, events []auditsink.Event) error {
			<-gate
			sizes = append(sizes, len(events))
			return nil
		})
		for i := range maxWaiting + 50 {
			go func() {
				if err := r.add(t.Context(), refused(uuid.Max, fmt.Sprint(i/oneByOne))); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		close(gate)
		synctest.Wait()
		if len(sizes) != 1+maxWaiting/groupSize || sizes[0] != 1 || sizes[1] != groupSize {
			t.Errorf("groups of %v", sizes)
		}
		counted := 0
		for _, e := range r.turn(time.Now(), true) {
			counted += e.Changes["refusals"][1].(int)
		}
		if counted != 49 {
			t.Errorf("%d were counted", counted)
		}
	})
}

func TestSummaryIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		var events []auditsink.Event
		r := newRefusals(func(_ context.Context, some []auditsink.Event) error {
			if failure == nil {
				events = append(events, some...)
			}
			return failure
		})
		began := time.Now()
		if err := r.summarise(t.Context(), began); err != nil {
			t.Fatal(err)
		}
		for range oneByOne + 3 {
			if err := r.add(t.Context(), refused(uuid.Max, "")); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.summarise(t.Context(), began.Add(window-1)); err != nil || len(events) != oneByOne {
			t.Fatalf("summed up early: %d events, %v", len(events), err)
		}
		failure = errors.New("no database")
		for range 2 {
			if err := r.summarise(t.Context(), began.Add(window)); !errors.Is(err, failure) {
				t.Fatal(err)
			}
		}
		failure = nil
		for range 2 {
			if err := r.summarise(t.Context(), began.Add(window)); err != nil {
				t.Fatal(err)
			}
		}
		if len(events) != oneByOne+1 || events[oneByOne].Changes["refusals"] != [2]any{0, 3} {
			t.Errorf("recorded %v", events)
		}
	})
}

func TestNextIDIsAbove(t *testing.T) {
	for text, want := range map[string]string{
		"019350c1-0000-7000-8000-000000000000": "019350c1-0000-7000-8000-000000000001",
		"019350c1-0000-7000-8000-0000000000ff": "019350c1-0000-7000-8000-000000000100",
		"019350c1-ffff-7fff-8fff-ffffffffffff": "019350c1-ffff-7fff-9000-000000000000",
	} {
		if got := next(uuid.MustParse(text)); got.String() != want {
			t.Errorf("next(%s) = %s, want %s", text, got, want)
		}
	}
}
