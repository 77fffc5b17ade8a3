package kafkasink

import (
	"context"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic    = "keloa.audit"
	password = "Canary-4711"
	patience = 20 * time.Second
)

// broker is a Kafka of one broker.
type broker struct {
	*kfake.Cluster

	addr string
	seen atomic.Pointer[string] // where it tells clients that it is; nil for addr
}

// start starts a broker that the test ends, with a topic of as many partitions.
func start(t testing.TB, partitions int32, options ...kfake.Opt) *broker {
	t.Helper()
	b := &broker{}
	options = append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic), kfake.ListenFn(b.listen))
	var err error
	if b.Cluster, err = kfake.NewCluster(options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// listen has the broker say that it is elsewhere, when it is behind a proxy.
func (b *broker) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	b.addr = l.Addr().String()
	return listener{l, b}, nil
}

type listener struct {
	net.Listener
	b *broker
}

func (l listener) Addr() net.Addr {
	seen := l.b.addr
	if other := l.b.seen.Load(); other != nil {
		seen = *other
	}
	addr, err := net.ResolveTCPAddr("tcp", seen)
	if err != nil {
		panic(err)
	}
	return addr
}

// reader collects what is in the partition.
type reader struct {
	b   *broker
	url string // of the topic, as a sink's

	client *kgo.Client // nil until it is needed, as it has goroutines
	got    []string
	next   int64
}

func (r *reader) connect(t testing.TB) {
	t.Helper()
	if r.client != nil {
		return
	}
	u, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	known, err := newOptions(u)
	if err != nil {
		t.Fatal(err)
	}
	own := &tenure{}
	own.begin(t.Context())
	options, err := known(own)
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
	if r.client, err = kgo.NewClient(options...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
}

// lines returns the values of all messages, in order.
func (r *reader) lines(t testing.TB) []string {
	t.Helper()
	r.connect(t)
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	for end := r.b.PartitionInfo(topic, partition).HighWatermark; r.next < end; {
		fetches := r.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for message := range fetches.RecordsAll() {
			r.got, r.next = append(r.got, string(message.Value)), message.Offset+1
		}
	}
	return r.got
}

// produce puts a message into the partition that is no record.
func (r *reader) produce(t testing.TB, value string) {
	t.Helper()
	r.connect(t)
	r.client.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}, func(_ *kgo.Record, err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if err := r.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
