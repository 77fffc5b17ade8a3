package syslogsink

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	for _, scheme := range []string{TLSScheme, TCPScheme, UDPScheme} {
		m.Register(scheme, Open)
	}
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

func TestConformance(t *testing.T) {
	for _, scheme := range []string{TLSScheme, TCPScheme, UDPScheme} {
		t.Run(scheme, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{
				Mux: mux(),
				New: func(t testing.TB) sinktest.Destination { return destination(t, scheme) },
				BadURLs: []string{
					scheme + ":", scheme + "://", scheme + "://localhost", scheme + "://:514", scheme + "://localhost:514/Canary-4711",
					scheme + ":localhost:514", scheme + "://localhost:514?ca=Canary-4711", scheme + "://localhost:514?cert=Canary-4711", scheme + "://Canary-4711@localhost:514",
				},
			})
		})
	}
}

func destination(t testing.TB, scheme string) sinktest.Destination {
	s := newRsyslog(t, scheme)
	d := sinktest.Destination{
		URL:   scheme + "://" + s.addr,
		Lines: func(t testing.TB) []string { return s.lines(t, "messages") },
		Lossy: scheme == UDPScheme,
		Slow:  true,
	}
	if scheme == UDPScheme {
		return d
	}
	keys := ""
	if scheme == TLSScheme {
		d.Untrusted = d.URL
		keys = "?" + s.id.Keys()
	}
	d.URL += keys
	d.Addr, d.At = s.addr, func(addr string) string { return scheme + "://" + addr + keys }
	return d
}

func open(t testing.TB, url string) auditsink.Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "log="+url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Sink.Close(t.Context()) })
	return d.Sink
}

// The server understands what is before the record.
func TestHeader(t *testing.T) {
	for _, scheme := range []string{TCPScheme, UDPScheme} {
		s := newRsyslog(t, scheme)
		r := sinktest.Records(t, 42, 1)[0]
		if _, err := open(t, scheme+"://"+s.addr).Deliver(t.Context(), &auditsink.Batch{Records: []auditsink.Record{r}}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`110 1 2026-11-23T09:12:44.120973Z keloa-tokens - developers.api_token.refuse [keloa@32473 sequence="42" id="%s"]`, r.ID)
		if got := s.lines(t, "headers"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %q", scheme, got, want)
		}
	}
}

func TestHost(t *testing.T) {
	for name, want := range map[string]string{
		"host.example": "host.example", "": "-", "two words": "-", "h\u00f4te": "-", "new\nline": "-", strings.Repeat("x", 256): "-",
	} {
		if got := newHeader(name, nil); got.host != want {
			t.Errorf("%q gives %q", name, got.host)
		}
	}
	if got := newHeader("host", errors.New("none")); got.host != "-" {
		t.Errorf("an error gives %q", got.host)
	}
}

// The largest record goes through a stream, and not through a datagram.
func TestLargestRecord(t *testing.T) {
	e := sinktest.Event(2)
	size := func() int {
		canonical, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		return len(canonical)
	}
	e.Target.Label = strings.Repeat("x", auditsink.MaxCanonical-size()+len(e.Target.Label))
	canonical, err := e.Canonical()
	if err != nil || len(canonical) != auditsink.MaxCanonical {
		t.Fatalf("%d bytes, %v", len(canonical), err)
	}
	records := sinktest.Records(t, 1, 3)
	if records[1], err = auditsink.NewRecord(2, canonical); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{TCPScheme, UDPScheme} {
		s := newRsyslog(t, scheme)
		result, err := open(t, scheme+"://"+s.addr).Deliver(t.Context(), &auditsink.Batch{Records: records})
		got := s.lines(t, "messages")
		if scheme == TCPScheme {
			if err != nil || len(got) != 3 || got[1] != string(records[1].Line) {
				t.Errorf("over TCP %d arrived, %v", len(got), err)
			}
			continue
		}
		rejected, ok := errors.AsType[*auditsink.RejectedError](err)
		if !ok || rejected.Seq != 2 || result.Accepted != 1 {
			t.Errorf("over UDP: %d accepted, %v", result.Accepted, err)
		}
	}
}

// What answers is no syslog server.
func TestServerThatAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(io.Discard, conn)
		for {
			if _, err := conn.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}()
	_, err = open(t, "syslog+tcp://"+listener.Addr().String()).Deliver(t.Context(), &auditsink.Batch{Records: sinktest.Records(t, 1, 1)})
	if err == nil || !strings.Contains(err.Error(), "not a syslog server") {
		t.Errorf("Deliver: %v", err)
	}
	<-done
}
