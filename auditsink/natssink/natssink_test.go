package natssink

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
	"github.com/keloa/apitokens/auditsink/sinktest"
)

func mux() *auditsink.Mux {
	var m auditsink.Mux
	m.Register(Scheme, Open)
	m.Register(TLSScheme, Open)
	return &m
}

func TestMain(m *testing.M) { sinktest.Main(m, mux()) }

// bothKinds tests with a stream that takes batches whole and with one that does
// not.
func bothKinds(t *testing.T, test func(t *testing.T, together bool)) {
	t.Run("one at a time", func(t *testing.T) { test(t, false) })
	t.Run("together", func(t *testing.T) { test(t, true) })
}

func TestConformance(t *testing.T) { bothKinds(t, conform) }

func conform(t *testing.T, together bool) {
	secret := remotetest.File(t, password)
	sinktest.Run(t, sinktest.Harness{Mux: mux(), New: destination(together), BadURLs: []string{
		"nats:", "nats:localhost/AUDIT.log", "nats:///AUDIT.log", "nats://localhost", "nats://localhost/AUDIT", "nats://localhost/AUDIT.",
		"nats://localhost/.log", "nats://localhost/AUDIT.>", "nats://localhost/AUDIT.*.log", "nats://localhost/AUDIT.a..b",
		"nats://localhost/AUDIT.a%20b", "nats://localhost/AUDIT.a%00b", "nats://localhost,/AUDIT.log",
		"nats://localhost/AUDIT.log?password=Canary-4711", "nats://localhost/AUDIT.log?user=u", "nats://localhost/AUDIT.log?password=" + secret,
		"nats://localhost/AUDIT.log?user=u&password=env:NO_SUCH_VARIABLE", "nats://localhost/AUDIT.log?token=" + secret + "&creds=" + secret,
		"nats://example.com/AUDIT.log?token=" + secret, "nats://localhost,example.com/AUDIT.log?token=" + secret,
		"nats://localhost/AUDIT.log?ca=" + secret, "nats+tls://localhost/AUDIT.log?ca=" + secret, "nats+tls://localhost/AUDIT.log?ca=Canary-4711",
		"nats://localhost/AUDIT.log?cert=" + secret + "&key=" + secret, "nats+tls://localhost/AUDIT.log?cert=" + secret + "&key=" + secret,
	}})
}

func destination(together bool) func(testing.TB) sinktest.Destination {
	return func(t testing.TB) sinktest.Destination {
		server, id := guarded(t)
		js := manage(t, "tls://"+addr(server), nats.UserInfo("keloa", password), nats.Secure(&tls.Config{RootCAs: id.Pool(), Certificates: []tls.Certificate{id.Certificate}, MinVersion: tls.VersionTLS12}))
		makeStream(t, js, jetstream.StreamConfig{
			Subjects: []string{"keloa.>", "other"}, AllowAtomicPublish: together,
			Duplicates: 100 * time.Millisecond, // the shortest there is: the server remembers their ids in this process
		})
		url := func(addr string) string {
			return "nats+tls://" + addr + "/AUDIT.keloa.audit?user=keloa&password=" + remotetest.File(t, password)
		}
		return sinktest.Destination{
			URL:   url(addr(server)) + "&" + id.Keys(),
			Lines: func(t testing.TB) []string { return lines(t, js, "keloa.audit") },
			Foreign: func(t testing.TB) {
				for _, subject := range []string{"other", "keloa.audit", "keloa.audit.more", "keloa.audit", "other"} {
					if _, err := js.Publish(t.Context(), subject, []byte("someone's \x00 note\n")); err != nil {
						t.Fatal(err)
					}
				}
			},
			Addr:      addr(server),
			At:        func(addr string) string { return url(addr) + "&" + id.Keys() },
			Untrusted: url(addr(server)),
			Secret:    password,
			Slow:      true,
		}
	}
}

func open(t testing.TB, url string) *Sink {
	t.Helper()
	d, err := mux().Open(t.Context(), "nats="+url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Sink.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return d.Sink.(*Sink)
}

func deliver(t testing.TB, sink auditsink.Sink, records ...auditsink.Record) {
	t.Helper()
	if _, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: records}); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, got []string, records []auditsink.Record) {
	t.Helper()
	if len(got) != len(records) {
		t.Fatalf("the stream holds %d records, want %d", len(got), len(records))
	}
	for i, r := range records {
		if got[i] != string(r.Line) {
			t.Errorf("record %d: got %s", r.Seq, got[i])
		}
	}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	server := plain(t)
	js := manage(t, server.ClientURL())
	none := start(t, func(o *natsserver.Options) { o.JetStream = false })
	at := "nats://" + addr(server) + "/AUDIT.log"
	for name, c := range map[string]struct {
		url    string
		config *jetstream.StreamConfig
		want   string // in the error; empty for none
	}{
		"no JetStream":     {url: "nats://" + addr(none) + "/AUDIT.log", want: "no JetStream"},
		"no stream":        {url: at, want: "there is no stream AUDIT"},
		"another subject":  {url: at, config: &jetstream.StreamConfig{Subjects: []string{"logs", "log.*"}}, want: "captures neither the subject log nor AUDIT.log"},
		"no_ack":           {url: at, config: &jetstream.StreamConfig{Subjects: []string{"log"}, NoAck: true}, want: "acknowledges nothing"},
		"interest":         {url: at, config: &jetstream.StreamConfig{Subjects: []string{"log"}, Retention: jetstream.InterestPolicy}, want: "keeps nothing"},
		"the subject":      {url: at, config: &jetstream.StreamConfig{Subjects: []string{"log"}}},
		"the whole":        {url: at, config: &jetstream.StreamConfig{Subjects: []string{"AUDIT.*"}}},
		"the stream's own": {url: "nats://" + addr(server) + "/AUDIT.AUDIT", config: &jetstream.StreamConfig{}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.config != nil {
				makeStream(t, js, *c.config)
				defer func() { _ = js.DeleteStream(t.Context(), "AUDIT") }()
			}
			err := open(t, c.url).Probe(t.Context())
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestSubjectIsWhatFollowsTheStreamIfThatIsCaptured(t *testing.T) {
	server := plain(t)
	js := manage(t, server.ClientURL())
	r := sinktest.Records(t, 1, 1)
	for pattern, subject := range map[string]string{"log": "log", "AUDIT.>": "AUDIT.log", "*": "log"} {
		makeStream(t, js, jetstream.StreamConfig{Subjects: []string{pattern}})
		deliver(t, open(t, "nats://"+addr(server)+"/AUDIT.log"), r...)
		want(t, lines(t, js, subject), r)
		if err := js.DeleteStream(t.Context(), "AUDIT"); err != nil {
			t.Fatal(err)
		}
	}
}

// A sink whose server was stopped for longer than its lease and than JetStream
// remembers duplicates can write neither what is there already nor out of order.
func TestTwoWritersCannotMix(t *testing.T) { bothKinds(t, writeByTurns) }

func writeByTurns(t *testing.T, together bool) {
	const window = 100 * time.Millisecond // the shortest there is
	server := plain(t)
	js := manage(t, server.ClientURL())
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"log"}, Duplicates: window, AllowAtomicPublish: together})
	url := "nats://" + addr(server) + "/AUDIT.log"
	one, other := open(t, url), open(t, url)
	records := sinktest.Records(t, 1, 30)
	deliver(t, one, records[:10]...)
	deliver(t, other, records[:20]...)
	written := time.Now()
	await(t, func() bool { return time.Since(written) > 2*window })
	deliver(t, one, records[10:25]...)
	deliver(t, other, records[15:]...)
	want(t, lines(t, js, "log"), records)
}

// Two sinks may share a stream, and each has all.
func TestTwoSubjectsOfOneStream(t *testing.T) {
	server := plain(t)
	js := manage(t, server.ClientURL())
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"log.*"}})
	records := sinktest.Records(t, 1, 5)
	for _, subject := range []string{"log.one", "log.other"} {
		deliver(t, open(t, "nats://"+addr(server)+"/AUDIT."+subject), records...)
		want(t, lines(t, js, subject), records)
	}
}

func TestRecordThatIsTooLargeIsRejected(t *testing.T) { bothKinds(t, rejectTooLarge) }

func rejectTooLarge(t *testing.T, together bool) {
	server := plain(t)
	js := manage(t, server.ClientURL())
	hostile := sinktest.Hostile(t, 1)
	largest := 0
	for i, r := range hostile {
		if len(r.Line) > len(hostile[largest].Line) {
			largest = i
		}
	}
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"log"}, MaxMsgSize: int32(len(hostile[largest].Line)), AllowAtomicPublish: together})
	sink := open(t, "nats://"+addr(server)+"/AUDIT.log")
	result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: hostile})
	if err == nil || !strings.Contains(err.Error(), "was rejected") || result.Accepted != largest {
		t.Fatalf("%d accepted, %v; want %d", result.Accepted, err, largest)
	}
	deliver(t, sink, hostile[largest+1:]...)
	want(t, lines(t, js, "log"), append(hostile[:largest:largest], hostile[largest+1:]...))
}

func TestWrongPassword(t *testing.T) {
	server, id := guarded(t)
	sink := open(t, "nats+tls://"+addr(server)+"/AUDIT.log?user=keloa&password="+remotetest.File(t, "Canary-4712")+"&"+id.Keys())
	if err := sink.Probe(t.Context()); err == nil || strings.Contains(err.Error(), "Canary") {
		t.Errorf("%v", err)
	}
}

// Of three servers the one that leads the stream is ended under load.
func TestClusterLosesItsLeader(t *testing.T) { bothKinds(t, loseLeader) }

func loseLeader(t *testing.T, together bool) {
	servers := cluster(t)
	addrs := make([]string, len(servers))
	for i, s := range servers {
		addrs[i] = addr(s)
	}
	js := manage(t, "nats://"+strings.Join(addrs, ",nats://"))
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"log"}, Replicas: 3, AllowAtomicPublish: together})
	sink := open(t, "nats://"+strings.Join(addrs, ",")+"/AUDIT.log")
	records := sinktest.Records(t, 1, 300)
	rest := records
	for len(rest) > 0 {
		if len(rest) == 200 {
			leads := func(s *natsserver.Server) bool { return s.JetStreamIsStreamLeader("$G", "AUDIT") }
			servers[slices.IndexFunc(servers, leads)].Shutdown()
		}
		await(t, func() bool { // as a relay does
			result, err := sink.Deliver(t.Context(), &auditsink.Batch{Records: rest[:10]})
			return err == nil || result.Accepted == 10
		})
		rest = rest[10:]
	}
	want(t, lines(t, js, "log"), records)
}

// The documentation says which permissions are enough.
func TestLeastPermissions(t *testing.T) {
	server := start(t, func(o *natsserver.Options) {
		o.Users = []*natsserver.User{{Username: "admin", Password: "admin"}, {Username: "keloa", Password: password, Permissions: &natsserver.Permissions{
			Publish:   &natsserver.SubjectPermission{Allow: []string{"AUDIT.tokens", "$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT"}},
			Subscribe: &natsserver.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}}
	})
	js := manage(t, server.ClientURL(), nats.UserInfo("admin", "admin"))
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"AUDIT.>"}})
	sink := open(t, "nats://"+addr(server)+"/AUDIT.tokens?user=keloa&password="+remotetest.File(t, password))
	records := sinktest.Records(t, 1, 3)
	deliver(t, sink, records...)
	if high, err := sink.HighWater(t.Context()); err != nil || high != 3 {
		t.Errorf("HighWater is %d, %v", high, err)
	}
	want(t, lines(t, js, "AUDIT.tokens"), records)
}

// A credentials file holds a JWT, which the server trusts by who signed it, and
// the seed of the key that it was made for.
func TestCredentialsFile(t *testing.T) {
	operator, system := keys(t, nkeys.CreateOperator), keys(t, nkeys.CreateAccount)
	account, user := keys(t, nkeys.CreateAccount), keys(t, nkeys.CreateUser)
	claims := jwt.NewAccountClaims(account.public)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	resolver := &natsserver.MemAccResolver{}
	for id, claims := range map[string]jwt.Claims{account.public: claims, system.public: jwt.NewAccountClaims(system.public)} {
		if err := resolver.Store(id, encode(t, claims, operator)); err != nil {
			t.Fatal(err)
		}
	}
	server := start(t, func(o *natsserver.Options) {
		o.TrustedKeys, o.AccountResolver, o.SystemAccount = []string{operator.public}, resolver, system.public
	})
	creds, err := jwt.FormatUserConfig(encode(t, jwt.NewUserClaims(user.public), account), user.seed)
	if err != nil {
		t.Fatal(err)
	}
	js := manage(t, server.ClientURL(), nats.UserCredentialBytes(creds))
	makeStream(t, js, jetstream.StreamConfig{Subjects: []string{"log"}})
	records := sinktest.Records(t, 1, 3)
	deliver(t, open(t, "nats://"+addr(server)+"/AUDIT.log?creds="+remotetest.File(t, string(creds))), records...)
	want(t, lines(t, js, "log"), records)
}
