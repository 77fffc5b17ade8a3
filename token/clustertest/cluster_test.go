package clustertest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

const lease = 200 * time.Millisecond

// node is a server with its own connections, cache and clocks, and a proxy
// between it and the database.
type node struct {
	tokens *token.Service
	by     token.Caller
	proxy  *toxiproxy.Proxy

	step  atomic.Int64 // by how much its clock on the wall is wrong
	speed float64      // of its clock that measures the lease; 1 is right
}

// newCluster returns servers on one database, and a URL of that without a proxy.
// The last server has a clock of the given speed.
func newCluster(t *testing.T, size int, speed float64) ([]*node, string) {
	t.Helper()
	direct := dbtest.MySQLURL(t)
	nodes := startNodes(t, slices.Repeat([]string{direct}, size), speed)
	return nodes, direct
}

// startNodes returns a server on each of the URLs, which are of one database.
func startNodes(t *testing.T, urls []string, speed float64) []*node {
	t.Helper()
	dbtest.Migrated(t, urls[0])
	var nodes []*node
	for i, direct := range urls {
		n := &node{speed: 1}
		if i == len(urls)-1 {
			n.speed = speed
		}
		n.start(t, direct)
		nodes = append(nodes, n)
	}
	return nodes
}

func (n *node) start(t *testing.T, direct string) {
	t.Helper()
	target, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	n.proxy = toxiproxy.NewProxy(api, "database", "127.0.0.1:0", target.Host)
	if err := n.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.proxy.Stop)
	began := feed.Boot()
	tokens, run := open(t, strings.Replace(direct, target.Host, n.proxy.Listen, 1), token.Options{
		Now:     func() time.Time { return time.Now().Add(time.Duration(n.step.Load())) },
		Elapsed: func() time.Duration { return began + time.Duration(float64(feed.Boot()-began)*n.speed) },
	})
	n.tokens = tokens
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		n.heal(t)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	home, err := tokens.Workspace(t.Context(), token.DefaultWorkspace)
	if err != nil {
		t.Fatal(err)
	}
	n.by = token.System(home, "cluster")
}

// open returns a service that has joined, and what keeps it so.
func open(t *testing.T, url string, o token.Options) (*token.Service, func(context.Context) error) {
	t.Helper()
	o.Database = dbtest.Open(t, url)
	tokens, member, err := joined(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, member.Run
}

// joined returns a service that has joined.
func joined(ctx context.Context, o token.Options) (*token.Service, *feed.Server, error) {
	log := slog.New(slog.DiscardHandler)
	o.Journal = journal.New(journal.Options{Database: o.Database, Logger: log})
	tokens := token.New(o)
	if err := tokens.Bootstrap(ctx); err != nil {
		return nil, nil, err
	}
	member, err := tokens.Join(ctx, lease, log)
	return tokens, member, err
}

// mint makes a token, on a server that has its database.
func (n *node) mint(ctx context.Context) (uuid.UUID, bearer.Secret, error) {
	minted, err := n.tokens.Mint(ctx, n.by, token.MintInput{
		Label: "x", Abilities: []ability.Ability{ability.Read, ability.WriteContacts}, Mode: enttoken.ModeLIVE,
	})
	if err != nil {
		return uuid.Nil, bearer.Secret{}, err
	}
	return minted.Token.ID, *minted.Secret, nil
}

// verify asks whether a secret is good, and notes the answer, and what it says
// of the right to write.
func (n *node) verify(ctx context.Context, h *history, id uuid.UUID, secret bearer.Secret) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	from := h.now()
	v, err := n.tokens.Verify(ctx, secret, token.Origin{})
	to := h.now()
	h.answered("verifications", id, from, to, err)
	writing := err
	if err == nil && !v.Abilities.Allows(ability.WriteContacts) {
		writing = token.ErrUnauthenticated
	}
	h.answered("verifications with what was given up", writes(id), from, to, writing)
	return err
}

// narrow has a token give up its right to write, and notes that.
func (n *node) narrow(ctx context.Context, h *history, id uuid.UUID) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	from := h.now()
	_, err := n.tokens.Update(ctx, n.by, token.UpdateInput{ID: id, Abilities: []ability.Ability{ability.Read}})
	h.revoke(writes(id), from, err)
	return err
}

// request handles a request that takes its time and may make use of the right to
// write, and notes when the answer was written.
func (n *node) request(ctx context.Context, h *history, id uuid.UUID, secret bearer.Secret, writing bool, work func()) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	by, err := n.tokens.Authenticate(ctx, secret, token.Origin{})
	if err != nil {
		return err
	}
	ctx, done := n.tokens.Begin(ctx, by)
	defer done()
	if writing {
		if err := n.tokens.Can(ctx, by, ability.WriteContacts, "write"); err != nil {
			return err
		}
	}
	work()
	from := h.now()
	note := func(err error) {
		to := h.now()
		_, narrowed := errors.AsType[*token.ForbiddenError](err)
		if narrowed {
			h.answered("requests in flight", id, from, to, nil) // the token itself was good
			err = token.ErrUnauthenticated
		} else {
			h.answered("requests in flight", id, from, to, err)
		}
		if writing {
			h.answered("requests in flight that write", writes(id), from, to, err)
		}
	}
	err = n.tokens.Answer(ctx, by, func() error {
		from = h.now()
		note(nil)
		return nil
	})
	if err != nil {
		note(err)
	}
	return err
}

// revoke revokes a token, and notes that.
func (n *node) revoke(ctx context.Context, h *history, id uuid.UUID) (token.Receipt, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	from := h.now()
	revoked, err := n.tokens.Revoke(ctx, n.by, id, "")
	h.revoke(id, from, err)
	h.revoke(writes(id), from, err)
	return revoked.Receipt, err
}

// The faults between a server and its database.
const (
	blackHole  = `{"name": "%s", "type": "timeout", "stream": "%s", "attributes": {"timeout": 0}}`
	slowness   = `{"name": "%s", "type": "latency", "stream": "%s", "attributes": {"latency": 150, "jitter": 150}}`
	upstream   = "upstream"   // what the server sends
	downstream = "downstream" // what the database answers
)

// harm puts a fault on a direction.
func (n *node) harm(t *testing.T, toxic, stream string) {
	t.Helper()
	text := strings.NewReplacer(`"name": "%s"`, `"name": "`+stream+`"`, `"stream": "%s"`, `"stream": "`+stream+`"`).Replace(toxic)
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// heal ends all faults. Connections that were in a black hole are cut.
func (n *node) heal(t *testing.T) {
	t.Helper()
	n.proxy.Toxics.ResetToxics(context.WithoutCancel(t.Context()))
	n.proxy.Stop()
	if err := n.proxy.Start(); err != nil {
		t.Error(err)
	}
}

// childURL is the variable that makes the test's binary a server of its own.
const childURL = "KELOA_CLUSTERTEST_CHILD"

// openAlone is open for a process without a test.
func openAlone(ctx context.Context, url string) (*token.Service, *feed.Server, error) {
	db, err := database.Open(ctx, url, database.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, nil, err
	}
	return joined(ctx, token.Options{Database: db})
}
