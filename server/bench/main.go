// Command bench measures what a verification costs: it builds and starts the
// real server with many tokens, and a bare net/http server that answers the same
// bytes and checks nothing, has both answer in turns, and prints the ratios.
//
// The load comes from this process, over loopback. It shares the processors with
// the server that is measured, the same for both; only one of them is asked at a
// time. Absolute numbers are the machine's: the ratios are what to look at.
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
	tokens int
	rounds int
	slice  time.Duration
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareCommand {
		exit(serveBare())
	}
	var o options
	flag.IntVar(&o.tokens, "tokens", 1_000_000, "how many tokens the database and the cache hold")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each measurement is repeated; the median counts")
	flag.DurationVar(&o.slice, "slice", time.Second, "how long one measurement takes")
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

	ours, err := startServer(ctx, program, folder)
	if err != nil {
		return err
	}
	defer ours.stop()
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.stop()

	b := bench{o, tokens, ours, bare}
	if err := b.warm(ctx); err != nil {
		return err
	}
	if err := b.ratios(ctx); err != nil {
		return err
	}
	return b.minting(ctx)
}

func note(format string, args ...any) { fmt.Printf("# "+format+"\n", args...) }

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }
