package main

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/keloa/apitokens/token"
)

// forwardedFrom is where a request comes from that whoever calls the internal
// listener asks about: the last address in X-Forwarded-For, which is the one that
// the caller itself has seen, or else the caller. The user agent is that of the
// request, which gateways hand on.
//
// It is for what is shown as a token's last use. What is recorded in the audit
// log is the connection's address, which nobody can choose.
func forwardedFrom(r *http.Request, v *visit) token.Origin {
	origin := v.origin
	if ip, ok := lastForwarded(r.Header); ok {
		origin.IP = ip.Unmap().WithZone("").String()
	}
	return origin
}

// lastForwarded is the last address in X-Forwarded-For, if there is one.
func lastForwarded(header http.Header) (netip.Addr, bool) {
	values := header["X-Forwarded-For"]
	if len(values) == 0 {
		return netip.Addr{}, false
	}
	last := values[len(values)-1]
	ip, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
	return ip, err == nil
}
