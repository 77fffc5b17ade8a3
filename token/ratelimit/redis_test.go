package ratelimit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/ratelimit/redistest"
)

// patient is a time-out that a busy machine keeps.
const patient = 20 * time.Second

// transcript is a log that goroutines write.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// sharing returns a limiter as one server of several has it.
func sharing(t *testing.T, options *redis.Options, timeout time.Duration) (*ratelimit.Limiter, *transcript) {
	t.Helper()
	log := &transcript{}
	limits := ratelimit.New(ratelimit.Options{Redis: options, Timeout: timeout, Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() { _ = limits.Close() })
	return limits, log
}

func at(t *testing.T, url string) *redis.Options {
	t.Helper()
	options, err := ratelimit.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return options
}

func await(t *testing.T, met func() bool) {
	t.Helper()
	deadline := time.After(patient)
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

func TestServersShareALimit(t *testing.T) {
	server := redistest.Start(t)
	var servers []*ratelimit.Limiter
	for range 4 {
		limits, _ := sharing(t, at(t, "redis://"+server.Addr+"/3"), patient)
		servers = append(servers, limits)
	}
	id := newID()
	// One a minute comes back: not while this test runs.
	if n := allowedTogether(t.Context(), servers, id, 1, 40); n != 1 {
		t.Errorf("%d let through at a limit of 1", n)
	}
	if n := allowedTogether(t.Context(), servers, newID(), 1, 1); n != 1 {
		t.Error("another token is counted with it")
	}
	for _, limits := range servers {
		if s := limits.Stats(); s.IDs != 0 || s.Alone != 0 || !s.Shared {
			t.Errorf("a server counted by itself: %+v", s)
		}
	}
}

// TestRedisKeepsTheRule compares what is said on both ways.
func TestRedisKeepsTheRule(t *testing.T) {
	server := redistest.Start(t)
	limits, _ := sharing(t, at(t, "redis://"+server.Addr), patient)
	alone, _ := inMemory(t)
	id := newID()
	for range 5 {
		got, want := limits.Take(t.Context(), id, 3), alone.Take(t.Context(), id, 3)
		if got.Remaining != want.Remaining || got.Allowed() != want.Allowed() || got.Limit != 3 ||
			got.Reset > want.Reset || got.Reset < want.Reset-patient || got.Wait > want.Wait {
			t.Errorf("shared %+v, alone %+v", got, want)
		}
	}
	// Nothing stays there for longer than it matters.
	client := redis.NewClient(at(t, "redis://"+server.Addr))
	defer func() { _ = client.Close() }()
	left, err := client.PTTL(t.Context(), "keloa:rate:"+id.String()).Result()
	if err != nil || left <= 0 || left > time.Minute {
		t.Errorf("expires in %v, %v", left, err)
	}
	if got := limits.Take(t.Context(), id, 600); got.Limit != 600 || got.Wait > time.Minute/600 {
		t.Errorf("a higher limit: %+v", got)
	}
}

// TestRedisGoesAndComesBack has requests go on while there is no Redis, one
// server's limit then being its own.
func TestRedisGoesAndComesBack(t *testing.T) {
	server := redistest.Start(t)
	limits, log := sharing(t, at(t, "redis://"+server.Addr), patient)
	id := newID()
	take := func() ratelimit.Quota { return limits.Take(t.Context(), id, 2) }
	take()
	take()
	if take().Allowed() {
		t.Error("the limit does not count")
	}
	server.Kill()
	for range 2 {
		if !take().Allowed() {
			t.Error("refused while Redis was away")
		}
	}
	if take().Allowed() {
		t.Error("no limit counts while Redis is away")
	}
	if s := limits.Stats(); s.Shared || s.Alone != 3 {
		t.Errorf("while it is away: %+v", s)
	}
	server.Restart()
	await(t, func() bool { take(); return limits.Stats().Shared })
	if gone, back := log.count("does not answer"), log.count("shared again"); gone != 1 || back != 1 {
		t.Errorf("the log said %d times that it went and %d that it came back", gone, back)
	}
}

// TestAFrozenRedisHoldsUpFew has it accept requests and answer none: those under
// way wait for the time-out, the rest do not ask.
func TestAFrozenRedisHoldsUpFew(t *testing.T) {
	server := redistest.Start(t)
	limits, log := sharing(t, at(t, "redis://"+server.Addr), 100*time.Millisecond)
	limits.Take(t.Context(), newID(), 600)
	server.Freeze()
	began := time.Now()
	for range 10_000 {
		if !limits.Take(t.Context(), newID(), 600).Allowed() {
			t.Fatal("refused")
		}
	}
	if took := time.Since(began); took > patient {
		t.Errorf("10,000 requests took %v", took)
	}
	if n := log.count("does not answer"); n != 1 {
		t.Errorf("the log said so %d times", n)
	}
	server.Thaw()
	await(t, func() bool { limits.Take(t.Context(), newID(), 600); return limits.Stats().Shared })
}

// TestAClientThatLeavesIsNoFailure has a request be broken off.
func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	server := redistest.Start(t)
	limits, _ := sharing(t, at(t, "redis://"+server.Addr), patient)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	limits.Take(gone, newID(), 2)
	if s := limits.Stats(); !s.Shared || s.Alone != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPingSaysAtOnce(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	limits, log := sharing(t, at(t, "redis://"+server.Addr), patient)
	limits.Ping(t.Context())
	if n := log.count("does not answer"); n != 1 {
		t.Errorf("the log said so %d times", n)
	}
}

func TestRedisPassword(t *testing.T) {
	const password = "p@ss/w:rd"
	server := redistest.Start(t, "--requirepass", password)
	t.Setenv("TEST_REDIS_PASSWORD", password)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{":env:TEST_REDIS_PASSWORD", "default:file:" + file, ":p@ss%2Fw:rd"} {
		limits, log := sharing(t, at(t, "redis://"+user+"@"+server.Addr), patient)
		limits.Ping(t.Context())
		if limits.Take(t.Context(), newID(), 2); !limits.Stats().Shared {
			t.Errorf("%s does not open it", user)
		}
		if log.count(password) != 0 {
			t.Error("the log holds the password")
		}
	}
	limits, log := sharing(t, at(t, "redis://:wrong-one@"+server.Addr), patient)
	limits.Ping(t.Context())
	if limits.Stats().Shared || log.count("does not answer") != 1 || log.count("wrong-one") != 0 {
		t.Error("a wrong password is not told of, or is told")
	}
}

func TestRedisOverTLS(t *testing.T) {
	folder := t.TempDir()
	roots := certify(t, folder)
	server := redistest.Start(t, "--tls-cert-file", filepath.Join(folder, "cert.pem"), "--tls-key-file", filepath.Join(folder, "key.pem"), "--tls-auth-clients", "no")
	options := at(t, "rediss://"+server.Addr)
	strangers, _ := sharing(t, options, patient)
	if strangers.Ping(t.Context()); strangers.Stats().Shared {
		t.Error("a certificate of nobody known is trusted")
	}
	options.TLSConfig.RootCAs = roots
	limits, _ := sharing(t, options, patient)
	limits.Ping(t.Context())
	if limits.Take(t.Context(), newID(), 2); !limits.Stats().Shared {
		t.Error("it does not answer over TLS")
	}
}

// certify writes a certificate for loopback and its key into folder.
func certify(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyBytes}} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		roots.AppendCertsFromPEM(text)
	}
	return roots
}

func TestParseURL(t *testing.T) {
	options := at(t, "rediss://user:p%25ss@redis.example/7")
	if options.Addr != "redis.example:6379" || options.DB != 7 || options.Username != "user" || options.Password != "p%ss" ||
		options.TLSConfig == nil || options.TLSConfig.ServerName != "redis.example" || options.TLSConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("read as %+v", options)
	}
	for name, text := range map[string]string{
		"nothing":               "",
		"another store":         "memcached://host",
		"a file":                "unix:///run/redis.sock",
		"no host":               "redis:///0",
		"a name for a database": "redis://host/name",
		"a key":                 "redis://host/0?pool_size=1",
		"a fragment":            "redis://host/0#x",
		"no colon":              "redis://hunter2@host",
		"no password":           "redis://:@host",
		"a missing variable":    "redis://:env:KELOA_TEST_UNSET@host",
		"a missing file":        "redis://:file:/does/not/exist@host",
		"a bare %":              "redis://:hunter2%@host",
		"a bad port":            "redis://:hunter2@host:port",
	} {
		_, err := ratelimit.ParseURL(text)
		if err == nil {
			t.Errorf("%s is accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error has the password", name)
		}
	}
}
