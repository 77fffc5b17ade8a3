package graph

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
)

// batches lets the tokens of a page share their queries: the first that is asked
// for something asks for the whole page, and the others wait for the answer. It
// lives as long as one response is made, which bounds it.
type batches struct {
	mu    sync.Mutex
	pages map[*ent.Token][]*ent.Token // the page that a token is on
	loads map[loadKey]*load
}

// loadKey is a page, by its first token, and what is asked for.
type loadKey struct {
	first *ent.Token
	what  any
}

type load struct {
	once  sync.Once
	value any
	err   error
}

type batchesKey struct{}

// withBatches is the middleware that makes batches.
func withBatches(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	b := &batches{pages: map[*ent.Token][]*ent.Token{}, loads: map[loadKey]*load{}}
	return next(context.WithValue(ctx, batchesKey{}, b))
}

// sharePage says that these tokens are answered together.
func sharePage(ctx context.Context, page []*ent.Token) {
	b := ctx.Value(batchesKey{}).(*batches)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range page {
		b.pages[t] = page
	}
}

// shared returns what find finds for the page that t is on, or for t alone. What
// tells one thing that is asked for from another.
func shared[T any](ctx context.Context, t *ent.Token, what any, find func(page []*ent.Token) (T, error)) (T, error) {
	page, l := ctx.Value(batchesKey{}).(*batches).load(t, what)
	l.once.Do(func() { l.value, l.err = find(page) })
	found, _ := l.value.(T) // nothing, if find panicked for another token
	return found, l.err
}

func (b *batches) load(t *ent.Token, what any) ([]*ent.Token, *load) {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.pages[t]
	if page == nil {
		page = []*ent.Token{t}
	}
	key := loadKey{page[0], what}
	if b.loads[key] == nil {
		b.loads[key] = &load{}
	}
	return page, b.loads[key]
}

// related is the token that link names, nil for none; the tokens that those of a
// page are linked to are a page of their own.
func (r *Resolver) related(ctx context.Context, t *ent.Token, name string, link func(*ent.Token) *uuid.UUID) (*ent.Token, error) {
	if link(t) == nil {
		return nil, nil //nolint:nilnil // null is the answer
	}
	all, err := shared(ctx, t, name, func(page []*ent.Token) (map[uuid.UUID]*ent.Token, error) {
		var ids []uuid.UUID
		for _, one := range page {
			if id := link(one); id != nil {
				ids = append(ids, *id)
			}
		}
		all, err := r.tokens.Related(ctx, callerFrom(ctx), ids)
		sharePage(ctx, slices.Collect(maps.Values(all)))
		return all, err
	})
	return all[*link(t)], err
}
