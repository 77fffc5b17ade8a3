package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
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
	start  time.Time
	origin token.Origin
	caller token.Caller // zero until, and unless, someone is known
	token  uuid.UUID    // the same where a token was only verified
	out    recorder     // what is answered

	remote, ip string // the address of the connection, as it comes and as it is recorded
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

// withVisit gives a connection a visit, for a server's ConnContext.
func withVisit(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, visitKey{}, &visit{})
}

// begin makes the visit of a request. What comes in floods has that of its
// connection, which spares a copy of the request: over HTTP/1 one request comes
// after the other, and nothing of those outlives its answer. Others, among them
// streams, have one of their own.
func begin(w http.ResponseWriter, r *http.Request) (*visit, *http.Request) {
	v, ok := r.Context().Value(visitKey{}).(*visit)
	if !ok || !comesInFloods(r.URL.Path) || r.ProtoMajor != 1 {
		v = &visit{}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	}
	wire, _ := w.(*wireAnswer)
	*v = visit{
		start: time.Now(), out: recorder{ResponseWriter: w, wire: wire},
		remote: v.remote, ip: v.ip,
	}
	if v.remote != r.RemoteAddr {
		v.remote, v.ip = r.RemoteAddr, hostOf(r.RemoteAddr)
	}
	v.origin = token.NewOrigin(v.ip, r.UserAgent(), requestID(r.Header, v.start))
	return v, r
}

// comesInFloods tells the endpoints that are asked about every request to the
// API.
func comesInFloods(path string) bool { return path == forwardAuthPath || path == introspectPath }

// hostOf is the address of a connection, without its port and zone; empty if it
// has none. It is where a request is said to come from: anyone can write an
// X-Forwarded-For.
func hostOf(remote string) string {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	return address.Addr().Unmap().WithZone("").String()
}

// requestID is the id that the client gave its request, or a new one if it gave
// none that is fit to be logged and answered.
func requestID(header http.Header, now time.Time) string {
	given := header["X-Request-Id"]
	if len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return newRequestID(now)
}

// newRequestID is a UUID of version 7. It is no secret, and asked for on every
// request: the fast generator will do, which no two processors share.
func newRequestID(now time.Time) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16|rand.Uint64()&0xfff|0x7000) //nolint:gosec // as said
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)                                //nolint:gosec // as said
	return uuidText(id)
}

// uuidText is the usual text of id.
func uuidText(id uuid.UUID) string {
	var text [36]byte
	return string(appendUUID(text[:0], id))
}

// appendUUID appends the usual text of id. [uuid.UUID.String] needs memory for
// it.
func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:])
}

func isRequestID(id string) bool {
	const fit = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	return id != "" && len(id) <= maxRequestID &&
		strings.Trim(id, fit) == "" &&
		!bearer.MayHold(id) // a secret, or most of one
}
