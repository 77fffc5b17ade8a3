package natssink

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

// BenchmarkAuditToNATS delivers records in batches as large as a relay's, to three
// servers in this process that replicate the stream. The ratio is to publishing the
// same lines without any order or condition, and waiting for all acknowledgements
// at the end.
func BenchmarkAuditToNATS(b *testing.B) {
	for name, together := range map[string]bool{"one at a time": false, "together": true} {
		b.Run(name, func(b *testing.B) {
			const count, batch = 20_000, 256
			records := sinktest.Records(b, 1, count)
			var took, floor time.Duration
			for b.Loop() {
				servers := cluster(b)
				js := manage(b, servers[0].ClientURL())
				makeStream(b, js, jetstream.StreamConfig{Subjects: []string{"log", "floor"}, Replicas: 3, AllowAtomicPublish: together})
				sink := open(b, "nats://"+addr(servers[0])+"/AUDIT.log")
				begun := time.Now()
				for at := 0; at < count; at += batch {
					deliver(b, sink, records[at:min(at+batch, count)]...)
				}
				took += time.Since(begun)
				begun = time.Now()
				publish(b, js, records)
				floor += time.Since(begun)
			}
			b.ReportMetric(float64(b.N*count)/took.Seconds(), "records/s")
			b.ReportMetric(floor.Seconds()/took.Seconds(), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// publish publishes the lines of the records.
func publish(b *testing.B, js jetstream.JetStream, records []auditsink.Record) {
	b.Helper()
	for _, r := range records {
		if _, err := js.PublishAsync("floor", r.Line, jetstream.WithStallWait(patience)); err != nil {
			b.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(patience):
		b.Fatal("the stream does not acknowledge")
	}
}
