package natssink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
)

const password = "Canary-4711"

// patience is how long anything may take.
const patience = 20 * time.Second

// start starts a server that the test ends. Its options say where it listens
// and what it is, and may be changed.
func start(t testing.TB, change func(*natsserver.Options)) *natsserver.Server {
	t.Helper()
	options := &natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(),
	}
	change(options)
	s, err := natsserver.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return s
}

// plain starts a server without TLS and without users.
func plain(t testing.TB) *natsserver.Server {
	return start(t, func(*natsserver.Options) {})
}

// guarded starts a server that wants a certificate and a password, and returns
// the certificate.
func guarded(t testing.TB) (*natsserver.Server, *remotetest.Identity) {
	t.Helper()
	id := remotetest.NewIdentity(t, "keloa")
	s := start(t, func(o *natsserver.Options) {
		o.TLSConfig = id.Mutual()
		o.TLSTimeout = patience.Seconds()
		o.Username, o.Password = "keloa", password
	})
	return s, id
}

// addr is where a server listens.
func addr(s *natsserver.Server) string { return s.Addr().String() }

// manage returns a way to look after streams, as an administrator has it.
func manage(t testing.TB, where string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(where, append(options, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// makeStream makes the stream AUDIT as config has it.
func makeStream(t testing.TB, js jetstream.JetStream, config jetstream.StreamConfig) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	config.Name = "AUDIT"
	_, err := js.CreateStream(ctx, config)
	for err != nil && config.Replicas > 1 && ctx.Err() == nil { // until the servers have found each other
		_, err = js.CreateStream(ctx, config)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lines reads what the stream AUDIT holds on a subject.
func lines(t testing.TB, js jetstream.JetStream, subject string) []string {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	stream, err := js.Stream(ctx, "AUDIT")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for seq := uint64(1); ; seq++ {
		message, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got, seq = append(got, string(message.Data)), message.Sequence
	}
}

// cluster starts three servers that replicate streams among themselves.
func cluster(t testing.TB) []*natsserver.Server {
	t.Helper()
	servers := make([]*natsserver.Server, 3)
	var ports []int
	var routes []*url.URL
	for range servers { // each must know the others beforehand
		port := freePort(t)
		ports = append(ports, port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i := range servers {
		servers[i] = start(t, func(o *natsserver.Options) {
			o.ServerName = "server-" + strconv.Itoa(i)
			o.Cluster = natsserver.ClusterOpts{Name: "cluster", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = routes
		})
	}
	await(t, func() bool {
		return servers[0].JetStreamIsCurrent() && servers[1].JetStreamIsCurrent() && servers[2].JetStreamIsCurrent()
	})
	return servers
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// await waits until condition holds.
func await(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}

// pair is a key of NATS.
type pair struct {
	nkeys.KeyPair

	public string
	seed   []byte
}

func keys(t testing.TB, create func() (nkeys.KeyPair, error)) pair {
	t.Helper()
	made, err := create()
	if err != nil {
		t.Fatal(err)
	}
	public, err := made.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := made.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return pair{made, public, seed}
}

// encode signs the claims.
func encode(t testing.TB, claims jwt.Claims, by pair) string {
	t.Helper()
	text, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
