package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/execsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/auditsink/kafkasink"
	"github.com/keloa/apitokens/auditsink/natssink"
	"github.com/keloa/apitokens/auditsink/otlpsink"
	"github.com/keloa/apitokens/auditsink/stdoutsink"
	"github.com/keloa/apitokens/auditsink/syslogsink"
	"github.com/keloa/apitokens/auditsink/webhooksink"
)

// openSinks opens the audit sinks, each written NAME=URL.
func openSinks(ctx context.Context, texts []string) (sinks []auditsink.Destination, err error) {
	var mux auditsink.Mux
	mux.Register(execsink.Scheme, execsink.Open)
	mux.Register(filesink.Scheme, filesink.Open)
	mux.Register(kafkasink.Scheme, kafkasink.Open)
	mux.Register(kafkasink.TLSScheme, kafkasink.Open)
	mux.Register(natssink.Scheme, natssink.Open)
	mux.Register(natssink.TLSScheme, natssink.Open)
	mux.Register(stdoutsink.Scheme, stdoutsink.Open)
	mux.Register(otlpsink.Scheme, otlpsink.Open)
	mux.Register(otlpsink.PlainScheme, otlpsink.Open)
	mux.Register(syslogsink.TLSScheme, syslogsink.Open)
	mux.Register(syslogsink.TCPScheme, syslogsink.Open)
	mux.Register(syslogsink.UDPScheme, syslogsink.Open)
	mux.Register(webhooksink.Scheme, webhooksink.Open)
	mux.Register(webhooksink.PlainScheme, webhooksink.Open)
	defer func() {
		if err != nil {
			err = errors.Join(err, closeSinks(sinks))
		}
	}()
	names, places := make(map[string]bool), make(map[string]bool)
	for _, text := range texts {
		sink, err := mux.Open(ctx, text)
		if err != nil {
			return sinks, usageOrFailure(setting("audit-sink"), err)
		}
		sinks = append(sinks, sink)
		if names[sink.Name] {
			return sinks, usagef("%s: two sinks are called %s: give each its own name", setting("audit-sink"), sink.Name)
		}
		names[sink.Name] = true
		at := placeOf(text)
		if places[at] {
			return sinks, usagef("%s: two sinks write to the same place, and each would take the other's records for its own: leave out %s",
				setting("audit-sink"), sink.Name)
		}
		places[at] = true
	}
	return sinks, nil
}

// placeOf is where a sink, written NAME=URL, writes to: its URL without keys, a
// file by its full path.
func placeOf(text string) string {
	_, at, _ := strings.Cut(text, "=")
	at, _, _ = strings.Cut(at, "?")
	if path, ok := strings.CutPrefix(at, filesink.Scheme+":"); ok {
		if full, err := filepath.Abs(path); err == nil {
			return full
		}
	}
	return at
}

// usageOrFailure names the flag that err is about, and tells a value that is
// wrong from one that the operating system has something against.
func usageOrFailure(name string, err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%s: %w", name, err)
	}
	return usagef("%s: %s", name, err)
}

// closeSinks closes what no relay has taken over.
func closeSinks(sinks []auditsink.Destination) error {
	var errs []error
	for _, s := range sinks {
		errs = append(errs, s.Sink.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// toStandardOutput reports whether one of the sinks, written NAME=URL, is
// standard output.
func toStandardOutput(texts []string) bool {
	for _, text := range texts {
		if _, url, _ := strings.Cut(text, "="); strings.HasPrefix(url, "stdout:") {
			return true
		}
	}
	return false
}

// pipeline is what works on the audit log in the background: the sealer of the
// journal, and a relay for each sink.
type pipeline struct {
	log                    *slog.Logger
	relays                 []*auditsink.Relay
	stopSealer, stopRelays context.CancelFunc
	sealer, relaying       sync.WaitGroup
}

// startPipeline starts the sealer and the relays, which from then on own the
// sinks. They outlive ctx: what the last requests leave behind is worked off by
// stop.
func startPipeline(ctx context.Context, audit *journal.Journal, sinks []auditsink.Destination, log *slog.Logger) *pipeline {
	sealing, stopSealer := context.WithCancel(context.WithoutCancel(ctx))
	relaying, stopRelays := context.WithCancel(context.WithoutCancel(ctx))
	p := &pipeline{log: log, stopSealer: stopSealer, stopRelays: stopRelays}
	p.sealer.Go(func() { p.run(sealing, audit.Run) })
	for _, sink := range sinks {
		relay := auditsink.NewRelay(sink, audit, log)
		p.relays = append(p.relays, relay)
		p.relaying.Go(func() { p.run(relaying, relay.Run) })
	}
	p.relaying.Go(func() { p.reopen(relaying) })
	return p
}

func (p *pipeline) run(ctx context.Context, work func(context.Context) error) {
	if err := work(ctx); err != nil {
		p.log.ErrorContext(ctx, "the audit log was not worked off", slog.Any("error", err))
	}
}

// reopen has the sinks take up their destinations again on each SIGHUP.
func (p *pipeline) reopen(ctx context.Context) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
		}
		p.log.InfoContext(ctx, "reopening the audit sinks")
		for _, relay := range p.relays {
			if err := relay.Reopen(ctx); err != nil {
				p.log.ErrorContext(ctx, "cannot reopen an audit sink", slog.Any("error", err))
			}
		}
	}
}

// stop seals what is left, and then lets the relays deliver it.
func (p *pipeline) stop() {
	p.stopSealer()
	p.sealer.Wait()
	p.stopRelays()
	p.relaying.Wait()
}
