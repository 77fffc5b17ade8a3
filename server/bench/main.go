// Command bench measures what a verification costs: it builds and starts the
// real server with many tokens, and a bare net/http server that answers the same
// bytes and checks nothing, has both answer in turns, and prints the ratios.
//
// The load comes from this process, over loopback. It shares the processors with
// the server that is measured, the same for both; only one of them is asked at a
// time. Absolute numbers are the machine's: the ratios are what to look at.
//
// What follows the flags of the bench, after "--", are flags of our server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are the flags.
type options struct {
	tokens  int
	rounds  int
	slice   time.Duration
	only    string
	profile string
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareCommand {
		exit(serveBare())
	}
	var o options
	flag.IntVar(&o.tokens, "tokens", 1_000_000, "how many tokens the database and the cache hold")
	flag.IntVar(&o.rounds, "rounds", 15, "how often each measurement is repeated; the median counts")
	flag.DurationVar(&o.slice, "slice", 200*time.Millisecond, "how long one measurement takes")
	flag.StringVar(&o.only, "only", "", "measure what begins so: forward-auth, introspection, unknown token, malformed token, minting, marking")
	flag.StringVar(&o.profile, "profile", "", "write profiles of the server to this folder, which is made; numbers are worse while they are taken")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, o options) (err error) {
	folder, err := os.MkdirTemp("", "keloa-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	began := time.Now()
	program, err := build(ctx, folder)
	if err != nil {
		return err
	}
	tokens := newTokens(o.tokens)
	if err := fill(ctx, program, folder, tokens); err != nil {
		return err
	}
	note("built the server and made %d tokens in %s", o.tokens, since(began))
	b := &bench{options: o, tokens: tokens}
	quietly := ""
	if b.wants("marking") {
		if quietly, err = copyOf(folder); err != nil {
			return err
		}
	}

	ours, err := startServer(ctx, program, folder, flag.Args())
	if err != nil {
		return err
	}
	defer ours.stop()
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.stop()

	b.ours, b.bare = ours, bare
	if err := b.memory(ctx); err != nil {
		return err
	}
	if err := b.ratios(ctx); err != nil {
		return err
	}
	if b.wants("minting") {
		if err := b.minting(ctx); err != nil {
			return err
		}
	}
	if b.wants("marking") {
		quiet, err := startServer(ctx, program, quietly, append(flag.Args(), "--last-used-flush=5m"))
		if err != nil {
			return err
		}
		defer quiet.stop()
		if err := b.marking(ctx, quiet); err != nil {
			return err
		}
	}
	fmt.Printf("\n%d of %d goals met\n", b.goals-b.missed, b.goals)
	return nil
}

func note(format string, args ...any) { fmt.Printf("# "+format+"\n", args...) }

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }
