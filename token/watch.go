package token

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/usage"
)

const (
	// maxPending is how many used tokens wait for one watch. A token waits
	// once, however often it is used.
	maxPending = 1000
	// watchBatch is how many of them are read at once.
	watchBatch = 100
)

// Watch returns tokens as they are used. It is for one goroutine at a time.
type Watch struct {
	service *Service
	by      Caller
	only    map[uuid.UUID]bool // nil for all of the workspace
	ready   []*ent.Token       // read, and not returned yet
	wake    chan struct{}      // holds one: more would say no more
	stop    func()             // stops listening

	mu      sync.Mutex
	pending map[uuid.UUID]struct{} // used, and not read yet
	behind  bool                   // there were too many
}

// WatchUsed watches those of the tokens that the caller can see: all if ids is
// nil. It reports [ErrNotFound] for an id that the caller cannot see. The caller
// closes the watch.
func (s *Service) WatchUsed(ctx context.Context, by Caller, ids []uuid.UUID) (*Watch, error) {
	if err := s.Can(ctx, by, ability.Read, "apiTokenUsed"); err != nil {
		return nil, err
	}
	w := &Watch{service: s, by: by, pending: map[uuid.UUID]struct{}{}, wake: make(chan struct{}, 1)}
	if ids != nil {
		w.only = make(map[uuid.UUID]bool, len(ids))
		for _, id := range ids {
			w.only[id] = true
		}
		n, err := s.db.Client().Token.Query().Where(visible(by), enttoken.IDIn(ids...)).Count(ctx)
		if err != nil {
			return nil, fmt.Errorf("find tokens to watch: %w", err)
		}
		if n < len(w.only) {
			return nil, ErrNotFound
		}
	}
	var err error
	if w.stop, err = s.uses.Listen(ctx, w.hear); err != nil {
		return nil, err
	}
	return w, nil
}

// Next waits for the next token that is used, and returns it with its grants
// and workspace. It reports [ErrBehind] if too many wait.
func (w *Watch) Next(ctx context.Context) (*ent.Token, error) {
	for len(w.ready) == 0 {
		ids, err := w.take()
		if err != nil {
			return nil, err
		}
		if ids == nil {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-w.wake:
			}
			continue
		}
		w.ready, err = w.service.db.Client().Token.Query().
			Where(visible(w.by), enttoken.IDIn(ids...)).
			WithGrants().WithWorkspace().
			All(ctx)
		if err != nil {
			return nil, fmt.Errorf("read used tokens: %w", err)
		}
	}
	t := w.ready[0]
	w.ready = w.ready[1:]
	return t, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	w.stop()
}

// hear has the uses that are for this watch wait.
func (w *Watch) hear(uses []usage.Use) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, use := range uses {
		if use.Workspace != w.by.Workspace.ID || w.only != nil && !w.only[use.Token] {
			continue
		}
		if w.pending[use.Token] = struct{}{}; len(w.pending) > maxPending {
			w.behind = true
			clear(w.pending)
		}
	}
	if len(w.pending) > 0 || w.behind {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// take returns some of those that wait, nil if none does.
func (w *Watch) take() ([]uuid.UUID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind {
		return nil, ErrBehind
	}
	var ids []uuid.UUID
	for id := range w.pending {
		if len(ids) == watchBatch {
			break
		}
		ids = append(ids, id)
		delete(w.pending, id)
	}
	return ids, nil
}
