// Package journal keeps the audit log in the database: it appends entries in
// the transactions of what they record, seals them into one sequence, and reads
// them back, for people and for the relays that feed audit sinks.
//
// An entry is appended without a sequence, so that writers never wait for each
// other. The sealer comes behind and gives each committed entry the next
// number, from 1 without a gap. An entry that commits late is still without a
// number when the sealer next looks, so none is missed.
//
// The sealed records are the leaves of a Merkle tree (RFC 6962), which the
// sealer extends as it goes. It signs each new root in the transaction that made
// it, and about once a second keeps what it signed: who has such a checkpoint
// elsewhere can prove what the log held then. [Journal.Verify] compares all of
// this.
//
// # Durability
//
// What [Append] and [Journal.Refuse] recorded is as durable as the database.
// One thing is not recorded at once: how many more refusals of one kind there
// were after the first few of a minute. A crash loses that count.
//
// # Concurrency
//
// A Journal is safe for concurrent use. Every server runs one; they share the
// work through locks in the database.
package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/database"
)

const (
	// sealEvery is how soon an entry is sealed that another process made.
	sealEvery = 200 * time.Millisecond
	// sealPause is between the beginnings of two seals at least. Each is a
	// commit, as is each delivery that follows, and with SQLite writers wait
	// for both: what comes within the pause is sealed together.
	sealPause = 20 * time.Millisecond
	// finishTime bounds what is done at a stop.
	finishTime = 10 * time.Second
)

// Options are what a Journal stands on.
type Options struct {
	Database *database.DB
	Key      *Key             // signs what is sealed; nil for none, where nothing is
	Memory   *Memory          // keeps what was signed; nil for none
	Logger   *slog.Logger     // nil for the default logger
	Now      func() time.Time // nil for the system's clock
}

// Journal is the audit log.
type Journal struct {
	db       *database.DB
	log      *slog.Logger
	now      func() time.Time
	refusals *refusals
	wake     chan struct{} // holds one: more would say no more

	// What follows belongs to Run.
	failing  bool // the last seal failed
	key      *Key // nil to sign nothing
	unsigned bool // something may be sealed that no checkpoint is kept of
	memory   *Memory
	// forgetting says that the memory could not be written the last time.
	forgetting bool

	database uuid.UUID  // which one the memory is of; nil until it was read
	signed   remembered // what this process last signed
	signedAt time.Time

	mu     sync.Mutex
	sealed chan struct{} // closed at the next seal

	tails    sync.Mutex
	followed *follower // what the tails share; nil while there are none
}

// New returns the audit log of a database.
func New(o Options) *Journal {
	j := &Journal{
		db:     o.Database,
		log:    o.Logger,
		now:    o.Now,
		key:    o.Key,
		memory: o.Memory,
		wake:   make(chan struct{}, 1),
		sealed: make(chan struct{}),
		// One that was killed may have left something.
		unsigned: true,
	}
	if j.log == nil {
		j.log = slog.Default()
	}
	if j.now == nil {
		j.now = time.Now
	}
	j.refusals = newRefusals(j.record)
	return j
}

// Append records an event in the transaction of what it tells of: both happen,
// or neither. A zero ID and a zero At are filled in.
func Append(ctx context.Context, tx *ent.Tx, e auditsink.Event) error {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	id, err := place(ctx, tx, e)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	e.ID = id
	canonical, err := e.Canonical()
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	err = tx.AuditEntry.Create().
		SetID(e.ID).
		SetWorkspaceID(e.Workspace.ID).
		SetAt(e.At).
		SetAction(e.Action).
		SetOutcome(e.Outcome).
		SetNillableActorID(e.Actor.ID).
		SetNillableTargetID(e.Target.ID).
		SetTest(e.Test).
		SetRecord(canonical).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}

// place returns the id of an event: its own, or a new one, unless that is not
// above those of all earlier events of the same target. Entries are sealed in
// the order of their ids, and the clocks of two servers may differ by more than
// the time between a mint and its revocation.
func place(ctx context.Context, tx *ent.Tx, e auditsink.Event) (uuid.UUID, error) {
	id := e.ID
	if id == uuid.Nil {
		var err error
		if id, err = uuid.NewV7(); err != nil {
			return uuid.Nil, err
		}
	}
	if e.Target.ID == nil || e.Action == auditsink.ActionMint { // of which there are no earlier ones
		return id, nil
	}
	ids, err := tx.AuditEntry.Query().
		Where(auditentry.WorkspaceID(e.Workspace.ID), auditentry.TargetID(*e.Target.ID)).
		Order(ent.Desc(auditentry.FieldID)).
		Limit(1).
		Select(auditentry.FieldID).
		Strings(ctx)
	if err != nil || len(ids) == 0 {
		return id, err
	}
	// What no server has written there must not keep a token from being revoked.
	var last uuid.UUID
	known := last.Scan(ids[0]) == nil
	if !known || bytes.Compare(id[:], last[:]) > 0 {
		return id, nil
	}
	return next(last), nil
}

// next returns the id after id. The last eight bytes begin with the two bits of
// the variant and are otherwise random, and are counted up; that they are all
// ones does not happen.
func next(id uuid.UUID) uuid.UUID {
	for i := range slices.Backward(id[8:]) {
		id[8+i]++
		if id[8+i] != 0 {
			break
		}
	}
	return id
}

// Wake tells the sealer that something was committed. It never waits.
func (j *Journal) Wake() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Run seals what is committed, until ctx is done; then it records the refusals
// that were only counted, seals once more and returns. What appends entries is
// stopped before, relays after.
func (j *Journal) Run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		pause := time.NewTimer(sealPause)
		err := j.refusals.summarise(ctx, j.now())
		j.report(ctx, errors.Join(err, j.work(ctx, false)))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
		case <-j.wake:
		case <-tick.C:
		}
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer done()
	return errors.Join(j.refusals.finish(ctx, j.now()), j.work(ctx, true))
}

// work seals and signs what there is. Nothing is before what was signed earlier
// is known.
func (j *Journal) work(ctx context.Context, last bool) error {
	if err := j.recall(ctx); err != nil {
		return err
	}
	return errors.Join(j.seal(ctx), j.checkpoint(ctx, last))
}

// report logs that sealing began to fail, and that it works again.
func (j *Journal) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil: // the failure is the stop
	case err != nil && !j.failing:
		j.failing = true
		j.log.LogAttrs(ctx, slog.LevelError, "audit log is not being sealed, or not being signed, will keep trying", slog.Any("error", err))
	case err == nil && j.failing:
		j.failing = false
		j.log.LogAttrs(ctx, slog.LevelInfo, "audit log is being sealed and signed again")
	}
}

// record commits some events, which have their ids, in one transaction.
func (j *Journal) record(ctx context.Context, events []auditsink.Event) error {
	err := j.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		// Where the answer to a commit was lost, this runs again.
		done, err := tx.AuditEntry.Query().Where(auditentry.ID(events[0].ID)).Exist(ctx)
		if err != nil || done {
			return err
		}
		for _, e := range events {
			if err := Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		j.Wake()
	}
	return err
}
