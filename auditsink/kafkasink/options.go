package kafkasink

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

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/internal/remote"
)

const (
	defaultPort = "9092"
	dialTimeout = 5 * time.Second
	// retryTimeout bounds how long the client repeats a request by itself,
	// as after a partition got another leader.
	retryTimeout = 5 * time.Second

	// A batch as Kafka has it is at most batchBytes before it is compressed,
	// just below what brokers take by default, and holds one part.
	batchBytes = 1_000_000
	// recordBytes is what a record takes besides its value, or more.
	recordBytes = 100
	maxBuffered = 2 * batchBytes
)

// newOptions reads the URL, and returns what looks its credential up.
func newOptions(u *url.URL) (func(*tenure) ([]kgo.Opt, error), error) {
	query, config, err := remote.Keys(u, u.Scheme == TLSScheme, "user", "password", "mechanism")
	if err != nil {
		return nil, err
	}
	brokers, local, err := brokersOf(u.Host)
	if err != nil {
		return nil, err
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("keloa-tokens"),
		kgo.RetryTimeout(retryTimeout),
		kgo.DisableClientMetrics(), // which brokers may ask for
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ManualFlushing(), // so that one part is one batch, which is written whole or not at all
		kgo.ProducerBatchMaxBytes(batchBytes + batchBytes/50),
		kgo.MaxBufferedBytes(maxBuffered),
		kgo.KeepControlRecords(), // by which the end of the partition is known
	}
	as, err := identity(query)
	if err != nil {
		return nil, err
	}
	if as != nil && u.Scheme != TLSScheme && !local {
		return nil, errors.New("a password is sent unencrypted to this machine only: write " + TLSScheme + "://")
	}
	return func(t *tenure) ([]kgo.Opt, error) {
		options := append(slices.Clip(options), t.dial(config))
		if as == nil {
			return options, nil
		}
		mechanism, err := as()
		if err != nil {
			return nil, err
		}
		return append(options, kgo.SASL(mechanism)), nil
	}, nil
}

// brokersOf reads hosts with commas between them, and reports whether all of
// them are this machine.
func brokersOf(hosts string) (brokers []string, local bool, err error) {
	local = true
	for host := range strings.SplitSeq(hosts, ",") {
		one := url.URL{Host: host}
		if one.Hostname() == "" {
			return nil, false, errors.New("one of its brokers has no name")
		}
		port := one.Port()
		if port == "" {
			port = defaultPort
		}
		brokers = append(brokers, net.JoinHostPort(one.Hostname(), port))
		local = local && remote.Loopback(one.Hostname())
	}
	return brokers, local, nil
}

// identity reads the keys of who to be; nil for nobody.
func identity(query url.Values) (func() (sasl.Mechanism, error), error) {
	user := query.Get("user")
	if query.Has("user") != query.Has("password") || query.Has("user") && user == "" || query.Has("mechanism") && user == "" {
		return nil, errors.New("user and password go together, and mechanism with both")
	}
	if user == "" {
		return nil, nil //nolint:nilnil // nobody
	}
	password, err := auditsink.ParseCredential(query.Get("password"))
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	var mechanism func(secret string) sasl.Mechanism
	switch query.Get("mechanism") {
	case "", "scram-sha-512":
		mechanism = func(secret string) sasl.Mechanism { return scram.Auth{User: user, Pass: secret}.AsSha512Mechanism() }
	case "scram-sha-256":
		mechanism = func(secret string) sasl.Mechanism { return scram.Auth{User: user, Pass: secret}.AsSha256Mechanism() }
	case "plain":
		mechanism = func(secret string) sasl.Mechanism { return plain.Auth{User: user, Pass: secret}.AsMechanism() }
	default:
		return nil, errors.New("mechanism must be plain, scram-sha-256 or scram-sha-512")
	}
	return func() (sasl.Mechanism, error) {
		secret, err := password.Reveal()
		if err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
		return mechanism(secret), nil
	}, nil
}

// failures keeps why a broker could not be reached, which the client retries
// and tells nobody.
type failures struct {
	mu   sync.Mutex // guards last
	last error
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (f *failures) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = err
}

// why adds to an error of waiting what was waited for.
func (f *failures) why(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", f.last, err)
}
