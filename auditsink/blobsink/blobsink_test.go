package blobsink

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(S3Scheme, OpenS3)
	m.Register(FileScheme, OpenFile)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

func TestConformanceOfFolders(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Mux: mux(),
		New: func(t testing.TB) sinktest.Destination {
			path := filepath.Join(t.TempDir(), "audit")
			return sinktest.Destination{
				URL:     "blob+file:" + path,
				Lines:   func(t testing.TB) []string { return lines(t, path) },
				Foreign: func(t testing.TB) { scatter(t, path) },
				Slow:    true,
			}
		},
		BadURLs: []string{
			"blob+file:", "blob+file://host/path", "blob+file:/dev/null", "blob+file:/no/such/folder", "blob+file:%zzCanary-4711",
			"blob+file:x?prefix=Canary-4711",
		},
	})
}

func TestConformanceOfS3(t *testing.T) {
	t.Setenv("BLOBSINK_ACCESS_KEY", accessKey)
	t.Setenv("AWS_REGION", "")
	server := startS3(t)
	secret := server.key
	sinktest.Run(t, sinktest.Harness{
		Mux: mux(),
		New: func(t testing.TB) sinktest.Destination {
			bucket := server.bucket(t)
			folder := filepath.Join(server.root, bucket, "logs", "audit")
			return sinktest.Destination{
				URL:       server.url(bucket, server.addr, secret) + "&" + server.ca,
				Lines:     func(t testing.TB) []string { return lines(t, folder) },
				Foreign:   func(t testing.TB) { scatter(t, folder) },
				Addr:      server.addr,
				At:        func(addr string) string { return server.url(bucket, addr, secret) + "&" + server.ca },
				Untrusted: server.url(bucket, server.addr, secret),
				Secret:    secretKey,
				Slow:      true,
			}
		},
		BadURLs: []string{
			"s3:", "s3:bucket", "s3:///prefix?region=r", "s3://Bucket?region=r", "s3://bucket", "s3://bucket/a//b?region=r",
			"s3://bucket?region=r&access-key=" + secret, "s3://bucket?region=r&secret-key=" + secret,
			"s3://bucket?region=r&access-key=Canary-4711&secret-key=Canary-4711",
			"s3://bucket?region=r&access-key=env:NO_SUCH_VARIABLE&secret-key=" + secret,
			"s3://bucket?region=r&endpoint=Canary-4711", "s3://bucket?region=r&endpoint=https://u:Canary-4711@host",
			"s3://bucket?region=r&endpoint=https://host:99999", "s3://bucket?region=r&ca=" + secret,
		},
	})
}

func open(t testing.TB, url string) *Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "blob="+url)
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

func deliver(t testing.TB, sink auditsink.Sink, records []auditsink.Record) {
	t.Helper()
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
}

// files returns the paths of the objects in a folder.
func files(t testing.TB, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = filepath.ToSlash(strings.TrimPrefix(name, folder+string(filepath.Separator)))
	}
	return names
}

func TestNamesSortAsSequencesDo(t *testing.T) {
	folder := t.TempDir()
	sink := open(t, "blob+file:"+folder)
	for _, seq := range []int64{7, 42, 999, 1000, 999_999, 123_456_789_012_345_678} {
		deliver(t, sink, sinktest.Records(t, seq, 1))
		if high, err := sink.HighWater(t.Context()); err != nil || high != seq {
			t.Errorf("HighWater is %d, %v; want %d", high, err, seq)
		}
	}
	want := []string{
		"000000000/000/000/007.jsonl", "000000000/000/000/042.jsonl", "000000000/000/000/999.jsonl", "000000000/000/001/000.jsonl",
		"000000000/000/999/999.jsonl", "123456789/012/345/678.jsonl",
	}
	if got := files(t, folder); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("objects %q", got)
	}
}

// wantRecords expects the records in a folder, each once and in order.
func wantRecords(t *testing.T, folder string, records []auditsink.Record) {
	t.Helper()
	got := lines(t, folder)
	if len(got) != len(records) {
		t.Fatalf("%d records are kept, want %d, in %q", len(got), len(records), files(t, folder))
	}
	for i, r := range records {
		if got[i] != string(r.Line) {
			t.Errorf("record %d: got %s", r.Seq, got[i])
		}
	}
}

// bothKinds are the URLs of sinks in a folder and in a bucket of S3, and where
// all that they keep is.
func bothKinds(t *testing.T) map[string]string {
	t.Helper()
	t.Setenv("BLOBSINK_ACCESS_KEY", accessKey)
	server := startS3(t)
	bucket, folder := server.bucket(t), t.TempDir()
	return map[string]string{
		"blob+file:" + folder: folder,
		server.url(bucket, server.addr, server.key) + "&" + server.ca: filepath.Join(server.root, bucket),
	}
}

// A sink whose server was stopped for longer than its lease can neither replace
// what is there already nor write it again.
func TestTwoWritersCannotMix(t *testing.T) {
	for url, kept := range bothKinds(t) {
		one, other := open(t, url), open(t, url)
		records := sinktest.Records(t, 1, 30)
		deliver(t, one, records[:10])
		deliver(t, other, records[:20])
		deliver(t, one, records[10:15])
		deliver(t, one, records[10:25])
		deliver(t, other, records[20:])
		wantRecords(t, kept, records)
	}
}

// Of two processes that make an object in a folder at the same moment, one does.
func TestObjectIsMadeOnce(t *testing.T) {
	records := sinktest.Records(t, 1, 20)
	for range 50 {
		folder := t.TempDir()
		var writers sync.WaitGroup
		for _, n := range []int{1, 7, 13, 20} {
			sink := open(t, "blob+file:"+folder)
			writers.Go(func() {
				if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records[:n]}); err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
		wantRecords(t, folder, records)
	}
}

// A checkpoint is kept beside the records, and is not taken for one.
func TestCheckpointIsAnObject(t *testing.T) {
	for url, kept := range bothKinds(t) {
		records := sinktest.Records(t, 1, 5)
		records[4].Checkpoint = auditsink.Checkpoint{Size: 4, Note: "signed\nby somebody\n"}
		sink := open(t, url)
		deliver(t, sink, records)
		deliver(t, sink, records)
		under := kept
		if strings.HasPrefix(url, "s3:") {
			under = filepath.Join(kept, "logs", "audit")
		}
		text, err := os.ReadFile(filepath.Join(under, "000000000/000/000/004.checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := auditsink.ParseCheckpoint(text); err != nil || c != records[4].Checkpoint {
			t.Errorf("%q: %v", text, err)
		}
		if high, err := open(t, url).HighWater(t.Context()); err != nil || high != 5 || len(lines(t, kept)) != 5 {
			t.Errorf("%d records, HighWater is %d, %v", len(lines(t, kept)), high, err)
		}
	}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	t.Setenv("BLOBSINK_ACCESS_KEY", accessKey)
	server := startS3(t)
	for name, c := range map[string]struct{ url, want string }{
		"no bucket":   {server.url("no-such-bucket", server.addr, server.key), "NoSuchBucket"},
		"wrong key":   {server.url(server.bucket(t), server.addr, server.other), "SignatureDoesNotMatch"},
		"no server":   {server.url(server.bucket(t), freeAddr(t), server.key), "connection refused"},
		"all is well": {server.url(server.bucket(t), server.addr, server.key), ""},
	} {
		err := open(t, c.url+"&"+server.ca).Probe(t.Context())
		if (err == nil) != (c.want == "") || (err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Canary"))) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestServerThatReplacesObjectsIsFoundOut(t *testing.T) {
	t.Setenv("BLOBSINK_ACCESS_KEY", accessKey)
	server := startS3With(t, "--nometa")
	sink := open(t, server.url(server.bucket(t), server.addr, server.key)+"&"+server.ca)
	_, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: sinktest.Records(t, 1, 3)})
	if err == nil || !strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("%v", err)
	}
}

func TestFolderIsPrivate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "audit")
	deliver(t, open(t, "blob+file:"+folder), sinktest.Records(t, 1, 1))
	for _, path := range []string{folder, filepath.Join(folder, "000000000")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v", path, info.Mode().Perm(), err)
		}
	}
}

// Who misnames a bucket is told what its name must be.
func TestNamesOfBuckets(t *testing.T) {
	for url, want := range map[string]string{
		"s3:///p?region=r":  "names no bucket",
		"s3://b/p?region=r": "3 to 63 characters",
		"s3://" + strings.Repeat("b", 64) + "?region=r": "3 to 63 characters",
		"s3://bucket-/p?region=r":                       "a letter or a digit",
		"s3://bucket/a//b?region=r":                     "two slashes",
	} {
		if _, err := mux().Open(t.Context(), "a="+url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}
