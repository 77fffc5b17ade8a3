package usage

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/predicate"
	"github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/usageflush"
)

// maxSeen is how many flushes are read at a time: at most 128,000 ids.
const maxSeen = 1280

// Use is a token that was used.
type Use struct{ Token, Workspace uuid.UUID }

// watch tells listeners which tokens were used. It reads the flushes of all
// servers from the database, this server's own among them, so that there is one
// way for an event to come about. Nobody reads while nobody listens.
type watch struct {
	publishing sync.Mutex // is held while the database is asked; mu is not

	mu        sync.Mutex
	listeners map[*listener]struct{}
	seen      *seen // nil while there are no listeners
}

// seen is the last flush of each server that the listeners know of. Once it is
// made, it is Publish's alone.
type seen map[uuid.UUID]int64

type listener struct{ hear func([]Use) }

// Listen has hear told which tokens were used, from now on and until stop is
// called: once a flush, after the last use has been written, by whichever server.
// No token is in a list twice.
//
// Hear must neither wait nor change the list, which is shared. It is not called
// by two goroutines at once, nor after stop has returned.
func (r *Recorder) Listen(ctx context.Context, hear func([]Use)) (stop func(), err error) {
	l := &listener{hear}
	if err := r.join(ctx, l); err != nil {
		return nil, fmt.Errorf("listen to last use: %w", err)
	}
	return func() { r.leave(l) }, nil
}

// join begins with what is written by now.
func (r *Recorder) join(ctx context.Context, l *listener) error {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.seen == nil {
		latest, err := r.latest(ctx)
		if err != nil {
			return err
		}
		r.watch.seen, r.watch.listeners = &latest, map[*listener]struct{}{}
	}
	r.watch.listeners[l] = struct{}{}
	return nil
}

func (r *Recorder) leave(l *listener) {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	delete(r.watch.listeners, l)
	if len(r.watch.listeners) == 0 {
		r.watch.seen = nil
	}
}

// Publish tells the listeners, if there are any, what has been written since it
// last did. Run calls it after each flush.
func (r *Recorder) Publish(ctx context.Context) error {
	r.watch.publishing.Lock()
	defer r.watch.publishing.Unlock()
	r.watch.mu.Lock()
	known := r.watch.seen
	r.watch.mu.Unlock()
	if known == nil {
		return nil
	}
	flushes, err := r.unseen(ctx, *known)
	if err != nil {
		return fmt.Errorf("read what was used: %w", err)
	}
	uses, err := r.usesOf(ctx, flushes)
	if err != nil {
		return fmt.Errorf("read what was used: %w", err)
	}
	for _, f := range flushes {
		(*known)[f.Recorder] = f.N
	}
	if len(uses) == 0 {
		return nil
	}
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.seen != known {
		return nil // all have left; for those who came since, this is old
	}
	for l := range r.watch.listeners {
		l.hear(uses)
	}
	return nil
}

// latest is the number of the last flush of each server. A server numbers its
// flushes in the order of their commits, so that whoever has seen one has seen
// all before it; across servers there is no such order.
func (r *Recorder) latest(ctx context.Context) (seen, error) {
	var rows []struct {
		Recorder uuid.UUID `json:"recorder"`
		N        int64     `json:"n"`
	}
	err := r.db.Client().UsageFlush.Query().
		GroupBy(usageflush.FieldRecorder).
		Aggregate(func(s *sql.Selector) string { return sql.As(sql.Max(s.C(usageflush.FieldN)), "n") }).
		Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	latest := make(seen, len(rows))
	for _, row := range rows {
		latest[row.Recorder] = row.N
	}
	return latest, nil
}

// unseen is the flushes that listeners do not know of, in the order of their
// numbers. More than maxSeen wait for the next time.
func (r *Recorder) unseen(ctx context.Context, known seen) ([]*ent.UsageFlush, error) {
	latest, err := r.latest(ctx)
	if err != nil {
		return nil, err
	}
	var where []predicate.UsageFlush
	for recorder, n := range latest {
		if n > known[recorder] {
			where = append(where, usageflush.And(usageflush.Recorder(recorder), usageflush.NGT(known[recorder])))
		}
	}
	if len(where) == 0 {
		return nil, nil
	}
	return r.db.Client().UsageFlush.Query().
		Where(usageflush.Or(where...)).
		Order(usageflush.ByN()).
		Limit(maxSeen).
		All(ctx)
}

// usesOf is the tokens of these flushes, each once.
func (r *Recorder) usesOf(ctx context.Context, flushes []*ent.UsageFlush) ([]Use, error) {
	var ids []uuid.UUID
	known := map[uuid.UUID]struct{}{}
	for _, f := range flushes {
		for raw := range slices.Chunk(f.Tokens, len(uuid.UUID{})) {
			id := uuid.UUID(raw)
			if _, again := known[id]; !again {
				known[id] = struct{}{}
				ids = append(ids, id)
			}
		}
	}
	uses := make([]Use, 0, len(ids))
	for chunk := range slices.Chunk(ids, maxBatch) {
		rows, err := r.db.Client().Token.Query().
			Where(token.IDIn(chunk...)).
			Select(token.FieldID, token.FieldWorkspaceID).
			All(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			uses = append(uses, Use{row.ID, row.WorkspaceID})
		}
	}
	return uses, nil
}
