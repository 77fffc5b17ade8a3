package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// bench is the whole measurement.
type bench struct {
	options
	tokens        tokens
	ours, bare    *process
	goals, missed int
}

// The goals, as ratios to the floor. Those of throughput go with the scenarios.
const (
	goalBytes   = 300 // a cached token
	goalP99     = 1.50
	goalCPU     = 1.15
	goalMinting = 0.90
	goalMarking = 0.95
)

// lookupsInDatabase counts the secrets that the cache knew nothing of.
const lookupsInDatabase = `keloa_verdict_lookups_total{found="nothing"}`

// fillCache has every token verified once.
func (b *bench) fillCache(ctx context.Context, p *process) error {
	callers, err := forwardAuth(p, nil, "200").dial(ctx, 16)
	if err != nil {
		return err
	}
	defer callers.close()
	var next atomic.Int64
	err = callers.each(func(conn *conn) error {
		for i := next.Add(1) - 1; int(i) < b.tokens.len() && ctx.Err() == nil; i = next.Add(1) - 1 {
			if err := callers.once(conn, b.tokens.secret(int(i))); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("fill the cache: %w", err)
	}
	return nil
}

// memory fills the cache of our server, and says what a token occupies in it.
func (b *bench) memory(ctx context.Context) error {
	before, err := b.ours.heap(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.fillCache(ctx, b.ours); err != nil {
		return err
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
	each := (after - before) / max(cached, 1)
	fmt.Printf("bytes per cached token   %6.0f   (goal: at most %d: %s)\n\n", each, goalBytes, b.verdict(each <= goalBytes))
	return nil
}

// scenario is one way of asking, and the floor it is compared with.
type scenario struct {
	name  string
	ask   request
	floor request
	goal  float64 // of throughput
}

func (b *bench) scenarios() []scenario {
	unknown := pool("unknown", 1000)
	malformed := pool("malformed", 1000)
	for i := range malformed.len() {
		malformed.secret(i)[secretLen-1] = '-'
	}
	bareGet := forwardAuth(b.bare, b.tokens.anyOf, "200")
	all := []scenario{
		{"forward-auth", forwardAuth(b.ours, b.tokens.anyOf, "200"), bareGet, 0.90},
		{"introspection", introspection(b.ours, b.tokens.anyOf), introspection(b.bare, b.tokens.anyOf), 0.80},
		{"unknown token", forwardAuth(b.ours, unknown.anyOf, "401"), bareGet, 0.90},
		{"malformed token", forwardAuth(b.ours, malformed.anyOf, "401"), bareGet, 0.90},
	}
	return slices.DeleteFunc(all, func(s scenario) bool { return !b.wants(s.name) })
}

// wants reports whether a measurement is asked for.
func (b *bench) wants(name string) bool { return strings.HasPrefix(name, b.only) }

func pool(kind string, n int) tokens {
	var t tokens
	for i := range n {
		t.text = appendSecret(t.text, kind, i)
	}
	return t
}

// columns are those of the table of ratios.
const columns = "%-16s %5s %8s %8s  %-12s %-6s %-12s %-12s %8s\n"

// ratios compares each scenario with its floor.
func (b *bench) ratios(ctx context.Context) error {
	scenarios := b.scenarios()
	if len(scenarios) == 0 {
		return nil
	}
	fmt.Printf(columns, "", "conns", "bare/s", "ours/s", "throughput", "p50", "p99", "CPU/req", "DB reads")
	for _, s := range scenarios {
		for _, connections := range []int{1, 16, 64} {
			if err := b.ratio(ctx, s, connections); err != nil {
				return err
			}
		}
	}
	fmt.Println("\nRatios are ours to bare, the median of the rounds; an exclamation mark stands behind the goal that is missed.")
	return nil
}

// ratio asks both servers in turns, in slices short enough that both have the
// same share of what else the machine does.
func (b *bench) ratio(ctx context.Context, s scenario, connections int) error {
	ours, err := s.ask.dial(ctx, connections)
	if err != nil {
		return err
	}
	defer ours.close()
	bare, err := s.floor.dial(ctx, connections)
	if err != nil {
		return err
	}
	defer bare.close()
	// Once unmeasured: unknown secrets are remembered from then on.
	for _, c := range []*callers{ours, bare} {
		if _, err := c.run(ctx, b.slice); err != nil {
			return err
		}
	}
	if err := b.profileOf(ctx, s, connections, ours); err != nil {
		return err
	}
	readsBefore, err := b.ours.metric(ctx, lookupsInDatabase)
	if err != nil {
		return err
	}
	var floors, asked, throughput, p50, p99, cpu []float64
	for range b.rounds {
		floor, err := bare.run(ctx, b.slice)
		if err != nil {
			return err
		}
		ask, err := ours.run(ctx, b.slice)
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
		b.atLeast(s.goal, throughput), ratio(median(p50)), b.atMost(goalP99, p99), b.atMost(goalCPU, cpu), whole(reads-readsBefore))
	return nil
}

// profileOf writes what our server does with its processor time while it is
// asked, if that is wanted.
func (b *bench) profileOf(ctx context.Context, s scenario, connections int, ours *callers) error {
	if b.profile == "" {
		return nil
	}
	const seconds = 3
	done := make(chan error, 1)
	go func() {
		_, err := ours.run(ctx, (seconds+1)*time.Second)
		done <- err
	}()
	text, err := b.ours.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds))
	if err := cmpErr(err, <-done); err != nil {
		return err
	}
	if err := os.MkdirAll(b.profile, 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%d.pprof", strings.ReplaceAll(s.name, " ", "-"), connections)
	return os.WriteFile(filepath.Join(b.profile, name), []byte(text), 0o600)
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// verdict counts a goal, and says whether it was met.
func (b *bench) verdict(met bool) string {
	b.goals++
	if met {
		return "met"
	}
	b.missed++
	return "MISSED"
}

func (b *bench) atLeast(goal float64, values []float64) string {
	m := median(values)
	return b.marked(m, goal, m >= goal)
}

func (b *bench) atMost(goal float64, values []float64) string {
	m := median(values)
	return b.marked(m, goal, m <= goal)
}

func (b *bench) marked(value, goal float64, met bool) string {
	b.goals++
	if met {
		return ratio(value)
	}
	b.missed++
	return fmt.Sprintf("%.2f (%.2f!)", value, goal)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(f float64) string { return fmt.Sprintf("%.2f", f) }
func whole(f float64) string { return fmt.Sprintf("%.0f", f) }
