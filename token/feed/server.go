package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/server"
)

// The leases that a server may have. A revocation waits for one lease where
// another server does not answer, and must be done within the ten seconds that a
// request has.
const (
	MinLease = 100 * time.Millisecond
	MaxLease = 5 * time.Second
)

// leastPatience is how long the database has to answer a poll, however short
// the lease is: an acknowledgement that comes late still spares others a wait.
const leastPatience = time.Second

// Options are how a server takes part. Apply and Forget are called by one
// goroutine at a time.
type Options struct {
	Database *database.DB
	// Lease is how long the server may trust its cache without hearing from
	// the database: MinLease to MaxLease.
	Lease time.Duration
	// Apply has the server act on a change: when it returns, nothing that
	// was cached or checked before can be answered any more. It returns how
	// many requests it cancelled. A change may come more than once.
	Apply func(context.Context, Change) int
	// Forget drops everything that is cached: when it returns, nothing that
	// was read from the cache before can be answered any more. It is called
	// before the server trusts anything as a new member.
	Forget func()
	Clock  Clock        // nil for Boot
	Logger *slog.Logger // nil for the default logger
}

// Server is this process as a member of the cluster. Its methods but for Run may
// be called concurrently.
type Server struct {
	Options

	// trust is the moment on the clock until which the cache may be trusted.
	trust atomic.Int64
	// id is that of our row; nil while there is none.
	id atomic.Pointer[uuid.UUID]
	// applying is held for a change until what it cancelled is counted.
	applying sync.RWMutex

	// What follows belongs to the goroutine that polls.
	seen, acknowledged int64
	failing            bool
	sweeper            sweeper
}

// Join makes the process a member. What it returns trusts its cache at once, and
// for one lease: Run keeps it that way.
func Join(ctx context.Context, o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = Boot
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{Options: o}
	if s.Database.Dialect() == dialect.SQLite {
		// The lock of the file has it that there is no other server, so
		// whoever has a row here was killed.
		if _, err := s.Database.Client().Server.Delete().Exec(ctx); err != nil {
			return nil, fmt.Errorf("join the servers: %w", err)
		}
	}
	if err := s.poll(ctx); err != nil {
		return nil, fmt.Errorf("join the servers: %w", err)
	}
	return s, nil
}

// Trusted reports whether the cache may be answered from. It is asked after the
// cache was read, so that a process that was stopped in between finds out.
func (s *Server) Trusted() bool { return int64(s.Clock()) < s.trust.Load() }

// Timely reports whether an answer may still be given that rests on a read of the
// database which began at that moment on the clock. A revocation that the read did
// not see waits for this server for one lease, as it does for its cache.
func (s *Server) Timely(began time.Duration) bool { return s.Clock() < began+s.span() }

// span is for how long the server may believe what it knows: a lease, less 1 %.
func (s *Server) span() time.Duration { return s.Lease - s.Lease/100 }

// ID is the id of the server's row; zero while it has none.
func (s *Server) ID() uuid.UUID {
	if id := s.id.Load(); id != nil {
		return *id
	}
	return uuid.Nil
}

// Run polls until ctx is done, and then leaves. It reports an error if the
// server's row stays behind, for others to sweep.
func (s *Server) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.Lease / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.leave(context.WithoutCancel(ctx))
		case <-ticker.C:
			s.note(ctx, s.pollInTime(ctx))
			if err := s.sweep(ctx); err != nil {
				s.Logger.DebugContext(ctx, "cannot sweep the servers", slog.Any("error", err))
			}
		}
	}
}

// note logs when the database stops answering, and when it answers again.
func (s *Server) note(ctx context.Context, err error) {
	switch failed := err != nil && ctx.Err() == nil; {
	case failed && !s.failing:
		s.Logger.WarnContext(ctx, "cannot follow what is revoked: every request asks the database once the lease has passed",
			slog.Duration("lease", s.Lease), slog.Any("error", err))
		s.failing = true
	case !failed && s.failing && err == nil:
		s.Logger.InfoContext(ctx, "following what is revoked again")
		s.failing = false
	}
}

// pollInTime gives up on a poll that takes too long to be of use, to begin anew.
func (s *Server) pollInTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.Lease, leastPatience))
	defer cancel()
	return s.poll(ctx)
}

// poll renews the lease. The order of its steps is what the protocol rests on.
func (s *Server) poll(ctx context.Context) error {
	began := s.Clock()
	if err := s.renew(ctx); err != nil {
		return err
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	if err := s.acknowledge(ctx); err != nil {
		return err
	}
	s.trust.Store(int64(began + s.span()))
	return nil
}

// renew says that the server is there, in a statement that has committed when
// it returns. A server that has no row, or was swept, joins as a new one.
func (s *Server) renew(ctx context.Context) error {
	if id := s.id.Load(); id != nil {
		n, err := s.Database.Client().Server.Update().Where(server.ID(*id)).SetRenewedAt(now()).Save(ctx)
		if err != nil {
			return fmt.Errorf("renew the lease: %w", err)
		}
		if n == 1 {
			return nil
		}
		s.id.Store(nil)
	}
	return s.enter(ctx)
}

// enter adds the server's row. What was cached before may have been read before
// there was a row for anyone to wait for, so it is forgotten.
func (s *Server) enter(ctx context.Context) error {
	id := uuid.Must(uuid.NewV7())
	var last int64
	err := s.Database.Tx(ctx, func(ctx context.Context, tx *ent.Tx) (err error) {
		if last, err = Last(ctx, tx); err != nil {
			return err
		}
		return tx.Server.Create().
			SetID(id).SetSeen(last).SetLease(s.Lease).SetRenewedAt(now()).
			OnConflict().UpdateNewValues(). // a second attempt after a lost answer
			Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("add the server: %w", err)
	}
	s.Forget()
	s.seen, s.acknowledged = last, last
	s.id.Store(&id)
	return nil
}

// catchUp applies what has been announced since the server last looked.
func (s *Server) catchUp(ctx context.Context) error {
	for {
		changes, err := after(ctx, s.Database.Client(), s.seen)
		if err != nil {
			return err
		}
		for _, c := range changes {
			s.apply(ctx, c)
			s.seen = c.N
		}
		if len(changes) < pageSize {
			return nil
		}
	}
}

// apply applies a change, and counts what it cancelled.
func (s *Server) apply(ctx context.Context, c Change) {
	s.applying.Lock()
	defer s.applying.Unlock()
	cancelled := s.Apply(ctx, c)
	if cancelled == 0 {
		return
	}
	err := s.Database.Client().Change.UpdateOneID(c.N).AddCancelled(cancelled).Exec(ctx)
	if err != nil { // only the receipt is poorer for it
		s.Logger.DebugContext(ctx, "cannot count cancelled requests", slog.Any("error", err))
	}
}

// Between calls fn between two changes of the feed: what the server has cancelled
// for those before is counted in the feed by then. It may be called concurrently,
// and takes as long as one change does, and what counting it takes.
func (s *Server) Between(fn func()) {
	s.applying.RLock()
	defer s.applying.RUnlock()
	fn()
}

var errSwept = errors.New("the server's row is gone")

// acknowledge says how far the server has come, if it has come further.
func (s *Server) acknowledge(ctx context.Context) error {
	if s.seen == s.acknowledged {
		return nil
	}
	n, err := s.Database.Client().Server.Update().Where(server.ID(s.ID())).SetSeen(s.seen).Save(ctx)
	if err != nil {
		return fmt.Errorf("acknowledge changes: %w", err)
	}
	if n == 0 {
		return errSwept
	}
	s.acknowledged = s.seen
	return nil
}

// leave trusts nothing any more, and then takes the server's row away, so that
// nobody waits for it.
func (s *Server) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(s.Lease, leastPatience))
	defer cancel()
	s.trust.Store(0)
	err := s.Database.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error { // which tries again
		_, err := tx.Server.Delete().Where(server.ID(s.ID())).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("leave the servers: %w", err)
	}
	return nil
}

// now is for people who look at the table, and for others to see that it
// changes.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
