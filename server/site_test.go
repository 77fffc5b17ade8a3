package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database/dbtest"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// site is both listeners over a real service, as they are served. When the test
// ends, no secret that it used may stand in any log line or answer.
type site struct {
	*tokentest.Env
	public, internal string // URLs without a path
	handlers         *handlers
	shared           []string // the allowed origins; nil for none
	log, answers     *transcript
	secrets          []bearer.Secret
}

// transcript keeps what goroutines write.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// eachSite runs test on every kind of database.
func eachSite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) { test(t, openSite(t, e, "http", nil)) })
}

// oneSite runs test on SQLite, for what has nothing to do with the database.
func oneSite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	test(t, openSite(t, sqliteEnv(t, tokentest.Config{}), "http", nil))
}

func sqliteEnv(t *testing.T, c tokentest.Config) *tokentest.Env {
	t.Helper()
	db := dbtest.Open(t, dbtest.SQLiteURL(t))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tokentest.New(t, db, c)
}

// openSite serves both listeners until the test ends. The scheme is that of the
// public URL: the listeners themselves speak plain HTTP, as behind a proxy.
func openSite(t *testing.T, e *tokentest.Env, scheme string, resourceServers map[string]string) *site {
	t.Helper()
	return openSiteWith(t, e, scheme, func(o *handlerOptions) { o.ResourceServers = resourceServers })
}

// openSiteWith is openSite with something changed.
func openSiteWith(t *testing.T, e *tokentest.Env, scheme string, change func(*handlerOptions)) *site {
	t.Helper()
	s := &site{Env: e, log: &transcript{}, answers: &transcript{}}
	logger, err := newLogger(s.log, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options := handlerOptions{
		Tokens: e.Service, Database: e.DB, Journal: e.Journal, Logger: logger,
		PublicURL: &url.URL{Scheme: scheme, Host: listener.Addr().String()},
		Scanning:  scanningKeys{"key-1": &reporterKey.PublicKey},
		Now:       e.Now,
	}
	change(&options)
	s.handlers, s.shared = newHandlers(options), options.Operators.allowedOrigins
	public := &httptest.Server{Listener: listener, Config: newServer(s.handlers.public(), logger)}
	public.Start()
	internal := httptest.NewUnstartedServer(nil)
	internal.Config = newServer(s.handlers.internal(), logger)
	wires := newWires(internal.Listener, internal.Config.Handler, logger)
	internal.Listener = wires
	internal.Start()
	s.public, s.internal = public.URL, internal.URL
	t.Cleanup(func() {
		public.Close()
		internal.Close()
		wires.stop(context.WithoutCancel(t.Context()))
		s.wantNoSecrets(t)
	})
	return s
}

func (s *site) wantNoSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range s.secrets {
		text := secret.Reveal()
		text = text[len(text)-32:]
		if strings.Contains(s.log.String(), text) {
			t.Errorf("the log holds %s", secret)
		}
		if strings.Contains(s.answers.String(), text) {
			t.Errorf("an answer holds %s", secret)
		}
	}
}

// mint makes a live token.
func (s *site) mint(t *testing.T, label string, abilities ...ability.Ability) (*ent.Token, string) {
	t.Helper()
	return s.mintInput(t, token.MintInput{Label: label, Abilities: abilities, Mode: enttoken.ModeLIVE})
}

func (s *site) mintInput(t *testing.T, in token.MintInput) (*ent.Token, string) {
	t.Helper()
	made, secret := s.MintInput(t, in)
	return made, s.keep(secret)
}

// keep returns the text of a secret that must show up nowhere.
func (s *site) keep(secret bearer.Secret) string {
	s.secrets = append(s.secrets, secret)
	return secret.Reveal()
}

// unknown returns a well-formed secret that was never stored.
func (s *site) unknown(t *testing.T, kind bearer.Kind) string {
	t.Helper()
	secret, err := bearer.New(kind, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s.keep(secret)
}

// session signs the owner in over HTTP and returns the Cookie header.
func (s *site) session(t *testing.T) string {
	t.Helper()
	answer := s.do(t, "GET", s.public+"/sign-in?code="+s.code(t), "")
	for _, cookie := range answer.cookies() {
		if secret, err := bearer.Parse(cookie.Value); err == nil {
			return "Cookie: " + cookie.Name + "=" + s.keep(secret)
		}
	}
	t.Fatalf("signing in set no cookie: %d %s", answer.status, answer.body)
	return ""
}

// code is that of a new sign-in link of the owner's.
func (s *site) code(t *testing.T) string {
	t.Helper()
	code, err := s.Service.SignInCode(t.Context(), tokentest.Slug, tokentest.OwnerEmail)
	if err != nil {
		t.Fatal(err)
	}
	return s.keep(code)
}

// The audit entries that most tests expect, as WantAudit spells them.
const (
	signedIn  = "operator.sign_in SUCCEEDED " + owner + " " + owner
	notAgain  = "operator.sign_in REFUSED " + owner + " " + owner
	signedOff = "operator.sign_out SUCCEEDED " + owner + " " + owner
	owner     = tokentest.OwnerEmail
)

func minted(label string) string { return "developers.api_token.mint SUCCEEDED " + owner + " " + label }

func exposed(label string) string {
	return "developers.api_token.expose REFUSED " + label + " " + label
}

// answer is one HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) cookies() []*http.Cookie {
	return (&http.Response{Header: a.header}).Cookies()
}

// code is the code of the error that the answer is, in either shape.
func (a answer) code() string {
	var body struct {
		Error  struct{ Code, RequestID string }
		Errors []struct {
			Extensions struct{ Code, RequestID string }
		}
	}
	if json.Unmarshal([]byte(a.body), &body) != nil {
		return "not JSON: " + a.body
	}
	code, id := body.Error.Code, body.Error.RequestID
	if len(body.Errors) > 0 {
		code, id = body.Errors[0].Extensions.Code, body.Errors[0].Extensions.RequestID
	}
	if code != "" && id != a.header.Get("X-Request-Id") {
		return "requestId is " + id
	}
	return code
}

// do sends a request with headers as "Name: value" and follows no redirect.
func (s *site) do(t *testing.T, method, target, body string, headers ...string) answer {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return s.raw(t, u.Scheme+"://"+u.Host, method+" "+cmp.Or(u.RequestURI(), "/"), body, headers...)
}

// raw sends a request line and headers as they stand, where net/http would clean
// them. On the internal listener it says nothing of closing the connection, so that
// a wire serves what it can.
func (s *site) raw(t *testing.T, base, line, body string, headers ...string) answer {
	t.Helper()
	conn, reader := s.dial(t, base)
	var request strings.Builder
	request.WriteString(line + " HTTP/1.1\r\n")
	if base != s.internal {
		request.WriteString("Connection: close\r\n")
	}
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Host: ") }) {
		request.WriteString("Host: " + conn.RemoteAddr().String() + "\r\n")
	}
	if body != "" {
		request.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	for _, h := range headers {
		request.WriteString(h + "\r\n")
	}
	request.WriteString("\r\n" + body)
	if _, err := io.WriteString(conn, request.String()); err != nil {
		t.Fatal(err)
	}
	a := s.read(t, reader, line)
	if base != s.internal {
		examineForBrowsers(t, line, a)
	}
	return a
}

// examineForBrowsers checks what holds of every answer but those of the internal
// listener, where no browser asks.
func examineForBrowsers(t *testing.T, line string, a answer) {
	t.Helper()
	for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"} {
		if len(a.header.Values(name)) != 1 {
			t.Errorf("%s: %s is %q", bearer.Redact(line), name, a.header.Values(name))
		}
	}
}

// dial connects to a listener until the test ends.
func (s *site) dial(t *testing.T, base string) (net.Conn, *bufio.Reader) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// read reads the answer to a request that began with line.
func (s *site) read(t *testing.T, from *bufio.Reader, line string) answer {
	t.Helper()
	method, _, _ := strings.Cut(line, " ")
	response, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", bearer.Redact(line), err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{response.StatusCode, response.Header, string(text)}
	s.examine(t, line, a)
	return a
}

// examine checks what holds of every answer.
func (s *site) examine(t *testing.T, line string, a answer) {
	t.Helper()
	for _, name := range []string{"X-Request-Id", "Cache-Control"} {
		if len(a.header.Values(name)) != 1 {
			t.Errorf("%s: %s is %q", bearer.Redact(line), name, a.header.Values(name))
		}
	}
	for name := range a.header {
		if s.shared == nil && strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: the answer has %s", bearer.Redact(line), name)
		}
	}
	if challenged := a.header.Get("WWW-Authenticate") != ""; a.status == http.StatusUnauthorized && !challenged && !strings.Contains(line, signInPath) {
		t.Errorf("%s: 401 without WWW-Authenticate", bearer.Redact(line))
	}
	kept := a.header.Clone()
	kept.Del("Set-Cookie") // a session belongs there
	_ = kept.Write(s.answers)
	_, _ = io.WriteString(s.answers, a.body)
}

func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// await waits for a condition that comes about by itself.
func await(t *testing.T, met func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-deadline:
			t.Fatal("waited for too long")
		case <-tick.C:
		}
	}
}
