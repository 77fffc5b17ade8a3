// Package verdict remembers what secrets open, so that checking one costs no
// database read. It holds verdicts and decides nothing: who may trust them, and
// for how long, is for the caller to know.
//
// # Memory
//
// A table is bounded; what was not asked for lately makes room. It holds no
// pointer per entry, so that the garbage collector has nothing to look at in a
// million of them: about 160 bytes each, labels included.
//
// # Concurrency
//
// A Table may be used by any number of goroutines. Its locks are those of 256
// shards, each held for well under a microsecond: no two secrets are likely to
// share one. Get allocates nothing.
package verdict

import (
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// Verdict is what a secret opens: all that is said of it where requests are
// checked. Times are UTC and whole microseconds.
type Verdict struct {
	Token     uuid.UUID
	Workspace uuid.UUID
	Slug      string // of the workspace
	Label     string
	Abilities ability.Set
	Test      bool
	// Pending says that the token is the successor of another and that this
	// would be its first use, which has consequences.
	Pending   bool
	IssuedAt  time.Time
	ExpiresAt time.Time // zero for never
	// Expired and Revoked say how the token has ended: then it opens nothing,
	// and the rest is for the record.
	Expired, Revoked bool
	// RequestsPerMinute is what the plan of the workspace allows the token:
	// zero for no limit.
	RequestsPerMinute int
}

// State is what a table knows of a secret.
type State uint8

// The states. Of an Unknown secret the table can say nothing: the database
// must be asked.
const (
	Unknown State = iota
	Known
	Missing // it opened nothing when the database was asked
)

const (
	// DefaultEntries is how many verdicts a table holds: a million, and room
	// for some shards to fill sooner than others.
	DefaultEntries = 1_200_000
	// missingFor is how long a secret is taken to open nothing. Without an
	// end, one that was asked for a moment too soon, on a server that had
	// not heard of its minting yet, would be refused for good.
	missingFor = 10 * time.Second
)

// Options are how a table is made.
type Options struct {
	Entries int              // zero for DefaultEntries
	Now     func() time.Time // nil for the system's clock
}

// Table holds verdicts by the hash of their secret.
type Table struct {
	now    func() time.Time
	epoch  atomic.Uint64
	ended  atomic.Uint64
	shards [1 << 8]shard
}

// New returns an empty table.
func New(o Options) *Table {
	if o.Entries <= 0 {
		o.Entries = DefaultEntries
	}
	t := &Table{now: o.Now}
	if t.now == nil {
		t.now = time.Now
	}
	for i := range t.shards {
		t.shards[i].limit = max(1, o.Entries/len(t.shards))
		t.shards[i].clear()
	}
	return t
}

func (t *Table) shard(h bearer.Hash) *shard { return &t.shards[h[0]] }

// Ended reports whether the token opens nothing any more.
func (v Verdict) Ended() bool { return v.Expired || v.Revoked }

// Get returns the verdict on the secret with that hash if it is Known. The
// caller looks at ExpiresAt.
func (t *Table) Get(h bearer.Hash) (Verdict, State) {
	return t.shard(h).get(h, t.now)
}

// Peek returns the verdict on the secret with that hash if there is one. It is
// not counted, and does not keep the verdict from being put out.
func (t *Table) Peek(h bearer.Hash) (Verdict, bool) { return t.shard(h).peek(h) }

// Epoch counts what has ended. Who is about to read the database for a verdict
// takes it before that, and hands it to Put or PutMissing with what was read.
func (t *Table) Epoch() uint64 { return t.epoch.Load() }

// Put keeps a verdict that was read from the database after epoch was taken. It
// keeps nothing if anything has ended since: what was read may be older.
func (t *Table) Put(h bearer.Hash, v Verdict, epoch uint64) {
	t.shard(h).put(h, v, func() bool { return t.epoch.Load() == epoch })
}

// PutMissing keeps that the secret with that hash opens nothing, for some
// seconds, on the terms of Put.
func (t *Table) PutMissing(h bearer.Hash, epoch uint64) {
	until := t.now().Add(missingFor).UnixMicro()
	t.shard(h).putMissing(h, until, func() bool { return t.epoch.Load() == epoch })
}

// End drops whatever opens as that token. When it returns, no Get finds it, and
// no Put brings back what was read before.
func (t *Table) End(token uuid.UUID) {
	// First the epoch: a Put that found the old one has its verdict in the
	// shard by the time the shard's lock is taken here.
	t.epoch.Add(1)
	t.ended.Add(1)
	for i := range t.shards {
		t.shards[i].end(token)
	}
}

// EndWorkspace drops whatever opens in that workspace, on the terms of End. It
// looks at every verdict there is.
func (t *Table) EndWorkspace(workspace uuid.UUID) {
	t.epoch.Add(1)
	for i := range t.shards {
		t.shards[i].endWorkspace(workspace)
	}
}

// Clear drops everything, on the terms of End.
func (t *Table) Clear() {
	t.epoch.Add(1)
	for i := range t.shards {
		t.shards[i].lockedClear()
	}
}

// Stats is what a table holds, and what happened to it since it was made.
type Stats struct {
	Entries int       // verdicts it holds
	Lookups [3]uint64 // calls of Get, by the State they found
	Ended   uint64    // calls of End
}

// Stats counts.
func (t *Table) Stats() Stats {
	s := Stats{Ended: t.ended.Load()}
	for i := range t.shards {
		t.shards[i].addTo(&s)
	}
	return s
}
