package main

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
)

// maxRequestID is how long an id may be that a client gives its request.
const maxRequestID = 64

// visit is what the layers around a request know of it. The outermost makes it;
// authentication adds who came.
type visit struct {
	origin token.Origin
	caller token.Caller // zero until, and unless, someone is known
}

type visitKey struct{}

// visitOf returns the visit that ctx is of. Outside of a request it is a zero
// one, which nobody else sees.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// originOf is where the request came from. The address is the connection's:
// anyone can write an X-Forwarded-For.
func originOf(r *http.Request) token.Origin {
	var ip string
	if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		ip = address.Addr().Unmap().WithZone("").String()
	}
	return token.NewOrigin(ip, r.UserAgent(), requestID(r.Header))
}

// requestID is the id that the client gave its request, or a new one if it gave
// none that is fit to be logged and answered.
func requestID(header http.Header) string {
	given := header.Values("X-Request-Id")
	if len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return uuid.Must(uuid.NewV7()).String()
}

func isRequestID(id string) bool {
	const fit = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	return id != "" && len(id) <= maxRequestID &&
		strings.Trim(id, fit) == "" &&
		!strings.Contains(id, "keloa_") // a secret, or most of one
}
