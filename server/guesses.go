package main

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/ratelimit"
)

// guesses limits how often one address may come with credentials that open
// nothing ([ratelimit.FailuresPerMinute]). Beyond that its credentials are
// answered 429 and looked up nowhere, but for those that are known to be good: who
// shares an address with somebody guessing is not locked out.
type guesses struct {
	failed *ratelimit.Addresses
	// sessions are some that were good lately, by part of their hash. Tokens
	// are in the cache of verdicts.
	sessions [1 << 10]atomic.Uint64
}

// guesser is the address that a request's credentials count for: the
// connection's or, where a gateway asks about a request, the one that the gateway
// has seen. A gateway that does not say which that was has none: everyone behind
// it would be one.
func guesser(r *http.Request) netip.Addr {
	if r.URL.Path == forwardAuthPath {
		address, _ := lastForwarded(r.Header)
		return address
	}
	address, _ := netip.ParseAddr(visitOf(r.Context()).origin.IP)
	return address
}

// mayTry reports a [graph.Problem] if the address has failed too often and the
// secret, zero for none that is well-formed, is not known to be good.
func (h *handlers) mayTry(r *http.Request, secret bearer.Secret) error {
	if h.guesses.failed.Quiet() {
		return nil
	}
	wait := h.guesses.failed.Wait(guesser(r))
	if wait == 0 || h.tokens.Knows(secret) || h.guesses.knows(secret) {
		return nil
	}
	return &graph.Problem{
		Code: graph.CodeRateLimited, Status: http.StatusTooManyRequests,
		Message:    "too many credentials from this address opened nothing: try again later",
		RetryAfter: int((wait + time.Second - 1) / time.Second),
	}
}

// tried counts err, what came of credentials, if that is that they open nothing.
// Those of a token that has ended are no guess.
func (h *handlers) tried(r *http.Request, err error) {
	if errors.Is(err, token.ErrUnauthenticated) && !errors.Is(err, token.ErrEnded) {
		h.guesses.failed.Fail(guesser(r))
	}
}

func (g *guesses) knows(secret bearer.Secret) bool {
	place, mark := g.place(secret)
	return secret.Kind() == bearer.Session && place.Load() == mark
}

// remember notes a session that is good. That it ended is found by looking it
// up: this only lets it be.
func (g *guesses) remember(secret bearer.Secret) {
	if place, mark := g.place(secret); secret.Kind() == bearer.Session {
		place.Store(mark)
	}
}

func (g *guesses) place(secret bearer.Secret) (place *atomic.Uint64, mark uint64) {
	hash := secret.Hash()
	return &g.sessions[binary.LittleEndian.Uint16(hash[8:])%uint16(len(g.sessions))], binary.LittleEndian.Uint64(hash[:])
}
