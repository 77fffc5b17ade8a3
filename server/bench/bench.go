package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bench is the whole measurement.
type bench struct {
	options
	tokens     tokens
	ours, bare *process
}

// lookupsInDatabase counts the secrets that the cache knew nothing of.
const lookupsInDatabase = `keloa_verdict_lookups_total{found="nothing"}`

// warm has every token verified once, and says what they occupy.
func (b bench) warm(ctx context.Context) error {
	before, err := b.ours.heap(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	var next atomic.Int64
	var wait sync.WaitGroup
	const connections = 16
	failed := make(chan error, connections)
	for range connections {
		wait.Go(func() {
			var i int
			r := forwardAuth(b.ours, func() []byte { return b.tokens.secret(i) }, "200")
			failed <- r.while(ctx, func() bool {
				i = int(next.Add(1)) - 1
				return i < b.tokens.len() && ctx.Err() == nil
			}, func() {})
		})
	}
	wait.Wait()
	for range connections {
		if err := <-failed; err != nil {
			return fmt.Errorf("warm the cache: %w", err)
		}
	}
	after, err := b.ours.heap(ctx)
	if err != nil {
		return err
	}
	cached, err := b.ours.metric(ctx, "keloa_verdicts")
	if err != nil {
		return err
	}
	note("%.0f tokens verified once, from the database, in %s", cached, since(began))
	fmt.Printf("bytes per cached token   %6.0f   (goal: at most 300)\n\n", (after-before)/max(cached, 1))
	return nil
}

// scenario is one way of asking, and the floor it is compared with.
type scenario struct {
	name  string
	ask   request
	floor request
	goal  string // of throughput
}

func (b bench) scenarios() []scenario {
	unknown := pool("unknown", 1000)
	malformed := pool("malformed", 1000)
	for i := range malformed.len() {
		malformed.secret(i)[secretLen-1] = '-'
	}
	bareGet := forwardAuth(b.bare, b.tokens.anyOf, "200")
	return []scenario{
		{"forward-auth", forwardAuth(b.ours, b.tokens.anyOf, "200"), bareGet, "0.90"},
		{"introspection", introspection(b.ours, b.tokens.anyOf), introspection(b.bare, b.tokens.anyOf), "0.80"},
		{"unknown token", forwardAuth(b.ours, unknown.anyOf, "401"), bareGet, "0.90"},
		{"malformed token", forwardAuth(b.ours, malformed.anyOf, "401"), bareGet, "0.90"},
	}
}

func pool(kind string, n int) tokens {
	var t tokens
	for i := range n {
		t.text = appendSecret(t.text, kind, i)
	}
	return t
}

// ratios compares each scenario with its floor, one right after the other.
func (b bench) ratios(ctx context.Context) error {
	const columns = "%-16s %5s %10s %10s  %-18s %10s %10s %10s %9s\n"
	fmt.Printf(columns, "", "conns", "bare/s", "ours/s", "throughput (goal)", "p50", "p99", "CPU/req", "DB reads")
	for _, s := range b.scenarios() {
		// Once unmeasured: unknown secrets are remembered from then on.
		if _, err := load(ctx, s.ask, 16, b.slice/2); err != nil {
			return err
		}
		for _, connections := range []int{1, 16, 64} {
			if err := b.ratio(ctx, s, connections, columns); err != nil {
				return err
			}
		}
	}
	fmt.Println("\nRatios are ours to bare, the median of the rounds. Goals: p99 at most 1.50, CPU per request at most 1.15.")
	return nil
}

func (b bench) ratio(ctx context.Context, s scenario, connections int, columns string) error {
	readsBefore, err := b.ours.metric(ctx, lookupsInDatabase)
	if err != nil {
		return err
	}
	var floors, asked, throughput, p50, p99, cpu []float64
	for range b.rounds {
		floor, err := load(ctx, s.floor, connections, b.slice)
		if err != nil {
			return err
		}
		ask, err := load(ctx, s.ask, connections, b.slice)
		if err != nil {
			return err
		}
		floors, asked = append(floors, floor.perSecond), append(asked, ask.perSecond)
		throughput = append(throughput, ask.perSecond/floor.perSecond)
		p50 = append(p50, float64(ask.p50)/float64(floor.p50))
		p99 = append(p99, float64(ask.p99)/float64(floor.p99))
		cpu = append(cpu, float64(ask.cpu)/float64(floor.cpu))
	}
	reads, err := b.ours.metric(ctx, lookupsInDatabase)
	if err != nil {
		return err
	}
	fmt.Printf(columns, s.name, fmt.Sprint(connections), whole(median(floors)), whole(median(asked)),
		ratio(median(throughput))+" ("+s.goal+")", ratio(median(p50)), ratio(median(p99)), ratio(median(cpu)), whole(reads-readsBefore))
	return nil
}

// minting compares verification alone with verification while tokens are
// minted, at half the rate that minting reaches when it is alone.
func (b bench) minting(ctx context.Context) error {
	body := `{"query":"mutation { mintToken(input: {label: \"bench\", abilities: [READ]}) { token { id } } }"}`
	mint := newRequest(&process{command: b.ours.command, internal: b.ours.public}, "POST /graphql", body, "Bearer "+hole, func() []byte { return b.tokens.secret(0) }, "200")
	mint.text = strings.Replace(mint.text, "application/x-www-form-urlencoded", "application/json", 1)
	full, err := load(ctx, mint, 4, b.slice)
	if err != nil {
		return err
	}
	ask := forwardAuth(b.ours, b.tokens.anyOf, "200")
	var ratios []float64
	for range b.rounds {
		alone, err := load(ctx, ask, 16, b.slice)
		if err != nil {
			return err
		}
		minting, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- mint.paced(minting, full.perSecond/2) }()
		beside, err := load(ctx, ask, 16, b.slice)
		stop()
		if err := cmpErr(err, <-done); err != nil {
			return err
		}
		ratios = append(ratios, beside.perSecond/alone.perSecond)
	}
	fmt.Printf("\nforward-auth beside %s mints a second (half of what minting alone reaches): %s of itself alone (goal: 0.90)\n",
		whole(full.perSecond/2), ratio(median(ratios)))
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(f float64) string { return fmt.Sprintf("%.2f", f) }
func whole(f float64) string { return fmt.Sprintf("%.0f", f) }
