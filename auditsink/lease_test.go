package auditsink_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// A relay that cannot prolong its lease delivers nothing after the lease has
// ended, and goes on when it can.
func TestRelayWithoutALeaseDoesNotDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		records := sinktest.Records(t, 1, 10)
		source.add(records[:5]...)
		start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait()
		wantUpTo(t, to, 5)
		source.fail(errors.New("no database"))
		pass(10 * time.Second)
		source.add(records[5:]...)
		pass(10 * time.Second)
		wantUpTo(t, to, 5)
		source.fail(nil)
		pass(time.Minute)
		wantUpTo(t, to, 10)
	})
}

// A delivery is called off when the lease ends under it, even where the
// database that should prolong the lease hangs.
func TestDeliveryEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.hang = true
		source.add(sinktest.Records(t, 1, 5)...)
		began := time.Now()
		var took time.Duration
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			before := auditsink.Holds(ctx)
			<-ctx.Done()
			if took == 0 {
				took = time.Since(began)
				if !before || auditsink.Holds(ctx) {
					t.Errorf("the lease held %t, and afterwards %t", before, auditsink.Holds(ctx))
				}
			}
			return auditsink.Result{}, ctx.Err()
		}
		start(t, source, auditsink.Destination{Sink: to})
		pass(10 * time.Second)
		if took == 0 || took > 5*time.Second {
			t.Errorf("the delivery went on for %v", took)
		}
	})
}

// A relay that gives its lease up early no longer holds it, whatever the sink
// still has in its hands: another server may have it at once.
func TestLeaseThatIsGivenUpDoesNotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 5)...)
		var first context.Context
		to.before = func(ctx context.Context, _ *auditsink.Batch) (auditsink.Result, error) {
			if first == nil {
				first = ctx //nolint:fatcontext // a sink that hangs on to it is what this is about
				return auditsink.Result{}, errors.New("the cause")
			}
			return auditsink.Result{}, nil
		}
		start(t, source, auditsink.Destination{Sink: to})
		synctest.Wait() // in which no time passes
		if first == nil || auditsink.Holds(first) {
			t.Error("it holds")
		}
	})
}

// A relay is fenced while it delivers: another has claimed the sink. The one
// that lost it neither moves the cursor nor delivers again.
func TestRelayThatIsFencedStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, to := newMemory(), &sink{}
		source.add(sinktest.Records(t, 1, 5)...)
		to.before = func(context.Context, *auditsink.Batch) (auditsink.Result, error) {
			source.mu.Lock()
			defer source.mu.Unlock()
			source.epoch++
			source.holder, source.until = uuid.Max, time.Now().Add(time.Hour)
			return auditsink.Result{}, nil
		}
		r := start(t, source, auditsink.Destination{Sink: to})
		pass(30 * time.Minute)
		if to.calls != 1 || source.cursor != 0 {
			t.Errorf("%d deliveries, the cursor is %d", to.calls, source.cursor)
		}
		if r.stop(); r.log.Len() != 0 {
			t.Errorf("to lose a lease is no failure: %s", &r.log)
		}
	})
}
