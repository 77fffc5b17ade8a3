package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
)

// hostNames are DNS names: letters, digits and inner hyphens between dots.
var hostNames = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

var errAddress = errors.New("must be HOST:PORT, such as 127.0.0.1:8080, or :8080 for every interface")

// isMachine reports whether host names a machine: an IP address or a DNS name.
func isMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" || hostNames.MatchString(host)
}

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

// parseAddress checks the address of a listener. Port 0 stands for a free one.
func parseAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errAddress
	}
	if !isPort(port) || host != "" && !isMachine(host) {
		return "", errAddress
	}
	return text, nil
}

// onLoopback reports whether only this machine can reach a listener there. It
// takes no name's word but localhost's.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// onThisMachine reports whether only this machine can reach an origin.
func onThisMachine(u *url.URL) bool { return onLoopback(net.JoinHostPort(u.Hostname(), u.Port())) }

// parseOrigin checks the origin that users see.
func parseOrigin(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		!isMachine(u.Hostname()) || u.Port() != "" && !isPort(u.Port()) {
		return nil, errors.New("must be an origin such as https://tokens.example.com")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("must be an origin only: leave out what follows the host and the port")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// originAt is the origin under which users on this machine reach a listener.
func originAt(address string) (*url.URL, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("find the public URL: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}
