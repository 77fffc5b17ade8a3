package clustertest

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// TestPartitions runs three servers under load while faults come and go between
// them and the database, and clocks on the wall are set wrong.
func TestPartitions(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KELOA_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	runFor := 6 * time.Second
	if text := os.Getenv("KELOA_SOAK"); text != "" {
		var err error
		if runFor, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("KELOA_SEED=%d", seed)
	nodes, _ := newCluster(t, 3, 1)
	for deadline := time.Now().Add(runFor); ; {
		// A history that goes on and on takes ever longer to check.
		h := newHistory()
		part := min(time.Until(deadline), 20*time.Second)
		disturb(t, nodes, h, rand.New(rand.NewPCG(seed, 0)), part)
		if err := h.check(); err != nil {
			t.Fatal(err)
		}
		h.wantMany(t)
		seed++
		if time.Until(deadline) < time.Second {
			return
		}
	}
}

// disturb has clients work while faults come and go.
func disturb(t *testing.T, nodes []*node, h *history, random *rand.Rand, runFor time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), runFor)
	defer stop()
	var wg sync.WaitGroup
	for range 4 {
		client := rand.New(rand.NewPCG(random.Uint64(), 0))
		wg.Go(func() {
			for ctx.Err() == nil {
				oneLife(t, nodes, h, client)
			}
		})
	}
	for ctx.Err() == nil {
		n := nodes[random.IntN(len(nodes))]
		fault(t, n, random)
		pause(ctx, time.Duration(random.Int64N(int64(5*lease))))
		n.heal(t)
		pause(ctx, time.Duration(random.Int64N(int64(3*lease))))
	}
	wg.Wait()
}

func fault(t *testing.T, n *node, random *rand.Rand) {
	t.Helper()
	n.step.Store(random.Int64N(int64(2*time.Hour)) - int64(time.Hour))
	switch random.IntN(5) {
	case 0:
		n.proxy.Stop()
	case 1:
		n.harm(t, slowness, upstream)
		n.harm(t, slowness, downstream)
	case 2:
		n.harm(t, blackHole, upstream)
		n.harm(t, blackHole, downstream)
	case 3:
		n.harm(t, blackHole, upstream)
	case 4:
		n.harm(t, blackHole, downstream)
	}
}

// oneLife mints a token, uses it on all servers, and meanwhile has it give up an
// ability and then revokes it.
func oneLife(t *testing.T, nodes []*node, h *history, random *rand.Rand) {
	id, secret, err := mintSomewhere(t, nodes)
	if err != nil {
		return // the test is over
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for _, n := range nodes {
		work := time.Duration(random.Int64N(int64(lease)))
		wg.Go(func() { use(ctx, n, h, id, secret, work) })
		wg.Go(func() {
			for writing := true; ctx.Err() == nil; writing = !writing {
				_ = n.request(ctx, h, id, secret, writing, func() { pause(ctx, work) })
				pause(ctx, lease/20)
			}
		})
	}
	pause(ctx, time.Duration(random.Int64N(int64(lease))))
	_ = nodes[random.IntN(len(nodes))].narrow(ctx, h, id) // which may fail: then it may have happened
	pause(ctx, time.Duration(random.Int64N(int64(lease))))
	for _, i := range random.Perm(len(nodes)) {
		if _, err := nodes[i].revoke(ctx, h, id); err == nil {
			break
		}
	}
	pause(ctx, lease)
	stop()
	wg.Wait()
}

// use verifies a secret again and again.
func use(ctx context.Context, n *node, h *history, id uuid.UUID, secret bearer.Secret, gap time.Duration) {
	for ctx.Err() == nil {
		_ = n.verify(ctx, h, id, secret)
		pause(ctx, gap/10)
	}
}

func mintSomewhere(t *testing.T, nodes []*node) (uuid.UUID, bearer.Secret, error) {
	for t.Context().Err() == nil {
		for _, n := range nodes {
			ctx, cancel := limited(t.Context())
			id, secret, err := n.mint(ctx)
			cancel()
			if err == nil {
				return id, secret, nil
			}
		}
	}
	return uuid.Nil, bearer.Secret{}, t.Context().Err()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// TestCutOff looks at one fault closely: a server without its database serves
// what it knows for a lease, then nothing, and recovers by itself; a revocation
// elsewhere waits for it for a lease.
func TestCutOff(t *testing.T) {
	nodes, _ := newCluster(t, 2, 1)
	h := newHistory()
	id, secret, err := nodes[0].mint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cut := nodes[1]
	if err := cut.verify(t.Context(), h, id, secret); err != nil {
		t.Fatal(err)
	}
	cut.proxy.Stop()
	began := time.Now()
	receipt, err := nodes[0].revoke(t.Context(), h, id)
	if err != nil || receipt.ServersConfirmed != 1 {
		t.Errorf("the receipt is %+v, %v", receipt, err)
	}
	if took := time.Since(began); took < lease {
		t.Errorf("the revocation returned after %s", took)
	}
	if err := cut.verify(t.Context(), h, id, secret); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("cut off for a lease: %v", err)
	}
	cut.heal(t)
	await(t, func() bool { return cut.tokens.Trusted() })
	if err := cut.verify(t.Context(), h, id, secret); !errors.Is(err, token.ErrUnauthenticated) {
		t.Errorf("healed: %v", err)
	}
	if err := h.check(); err != nil {
		t.Error(err)
	}
}

// TestTooLongTrustIsCaught breaks the protocol, to show that the check can fail:
// the clock of one server runs at a quarter of its speed, so that it trusts its
// cache for four leases.
func TestTooLongTrustIsCaught(t *testing.T) {
	nodes, _ := newCluster(t, 2, 0.25)
	h := newHistory()
	id, secret, err := nodes[0].mint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	broken := nodes[1]
	await(t, func() bool { // cached, and the lease fresh
		return broken.verify(t.Context(), h, id, secret) == nil && broken.tokens.Trusted()
	})
	broken.harm(t, blackHole, upstream)
	if _, err := nodes[0].revoke(t.Context(), h, id); err != nil {
		t.Fatal(err)
	}
	_ = broken.verify(t.Context(), h, id, secret)
	if err := h.check(); err == nil {
		t.Error("a server that trusts its cache for four leases is not found out")
	}
}

// await waits for a condition that comes about by itself.
func await(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); {
		if time.Now().After(deadline) {
			t.Fatal("waited for too long")
		}
		pause(t.Context(), 5*time.Millisecond)
	}
}
