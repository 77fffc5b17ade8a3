package auditsink_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// resumer is a sink that knows what it holds.
type resumer struct {
	sink

	high int64
}

func (r *resumer) HighWater(context.Context) (int64, error) { return r.high, nil }

func TestRelayResumesBehindWhatTheDestinationHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &resumer{high: 7}
		source.add(sinktest.Records(t, 1, 10)...)
		start(t, source, auditsink.Destination{Sink: to}).stop()
		if got := to.sequences(); len(got) != 3 || got[0] != 8 || source.cursor != 10 {
			t.Errorf("delivered %v", got)
		}
	})
}

// A destination that has lost its end gets it again; one that was emptied is a
// new one, and its predecessor is kept elsewhere.
func TestRelayFillsWhatTheDestinationLost(t *testing.T) {
	for high, want := range map[int64]int{4: 6, 0: 1} {
		synctest.Test(t, func(t *testing.T) {
			source, to := newMemory(), &resumer{high: high}
			source.cursor = 9
			source.add(sinktest.Records(t, 1, 10)...)
			start(t, source, auditsink.Destination{Sink: to}).stop()
			got := to.sequences()
			if len(got) != want || got[len(got)-1] != 10 || source.cursor != 10 {
				t.Errorf("the destination held %d: delivered %v, cursor %d", high, got, source.cursor)
			}
		})
	}
}

// A destination that ends before the log, as the filter lets nothing more through,
// lacks nothing.
func TestFilteredRecordsAreNotLacking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filter, err := auditsink.ParseFilter("action:*.mint")
		if err != nil {
			t.Fatal(err)
		}
		records := sinktest.Records(t, 1, 40)
		last := slices.IndexFunc(records, filter.Passes)
		source, to := newMemory(), &resumer{high: records[last].Seq}
		rest := slices.DeleteFunc(slices.Clone(records[last+1:]), filter.Passes)
		source.add(records[:last+1]...)
		for _, r := range rest {
			if r, err = auditsink.NewRecord(int64(len(source.records)+1), r.Canonical()); err != nil {
				t.Fatal(err)
			}
			source.add(r)
		}
		source.cursor = int64(len(source.records))
		r := start(t, source, auditsink.Destination{Sink: to, Filter: filter})
		synctest.Wait()
		next, err := auditsink.NewRecord(source.cursor+1, records[last].Canonical())
		if err != nil {
			t.Fatal(err)
		}
		source.add(next)
		r.stop()
		if got := to.sequences(); len(rest) == 0 || !slices.Equal(got, []int64{next.Seq}) || r.log.Len() != 0 {
			t.Errorf("delivered %v, logged %s", got, &r.log)
		}
	})
}

// A destination that holds more than the log belongs to another log, or the
// database was put back: delivering would leave out what is new.
func TestRelayRefusesADestinationAheadOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &resumer{high: 11}
		source.add(sinktest.Records(t, 1, 10)...)
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(time.Minute)
		r.stop()
		if len(to.sequences()) != 0 || source.cursor != 0 || !strings.Contains(r.log.String(), "holds record 11, but this log ends at 10: another log's") {
			t.Errorf("delivered %v, logged %s", to.sequences(), &r.log)
		}
	})
}

// A place behind the end of the log would leave out all that comes up to there,
// unless the destination holds so much that the log is to go on behind it.
func TestPlaceBehindTheEndIsRefused(t *testing.T) {
	const refused = "record 7 is kept as its last one, but the log ends at 5"
	for name, c := range map[string]struct {
		to   auditsink.Sink
		want string
	}{
		"which nothing bears out":        {&sink{}, refused},
		"which the destination does not": {&resumer{high: 4}, refused},
		"which the destination does":     {&resumer{high: 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := newMemory()
				source.add(sinktest.Records(t, 1, 5)...)
				source.cursor = 7
				start(t, source, auditsink.Destination{Sink: c.to})
				synctest.Wait()
				if (source.problem != "") != (c.want != "") || !strings.Contains(source.problem, c.want) {
					t.Errorf("reported %q", source.problem)
				}
			})
		})
	}
}
