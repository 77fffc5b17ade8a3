package crashtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/keloa/apitokens/auditsink"
)

// copied is a copy of the audit log: the sink, written NAME=URL, and how to read
// back what has arrived.
type copied struct {
	sink  string
	lines func(t *testing.T) []string
}

// check sees that the copy is the log, each record once and in order.
func (c *copied) check(t *testing.T, records []auditsink.Record) {
	t.Helper()
	got := c.lines(t)
	for i := range min(len(got), len(records)) {
		if got[i] != string(records[i].Line) {
			t.Fatalf("%s: record %d:\n got %s\nwant %s", c.sink, i+1, got[i], records[i].Line)
		}
	}
	if len(got) != len(records) {
		t.Fatalf("%s has %d records, want %d", c.sink, len(got), len(records))
	}
}

func newFile(t *testing.T) *copied {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	return &copied{"file=file:" + path, func(t *testing.T) []string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		data = data[:bytes.LastIndexByte(data, '\n')+1]
		return strings.FieldsFunc(string(data), func(c rune) bool { return c == '\n' })
	}}
}

// newStream starts a NATS server in this process.
func newStream(t *testing.T) *copied {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"log"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	return &copied{"nats=nats://" + s.Addr().String() + "/AUDIT.log", func(t *testing.T) []string {
		t.Helper()
		for {
			message, err := stream.GetMsg(t.Context(), uint64(len(got))+1)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return got
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(message.Data))
		}
	}}
}

// newTopic starts a Kafka broker in this process.
func newTopic(t *testing.T) *copied {
	t.Helper()
	const topic = "audit"
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var got []string
	var next int64
	return &copied{"kafka=kafka://" + broker.ListenAddrs()[0] + "/" + topic, func(t *testing.T) []string {
		t.Helper()
		ctx, done := context.WithTimeout(t.Context(), patience)
		defer done()
		for end := broker.PartitionInfo(topic, 0).HighWatermark; next < end; {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			for message := range fetches.RecordsAll() {
				got, next = append(got, string(message.Value)), message.Offset+1
			}
		}
		return got
	}}
}
