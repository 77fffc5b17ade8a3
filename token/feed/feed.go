// Package feed tells every server what has ended, and tells who ended it when
// they all know. It makes a cache of verdicts safe to answer from: when
// [Settler.Settle] returns, no server trusts what it cached before the change.
//
// # Protocol
//
// A change is announced in the transaction that makes it, under the lock of one
// row, so the feed has no gap and is in the order of commits ([Announce]).
//
// A server has a row with how far it has applied the feed. Every quarter of a
// lease it polls: it renews its row, then reads the changes after those it has
// seen, applies them and acknowledges them in its row. Only then may it trust
// its cache, until one lease, less 1 %, after the moment before the poll was
// sent ([Server]).
//
// Who has committed change n reads the list of servers and waits until each of
// them has acknowledged n, or one lease of that server's, plus 1 %, has passed
// since the list was read ([Settler]).
//
// # Why it holds
//
// Take a server that is in the list and has not acknowledged n when the wait
// ends, and the last of its polls that it drew trust from. That poll read the
// feed either before n was committed: then it began before the list was read,
// and the trust has ended within a lease of that. Or afterwards: then it read n,
// and acknowledged it before it trusted. A server that is not in the list has
// left, or was swept, which takes ten leases without a renewal, or joins after
// the commit, with nothing cached.
//
// Each side measures a length of time on its own clock. No two clocks are ever
// compared, not even those of one machine, so it does not matter what they show;
// they must only run equally fast, to 1 %.
//
// This needs reads that see what was committed before them. A replica that lags
// behind does not give them.
package feed

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/change"
	"github.com/keloa/apitokens/ent/changeclock"
)

// Kind says what has ended or narrowed.
type Kind string

// The kinds of change, with what the subject is.
const (
	TokenRevoked    Kind = "token.revoked"    // the token
	TokenNarrowed   Kind = "token.narrowed"   // the token, which has lost abilities
	SessionEnded    Kind = "session.ended"    // the session
	OperatorRemoved Kind = "operator.removed" // the operator
	WorkspacePlan   Kind = "workspace.plan"   // the workspace
)

// Change is one entry of the feed.
type Change struct {
	N       int64
	Kind    Kind
	Subject uuid.UUID
}

// Announce adds a change to the feed, in the transaction that makes it, and
// returns its number. Counting up the one row of the clock locks it until the
// commit, so the numbers have no gap and follow the order of commits. Such
// changes are rare: the lock costs nothing that matters.
func Announce(ctx context.Context, tx *ent.Tx, kind Kind, subject uuid.UUID, at time.Time) (n int64, err error) {
	if err := tx.ChangeClock.Update().Where(changeclock.ID(1)).AddN(1).Exec(ctx); err != nil {
		return 0, fmt.Errorf("announce a change: %w", err)
	}
	if n, err = Last(ctx, tx); err != nil {
		return 0, err
	}
	err = tx.Change.Create().SetID(n).SetKind(string(kind)).SetSubject(subject).SetAt(at).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("announce a change: %w", err)
	}
	return n, nil
}

// Last is the number of the last change that tx can see; 0 if there is none.
func Last(ctx context.Context, tx *ent.Tx) (int64, error) {
	clock, err := tx.ChangeClock.Get(ctx, 1)
	if err != nil {
		return 0, fmt.Errorf("read the clock of changes: %w", err)
	}
	return clock.N, nil
}

// pageSize is how many changes are read at once.
const pageSize = 500

// after reads a page of the changes after n, in order.
func after(ctx context.Context, client *ent.Client, n int64) ([]Change, error) {
	rows, err := client.Change.Query().
		Where(change.IDGT(n)).
		Order(change.ByID(sql.OrderAsc())).
		Limit(pageSize).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the feed: %w", err)
	}
	changes := make([]Change, len(rows))
	for i, row := range rows {
		changes[i] = Change{N: row.ID, Kind: Kind(row.Kind), Subject: row.Subject}
	}
	return changes, nil
}
