// Package otlpsink sends the audit log to an OpenTelemetry collector, as log
// records over OTLP/HTTP in protobuf, under otlp+https://HOST and
// otlp+http://HOST. Without a path it is /v1/logs.
//
// The body of a log record is the line of the audit record; log.record.uid is
// its id, by which what arrives twice can be told.
//
// # Durability
//
// A batch is acknowledged by an answer of status 200 to 299. What the collector
// does with it is its own affair: it acknowledges what it has in memory, unless
// it is configured otherwise.
//
// # Errors
//
// A batch of which the collector rejects a part is sent again in halves, as is
// one that it calls malformed or too large: a single record that is refused so
// is a [*auditsink.RejectedError]. Retry-After is passed on.
package otlpsink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// What a collector's URL begins with.
const (
	Scheme      = "otlp+https"
	PlainScheme = "otlp+http"
)

const (
	defaultPath = "/v1/logs"
	mediaType   = "application/x-protobuf"
)

// Sink sends to one collector.
type Sink struct {
	headers *auditsink.Credential // nil for none
	client  *remote.Client
	gate    remote.Gate
	now     func() time.Time
}

// Open reads the URL, and these keys of it:
//
//	headers=env:NAME|file:PATH  headers that hold a credential, written as in
//	                            OTEL_EXPORTER_OTLP_HEADERS: key=value,key=value with values
//	                            escaped as in a URL. Unencrypted they go to this machine only
//	ca=file:PATH                the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH     the certificate to show, with key
//	key=env:NAME|file:PATH      its private key
//
// The last three are in PEM, and of otlp+https only.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	query, config, err := remote.Keys(u, u.Scheme == Scheme, "headers")
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, errors.New("it names no host: write " + u.Scheme + "://HOST:PORT")
	}
	to := &url.URL{Scheme: strings.TrimPrefix(u.Scheme, "otlp+"), Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if strings.Trim(u.Path, "/") == "" {
		to.Path, to.RawPath = defaultPath, ""
	}
	s := &Sink{client: remote.NewClient(to, config), now: time.Now}
	if query.Has("headers") {
		if to.Scheme == "http" && !remote.Loopback(u.Hostname()) {
			return nil, errors.New("headers are sent unencrypted to this machine only: write " + Scheme + "://")
		}
		headers, err := auditsink.ParseCredential(query.Get("headers"))
		if err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		s.headers = &headers
	}
	_, err = s.header()
	return s, err
}

var errHeaders = errors.New("headers must be written key=value,key=value")

// header returns the headers of a request, the credential looked up anew.
func (s *Sink) header() (http.Header, error) {
	header := http.Header{}
	if s.headers != nil {
		text, err := s.headers.Reveal()
		if err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		for pair := range strings.SplitSeq(text, ",") {
			key, value, found := strings.Cut(pair, "=")
			value, err := url.PathUnescape(strings.TrimSpace(value))
			if key = strings.TrimSpace(key); !found || key == "" || err != nil {
				return nil, errHeaders
			}
			header.Add(key, value)
		}
	}
	header.Set("Content-Type", mediaType)
	header.Set("User-Agent", "keloa-tokens")
	return header, nil
}

// Deliver posts the batch.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return s.client.InParts(b.Records, func(records []auditsink.Record) error { return s.post(ctx, records) })
	})
}

func (s *Sink) post(ctx context.Context, records []auditsink.Record) error {
	header, err := s.header()
	if err != nil {
		return err
	}
	body, err := encode(records, s.now())
	if err != nil {
		return err
	}
	answer, err := s.client.Post(ctx, header, body)
	if err != nil {
		return err
	}
	if answer.Status == http.StatusBadRequest && answer.Type == mediaType {
		// So says a collector, and not a proxy that was not meant.
		return &remote.Refusal{Reason: "the collector calls it malformed"}
	}
	if err := answer.Err(); err != nil {
		return err
	}
	if rejected(answer) {
		return &remote.Refusal{Reason: "the collector rejected it"}
	}
	return nil
}

// rejected reads an ExportLogsServiceResponse and reports whether its
// partial_success counts rejected records: field 1 of field 1. By hand, as the
// package of its type brings gRPC. What cannot be read rejects nothing, since
// the status is what counts.
func rejected(answer remote.Answer) bool {
	if answer.Type != mediaType {
		return false
	}
	partial, _ := field(answer.Body, protowire.BytesType)
	_, count := field(partial, protowire.VarintType)
	return count > 0
}

// field returns field 1 of a message, if it is of this type.
func field(message []byte, want protowire.Type) (text []byte, number uint64) {
	for len(message) > 0 {
		tag, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			break
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(tag, kind, message)
		if size < 0 {
			break
		}
		if tag == 1 && kind == want {
			if kind == protowire.VarintType {
				number, _ = protowire.ConsumeVarint(message)
			} else {
				text, _ = protowire.ConsumeBytes(message)
			}
		}
		message = message[size:]
	}
	return text, number
}

// Close calls off the request that is under way.
func (s *Sink) Close(context.Context) error {
	s.gate.Shut(s.client.Close)
	return nil
}
