// Package remote is what sinks that reach out of the process have in common: a
// gate that ends a delivery when the sink is closed, whom to trust over TLS,
// and requests over HTTP.
package remote

import (
	"context"
	"sync"

	"github.com/keloa/apitokens/auditsink"
)

// Gate lets one delivery at a time in, until it is shut. The zero Gate is open.
type Gate struct {
	turn sync.Mutex // held by who is in

	mu     sync.Mutex // guards the rest
	shut   bool
	cancel context.CancelFunc // calls off who is in
}

// Pass calls deliver with a context that ends also when the gate is shut, and
// reports auditsink.ErrClosed if that is why it failed.
func (g *Gate) Pass(ctx context.Context, deliver func(context.Context) (auditsink.Result, error)) (auditsink.Result, error) {
	g.turn.Lock()
	defer g.turn.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !g.enter(cancel) {
		return auditsink.Result{}, auditsink.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return auditsink.Result{}, err
	}
	result, err := deliver(ctx)
	if err != nil && !g.enter(nil) {
		err = auditsink.ErrClosed
	}
	return result, err
}

func (g *Gate) enter(cancel context.CancelFunc) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel = cancel
	return !g.shut
}

// Shut calls off the delivery that is under way, waits until it has left, and
// calls release, which nothing else runs beside.
func (g *Gate) Shut(release func()) {
	g.mu.Lock()
	g.shut = true
	if g.cancel != nil {
		g.cancel()
	}
	g.mu.Unlock()
	g.turn.Lock()
	defer g.turn.Unlock()
	release()
}
