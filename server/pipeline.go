package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
)

// probeTime bounds how long a new sink may take to say that it is there.
const probeTime = 10 * time.Second

// pipeline is what works on the audit log in the background: the sealer of the
// journal, and a relay for each sink.
type pipeline struct {
	log   *slog.Logger
	audit *journal.Journal
	gate  *journal.Gate
	// configured reads anew which sinks there are to be.
	configured func() ([]sinkText, error)

	stopSealer  context.CancelFunc
	sealer      sync.WaitGroup
	stopReloads func()

	mu    sync.Mutex
	feeds map[string]*feeding // by the name of the sink
}

// feeding is a relay that runs.
type feeding struct {
	text  string // what its sink was opened from
	relay *auditsink.Relay
	stop  func() // returns when the relay has ended
}

// startPipeline starts the sealer and the relays, which from then on own the
// sinks. They outlive ctx: what the last requests leave behind is worked off by
// stop.
func startPipeline(ctx context.Context, audit *journal.Journal, gate *journal.Gate, sinks []openSink, configured func() ([]sinkText, error), log *slog.Logger) *pipeline {
	ctx = context.WithoutCancel(ctx)
	sealing, stopSealer := context.WithCancel(ctx)
	p := &pipeline{
		log: log, audit: audit, gate: gate, configured: configured,
		stopSealer: stopSealer, feeds: make(map[string]*feeding),
	}
	gate.Require(required(sinks))
	p.sealer.Go(func() { p.run(sealing, audit.Run) })
	for _, sink := range sinks {
		p.start(ctx, sink)
	}
	p.stopReloads = onHangUp(ctx, func(reloading context.Context) { p.reload(reloading, ctx) })
	return p
}

func (p *pipeline) run(ctx context.Context, work func(context.Context) error) {
	if err := work(ctx); err != nil {
		p.log.ErrorContext(ctx, "the audit log was not worked off", slog.Any("error", err))
	}
}

// start feeds a sink until it is stopped.
func (p *pipeline) start(ctx context.Context, sink openSink) {
	ctx, cancel := context.WithCancel(ctx)
	f := &feeding{text: sink.text, relay: auditsink.NewRelay(sink.Destination, p.audit, p.log)}
	var running sync.WaitGroup
	running.Go(func() { p.run(ctx, f.relay.Run) })
	f.stop = func() {
		cancel()
		running.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.feeds[sink.Name] = f
}

// current returns the feeds of now.
func (p *pipeline) current() map[string]*feeding {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.feeds)
}

// relayed says what the relays have done, by the names of their sinks.
func (p *pipeline) relayed() map[string]auditsink.Stats {
	stats := make(map[string]auditsink.Stats)
	for name, f := range p.current() {
		stats[name] = f.relay.Stats()
	}
	return stats
}

// reload takes up which sinks there are to be. Relays that it starts live in alive.
func (p *pipeline) reload(ctx, alive context.Context) {
	p.log.InfoContext(ctx, "reopening the audit sinks")
	if err := p.replace(ctx, alive); err != nil {
		p.log.ErrorContext(ctx, "the audit sinks stay as they were: their new configuration cannot be taken up", slog.Any("error", err))
	}
}

// onHangUp calls do on each SIGHUP from now on, one after the other, until stop is
// called, which waits for it.
func onHangUp(ctx context.Context, do func(context.Context)) (stop func()) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	end := runUntil(ctx, func(ctx context.Context) error {
		defer signal.Stop(hangUps)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangUps:
				do(ctx)
			}
		}
	})
	return func() { _ = end() } // it never fails
}

// replace reopens the sinks that are as before, opens and probes those that are
// new or changed and, only if all of them are there, lets the old ones finish and
// starts the new.
func (p *pipeline) replace(ctx, alive context.Context) error {
	texts, err := p.configured()
	if err == nil {
		err = checkApart(texts)
	}
	if err != nil {
		p.reopen(ctx, p.current())
		return err
	}
	ending := p.current()
	same := make(map[string]*feeding)
	var changed []sinkText
	for _, t := range texts {
		if f := ending[t.name()]; f != nil && f.text == t.text {
			same[t.name()] = f
			delete(ending, t.name())
		} else {
			changed = append(changed, t)
		}
	}
	opened, err := p.open(ctx, changed)
	if err != nil {
		p.reopen(ctx, p.current())
		return err
	}
	p.reopen(ctx, same)
	p.end(ending)
	needed := required(opened)
	for name, f := range same {
		if f.relay.Destination().Required {
			needed = append(needed, name)
		}
	}
	p.gate.Require(needed)
	for _, sink := range opened {
		p.start(alive, sink)
	}
	if len(ending)+len(opened) > 0 {
		p.log.InfoContext(ctx, "the audit sinks were changed", slog.Int("ended", len(ending)), slog.Int("started", len(opened)), slog.Int("unchanged", len(same)))
	}
	return nil
}

// open opens and probes sinks, all or none.
func (p *pipeline) open(ctx context.Context, texts []sinkText) ([]openSink, error) {
	ctx, done := context.WithTimeout(ctx, probeTime)
	defer done()
	opened, err := openSinks(ctx, texts)
	if err != nil {
		return nil, err
	}
	for _, s := range opened {
		prober, ok := s.Sink.(auditsink.Prober)
		if !ok {
			continue
		}
		if err := prober.Probe(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("audit sink %s: %w", s.Name, err), closeSinks(opened))
		}
	}
	return opened, nil
}

func (p *pipeline) reopen(ctx context.Context, feeds map[string]*feeding) {
	for _, f := range feeds {
		if err := f.relay.Reopen(ctx); err != nil {
			p.log.ErrorContext(ctx, "cannot reopen an audit sink", slog.Any("error", err))
		}
	}
}

// end lets relays deliver what there is, all at once, and forgets them.
func (p *pipeline) end(feeds map[string]*feeding) {
	var ending sync.WaitGroup
	for name, f := range feeds {
		ending.Go(f.stop)
		p.mu.Lock()
		delete(p.feeds, name)
		p.mu.Unlock()
	}
	ending.Wait()
}

// stop seals what is left, and then lets the relays deliver it.
func (p *pipeline) stop() {
	p.stopReloads()
	p.stopSealer()
	p.sealer.Wait()
	p.end(p.current())
}
