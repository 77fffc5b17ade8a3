package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/keloa/apitokens/auditsink"
)

const (
	// requestTimeout is less than what a relay allows for a delivery, so
	// that the error says which of several requests hung.
	requestTimeout = 20 * time.Second
	maxAnswer      = 64 << 10
)

// Client posts to one URL. Like a sink, it posts one request at a time.
type Client struct {
	Parts

	url  string
	http *http.Client
}

// NewClient returns a client of the URL, which has a scheme of HTTP. A nil
// config is for what is not TLS.
func NewClient(to *url.URL, config *tls.Config) *Client {
	return &Client{url: to.String(), http: &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        config,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close gives up the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is what came back.
type Answer struct {
	Status int
	Type   string // its media type, without parameters
	Body   []byte // at most maxAnswer of it
	after  time.Duration
}

// Post sends the body once. An answer is no error whatever it says.
func (c *Client) Post(ctx context.Context, header http.Header, body []byte) (Answer, error) {
	ctx, done := context.WithTimeout(ctx, requestTimeout)
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("post: the request is malformed") // err repeats the URL
	}
	request.Header = header
	response, err := c.http.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the URL, whose path may be confidential
		}
		return Answer{}, fmt.Errorf("post: %w", err)
	}
	defer response.Body.Close()
	// What does not arrive in full is judged by its status alone.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return Answer{response.StatusCode, media, text, retryAfter(response.Header.Get("Retry-After"))}, nil
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3); 0 for neither.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// Err judges the answer by its status: nil for one of the 200s that is no web
// page. It reports a [*Refusal] where the receiver says that it is what was
// sent that it cannot take, and an [*auditsink.RetryError] where it says when
// to try again. What the answer's text says is not repeated: it may echo a
// credential.
func (a Answer) Err() error {
	status := fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	switch {
	case a.Status >= 200 && a.Status < 300 && a.Type == "text/html":
		return errors.New("the receiver answered with a web page, as a login page does")
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status >= 300 && a.Status < 400:
		return fmt.Errorf("the receiver answered with a redirect, %s, which is not followed", status)
	case a.Status == http.StatusRequestEntityTooLarge, a.Status == http.StatusUnprocessableEntity:
		return &Refusal{"the receiver answered " + status}
	}
	err := fmt.Errorf("the receiver answered %s", status)
	if a.after > 0 {
		return &auditsink.RetryError{After: a.after, Err: err}
	}
	return err
}
