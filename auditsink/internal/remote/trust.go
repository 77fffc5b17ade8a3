package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/keloa/apitokens/auditsink"
)

// Keys returns the keys of a sink's URL, which are those in known and, where the
// sink speaks TLS, these:
//
//	ca=file:PATH             the certificates to trust, if not those of the system
//	cert=env:NAME|file:PATH  the certificate to show, and those between it and what the server trusts
//	key=env:NAME|file:PATH   the private key of that certificate
//
// All of them are in PEM. It also returns how to speak TLS, nil where the sink does
// not. The certificate to show is looked up anew for each connection.
func Keys(u *url.URL, encrypted bool, known ...string) (url.Values, *tls.Config, error) {
	if !encrypted {
		query, err := auditsink.Keys(u, known...)
		return query, nil, err
	}
	query, err := auditsink.Keys(u, append(known, "ca", "cert", "key")...)
	if err != nil {
		return nil, nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if query.Has("ca") {
		if config.RootCAs, err = authorities(query.Get("ca")); err != nil {
			return nil, nil, err
		}
	}
	if query.Has("cert") || query.Has("key") {
		show, err := certificate(query)
		if err != nil {
			return nil, nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show() }
	}
	return query, config, nil
}

func authorities(ca string) (*x509.CertPool, error) {
	path, found := strings.CutPrefix(ca, "file:")
	if !found {
		return nil, errors.New("ca is written file:PATH, of a PEM file")
	}
	pem, err := os.ReadFile(path) //nolint:gosec // named by who configures the server
	if err != nil {
		return nil, fmt.Errorf("read the certificates of ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no PEM certificate in the file of ca")
	}
	return pool, nil
}

// certificate returns what looks the certificate to show up, and sees that it is
// there.
func certificate(query url.Values) (show func() (*tls.Certificate, error), err error) {
	if !query.Has("cert") || !query.Has("key") {
		return nil, errors.New("cert and key go together")
	}
	cert, err := auditsink.ParseCredential(query.Get("cert"))
	if err != nil {
		return nil, fmt.Errorf("cert: %w", err)
	}
	key, err := auditsink.ParseCredential(query.Get("key"))
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	show = func() (*tls.Certificate, error) {
		certPEM, err := cert.Reveal()
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		keyPEM, err := key.Reveal()
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
		if err != nil {
			return nil, fmt.Errorf("cert and key: %w", err)
		}
		return &pair, nil
	}
	_, err = show()
	return show, err
}

// Loopback reports whether host, without a port, is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
