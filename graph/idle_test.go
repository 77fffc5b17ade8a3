package graph

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// TestIdleSubscriptionsAreCheap opens a thousand, with their clients in the same
// process, and closes them.
func TestIdleSubscriptionsAreCheap(t *testing.T) {
	const tokens, sockets, each = 5, 40, 5
	const most = 100 << 10 // bytes a subscription, with a fifth of a socket and of its client
	known := goleak.IgnoreCurrent()
	l := oneLive(t)
	headers := make([]string, tokens)
	for i := range headers {
		_, headers[i] = l.reader(t, fmt.Sprint("watcher ", i))
	}
	await(t, func() bool { return l.sealedAll(t) }) // or the mints are events
	held := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse + m.StackInuse)
	}
	before := held()
	clients := make([]*client, 0, tokens*sockets)
	for _, header := range headers {
		for range sockets {
			c := l.insist(t, header)
			for id := range each {
				c.subscribe(fmt.Sprint(id), []string{watchAudit, watchUsed}[id%2])
			}
			clients = append(clients, c)
		}
	}
	awaitSubscriptions(t, tokens*sockets*each)
	after := held()
	t.Logf("%d bytes a subscription", (after-before)/(tokens*sockets*each))
	if after-before > tokens*sockets*each*most {
		t.Errorf("%d subscriptions hold %d bytes", tokens*sockets*each, after-before)
	}
	for _, c := range clients {
		_ = c.CloseNow()
	}
	awaitNothingOpen(t, l)
	l.stop()
	if err := l.DB.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, known)
}

// insist opens a socket as a client does that is told to try again, which a busy
// machine may tell it.
func (l *live) insist(t *testing.T, header string) *client {
	t.Helper()
	for range 10 {
		c := l.dial(t, header, subprotocol)
		c.say(`{"type":"connection_init"}`)
		heard, err := c.hear()
		switch {
		case err == nil && heard == `{"type":"connection_ack"}`:
			return c
		case websocket.CloseStatus(err) != websocket.StatusTryAgainLater:
			t.Fatalf("heard %s, %v", heard, err)
		}
	}
	t.Fatal("told to try again, ten times")
	return nil
}
