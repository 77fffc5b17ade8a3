package crashtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/blobsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/kafkasink"
	"github.com/keloa/apitokens/auditsink/natssink"
	"github.com/keloa/apitokens/auditsink/webhooksink"
	"github.com/keloa/apitokens/ent/database"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

const (
	childURL   = "KELOA_CRASHTEST_DATABASE"
	childSinks = "KELOA_CRASHTEST_SINKS" // NAME=URL, with spaces between them
	childKill  = "KELOA_CRASHTEST_KILL"  // POINT:N, or empty
	childKey   = "KELOA_CRASHTEST_KEY"   // that checkpoints are signed with

	minters = 3
)

// child is a server in a process of its own: it mints and revokes without a
// pause, says so in a line "ACTION ID" for each mutation that was acknowledged,
// and feeds its sinks, which it also reopens without a pause, until its standard
// input ends. Then it stops in order.
func child(url string) int {
	if err := serve(context.Background(), url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, url string) (err error) {
	k, err := newKiller(os.Getenv(childKill))
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	db, err := database.Open(ctx, url, database.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	k.watch(db.Client())
	key, err := journal.ParseKey(os.Getenv(childKey))
	if err != nil {
		return err
	}
	audit := journal.New(journal.Options{Database: db, Key: key, Logger: log})
	relays, err := openRelays(ctx, audit, k, log)
	if err != nil {
		return err
	}
	tokens := token.New(token.Options{Database: db, Journal: audit})

	var sealing, relaying sync.WaitGroup
	sealer, stopSealer := context.WithCancel(ctx)
	feeders, stopFeeders := context.WithCancel(ctx)
	problems := make(chan error, 1+len(relays))
	sealing.Go(func() { problems <- audit.Run(sealer) })
	for _, r := range relays {
		relaying.Go(func() { problems <- r.Run(feeders) })
	}
	err = work(ctx, tokens, relays)
	stopSealer()
	sealing.Wait()
	stopFeeders()
	relaying.Wait()
	close(problems)
	for problem := range problems {
		err = errors.Join(err, problem)
	}
	return err
}

func openRelays(ctx context.Context, audit *journal.Journal, k *killer, log *slog.Logger) ([]*auditsink.Relay, error) {
	var mux auditsink.Mux
	mux.Register(filesink.Scheme, filesink.Open)
	mux.Register(natssink.Scheme, natssink.Open)
	mux.Register(kafkasink.Scheme, kafkasink.Open)
	mux.Register(blobsink.FileScheme, blobsink.OpenFile)
	mux.Register(webhooksink.PlainScheme, webhooksink.Open)
	var relays []*auditsink.Relay
	for text := range strings.FieldsSeq(os.Getenv(childSinks)) {
		to, err := mux.Open(ctx, text)
		if err != nil {
			return nil, err
		}
		to.Sink = watch(to.Sink, k)
		relays = append(relays, auditsink.NewRelay(to, audit, log))
	}
	return relays, nil
}

// work changes things until standard input ends.
func work(ctx context.Context, tokens *token.Service, relays []*auditsink.Relay) error {
	home, err := tokens.Workspace(ctx, token.DefaultWorkspace)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	said := &sayer{out: bufio.NewWriter(os.Stdout)}
	var working sync.WaitGroup
	problems := make(chan error, minters+len(relays))
	for range minters {
		working.Go(func() { problems <- mintAndRevoke(ctx, tokens, token.System(home, "crashtest"), said) })
	}
	for _, r := range relays {
		working.Go(func() {
			for ctx.Err() == nil {
				if err := r.Reopen(ctx); err != nil && ctx.Err() == nil {
					problems <- err
					return
				}
				pause(ctx, reopenEvery)
			}
		})
	}
	working.Wait()
	close(problems)
	for problem := range problems {
		err = errors.Join(err, problem)
	}
	return err
}

// mintAndRevoke mints tokens and revokes every second one, until ctx is done.
func mintAndRevoke(ctx context.Context, tokens *token.Service, by token.Caller, said *sayer) error {
	for n := 0; ctx.Err() == nil; n++ {
		var minted token.Minted
		err := insist(func() (err error) {
			minted, err = tokens.Mint(context.WithoutCancel(ctx), by, token.MintInput{
				Label: "x", Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE,
			})
			return err
		})
		if err != nil {
			return err
		}
		said.say(auditsink.ActionMint, minted.Token.ID.String())
		if n%2 == 0 {
			continue
		}
		err = insist(func() error {
			_, err := tokens.Revoke(context.WithoutCancel(ctx), by, minted.Token.ID, "")
			return err
		})
		if err != nil {
			return err
		}
		said.say(auditsink.ActionRevoke, minted.Token.ID.String())
	}
	return nil
}

// insist does a thing again where it is told to, within patience: a server that
// was frozen wakes with the time for its reads used up.
func insist(do func() error) error {
	for began := time.Now(); ; {
		if err := do(); !errors.Is(err, token.ErrUnavailable) || time.Since(began) > patience {
			return err
		}
	}
}

// sayer writes whole lines, each at once.
type sayer struct {
	mu  sync.Mutex
	out *bufio.Writer
}

func (s *sayer) say(words ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.out.WriteString(strings.Join(words, " ") + "\n")
	_ = s.out.Flush()
}
