package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// maxRequestID is how long an id may be that a client gives its request.
const maxRequestID = 64

// visit is what the layers around a request know of it. The outermost makes it;
// authentication adds who came.
type visit struct {
	origin token.Origin
	caller token.Caller // zero until, and unless, someone is known
	token  uuid.UUID    // the same where a token was only verified
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
		if address.Addr().Is4() {
			ip, _, _ = strings.Cut(r.RemoteAddr, ":") // the same, without making a new text
		} else {
			ip = address.Addr().Unmap().WithZone("").String()
		}
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
	return newRequestID()
}

// newRequestID is a UUID of version 7. It is no secret, and asked for on every
// request: the fast generator will do, which no two processors share.
func newRequestID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16|rand.Uint64()&0xfff|0x7000) //nolint:gosec // as said
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)                                       //nolint:gosec // as said
	return string(appendUUID(make([]byte, 0, 36), id))
}

// appendUUID appends the usual text of id.
func appendUUID(b []byte, id uuid.UUID) []byte {
	for i, group := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, group)
	}
	return b
}

func isRequestID(id string) bool {
	const fit = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	return id != "" && len(id) <= maxRequestID &&
		strings.Trim(id, fit) == "" &&
		!strings.Contains(id, bearer.Mark) // a secret, or most of one
}
