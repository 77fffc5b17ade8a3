package kafkasink

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	m.Register(TLSScheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

func TestConformance(t *testing.T) {
	secret := remotetest.File(t, password)
	sinktest.Run(t, sinktest.Harness{Mux: mux(), New: destination, BadURLs: []string{
		"kafka:", "kafka:localhost/log", "kafka:///log", "kafka://localhost", "kafka://localhost/", "kafka://localhost/a/b", "kafka://localhost/..",
		"kafka://localhost/a%20b", "kafka://localhost,/log", "kafka://localhost/log?user=u", "kafka://localhost/log?password=" + secret,
		"kafka://localhost/log?mechanism=plain", "kafka://localhost/log?user=u&password=Canary-4711",
		"kafka://localhost/log?user=u&password=env:NO_SUCH_VARIABLE", "kafka://localhost/log?user=u&mechanism=Canary-4711&password=" + secret,
		"kafka://localhost,example.com/log?user=u&password=" + secret, "kafka://localhost/log?ca=" + secret,
		"kafka+tls://localhost/log?ca=" + secret, "kafka+tls://localhost/log?ca=Canary-4711",
		"kafka://localhost/log?cert=" + secret + "&key=" + secret, "kafka+tls://localhost/log?cert=" + secret + "&key=" + secret,
	}})
}

func destination(t testing.TB) sinktest.Destination {
	id := remotetest.NewIdentity(t, "keloa")
	b := start(t, 3, kfake.TLS(id.Mutual()),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "keloa", password))
	url := func(addr string) string {
		return "kafka+tls://" + addr + "/" + topic + "?user=keloa&password=" + remotetest.File(t, password)
	}
	r := &reader{b: b, url: url(b.addr) + "&" + id.Keys()}
	return sinktest.Destination{
		URL:     url(b.addr) + "&" + id.Keys(),
		Lines:   r.lines,
		Foreign: func(t testing.TB) { r.produce(t, "someone's \x00 note\n"); r.produce(t, "") },
		Addr:    b.addr,
		At: func(addr string) string {
			b.seen.Store(&addr)
			return url(addr) + "&" + id.Keys()
		},
		Untrusted: url(b.addr),
		Secret:    password,
		Slow:      true,
	}
}

// unguarded starts a broker without TLS and returns the URL of its topic.
func unguarded(t testing.TB, options ...kfake.Opt) (b *broker, r *reader, url string) {
	t.Helper()
	b = start(t, 1, options...)
	url = "kafka://" + b.addr + "/" + topic
	return b, &reader{b: b, url: url}, url
}

func open(t testing.TB, url string) *Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "kafka="+url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Sink.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return d.Sink.(*Sink)
}

func deliver(t testing.TB, sink auditsink.Sink, records ...auditsink.Record) {
	t.Helper()
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, got []string, records []auditsink.Record) {
	t.Helper()
	if len(got) != len(records) {
		t.Fatalf("the topic holds %d records, want %d", len(got), len(records))
	}
	for i, r := range records {
		if got[i] != string(r.Line) {
			t.Errorf("record %d: got %s", r.Seq, got[i])
		}
	}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	_, _, url := unguarded(t)
	if err := open(t, url).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := open(t, url+"2").Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no topic keloa.audit2") {
		t.Errorf("a topic that is missing: %v", err)
	}
}

func TestWrongPassword(t *testing.T) {
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256"} {
		b := start(t, 1, kfake.EnableSASL(), kfake.Superuser(name, "keloa", password))
		url := "kafka://" + b.addr + "/" + topic + "?user=keloa&mechanism=" + mechanism + "&password="
		if err := open(t, url+remotetest.File(t, password)).Probe(t.Context()); err != nil {
			t.Error(err)
		}
		if err := open(t, url+remotetest.File(t, "Canary-4712")).Probe(t.Context()); err == nil || strings.Contains(err.Error(), "Canary") {
			t.Errorf("with a wrong password: %v", err)
		}
	}
}

// A topic that takes little gets little at a time, and a record that is too
// large for it is named.
func TestTooLargeIsSentInParts(t *testing.T) {
	_, r, url := unguarded(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "1500"}))
	records := sinktest.Records(t, 1, 40)
	deliver(t, open(t, url), records...)
	want(t, r.lines(t), records)

	hostile := sinktest.Hostile(t, 41)
	sink := open(t, url)
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: hostile})
	rejected, ok := errors.AsType[*auditsink.RejectedError](err)
	if !ok || rejected.Seq != hostile[result.Accepted].Seq {
		t.Fatalf("%d accepted, %v", result.Accepted, err)
	}
	want(t, r.lines(t), append(records[:40:40], hostile[:result.Accepted]...))
}

// The lease ends while the client has a batch, which it has not sent: nothing is
// sent any more, and the next lease goes on where the topic ends.
func TestNothingIsSentAfterTheLease(t *testing.T) {
	guarded := destination(t)
	_, r, url := unguarded(t)
	for _, d := range []sinktest.Destination{guarded, {URL: url, Lines: r.lines}} {
		sink := open(t, d.URL)
		records := sinktest.Records(t, 1, 30)
		var lapsed atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		leased := auditsink.WithLease(ctx, func() bool {
			if lapsed.Load() {
				cancel() // as who prolongs the lease does, later
			}
			return !lapsed.Load()
		})
		for _, until := range []int{10, 20} {
			_, err := sink.Deliver(leased, &auditsink.Batch{Records: records[:until]})
			if (err != nil) != lapsed.Load() {
				t.Fatalf("lapsed %t: %v", lapsed.Load(), err)
			}
			lapsed.Store(true)
		}
		want(t, d.Lines(t), records[:10])
		deliver(t, sink, records...)
		want(t, d.Lines(t), records)
	}
}

// The lease ends while a large request is being written: the rest of it is not.
func TestRequestEndsWithTheLease(t *testing.T) {
	broker, ours := net.Pipe()
	var lapsed atomic.Bool
	own := &tenure{}
	own.begin(auditsink.WithLease(t.Context(), func() bool { return !lapsed.Load() }))
	got := make(chan int64, 1)
	go func() {
		first, _ := broker.Read(make([]byte, 1))
		lapsed.Store(true)
		rest, _ := io.Copy(io.Discard, broker)
		got <- int64(first) + rest
	}()
	n, err := conn{ours, own}.Write(make([]byte, 10*pieceBytes))
	_ = ours.Close()
	if !errors.Is(err, errLapsed) || n != pieceBytes || <-got != pieceBytes {
		t.Errorf("%d bytes were written: %v", n, err)
	}
}

// Kafka writes a batch, and answers as if it had not.
func TestLostAcknowledgement(t *testing.T) {
	for _, err := range []*kerr.Error{kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut} {
		b, r, url := unguarded(t)
		sink := open(t, url)
		records := sinktest.Records(t, 1, 20)
		deliver(t, sink, records[:10]...)
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: 2})
		deliver(t, sink, records[10:]...)
		want(t, r.lines(t), records)
	}
}
