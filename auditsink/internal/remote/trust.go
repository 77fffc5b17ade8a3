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
)

// TLS returns how to speak TLS with the host of a sink's URL: trusting the
// certificates in the PEM file of its key ca=file:PATH, or else those that the
// system trusts.
func TLS(query url.Values) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if !query.Has("ca") {
		return config, nil
	}
	path, found := strings.CutPrefix(query.Get("ca"), "file:")
	if !found {
		return nil, errors.New("ca is written file:PATH, of a PEM file")
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificates of ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no PEM certificate in the file of ca")
	}
	return config, nil
}

// Loopback reports whether host, without a port, is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
