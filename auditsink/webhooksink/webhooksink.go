// Package webhooksink posts the audit log to a URL, signed as
// https://www.standardwebhooks.com has it, under webhook+https://HOST/PATH and,
// on this machine only, webhook+http://HOST/PATH.
//
// A request carries a batch: a JSON array of records, which is the batched
// mode of CloudEvents over HTTP. Its webhook-id is derived from the body, so
// that a batch that is sent again has the same one; its timestamp is that of
// the attempt. Now and then a signed checkpoint of the log is in the header
// Keloa-Audit-Checkpoint, in base64; it has a signature of its own.
//
// # Durability
//
// A batch is acknowledged by an answer of status 200 to 299 that is not a web
// page. The receiver cannot be asked what it holds, so a record may arrive more
// than once, also in a batch of another webhook-id: it tells by the record's id.
//
// # Errors
//
// Every other answer is a failure, a redirect and a login page as well. 413 and
// 422 say that it is the content: the batch is sent in halves, and a single
// record that is refused so is a [*auditsink.RejectedError]. Retry-After is
// passed on.
package webhooksink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// What a webhook's URL begins with.
const (
	Scheme      = "webhook+https"
	PlainScheme = "webhook+http" // to this machine only
)

// The specification asks for keys of 24 to 64 bytes.
const minKey, maxKey = 24, 64

// Sink posts to one URL.
type Sink struct {
	secret auditsink.Credential
	client *remote.Client
	gate   remote.Gate
	now    func() time.Time
}

// Open reads the URL, and these keys of it:
//
//	secret=env:NAME|file:PATH  the signing secret: whsec_ and 24 to 64 bytes in base64. While it
//	                           is changed, the new one and the old one, with a space between them
//	ca=file:PATH               the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH    the certificate to show, with key
//	key=env:NAME|file:PATH     its private key
//
// The last three are in PEM, and of webhook+https only.
func Open(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	query, config, err := remote.Keys(u, u.Scheme == Scheme, "secret")
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, errors.New("it names no host: write " + Scheme + "://HOST/PATH")
	}
	to := &url.URL{Scheme: strings.TrimPrefix(u.Scheme, "webhook+"), Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if to.Scheme == "http" && !remote.Loopback(u.Hostname()) {
		return nil, errors.New("a webhook is sent unencrypted to this machine only: write " + Scheme + "://")
	}
	secret, err := auditsink.ParseCredential(query.Get("secret"))
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	s := &Sink{secret: secret, client: remote.NewClient(to, config), now: time.Now}
	_, err = s.keys()
	return s, err
}

// keys returns what to sign with, looked up anew.
func (s *Sink) keys() ([]*webhooks.Webhook, error) {
	text, err := s.secret.Reveal()
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	var keys []*webhooks.Webhook
	for secret := range strings.FieldsSeq(text) {
		key, err := webhooks.NewWebhook(secret)
		if size := len(strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")) * 3 / 4; err != nil || size < minKey || size > maxKey {
			return nil, fmt.Errorf("the secret must be whsec_ and %d to %d bytes in base64", minKey, maxKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Deliver posts the batch.
func (s *Sink) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	return s.gate.Pass(ctx, func(ctx context.Context) (auditsink.Result, error) {
		return s.client.InParts(b.Records, func(records []auditsink.Record) error { return s.post(ctx, records) })
	})
}

func (s *Sink) post(ctx context.Context, records []auditsink.Record) error {
	body := array(records)
	header, err := s.sign(body)
	if err != nil {
		return err
	}
	if checkpoint := records[len(records)-1].Checkpoint; checkpoint.Size > 0 {
		header.Set(auditsink.CheckpointField, checkpoint.Encoded())
	}
	answer, err := s.client.Post(ctx, header, body)
	if err != nil {
		return err
	}
	return answer.Err()
}

// array keeps every byte of the lines.
func array(records []auditsink.Record) []byte {
	body := auditsink.AppendLines([]byte{'['}, records)
	at := 0
	for _, r := range records {
		at += len(r.Line) + 1
		body[at] = ','
	}
	body[at] = ']'
	return body
}

func (s *Sink) sign(body []byte) (http.Header, error) {
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	id, at := "msg_"+hex.EncodeToString(sum[:16]), s.now()
	signatures := make([]string, len(keys))
	for i, key := range keys {
		if signatures[i], err = key.Sign(id, at, body); err != nil {
			return nil, fmt.Errorf("sign the batch: %w", err)
		}
	}
	header := http.Header{}
	header.Set("Content-Type", contentType(body))
	header.Set("User-Agent", "keloa-tokens")
	header.Set(webhooks.HeaderWebhookID, id)
	header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return header, nil
}

func contentType(body []byte) string {
	if bytes.HasPrefix(body, []byte("["+auditsink.OCSFPrefix)) {
		return "application/json"
	}
	return "application/cloudevents-batch+json"
}

// Close calls off the request that is under way.
func (s *Sink) Close(context.Context) error {
	s.gate.Shut(s.client.Close)
	return nil
}
