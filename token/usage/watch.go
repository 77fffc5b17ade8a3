package usage

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/predicate"
	"github.com/keloa/apitokens/ent/usageflush"
)

// maxSeen is how many flushes are read at a time: at most 128,000 ids.
const maxSeen = 256

// watch tells subscribers which tokens were used. It reads the flushes of all
// servers from the database, this server's own among them, so that there is one
// way for an event to come about. Nobody reads while nobody subscribes.
type watch struct {
	mu          sync.Mutex
	subscribers map[chan []uuid.UUID]struct{}
	// seen is the last flush of each server that subscribers know of; nil
	// while there are none.
	seen map[uuid.UUID]int64
}

// Subscribe returns the ids of the tokens whose last use has been written, by
// whichever server, from now on and until ctx is done. Ids come once a flush, in
// a slice that is shared and must not be changed, and no id is in a slice twice.
//
// A subscriber that does not keep up loses the oldest: what it receives then is
// newer than what it missed. The channel is not closed.
func (r *Recorder) Subscribe(ctx context.Context) (<-chan []uuid.UUID, error) {
	c := make(chan []uuid.UUID, 1)
	if err := r.join(ctx, c); err != nil {
		return nil, fmt.Errorf("subscribe to last use: %w", err)
	}
	context.AfterFunc(ctx, func() { r.leave(c) })
	return c, nil
}

// join begins with what is written by now.
func (r *Recorder) join(ctx context.Context, c chan []uuid.UUID) error {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.seen == nil {
		latest, err := r.latest(ctx)
		if err != nil {
			return err
		}
		r.watch.seen, r.watch.subscribers = latest, map[chan []uuid.UUID]struct{}{}
	}
	r.watch.subscribers[c] = struct{}{}
	return nil
}

func (r *Recorder) leave(c chan []uuid.UUID) {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	delete(r.watch.subscribers, c)
	if len(r.watch.subscribers) == 0 {
		r.watch.seen = nil
	}
}

// publish tells the subscribers, if there are any, what is new.
func (r *Recorder) publish(ctx context.Context) error {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.seen == nil {
		return nil
	}
	used, err := r.news(ctx)
	if err != nil {
		return fmt.Errorf("read what was used: %w", err)
	}
	if len(used) == 0 {
		return nil
	}
	for c := range r.watch.subscribers {
		select {
		case <-c: // nobody has come for it
		default:
		}
		c <- used // there is room: this is the only sender
	}
	return nil
}

// latest is the number of the last flush of each server. A server numbers its
// flushes in the order of their commits, so that whoever has seen one has seen
// all before it; across servers there is no such order.
func (r *Recorder) latest(ctx context.Context) (map[uuid.UUID]int64, error) {
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
	latest := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		latest[row.Recorder] = row.N
	}
	return latest, nil
}

// news is the tokens of the flushes that were not seen, and sees them.
func (r *Recorder) news(ctx context.Context) ([]uuid.UUID, error) {
	latest, err := r.latest(ctx)
	if err != nil {
		return nil, err
	}
	var unseen []predicate.UsageFlush
	for recorder, n := range latest {
		if seen := r.watch.seen[recorder]; n > seen {
			unseen = append(unseen, usageflush.And(usageflush.Recorder(recorder), usageflush.NGT(seen)))
		}
	}
	if len(unseen) == 0 {
		return nil, nil
	}
	// In the order of the numbers; more than maxSeen wait for the next time.
	flushes, err := r.db.Client().UsageFlush.Query().
		Where(usageflush.Or(unseen...)).
		Order(usageflush.ByN()).
		Limit(maxSeen).
		All(ctx)
	if err != nil {
		return nil, err
	}
	var used []uuid.UUID
	known := map[uuid.UUID]struct{}{}
	for _, f := range flushes {
		for id := range slices.Chunk(f.Tokens, len(uuid.UUID{})) {
			token := uuid.UUID(id)
			if _, again := known[token]; !again {
				known[token] = struct{}{}
				used = append(used, token)
			}
		}
		r.watch.seen[f.Recorder] = f.N
	}
	return used, nil
}
