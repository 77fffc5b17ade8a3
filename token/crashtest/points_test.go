package crashtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
)

// The points at which a server is killed, in the order in which a mutation comes
// by them.
const (
	beforeInsert  = "before insert"
	afterInsert   = "after insert"
	beforeCommit  = "before commit"
	afterCommit   = "after commit"
	beforeSeal    = "before seal"
	afterSeal     = "after seal"
	beforeDeliver = "before deliver"
	afterDeliver  = "after deliver"
	beforeCursor  = "before cursor"
	afterCursor   = "after cursor"
	duringReopen  = "during reopen"
	duringClose   = "during close"
)

var points = []string{
	beforeInsert, afterInsert, beforeCommit, afterCommit, beforeSeal, afterSeal,
	beforeDeliver, afterDeliver, beforeCursor, afterCursor, duringReopen, duringClose,
}

// killer kills this process when it comes by a point for the n-th time.
type killer struct {
	point string
	left  atomic.Int64
}

// newKiller reads POINT:N; of an empty text it kills nothing.
func newKiller(text string) (*killer, error) {
	k := &killer{}
	if text == "" {
		return k, nil
	}
	point, n, _ := strings.Cut(text, ":")
	left, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", text, err)
	}
	k.point = point
	k.left.Store(left)
	return k, nil
}

func (k *killer) at(point string) {
	if point == k.point && k.left.Add(-1) == 0 {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// watch has the killer see what the entities do.
func (k *killer) watch(client *ent.Client) {
	client.AuditEntry.Use(k.around(beforeInsert, afterInsert, beforeCommit, afterCommit, func(m ent.Mutation) bool {
		return m.Op().Is(ent.OpCreate)
	}))
	client.AuditHead.Use(k.around("", "", beforeSeal, afterSeal, func(ent.Mutation) bool { return true }))
	client.SinkCursor.Use(k.around("", "", beforeCursor, afterCursor, func(m ent.Mutation) bool {
		_, moves := m.Field("cursor")
		return moves && !m.Op().Is(ent.OpCreate)
	}))
}

// around names the points before and after a mutation, and before and after the
// commit of its transaction.
func (k *killer) around(before, after, beforeCommit, afterCommit string, counts func(ent.Mutation) bool) ent.Hook {
	return func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			if !counts(m) {
				return next.Mutate(ctx, m)
			}
			k.at(before)
			value, err := next.Mutate(ctx, m)
			k.at(after)
			if in, ok := m.(interface{ Tx() (*ent.Tx, error) }); ok && err == nil {
				if tx, err := in.Tx(); err == nil {
					tx.OnCommit(k.commits(beforeCommit, afterCommit))
				}
			}
			return value, err
		})
	}
}

func (k *killer) commits(before, after string) ent.CommitHook {
	return func(next ent.Committer) ent.Committer {
		return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
			k.at(before)
			err := next.Commit(ctx, tx)
			k.at(after)
			return err
		})
	}
}

// watched is a sink, watched by a killer.
type watched struct {
	auditsink.Sink

	k *killer
}

// resuming is a watched sink that resumes.
type resuming struct {
	watched
	auditsink.Resumer
}

func watch(sink auditsink.Sink, k *killer) auditsink.Sink {
	if resumer, ok := sink.(auditsink.Resumer); ok {
		return resuming{watched{sink, k}, resumer}
	}
	return watched{sink, k}
}

func (w watched) Deliver(ctx context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	w.k.at(beforeDeliver)
	result, err := w.Sink.Deliver(ctx, b)
	if err == nil {
		w.k.at(afterDeliver)
	}
	return result, err
}

func (w watched) Probe(ctx context.Context) error {
	if sink, ok := w.Sink.(auditsink.Prober); ok {
		return sink.Probe(ctx)
	}
	return nil
}

// Reopen is killed while it works.
func (w watched) Reopen(ctx context.Context) error {
	sink, ok := w.Sink.(auditsink.Reopener)
	if !ok {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- sink.Reopen(ctx) }()
	w.k.at(duringReopen)
	return <-done
}

// Close is killed while it works.
func (w watched) Close(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- w.Sink.Close(ctx) }()
	w.k.at(duringClose)
	return <-done
}
