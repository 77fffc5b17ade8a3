package otlpsink

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

const key = "Canary 4711, and more=less"

var headers = "api-key=" + url.PathEscape(key) + ", tenant = t1"

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	m.Register(PlainScheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

// collector decodes what arrives with the types of the protocol.
type collector struct {
	*httptest.Server

	kept string // the file of the bodies, one a line

	mu      sync.Mutex // guards the rest, and the file
	last    *logs.LogsData
	refused int64 // the sequence that it rejects
	answer  func(w http.ResponseWriter, records int) bool
}

func newCollector(t testing.TB, start func(*httptest.Server)) *collector {
	t.Helper()
	c := &collector{kept: filepath.Join(t.TempDir(), "kept")}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(c.receive))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(c.Server)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var got logs.LogsData
	if r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		r.Header.Get("Api-Key") != key || r.Header.Get("Tenant") != "t1" || proto.Unmarshal(body, &got) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = &got
	if c.answer != nil && c.answer(w, len(recordsOf(&got))) {
		return
	}
	rejected, err := c.keep(recordsOf(&got))
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(response(rejected, "said at every occasion"))
}

func (c *collector) keep(records []*logs.LogRecord) (rejected uint64, err error) {
	file, err := os.OpenFile(c.kept, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for _, r := range records {
		if r.GetAttributes()[1].GetValue().GetIntValue() == c.refused {
			rejected++
			continue
		}
		if _, err := file.WriteString(r.GetBody().GetStringValue() + "\n"); err != nil {
			return 0, err
		}
	}
	return rejected, nil
}

func recordsOf(data *logs.LogsData) []*logs.LogRecord {
	return data.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()
}

// response is an ExportLogsServiceResponse with a partial success.
func response(rejected uint64, message string) []byte {
	var partial []byte
	if rejected > 0 {
		partial = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), rejected)
	}
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

func (c *collector) held(t testing.TB) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, err := os.ReadFile(c.kept)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
}

func (c *collector) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{Mux: mux(), New: destination, BadURLs: []string{
		"otlp+http:", "otlp+https://", "otlp+http:localhost:4318", "otlp+https://localhost?headers=Canary-4711",
		"otlp+https://localhost?headers=api-key%3DCanary-4711", "otlp+https://localhost?headers=env:NO_SUCH_VARIABLE",
		"otlp+https://localhost?headers=" + remotetest.File(t, "Canary-4711"), "otlp+https://localhost?headers=" + remotetest.File(t, "a=b,Canary-4711=%zz"),
		"otlp+http://collector.example?headers=" + remotetest.File(t, "a=b"), "otlp+https://localhost?ca=Canary-4711",
		"otlp+https://Canary-4711@localhost",
	}})
}

func destination(t testing.TB) sinktest.Destination {
	c := newCollector(t, (*httptest.Server).StartTLS)
	ca := remotetest.File(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})))
	url := func(addr string) string { return "otlp+https://" + addr + "?headers=" + remotetest.File(t, headers) }
	addr := c.Listener.Addr().String()
	return sinktest.Destination{
		URL:       url(addr) + "&ca=" + ca,
		Lines:     c.held,
		Addr:      addr,
		At:        func(addr string) string { return url(addr) + "&ca=" + ca },
		Refuse:    func(_ testing.TB, seq int64) { c.set(func() { c.refused = seq }) },
		Untrusted: url(addr),
		Secret:    "Canary",
		Slow:      true,
	}
}

// plain returns a collector on this machine without TLS, and a sink of it.
func plain(t testing.TB) (*collector, auditsink.Sink) {
	t.Helper()
	c := newCollector(t, (*httptest.Server).Start)
	d, err := mux().Open(t.Context(), "otel=otlp+"+c.URL+"?headers="+remotetest.File(t, headers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Sink.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return c, d.Sink
}

func TestLogRecord(t *testing.T) {
	c, sink := plain(t)
	r := sinktest.Records(t, 42, 1)[0]
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: []auditsink.Record{r}}); err != nil {
		t.Fatal(err)
	}
	got := recordsOf(c.last)[0]
	if uint64(r.At.UnixNano()) != got.GetTimeUnixNano() || got.GetObservedTimeUnixNano() == 0 ||
		got.GetSeverityNumber() != logs.SeverityNumber_SEVERITY_NUMBER_INFO || got.GetEventName() != "developers.api_token.refuse" ||
		got.GetBody().GetStringValue() != string(r.Line) {
		t.Errorf("got %v", got)
	}
	uid, resource := got.GetAttributes()[0], c.last.GetResourceLogs()[0].GetResource().GetAttributes()[0]
	if uid.GetKey() != "log.record.uid" || uid.GetValue().GetStringValue() != r.ID.String() ||
		resource.GetKey() != "service.name" || resource.GetValue().GetStringValue() != "keloa-tokens" {
		t.Errorf("got %v and %v", uid, resource)
	}
}

// A collector that calls a request malformed means one of its records; another
// server that does so means nothing by it.
func TestMalformed(t *testing.T) {
	c, sink := plain(t)
	records := sinktest.Records(t, 1, 8)
	media := mediaType
	c.set(func() {
		c.answer = func(w http.ResponseWriter, records int) bool {
			if records > 2 {
				w.Header().Set("Content-Type", media)
				w.WriteHeader(http.StatusBadRequest)
			}
			return records > 2
		}
	})
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records}); err != nil || len(c.held(t)) != 8 {
		t.Errorf("%d arrived, %v", len(c.held(t)), err)
	}
	c.set(func() { media = "text/plain" })
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
	if err == nil || !strings.Contains(err.Error(), "400 Bad Request") {
		t.Errorf("accepted %d, %v", result.Accepted, err)
	}
}

// Whatever the answer holds, reading it ends.
func FuzzRejected(f *testing.F) {
	f.Add(response(3, "three"))
	f.Add([]byte{0x0a})
	f.Fuzz(func(t *testing.T, text []byte) {
		first, second := field(text, protowire.BytesType)
		if len(first) > len(text) || second != 0 {
			t.Errorf("%x and %d of %x", first, second, text)
		}
	})
}
