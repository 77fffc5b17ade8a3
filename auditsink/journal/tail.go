package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
)

const (
	// keptEntries is how far the slowest tail may be behind the log. It bounds
	// the memory of all tails together.
	keptEntries = 512
	// followBatch is how many entries are read at once.
	followBatch = 100
)

// ErrBehind is returned to who takes events more slowly than they come. What
// was missed is in the lists.
var ErrBehind = errors.New("events came faster than they were taken")

// Tail follows the log from the moment it was made: the entries that one
// workspace can see and that a filter lets through, in the order of their
// sequence, whichever server sealed them. It is for one goroutine at a time.
type Tail struct {
	followed  *follower
	workspace uuid.UUID
	testOnly  bool
	filter    Filter
	next      int64 // the sequence to look at next
}

// Follow returns a tail of a workspace's entries; with testOnly, of those that
// concern test-mode tokens. The caller closes it.
func (j *Journal) Follow(ctx context.Context, workspace uuid.UUID, testOnly bool, f Filter) (*Tail, error) {
	j.tails.Lock()
	defer j.tails.Unlock()
	if j.followed == nil {
		head, err := j.Head(ctx)
		if err != nil {
			return nil, err
		}
		j.followed = j.follow(ctx, head)
	}
	j.followed.tails++
	return &Tail{j.followed, workspace, testOnly, f, j.followed.position()}, nil
}

// Next waits for the next entry. It reports [ErrBehind] if entries were missed,
// after which nothing more comes.
func (t *Tail) Next(ctx context.Context) (Entry, error) {
	for {
		entry, more, err := t.followed.find(t)
		if err != nil || more == nil {
			return entry, err
		}
		select {
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		case <-more:
		}
	}
}

// Close stops following. It is to be called once.
func (t *Tail) Close() {
	j := t.followed.journal
	j.tails.Lock()
	defer j.tails.Unlock()
	t.followed.tails--
	if t.followed.tails == 0 {
		t.followed.stop()
		j.followed = nil
	}
}

// sees reports whether the entry is for this tail: what visible and
// [Filter.predicates] say, of an entry in memory.
func (t *Tail) sees(e Entry) bool {
	f := t.filter
	return e.Workspace.ID == t.workspace &&
		(!t.testOnly || e.Test) &&
		(f.Actions == nil || slices.Contains(f.Actions, e.Action)) &&
		same(f.ActorID, e.Actor.ID) &&
		same(f.TargetID, e.Target.ID) &&
		(f.Since == nil || !e.At.Before(*f.Since)) &&
		(f.Until == nil || e.At.Before(*f.Until)) &&
		(f.Outcome == nil || *f.Outcome == e.Outcome)
}

func same(want, id *uuid.UUID) bool { return want == nil || id != nil && *want == *id }

// follower reads the log once for all tails, while there are any.
type follower struct {
	journal *Journal
	stop    context.CancelFunc
	tails   int // guarded by the journal

	mu     sync.Mutex
	recent [keptEntries]Entry // the last that were read; sequence n is at n modulo the length
	last   int64              // the sequence up to which the log was read
	more   chan struct{}      // closed when last moves
}

// follow starts reading after head. The reader outlives ctx, which is that of
// the first tail.
func (j *Journal) follow(ctx context.Context, head int64) *follower {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	f := &follower{journal: j, stop: stop, last: head, more: make(chan struct{})}
	go f.run(ctx)
	return f
}

// position is where a tail begins that is made now.
func (f *follower) position() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last + 1
}

// find returns the next entry for t and moves t on, or what to wait for.
func (f *follower) find(t *Tail) (entry Entry, more <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.next+keptEntries <= f.last {
		return Entry{}, nil, ErrBehind
	}
	for t.next <= f.last {
		entry = f.recent[t.next%keptEntries]
		t.next++
		if t.sees(entry) {
			return entry, nil, nil
		}
	}
	return Entry{}, f.more, nil
}

// run reads what is sealed until ctx is done. Another server's seal is found by
// looking; where looking fails, it goes on.
func (f *follower) run(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	failing := false
	for {
		sealed := f.journal.Sealed() // before reading, or a seal in between is missed
		n, err := f.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			f.journal.log.LogAttrs(ctx, slog.LevelError, "audit log cannot be followed, will keep trying", slog.Any("error", err))
		}
		failing = err != nil
		if n == followBatch {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-sealed:
		case <-tick.C:
		}
	}
}

// read takes in the entries after the last and returns how many those were.
func (f *follower) read(ctx context.Context) (int, error) {
	last := f.position() - 1 // moved by nobody else
	rows, err := f.journal.db.Client().AuditEntry.Query().
		Where(auditentry.SeqGT(last)).
		Order(ent.Asc(auditentry.FieldSeq)).
		Limit(followBatch).
		All(ctx)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		if err := f.journal.follows(ctx, last, *row.Seq); err != nil {
			return 0, err
		}
		last = *row.Seq
		entries[i] = decode(row)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for seq := max(f.last, last-keptEntries) + 1; seq <= last; seq++ {
		f.recent[seq%keptEntries] = Entry{} // nobody's, if it is lost
	}
	for _, e := range entries {
		f.recent[*e.Seq%keptEntries] = e
	}
	f.last = last
	close(f.more)
	f.more = make(chan struct{})
	return len(entries), nil
}
