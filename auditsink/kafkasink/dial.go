package kafkasink

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/keloa/apitokens/auditsink"
)

var errLapsed = errors.New("another server may be writing by now")

// tenure is for whom a client works: the context of the call that is under way,
// or was the last. The client sends when it likes to, and may do so after a
// freeze of the process, by which time another server feeds the topic.
type tenure struct {
	ctx atomic.Pointer[context.Context]
}

func (t *tenure) begin(ctx context.Context) { t.ctx.Store(&ctx) }

// dial is the option that has a client ask before each request that it sends; a
// nil config is one for unencrypted connections.
func (t *tenure) dial(config *tls.Config) kgo.Opt {
	plain := &net.Dialer{Timeout: dialTimeout}
	dial := plain.DialContext
	if config != nil {
		dial = (&tls.Dialer{NetDialer: plain, Config: config}).DialContext
	}
	return kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn{c, t}, nil
	})
}

// pieceBytes is how much of a request is written before the connection asks again:
// a broker acts on whole requests only.
const pieceBytes = 16 << 10

// conn is a connection to a broker. A request is given to one Write.
type conn struct {
	net.Conn
	tenure *tenure
}

func (c conn) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if !auditsink.Holds(*c.tenure.ctx.Load()) {
			return n, errLapsed
		}
		wrote, err := c.Conn.Write(b[n:min(n+pieceBytes, len(b))])
		if n += wrote; err != nil {
			return n, err
		}
	}
	return n, nil
}
