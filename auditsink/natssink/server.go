package natssink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

// connectTimeout is how long one server may take to answer, before the next
// one is tried.
const connectTimeout = 5 * time.Second

// server is where to connect to, and as who.
type server struct {
	urls    string
	options []nats.Option
	// as returns the options that hold a credential, looked up anew.
	as func() (nats.Option, error)
}

func newServer(u *url.URL) (server, error) {
	query, config, err := remote.Keys(u, u.Scheme == TLSScheme, "user", "password", "token", "creds")
	if err != nil {
		return server{}, err
	}
	s := server{options: []nats.Option{
		nats.Name("keloa-tokens"),
		nats.NoReconnect(), // who calls the sink tries again
		nats.SkipHostLookup(),
		nats.Timeout(connectTimeout),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the default one prints
	}}
	var urls []string
	for host := range strings.SplitSeq(u.Host, ",") {
		if host == "" {
			return server{}, errors.New("one of its hosts has no name")
		}
		urls = append(urls, "nats://"+host)
	}
	s.urls = strings.Join(urls, ",")
	if config != nil {
		s.options = append(s.options, nats.Secure(config))
	}
	if s.as, err = identity(query); err != nil {
		return server{}, err
	}
	if s.as != nil && u.Scheme != TLSScheme && !loopback(u.Host) {
		return server{}, errors.New("credentials are sent unencrypted to this machine only: write " + TLSScheme + "://")
	}
	return s, nil
}

func loopback(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		if !remote.Loopback((&url.URL{Host: host}).Hostname()) {
			return false
		}
	}
	return true
}

// identity reads the keys that hold a credential; nil for none.
func identity(query url.Values) (func() (nats.Option, error), error) {
	ways := map[string]func(secret string) nats.Option{
		"password": func(secret string) nats.Option { return nats.UserInfo(query.Get("user"), secret) },
		"token":    nats.Token,
		"creds":    func(secret string) nats.Option { return nats.UserCredentialBytes([]byte(secret)) },
	}
	var as func() (nats.Option, error)
	for key, option := range ways {
		if !query.Has(key) {
			continue
		}
		if as != nil {
			return nil, errors.New("password, token and creds exclude each other")
		}
		credential, err := auditsink.ParseCredential(query.Get(key))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		as = func() (nats.Option, error) {
			secret, err := credential.Reveal()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			return option(secret), nil
		}
	}
	if query.Has("user") != query.Has("password") || (query.Has("user") && query.Get("user") == "") {
		return nil, errors.New("user and password go together")
	}
	return as, nil
}

// connect connects to one of the servers over w.
func (s server) connect(ctx context.Context, w *wire) (*nats.Conn, error) {
	options := append(slices.Clip(s.options), nats.SetCustomDialer(dialer{ctx, w}))
	if s.as != nil {
		as, err := s.as()
		if err != nil {
			return nil, err
		}
		options = append(options, as)
	}
	conn, err := nats.Connect(s.urls, options...)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return conn, err
}

// wire is a connection below NATS, which cannot be told to give up otherwise.
type wire struct {
	mu   sync.Mutex // guards conn
	conn net.Conn
}

// cut ends the connection, if there is one.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// dialer dials for as long as ctx lasts.
type dialer struct {
	ctx context.Context
	*wire
}

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.conn = conn
	d.mu.Unlock()
	if d.ctx.Err() != nil { // and cut may have come too early
		d.cut()
	}
	return conn, nil
}
