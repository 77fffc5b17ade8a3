package auditsink_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// refuse is a destination that cannot take the records of some sequences; with
// named, it says which one it was.
func refuse(named bool, healed *atomic.Bool, poison ...int64) func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
	return func(_ context.Context, b *auditsink.Batch) (auditsink.Result, error) {
		for i, r := range b.Records {
			if healed.Load() || r.IsStub() || !slices.Contains(poison, r.Seq) {
				continue
			}
			if !named {
				return auditsink.Result{}, errors.New("the destination chokes on something")
			}
			return auditsink.Result{Accepted: i}, &auditsink.RejectedError{Seq: r.Seq, Reason: "too long"}
		}
		return auditsink.Result{}, nil
	}
}

// A record that the sink cannot take has a stub in its place, its neighbours are
// whole and in order, and it comes late once the sink takes it.
func TestPoison(t *testing.T) {
	for name, poison := range map[string][]int64{
		"first": {1}, "in the middle": {6}, "last": {12}, "three in a row": {5, 6, 7}, "apart": {1, 6, 12},
		"all": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
	} {
		for _, named := range []bool{true, false} {
			t.Run(map[bool]string{true: "named/", false: "found/"}[named]+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testPoison(t, named, poison) })
			})
		}
	}
}

func testPoison(t *testing.T, named bool, poison []int64) {
	source, to := newMemory(), &sink{}
	records := sinktest.Records(t, 1, 12)
	source.add(records...)
	var healed atomic.Bool
	to.before = refuse(named, &healed, poison...)
	r := start(t, source, auditsink.Destination{Sink: to})
	pass(5 * time.Minute)

	wantUpTo(t, to, 12)
	for i, got := range to.got {
		if got.IsStub() != slices.Contains(poison, got.Seq) || got.LeafHash() != records[i].LeafHash() {
			t.Errorf("record %d was delivered as %s", got.Seq, got.Line)
		}
	}
	if got := slices.Sorted(maps.Keys(source.quarantine)); !slices.Equal(got, poison) {
		t.Errorf("in quarantine: %v", got)
	}
	if n := strings.Count(r.log.String(), "got a stub in its place"); n != len(poison) || source.problem != "" {
		t.Errorf("%d stubs in the log, the problem is %q", n, source.problem)
	}

	healed.Store(true)
	pass(5 * time.Minute)
	late := to.got[12:]
	if len(late) != len(poison) || len(source.quarantine) != 0 {
		t.Fatalf("%d came late, %d are still in quarantine", len(late), len(source.quarantine))
	}
	for i, got := range late {
		if got.Seq != poison[i] || string(got.Line) != string(records[got.Seq-1].Line) {
			t.Errorf("late: %s", got.Line)
		}
	}
}

// A sink that is down is not taken for one that cannot take a record.
func TestSinkThatIsDownGetsNoStubs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 12)...)
		var up atomic.Bool
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			if !up.Load() {
				return auditsink.Result{}, errors.New("connection refused")
			}
			return auditsink.Result{}, nil
		}
		start(t, source, auditsink.Destination{Sink: to})
		pass(time.Hour)
		if !strings.Contains(source.problem, "connection refused") || len(source.quarantine) != 0 {
			t.Errorf("problem %q, in quarantine %v", source.problem, source.quarantine)
		}
		up.Store(true)
		pass(time.Minute)
		wantUpTo(t, to, 12)
		for _, r := range to.got {
			if r.IsStub() {
				t.Errorf("a stub of record %d", r.Seq)
			}
		}
		if source.problem != "" {
			t.Errorf("still reported as %q", source.problem)
		}
	})
}

// A sink that refuses no end of records is wrong itself: it is down, and nothing
// more is replaced.
func TestQuarantineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.full = 3
		source.add(sinktest.Records(t, 1, 12)...)
		to.before = refuse(true, new(atomic.Bool), 1, 2, 3, 4, 5, 6)
		start(t, source, auditsink.Destination{Sink: to})
		pass(time.Hour)
		wantUpTo(t, to, 3)
		if source.cursor != 3 || !strings.Contains(source.problem, "refuses too many records") {
			t.Errorf("cursor %d, problem %q", source.cursor, source.problem)
		}
	})
}

// A destination that is asked what it holds keeps the stub: a record that came
// late would be taken for the end.
func TestResumerGetsNothingLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &resumer{}
		source.add(sinktest.Records(t, 1, 5)...)
		var healed atomic.Bool
		to.before = refuse(true, &healed, 3)
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(time.Minute)
		healed.Store(true)
		pass(time.Hour)
		r.stop()
		wantUpTo(t, &to.sink, 5)
		if len(to.got) != 5 || !to.got[2].IsStub() || len(source.quarantine) != 1 {
			t.Errorf("%d records, in quarantine %v", len(to.got), source.quarantine)
		}
	})
}

// Batches carry a checkpoint at their end, at most one a second.
func TestBatchesCarryCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		var got []int64
		to.before = func(_ context.Context, b *auditsink.Batch) (auditsink.Result, error) {
			got = append(got, b.Records[len(b.Records)-1].Checkpoint.Size)
			return auditsink.Result{}, nil
		}
		records := sinktest.Records(t, 1, 600)
		source.add(records[:512]...)
		start(t, source, auditsink.Destination{Sink: to})
		pass(2 * time.Second)
		source.add(records[512:]...)
		pass(time.Second)
		if !slices.Equal(got, []int64{256, 0, 600}) {
			t.Errorf("checkpoints at %v", got)
		}
	})
}

// prober can be asked.
type prober struct {
	sink

	failure atomic.Pointer[error]
}

func (p *prober) Probe(context.Context) error {
	if failure := p.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// Others wait for a sink that is required, so it is known to be down although
// nothing is to be delivered.
func TestRequiredSinkIsProbed(t *testing.T) {
	for _, required := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			source, to := newMemory(), &prober{}
			start(t, source, auditsink.Destination{Sink: to, Required: required})
			pass(10 * time.Second)
			failure := errors.New("no route")
			to.failure.Store(&failure)
			pass(5 * time.Second)
			source.mu.Lock()
			down := source.problem != ""
			source.mu.Unlock()
			if down != required {
				t.Errorf("required %t: down %t", required, down)
			}
			to.failure.Store(nil)
			pass(time.Minute)
			source.mu.Lock()
			defer source.mu.Unlock()
			if source.problem != "" {
				t.Errorf("still %q", source.problem)
			}
		})
	}
}

func TestStub(t *testing.T) {
	for _, r := range sinktest.Records(t, 7, 20) {
		stub, err := r.Stub()
		if err != nil {
			t.Fatal(err)
		}
		back, err := auditsink.ParseLine(stub.Line)
		if err != nil || back.Seq != r.Seq || !back.IsStub() || back.LeafHash() != r.LeafHash() || back.ID == r.ID || !back.At.Equal(r.At) {
			t.Errorf("%s: %+v, %v", stub.Line, back, err)
		}
		e, err := auditsink.ParseCanonical(back.Canonical())
		if err != nil || *e.Target.ID != r.ID || e.Changes["action"][1] != r.Action {
			t.Errorf("it says %+v, %v", e, err)
		}
	}
}
