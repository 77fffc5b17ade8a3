package clustertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

// consumers is programs on all servers that share a secret, and take up the new
// one when it is handed to them.
type consumers struct {
	secret  atomic.Pointer[bearer.Secret]
	mu      sync.Mutex
	calls   int
	refused []error
}

// call makes a request, as a gateway's question or as one that is handled here.
func (c *consumers) call(ctx context.Context, n *node, handled bool) {
	secret := *c.secret.Load()
	var err error
	if handled {
		err = n.handle(ctx, secret)
	} else {
		var v token.Vouched
		if v, err = n.tokens.Vouch(ctx, secret, token.Origin{}); err == nil {
			v.Answering.Unlock()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	// Who has come with the old secret while the new one was handed out, and is
	// refused since another has used that, does what programs do: it reads its
	// configuration again.
	if err != nil && ctx.Err() == nil && *c.secret.Load() == secret {
		c.refused = append(c.refused, err)
	}
}

// handle answers a request that comes with a secret.
func (n *node) handle(ctx context.Context, secret bearer.Secret) error {
	by, err := n.tokens.Authenticate(ctx, secret, token.Origin{})
	if err != nil {
		return err
	}
	ctx, done := n.tokens.Begin(ctx, by)
	defer done()
	return n.tokens.Answer(ctx, by, func() error { return nil })
}

// TestRotationUnderLoad rotates a token again and again while programs on three
// servers use it: each old token ends exactly once, none of the calls with the
// secret of the day is refused, and no server accepts an old one for long.
func TestRotationUnderLoad(t *testing.T) {
	const rotations = 5
	nodes, direct := newCluster(t, 3, 1)
	id, secret, err := nodes[0].mint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var load consumers
	load.secret.Store(&secret)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			for ctx.Err() == nil {
				load.call(ctx, nodes[i%len(nodes)], i%2 == 0)
			}
		})
	}
	var old []uuid.UUID
	for i := range rotations {
		rotated, err := nodes[i%len(nodes)].tokens.Rotate(t.Context(), nodes[0].by, token.RotateInput{ID: id, RevokeOld: token.WhenNewIsLive})
		if err != nil {
			t.Fatal(err)
		}
		pause(ctx, lease/4) // nobody has the new one yet, and the old one goes on
		before := *load.secret.Load()
		load.secret.Store(&rotated.Secret) // on all servers at the same moment
		for _, n := range nodes {
			await(t, func() bool {
				_, err := n.tokens.Verify(t.Context(), before, token.Origin{})
				return errors.Is(err, token.ErrUnauthenticated)
			})
		}
		old, id = append(old, id), rotated.Token.ID
	}
	stop()
	wg.Wait()
	if len(load.refused) > 0 {
		t.Errorf("%d of %d calls were refused: %v", len(load.refused), load.calls, load.refused[0])
	}
	if load.calls < 100*rotations {
		t.Errorf("only %d calls were made: this proves nothing", load.calls)
	}
	t.Logf("%d calls during %d rotations", load.calls, rotations)
	wantEnds(t, dbtest.Open(t, direct), old)
}

// wantEnds expects that each of the tokens has ended once, and that nothing else
// has.
func wantEnds(t *testing.T, db *database.DB, want []uuid.UUID) {
	t.Helper()
	ends := map[uuid.UUID]int{}
	for _, row := range db.Client().AuditEntry.Query().Where(auditentry.Action(auditsink.ActionRevoke)).AllX(t.Context()) {
		ends[*row.TargetID]++
	}
	for _, id := range want {
		if ends[id] != 1 {
			t.Errorf("token %s has ended %d times", id, ends[id])
		}
	}
	if len(ends) != len(want) {
		t.Errorf("%d tokens have ended, want %d", len(ends), len(want))
	}
}

// TestDeadlineOnSeveralServers has three servers sweep at the same time.
func TestDeadlineOnSeveralServers(t *testing.T) {
	nodes, direct := newCluster(t, 3, 1)
	id, secret, err := nodes[0].mint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = nodes[0].tokens.Rotate(t.Context(), nodes[0].by, token.RotateInput{ID: id, RevokeOld: token.WhenNewIsLive, GraceSeconds: new(1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { _ = n.tokens.RunSweep(ctx) })
	}
	for _, n := range nodes {
		await(t, func() bool {
			_, err := n.tokens.Verify(ctx, secret, token.Origin{})
			return errors.Is(err, token.ErrUnauthenticated)
		})
	}
	db := dbtest.Open(t, direct)
	await(t, func() bool { return db.Client().Token.GetX(ctx, id).RevokedAt != nil })
	stop()
	wg.Wait()
	wantEnds(t, db, []uuid.UUID{id})
}
