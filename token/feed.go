package token

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/changeclock"
)

// The kinds of change that the feed announces: whatever ends or narrows a
// right.
const (
	changeRevoked = "token.revoked"
	changePlan    = "workspace.plan"
	changeSession = "session.ended"
)

// announce adds a change to the feed, in the transaction that makes it. Counting
// up the one row of the clock locks it until the commit, so the numbers of the
// feed have no gap and follow the order of commits. Such changes are rare: the
// lock costs nothing that matters.
func announce(ctx context.Context, tx *ent.Tx, kind string, subject uuid.UUID, at time.Time) error {
	if err := tx.ChangeClock.Update().Where(changeclock.ID(1)).AddN(1).Exec(ctx); err != nil {
		return fmt.Errorf("announce a change: %w", err)
	}
	clock, err := tx.ChangeClock.Get(ctx, 1)
	if err != nil {
		return fmt.Errorf("announce a change: %w", err)
	}
	err = tx.Change.Create().SetID(clock.N).SetKind(kind).SetSubject(subject).SetAt(at).Exec(ctx)
	if err != nil {
		return fmt.Errorf("announce a change: %w", err)
	}
	return nil
}
