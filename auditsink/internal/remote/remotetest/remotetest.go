// Package remotetest has what the tests of sinks need of credentials.
package remotetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// File writes the text to a file of the test and returns where it is, as the query
// of a sink's URL has it: file:PATH.
func File(t testing.TB, text string) string {
	t.Helper()
	return inQuery(write(t, text))
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func inQuery(path string) string { return "file:" + url.QueryEscape(path) }

// Identity is a certificate that is signed by itself, and its private key. A
// server at 127.0.0.1 may show it, and so may a client, whose name it is.
type Identity struct {
	tls.Certificate

	CertFile, KeyFile string // where both are, in PEM
}

// NewIdentity makes an identity of that name.
func NewIdentity(t testing.TB, name string) *Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	i := &Identity{CertFile: write(t, string(certPEM)), KeyFile: write(t, string(keyPEM))}
	if i.Certificate, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return i
}

// Pool trusts the certificate.
func (i *Identity) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.Leaf)
	return pool
}

// Mutual is the configuration of a server that wants to be shown the same
// certificate that it shows.
func (i *Identity) Mutual() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.Certificate}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.Pool(),
	}
}

// CA is the key of a sink's URL with which it trusts the certificate.
func (i *Identity) CA() string { return "ca=" + inQuery(i.CertFile) }

// Cert is the key with which it shows the certificate, and goes with Key.
func (i *Identity) Cert() string { return "cert=" + inQuery(i.CertFile) }

// Key is the key with which it has the private key.
func (i *Identity) Key() string { return "key=" + inQuery(i.KeyFile) }

// Keys are those with which a sink trusts that server and is trusted by it.
func (i *Identity) Keys() string { return i.CA() + "&" + i.Cert() + "&" + i.Key() }
