package remote_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink/internal/remote"
	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
)

// The certificate to show is looked up for each connection, so that it may be
// replaced before it expires.
func TestCertificateIsReplaced(t *testing.T) {
	server, first, second := remotetest.NewIdentity(t, "server"), remotetest.NewIdentity(t, "first"), remotetest.NewIdentity(t, "second")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{server.Certificate}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go greet(listener)
	u := &url.URL{Scheme: "sink", RawQuery: server.CA() + "&" + first.Cert() + "&" + first.Key()}
	_, config, err := remote.Keys(u, true)
	if err != nil {
		t.Fatal(err)
	}
	if name := greeted(t, listener.Addr(), config); name != "first" {
		t.Errorf("the server has seen %q", name)
	}
	for from, to := range map[string]string{second.CertFile: first.CertFile, second.KeyFile: first.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if name := greeted(t, listener.Addr(), config); name != "second" {
		t.Errorf("the server has seen %q", name)
	}
}

// greet tells every client who it is.
func greet(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		secure := conn.(*tls.Conn)
		if secure.Handshake() == nil {
			_, _ = secure.Write([]byte(secure.ConnectionState().PeerCertificates[0].Subject.CommonName + "\n"))
		}
		_ = secure.Close()
	}
}

func greeted(t *testing.T, at net.Addr, config *tls.Config) string {
	t.Helper()
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	conn, err := tls.Dial("tcp", at.String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	name, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(name, "\n")
}

func TestKeys(t *testing.T) {
	one, other := remotetest.NewIdentity(t, "one"), remotetest.NewIdentity(t, "other")
	canary := remotetest.File(t, "Canary-4711")
	for query, want := range map[string]string{
		"":                                  "",
		"own=1&" + one.Keys():               "",
		one.Cert():                          "cert and key go together",
		one.Key():                           "cert and key go together",
		"cert=Canary-4711&" + one.Key():     "cert: a credential is written",
		one.Cert() + "&key=env:NONE":        "key: the credential's variable is empty",
		"cert=" + canary + "&key=" + canary: "cert and key: ",
		one.Cert() + "&key=" + canary:       "cert and key: ",
		one.Cert() + "&" + other.Key():      "does not match",
		"ca=" + canary:                      "no PEM certificate",
		"ca=Canary-4711":                    "file:PATH",
		"kea=1":                             `unknown key "kea"`,
	} {
		_, _, err := remote.Keys(&url.URL{RawQuery: query}, true, "own")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Canary")) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	for _, key := range []string{one.CA(), one.Cert(), one.Key()} {
		_, config, err := remote.Keys(&url.URL{RawQuery: key}, false, "own")
		if err == nil || config != nil {
			t.Errorf("%s is taken without TLS", key)
		}
	}
}
