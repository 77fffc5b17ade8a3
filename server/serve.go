package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ratelimit"
	"github.com/keloa/apitokens/token/usage"
)

type serveCommand struct{ serverFlags }

// Run serves until the process is told to stop. A second signal ends it at
// once.
func (c serveCommand) Run(ctx context.Context, std streams) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return serve(ctx, cfg, std, stop)
}

// serve runs the server until ctx is done or a listener fails. What it opens it
// closes in the opposite order. Before it says that it stops, it calls release,
// after which a signal ends the process at once.
func serve(ctx context.Context, cfg config, std streams, release func()) (err error) {
	log, err := newLogger(std.err, cfg.logFormat, cfg.logLevel)
	if err != nil {
		return err
	}
	sinks, err := openSinks(ctx, cfg.sinks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSinks(sinks)) }()
	db, err := openForServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	key, err := loadAuditKey(cfg.auditKey)
	if err != nil {
		return err
	}
	audit := journal.New(journal.Options{Database: db, Key: key, Memory: journal.NewMemory(cfg.auditKey, key), Logger: log})
	gate := journal.NewGate(audit)
	uses := usage.New(usage.Options{Database: db, Logger: log, Interval: cfg.lastUsedFlush})
	limits := ratelimit.New(ratelimit.Options{Redis: cfg.rateLimitStore, Logger: log})
	defer func() { err = errors.Join(err, limits.Close()) }()
	limits.Ping(ctx)
	tokens := token.New(token.Options{
		Database: db, Journal: audit, Plans: cfg.plans, RevokeExposed: cfg.revokeExposed, Usage: uses, Limits: limits, Gate: gate, Logger: log,
	})
	if err := tokens.Bootstrap(ctx); err != nil {
		return err
	}
	leave, err := join(ctx, tokens, cfg.lease, log)
	if err != nil {
		return err
	}
	defer leave()
	listeners, err := listen(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer listeners.close()
	origin, err := listeners.origin(cfg)
	if err != nil {
		return err
	}

	if err := audit.TakeOver(ctx); err != nil {
		return err
	}
	pipeline := startPipeline(ctx, audit, gate, sinks, cfg.sinkTexts, log)
	defer pipeline.stop()
	stopSweep := runUntil(ctx, tokens.RunSweep)
	defer func() { _ = stopSweep() }() // it says in the log what fails
	stopUses := runUntil(ctx, uses.Run)
	defer func() {
		if err := stopUses(); err != nil {
			log.ErrorContext(ctx, "the last uses of tokens were not written", slog.Any("error", err))
		}
	}()
	handlers := newHandlers(handlerOptions{
		Tokens:          tokens,
		Database:        db,
		Journal:         audit,
		Relayed:         pipeline.relayed,
		Logger:          log,
		PublicURL:       origin,
		ResourceServers: cfg.resourceServers,
		Operators:       cfg.operators,
		Scanning:        cfg.scanning,
	})
	if cfg.scanningFile != "" {
		defer onHangUp(ctx, func(ctx context.Context) { handlers.rereadScanningKeys(ctx, cfg.scanningFile) })()
	}
	failed := listeners.serve(handlers)
	defer listeners.stop()
	if err := printBanner(ctx, cfg, std, tokens, origin, listeners.internalAddress()); err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", slog.String("public", listeners.public.Addr().String()), slog.String("internal", listeners.internalAddress()))
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		release()
		log.InfoContext(ctx, "stopping: waiting for the requests under way", slog.Duration("at_most", stopWait))
		return nil
	}
}

// join makes this process one of the servers that share the database. It stays
// one until leave is called: requests under way rest on it.
func join(ctx context.Context, tokens *token.Service, lease time.Duration, log *slog.Logger) (leave func(), err error) {
	member, err := tokens.Join(ctx, lease, log)
	if err != nil {
		return nil, err
	}
	stop := runUntil(ctx, member.Run)
	return func() {
		if err := stop(); err != nil {
			log.WarnContext(ctx, "others will wait for this server for some leases", slog.Any("error", err))
		}
	}, nil
}

// runUntil has work go on beyond the end of ctx until stop is called, which waits
// for what it still has to do.
func runUntil(ctx context.Context, work func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- work(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// openForServer opens the database, sees to it that no other server is at work
// on the same file, and migrates.
func openForServer(ctx context.Context, cfg config, log *slog.Logger) (_ *database.DB, err error) {
	db, err := database.Open(ctx, cfg.database, database.Options{Logger: log})
	if err != nil {
		return nil, databaseError(err)
	}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if err := db.LockServer(); err != nil {
		return nil, databaseError(err)
	}
	if cfg.migrate {
		return db, db.Migrate(ctx)
	}
	state, err := stateOf(ctx, db)
	if err == nil && state != schemaCurrent {
		err = errPending
	}
	return db, err
}
