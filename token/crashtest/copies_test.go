package crashtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
)

// copied is a copy of the audit log: the sink, written NAME=URL, and how to read
// back what has arrived.
type copied struct {
	sink        string
	lines       func(t *testing.T) []string
	checkpoints func(t *testing.T) []string
	// again is whether a record may be there twice, and then later.
	again bool
}

// check sees that the copy is the log, each record once and in order, and that
// the checkpoints in it are signed and of the records in it.
func (c *copied) check(t *testing.T, records []auditsink.Record, public string) {
	t.Helper()
	got := c.lines(t)
	if c.again {
		seen := map[string]bool{}
		got = slices.DeleteFunc(slices.Clone(got), func(line string) bool {
			twice := seen[line]
			seen[line] = true
			return twice
		})
	}
	for i := range min(len(got), len(records)) {
		if got[i] != string(records[i].Line) {
			t.Fatalf("%s: record %d:\n got %s\nwant %s", c.sink, i+1, got[i], records[i].Line)
		}
	}
	if len(got) != len(records) {
		t.Fatalf("%s has %d records, want %d", c.sink, len(got), len(records))
	}
	c.checkCheckpoints(t, got, public)
}

// checkCheckpoints makes a tree of the copy alone, as who distrusts the database
// would: each checkpoint is of its beginning, and the next one goes on from there.
func (c *copied) checkCheckpoints(t *testing.T, lines []string, public string) {
	t.Helper()
	var hashes tree
	for i, line := range lines {
		r, err := auditsink.ParseLine([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := tlog.StoredHashesForRecordHash(int64(i), r.LeafHash(), hashes)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, stored...)
	}
	var last journal.Checkpoint
	signed := c.checkpoints(t)
	for _, text := range signed {
		next, err := journal.OpenCheckpoint(text, []string{public})
		if err != nil || next.Size > int64(len(lines)) {
			t.Fatalf("%s: a checkpoint over %d records of %d: %v", c.sink, next.Size, len(lines), err)
		}
		root, err := tlog.TreeHash(next.Size, hashes)
		if err != nil || root != next.Root {
			t.Fatalf("%s: the checkpoint over %d records is of others: %v", c.sink, next.Size, err)
		}
		if last.Size > 0 && last.Size < next.Size {
			proof, err := tlog.ProveTree(next.Size, last.Size, hashes)
			if err == nil {
				err = tlog.CheckTree(proof, next.Size, next.Root, last.Size, last.Root)
			}
			if err != nil {
				t.Fatalf("%s: the checkpoint over %d records does not go on from that over %d: %v", c.sink, next.Size, last.Size, err)
			}
		}
		last = next
	}
	if last.Size == 0 {
		t.Fatalf("%s has no checkpoint", c.sink)
	}
	t.Logf("%s: %d checkpoints, the last over %d records", c.sink, len(signed), last.Size)
}

// tree is the hashes of a Merkle tree as tlog stores them.
type tree []tlog.Hash

func (hashes tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		read[i] = hashes[index]
	}
	return read, nil
}

// whole returns the lines of a file that may be missing, but for one that was cut
// short.
func whole(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	return strings.FieldsFunc(string(data), func(c rune) bool { return c == '\n' })
}

// notes reads checkpoints that are lines of JSON, of which a server that was
// killed may have cut some short.
func notes(lines []string) []string {
	var notes []string
	for _, line := range lines {
		if c, err := auditsink.ParseCheckpoint([]byte(line)); err == nil {
			notes = append(notes, c.Note)
		}
	}
	return notes
}

// decoded reads checkpoints in base64.
func decoded(t *testing.T, encoded []string) []string {
	t.Helper()
	var notes []string
	for _, text := range encoded {
		note, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		notes = append(notes, string(note))
	}
	return notes
}

func newFile(t *testing.T) *copied {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	return &copied{
		sink:        "file=file:" + path,
		lines:       func(t *testing.T) []string { t.Helper(); return whole(t, path) },
		checkpoints: func(t *testing.T) []string { t.Helper(); return notes(whole(t, path+".checkpoints")) },
	}
}

// newFolder is of objects that are files.
func newFolder(t *testing.T) *copied {
	t.Helper()
	folder := t.TempDir()
	read := func(t *testing.T, end string) []string {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "*"+end))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, path := range paths { // they are in order
			lines = append(lines, whole(t, path)...)
		}
		return lines
	}
	return &copied{
		sink:        "folder=blob+file:" + folder,
		lines:       func(t *testing.T) []string { t.Helper(); return read(t, ".jsonl") },
		checkpoints: func(t *testing.T) []string { t.Helper(); return notes(read(t, ".checkpoint")) },
	}
}

// newReceiver starts a web server in this process. That it looks at signatures is
// tested elsewhere.
func newReceiver(t *testing.T) *copied {
	t.Helper()
	var mu sync.Mutex
	var got, checkpoints []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch []json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, line := range batch {
			got = append(got, string(line))
		}
		if c := r.Header.Get(auditsink.CheckpointField); c != "" {
			checkpoints = append(checkpoints, c)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	return &copied{
		sink:  "hook=webhook+" + server.URL + "/?secret=file:" + secret,
		again: true,
		lines: func(*testing.T) []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(got)
		},
		checkpoints: func(t *testing.T) []string {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			return decoded(t, checkpoints)
		},
	}
}

// newStream starts a NATS server in this process, whose stream takes batches or
// single records only.
func newStream(t *testing.T, name string, batches bool) *copied {
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
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "AUDIT", Subjects: []string{"log"}, AllowAtomicPublish: batches})
	if err != nil {
		t.Fatal(err)
	}
	var got, checkpoints []string
	lines := func(t *testing.T) []string {
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
			checkpoints = append(checkpoints, message.Header.Values(auditsink.CheckpointField)...)
		}
	}
	return &copied{
		sink:        name + "=nats://" + s.Addr().String() + "/AUDIT.log",
		lines:       lines,
		checkpoints: func(t *testing.T) []string { t.Helper(); lines(t); return decoded(t, checkpoints) },
	}
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
	var got, checkpoints []string
	var next int64
	lines := func(t *testing.T) []string {
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
				for _, header := range message.Headers {
					if header.Key == auditsink.CheckpointField {
						checkpoints = append(checkpoints, string(header.Value))
					}
				}
			}
		}
		return got
	}
	return &copied{
		sink:        "kafka=kafka://" + broker.ListenAddrs()[0] + "/" + topic,
		lines:       lines,
		checkpoints: func(t *testing.T) []string { t.Helper(); lines(t); return checkpoints },
	}
}
