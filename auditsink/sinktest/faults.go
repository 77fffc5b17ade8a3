package sinktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

// faultCase breaks what is between a sink and its destination, and mends it again.
type faultCase struct{ begin, end func(*proxy) }

// faults are by what they make of the destination.
var faults = map[string]faultCase{
	"down":                    {(*proxy).down, (*proxy).up},
	"black-holed":             {func(p *proxy) { p.set(blackHole) }, func(p *proxy) { p.set(none) }},
	"slow at a byte a second": {func(p *proxy) { p.set(trickle) }, func(p *proxy) { p.set(none) }},
	"reset after some bytes":  {func(p *proxy) { p.set(reset) }, func(p *proxy) { p.set(none) }},
}

func (f faultCase) test(t testing.TB, h Harness) {
	d := h.destination(t)
	if d.At == nil {
		return // nothing is in between
	}
	p := newProxy(t, d.Addr)
	sink := h.openURL(t, d.At(p.addr))
	records := d.records(t, 1, 30)
	deliver(t, sink, records[:10], 10)
	f.begin(p)
	done := 10 + failing(t, d, sink, records[10:20])
	f.end(p)
	stubborn(t, d, sink, records[done:])
	wantAll(t, sink, d, records)
}

// testRestarts opens the sink while the destination is down, and ends all
// connections while the sink rests.
func testRestarts(t testing.TB, h Harness) {
	d := h.destination(t)
	if d.At == nil {
		return
	}
	p := newProxy(t, d.Addr)
	p.down()
	sink := h.openURL(t, d.At(p.addr))
	records := d.records(t, 1, 30)
	failing(t, d, sink, records[:1])
	p.up()
	stubborn(t, d, sink, records[:15])
	p.down()
	p.up()
	stubborn(t, d, sink, records[15:])
	wantAll(t, sink, d, records)
}

// testRefused has the destination refuse one record.
func testRefused(t testing.TB, h Harness) {
	d := h.destination(t)
	if d.Refuse == nil {
		return // it takes all
	}
	sink := h.open(t, d)
	records := d.records(t, 1, 9)
	d.Refuse(t, 4)
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
	rejected, ok := errors.AsType[*auditsink.RejectedError](err)
	if !ok || rejected.Seq != 4 || result.Accepted != 3 {
		t.Fatalf("Deliver: %d accepted, %v; want 3, and record 4 rejected", result.Accepted, err)
	}
	noSecret(t, d, err)
	deliver(t, sink, records[4:], 9)
	wantAll(t, sink, d, append(records[:3:3], records[4:]...))
}

// testUntrusted reaches the destination by a URL that does not trust it.
func testUntrusted(t testing.TB, h Harness) {
	d := h.destination(t)
	if d.Untrusted == "" {
		return // it has no certificate
	}
	failing(t, d, h.openURL(t, d.Untrusted), d.records(t, 1, 1))
	wantExactly(t, d, nil)
}

// failing delivers what cannot arrive, and returns how many records the sink
// says it accepted.
func failing(t testing.TB, d Destination, sink auditsink.Sink, records []auditsink.Record) int {
	t.Helper()
	const limit = 300 * time.Millisecond
	ctx, done := context.WithTimeout(t.Context(), limit)
	defer done()
	began := time.Now()
	result, err := sink.Deliver(ctx, &auditsink.Batch{Records: records})
	if err == nil || result.Accepted < 0 || result.Accepted > len(records) {
		t.Fatalf("what cannot arrive was acknowledged: %d of %d accepted, %v", result.Accepted, len(records), err)
	}
	if took := time.Since(began); took > limit+promptly {
		t.Errorf("Deliver took %v", took)
	}
	noSecret(t, d, err)
	return result.Accepted
}

// stubborn delivers as a relay does: again and again.
func stubborn(t testing.TB, d Destination, sink auditsink.Sink, records []auditsink.Record) {
	t.Helper()
	await(t, func() bool {
		result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
		if err == nil {
			return true
		}
		noSecret(t, d, err)
		records = records[result.Accepted:]
		return len(records) == 0
	})
}

func noSecret(t testing.TB, d Destination, err error) {
	t.Helper()
	if d.Secret != "" && strings.Contains(err.Error(), d.Secret) {
		t.Errorf("the error names the secret: %v", err)
	}
}
