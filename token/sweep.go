package token

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/feed"
)

const (
	// sweepEvery is how late an expiry may be recorded, and a token be ended
	// after its rotation. Neither opens anything meanwhile.
	sweepEvery = time.Second
	// maxSweep is how many tokens one transaction of the sweep deals with.
	maxSweep = 100
)

// RunSweep records what expires, and ends the tokens whose rotation is over,
// until ctx is done. Every server runs it: they take turns by the locks on the
// rows, so each token is dealt with once. No verification depends on it.
func (s *Service) RunSweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	failing := false
	for {
		more, err := s.Sweep(ctx)
		switch failed := err != nil && ctx.Err() == nil; {
		case failed && !failing:
			s.log.WarnContext(ctx, "what has expired is not recorded, will keep trying", slog.Any("error", err))
			failing = true
		case err == nil && failing:
			s.log.InfoContext(ctx, "what has expired is recorded again")
			failing = false
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep deals with the tokens that are due, at most 100, and reports whether
// there may be more. When it returns, those that it ended have ended everywhere.
func (s *Service) Sweep(ctx context.Context) (more bool, err error) {
	now := s.now()
	// Nearly always nothing is due: that is found out without a lock.
	due, err := s.db.Client().Token.Query().Where(enttoken.DueAtLTE(now)).Exist(ctx)
	if err != nil || !due {
		return false, err
	}
	var changes []feed.Change
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		query := tx.Token.Query()
		if s.lockRows() {
			query.ForUpdate()
		}
		found, err := query.
			Where(enttoken.DueAtLTE(now)).
			Order(enttoken.ByDueAt(), enttoken.ByID()).
			Limit(maxSweep).
			WithGrants().WithWorkspace().
			All(ctx)
		if err != nil {
			return err
		}
		more, changes = len(found) == maxSweep, nil
		for _, t := range found {
			change, err := s.deal(ctx, tx, t, now)
			if err != nil {
				return err
			}
			changes = append(changes, change...)
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("sweep tokens: %w", err)
	}
	s.journal.Wake()
	if _, err := s.settle(ctx, now, changes...); err != nil {
		return false, fmt.Errorf("sweep tokens: %w", err)
	}
	return more, nil
}

// deal does what is due of a token that the transaction holds.
func (s *Service) deal(ctx context.Context, tx *ent.Tx, t *ent.Token, now time.Time) ([]feed.Change, error) {
	state := StateOf(t, now)
	if state == StateRotating {
		end := ending{by: System(t.Edges.Workspace, "rotation"), at: now, reason: reasonDeadline}
		_, change, err := end.of(ctx, tx, t)
		return []feed.Change{change}, err
	}
	if err := tx.Token.UpdateOneID(t.ID).ClearDueAt().Exec(ctx); err != nil || state != StateExpired {
		return nil, err
	}
	// When it happened, however late this is.
	event := System(t.Edges.Workspace, "expiry").tokenEvent(auditsink.ActionExpire, *t.ExpiresAt, t)
	event.Changes = map[string][2]any{"state": {StateOf(t, t.ExpiresAt.Add(-time.Microsecond)), StateExpired}}
	return nil, journal.Append(ctx, tx, event)
}
