package webhooksink

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

const (
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	another = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	m.Register(PlainScheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

// receiver keeps what arrives with a good signature.
type receiver struct {
	*httptest.Server

	kept string // the file of what arrived, a record a line

	mu      sync.Mutex // guards the rest, and the file
	headers []http.Header
	refused string                    // it takes no request that contains this
	status  int                       // what it refuses with
	answer  func(http.ResponseWriter) // instead of an answer of 204
}

func newReceiver(t testing.TB, start func(*httptest.Server)) *receiver {
	t.Helper()
	r := &receiver{kept: filepath.Join(t.TempDir(), "kept"), status: http.StatusUnprocessableEntity}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.receive))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(r.Server)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	verifier, err := webhooks.NewWebhook(secret)
	if err == nil {
		err = verifier.Verify(body, request.Header)
	}
	var batch []json.RawMessage
	if err == nil {
		err = json.Unmarshal(body, &batch)
	}
	want := "application/cloudevents-batch+json"
	if len(batch) > 0 && !bytes.Contains(batch[0], []byte(`"specversion"`)) {
		want = "application/json"
	}
	if err != nil || request.Header.Get("Content-Type") != want || request.URL.Path != "/audit log" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, request.Header)
	if r.refused != "" && strings.Contains(string(body), r.refused) {
		w.WriteHeader(r.status)
		return
	}
	if r.answer != nil {
		r.answer(w)
		return
	}
	if err := r.keep(batch); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) keep(batch []json.RawMessage) error {
	file, err := os.OpenFile(r.kept, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, record := range batch {
		if _, err := file.Write(append(record, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) held(t testing.TB) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := os.ReadFile(r.kept)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(data), func(c rune) bool { return c == '\n' })
}

func (r *receiver) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func sequence(seq int64, t testing.TB) string {
	line := string(sinktest.Records(t, seq, 1)[0].Line)
	at := strings.Index(line, `"sequence":`)
	return line[at : at+len(`"sequence":"000000000000000001"`)]
}

func TestConformance(t *testing.T) {
	t.Setenv("CANARY", "whsec_Canary-4711")
	good := "secret=" + remotetest.File(t, secret)
	sinktest.Run(t, sinktest.Harness{Mux: mux(), New: destination, BadURLs: []string{
		"webhook+https:", "webhook+https:///hook?" + good, "webhook+https:hook?" + good, "webhook+http://example.com/?" + good,
		"webhook+http://[::2]/?" + good, "webhook+https://localhost/hook", "webhook+https://localhost/?secret=Canary-4711",
		"webhook+https://localhost/?secret=env:NO_SUCH_VARIABLE", "webhook+https://localhost/?secret=env:CANARY",
		"webhook+https://localhost/?secret=file:/no/such/file", "webhook+https://localhost/?secret=" + remotetest.File(t, "whsec_c2hvcnQ="),
		"webhook+https://localhost/?secret=" + remotetest.File(t, secret+" Canary-4711"),
		"webhook+https://localhost/?ca=Canary-4711&" + good, "webhook+https://localhost/?ca=file:/no/such/file&" + good,
		"webhook+https://localhost/?ca=" + remotetest.File(t, "Canary-4711") + "&" + good,
		"webhook+https://user:Canary-4711@localhost/?" + good,
	}})
}

func destination(t testing.TB) sinktest.Destination {
	r := newReceiver(t, (*httptest.Server).StartTLS)
	ca := remotetest.File(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})))
	url := func(addr string) string {
		return "webhook+https://" + addr + "/audit%20log?secret=" + remotetest.File(t, secret)
	}
	addr := r.Listener.Addr().String()
	return sinktest.Destination{
		URL:   url(addr) + "&ca=" + ca,
		Lines: r.held,
		Addr:  addr,
		At:    func(addr string) string { return url(addr) + "&ca=" + ca },
		Refuse: func(t testing.TB, seq int64) {
			r.set(func() { r.refused = sequence(seq, t) })
		},
		Untrusted: url(addr),
		Secret:    secret[len("whsec_"):],
		Slow:      true,
	}
}

// plain returns a receiver on this machine without TLS, and a sink of it.
func plain(t testing.TB, secret string) (*receiver, auditsink.Sink) {
	t.Helper()
	r := newReceiver(t, (*httptest.Server).Start)
	d, err := mux().Open(t.Context(), "hook=webhook+"+r.URL+"/audit%20log?secret="+secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Sink.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return r, d.Sink
}

func deliver(t testing.TB, sink auditsink.Sink, records []auditsink.Record) error {
	t.Helper()
	_, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records})
	return err
}

func TestWhatCountsAsAnAcknowledgement(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret))
	records := sinktest.Records(t, 1, 2)
	for _, c := range []struct {
		status int
		header [2]string
		want   string // in the error; empty for none
	}{
		{status: 200},
		{status: 202, header: [2]string{"Content-Type", "application/json"}},
		{status: 200, header: [2]string{"Content-Type", "text/html; charset=utf-8"}, want: "login page"},
		{status: 302, header: [2]string{"Location", r.URL + "/audit%20log"}, want: "redirect, 302 Found"},
		{status: 308, header: [2]string{"Location", r.URL + "/audit%20log"}, want: "redirect"},
		{status: 304, want: "redirect"},
		{status: 400, want: "400 Bad Request"},
		{status: 401, want: "401 Unauthorized"},
		{status: 410, want: "410 Gone"},
		{status: 500, want: "500 Internal Server Error"},
	} {
		r.set(func() {
			r.answer = func(w http.ResponseWriter) {
				if c.header[0] != "" {
					w.Header().Set(c.header[0], c.header[1])
				}
				w.WriteHeader(c.status)
			}
		})
		err := deliver(t, sink, records)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d %v: %v, want %q", c.status, c.header, err, c.want)
		}
		if _, ok := errors.AsType[*auditsink.RejectedError](err); ok {
			t.Errorf("%d is not about the record", c.status)
		}
	}
}

func TestRetryAfterIsPassedOn(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret))
	for text, want := range map[string][2]time.Duration{
		"120":  {2 * time.Minute, 2 * time.Minute},
		"soon": {},
		"-1":   {},
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  {59 * time.Minute, time.Hour},
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): {},
	} {
		r.set(func() {
			r.answer = func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", text)
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		err := deliver(t, sink, sinktest.Records(t, 1, 1))
		var got time.Duration
		if asked, ok := errors.AsType[*auditsink.RetryError](err); ok {
			got = asked.After
		}
		if err == nil || got < want[0] || got > want[1] {
			t.Errorf("Retry-After: %s gives %v, %v", text, got, err)
		}
	}
}

// A batch that is too large is sent in halves, and the size that was taken is
// remembered.
func TestTooLargeIsSentInParts(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret))
	records := sinktest.Records(t, 1, 40)
	if err := deliver(t, sink, records[:20]); err != nil || len(r.headers) != 1 {
		t.Fatalf("%d requests, %v", len(r.headers), err)
	}
	r.set(func() { r.status, r.refused = http.StatusRequestEntityTooLarge, "},{" }) // more than one record
	if err := deliver(t, sink, records[20:30]); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, record := range records[:30] {
		want = append(want, string(record.Line))
	}
	if got := r.held(t); !slices.Equal(got, want) {
		t.Errorf("received %q", got)
	}
	r.set(func() { r.refused, r.headers = "", nil })
	if err := deliver(t, sink, records[30:]); err != nil || len(r.headers) < 3 || len(r.headers) > 9 {
		t.Errorf("%d requests for 10 records after that, %v", len(r.headers), err)
	}
}

func TestIdIsThatOfTheBatchAndTheTimeThatOfTheAttempt(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret))
	records, now := sinktest.Records(t, 1, 3), time.Now()
	for i, batch := range [][]auditsink.Record{records, records, records[:2]} {
		sink.(*Sink).now = func() time.Time { return now.Add(time.Duration(i) * time.Minute) }
		if err := deliver(t, sink, batch); err != nil {
			t.Fatal(err)
		}
	}
	id := func(i int) string { return r.headers[i].Get("Webhook-Id") }
	at := func(i int) string { return r.headers[i].Get("Webhook-Timestamp") }
	if id(0) != id(1) || id(0) == id(2) || at(0) == at(1) {
		t.Errorf("headers %v", r.headers)
	}
}

func TestContentTypeIsThatOfTheFormat(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret)) // which refuses any other
	mapped, err := auditsink.OCSF.Record(sinktest.Records(t, 1, 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, sink, []auditsink.Record{mapped}); err != nil || r.headers[0].Get("Content-Type") != "application/json" {
		t.Errorf("%v, headers %v", err, r.headers)
	}
}

// While a secret is changed both sign; a file that is replaced counts at once.
func TestSecretIsChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(another + "\n" + secret + "\n")
	r, sink := plain(t, "file:"+path)
	if err := deliver(t, sink, sinktest.Records(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if signatures := strings.Fields(r.headers[0].Get("Webhook-Signature")); len(signatures) != 2 {
		t.Errorf("signatures %q", signatures)
	}
	write(another)
	if err := deliver(t, sink, sinktest.Records(t, 2, 1)); err == nil {
		t.Error("a signature by another secret was taken")
	}
	write("")
	if err := deliver(t, sink, sinktest.Records(t, 2, 1)); err == nil || strings.Contains(err.Error(), another) {
		t.Errorf("without a secret: %v", err)
	}
	write(secret)
	if err := deliver(t, sink, sinktest.Records(t, 2, 1)); err != nil {
		t.Error(err)
	}
}

// An answer without an end is cut off, and its status counts.
func TestAnswerIsBounded(t *testing.T) {
	r, sink := plain(t, remotetest.File(t, secret))
	r.set(func() {
		r.answer = func(w http.ResponseWriter) {
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}
	})
	if err := deliver(t, sink, sinktest.Records(t, 1, 1)); err != nil {
		t.Error(err)
	}
}
