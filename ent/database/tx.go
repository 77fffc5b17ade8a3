package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/keloa/apitokens/ent"
)

const (
	maxTries   = 6
	firstPause = 5 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// Tx runs fn in a transaction, READ COMMITTED on MySQL and serialisable on
// SQLite, and commits if fn returns nil. Otherwise, and if fn panics, nothing
// of it stays.
//
// What the database gave up (a deadlock, a wait for a lock, a lost connection)
// is run again, a few times, after a pause. So fn runs more than once, and the
// last time perhaps after a commit that did happen, but whose answer was lost:
// running fn again must be harmless. What fn computes for its caller it assigns
// anew each time; what it does beside the transaction it does after Tx returns.
//
// The context that fn gets is ctx. A transaction must not be started inside
// fn: on SQLite it would wait for the one around it.
func (db *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	return db.retry(ctx, func() error { return db.once(ctx, fn) })
}

// retry runs once again, a few times, while it fails with what is transient.
func (db *DB) retry(ctx context.Context, once func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstPause, maxPause
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := once()
		if err != nil && !transient(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(maxTries),
		backoff.WithNotify(func(_ error, pause time.Duration) {
			// Not the error: it may name a value.
			db.log.LogAttrs(ctx, slog.LevelDebug, "running a transaction again", slog.Duration("pause", pause))
		}))
	if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok { // Retry leaves it on at the last try
		return permanent.Unwrap()
	}
	return err
}

func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx *ent.Tx) error) error {
	tx, err := db.client.Tx(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a transaction: %w", err)
	}
	return nil
}
