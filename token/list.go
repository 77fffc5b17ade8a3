package token

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/grant"
	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/ent/predicate"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
)

// Filter narrows a list. A nil field lets everything through; an empty list
// lets nothing through.
type Filter struct {
	States        []State // nil for ACTIVE and ROTATING
	Modes         []enttoken.Mode
	LabelContains string            // in any letter case; empty for any label
	Search        string            // LabelContains, or what is shown of the secret
	Abilities     []ability.Ability // granted any of these
	MintedBy      *uuid.UUID
	NeverUsed     *bool
	LastUsedSince *time.Time
	// LastUsedBefore lets nothing through that was never used.
	LastUsedBefore *time.Time
	// IdleSince lets through what has not been used since, and was there.
	IdleSince     *time.Time
	ExpiresBefore *time.Time
	NeverExpires  *bool
}

// OrderField is what a list is sorted by.
type OrderField string

// The orders of a list.
const (
	OrderCreatedAt OrderField = "CREATED_AT"
	OrderLabel     OrderField = "LABEL"
	// OrderLastUsedAt moves tokens while a list is read: one that is used may
	// be seen twice, or not again.
	OrderLastUsedAt OrderField = "LAST_USED_AT"
	OrderExpiresAt  OrderField = "EXPIRES_AT"
)

// Order is how a list is sorted: newest first where Field is empty.
type Order struct {
	Field OrderField
	Desc  bool
}

// listName is what cursors of this list are told from others by.
const listName = "tokens"

// keys is the order by column. Ids of version 7 sort by when they were made, so
// that order needs no column of its own.
func (o Order) keys() keyset.Order {
	switch o.Field {
	case OrderLabel:
		return keyset.Order{List: listName, Column: enttoken.FieldLabelKey, Kind: keyset.Texts, Desc: o.Desc}
	case OrderLastUsedAt:
		return keyset.Order{List: listName, Column: enttoken.FieldLastUsedAt, Kind: keyset.Moments, Desc: o.Desc}
	case OrderExpiresAt:
		return keyset.Order{List: listName, Column: enttoken.FieldExpiresAt, Kind: keyset.Moments, Desc: o.Desc}
	case OrderCreatedAt:
		return keyset.Order{List: listName, Desc: o.Desc}
	}
	return keyset.Order{List: listName, Desc: true}
}

// Cursor is the place of t in a list sorted by o.
func (o Order) Cursor(t *ent.Token) keyset.Cursor {
	key := keyset.Key{ID: t.ID}
	switch o.Field {
	case OrderLabel:
		key.Value = t.LabelKey
	case OrderLastUsedAt:
		key.Value = keyset.Time(t.LastUsedAt)
	case OrderExpiresAt:
		key.Value = keyset.Time(t.ExpiresAt)
	case OrderCreatedAt:
	}
	return keyset.NewCursor(o.keys(), key)
}

// Query asks for a page of tokens.
type Query struct {
	keyset.Request

	Filter Filter
	Order  Order
	Count  bool // count all that the filter lets through, which costs
}

// Page is some tokens, with their grants, in the order that was asked for.
type Page struct {
	Tokens               []*ent.Token
	HasNext, HasPrevious bool
	Total                *int // nil if it was not asked for
}

// Get returns a token that the caller can see, with its grants and workspace.
// What is not there and what belongs to another workspace is [ErrNotFound].
func (s *Service) Get(ctx context.Context, by Caller, id uuid.UUID) (*ent.Token, error) {
	if err := s.Can(ctx, by, ability.Read, "apiToken"); err != nil {
		return nil, err
	}
	t, err := s.db.Client().Token.Query().
		Where(visible(by), enttoken.ID(id)).
		WithGrants().WithWorkspace().
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get token %s: %w", id, err)
	}
	return t, nil
}

// Own returns the token that the caller came with, with its grants and
// workspace; [ErrNotFound] if that was none. It needs no ability.
func (s *Service) Own(ctx context.Context, by Caller) (*ent.Token, error) {
	t, err := s.db.Client().Token.Query().
		Where(enttoken.ID(by.Token)).
		WithGrants().WithWorkspace().
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get the caller's token: %w", err)
	}
	return t, nil
}

// List returns a page of the tokens that the caller can see, with their grants:
// one query for the page, one for the grants, one more if a count is asked for.
func (s *Service) List(ctx context.Context, by Caller, q Query) (Page, error) {
	if err := s.Can(ctx, by, ability.Read, "apiTokens"); err != nil {
		return Page{}, err
	}
	window, err := q.Window(q.Order.keys())
	if err != nil {
		return Page{}, err
	}
	where, err := q.Filter.predicates(s.now())
	if err != nil {
		return Page{}, err
	}
	where = append(where, visible(by))
	rows, err := s.db.Client().Token.Query().
		Where(where...).
		Where(window.Where).
		Order(window.Order).
		Limit(window.Limit()).
		WithGrants().
		All(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("list tokens: %w", err)
	}
	var page Page
	page.Tokens, page.HasNext, page.HasPrevious = keyset.Cut(window, rows)
	if q.Count {
		total, err := s.db.Client().Token.Query().Where(where...).Count(ctx)
		if err != nil {
			return Page{}, fmt.Errorf("count tokens: %w", err)
		}
		page.Total = &total
	}
	return page, nil
}

// visible is what the caller can see at all: the wall between workspaces, and
// between the modes for a test-mode token.
func visible(by Caller) predicate.Token {
	inside := enttoken.WorkspaceID(by.Workspace.ID)
	if by.TestOnly {
		return enttoken.And(inside, enttoken.ModeEQ(enttoken.ModeTEST))
	}
	return inside
}

// predicates returns what a token must be like to pass. It reports [InputError] for
// a text that no label can hold: SQLite would take a NUL for its end.
func (f Filter) predicates(now time.Time) ([]predicate.Token, error) {
	for _, given := range []struct{ field, text string }{{"filter.labelContains", f.LabelContains}, {"filter.search", f.Search}} {
		if strings.ContainsFunc(given.text, steers) {
			return nil, &InputError{Field: given.field, Reason: "must not contain control characters, which no label has", Fault: FaultControl}
		}
	}
	states := f.States
	if states == nil {
		states = []State{StateActive, StateRotating}
	}
	all := []predicate.Token{inState(states, now)}
	if f.Modes != nil {
		all = append(all, either(each(f.Modes, enttoken.ModeEQ)))
	}
	if f.LabelContains != "" {
		all = append(all, enttoken.LabelKeyContains(labelKey(f.LabelContains)))
	}
	if f.Search != "" {
		all = append(all, enttoken.Or(enttoken.LabelKeyContains(labelKey(f.Search)), enttoken.SecretTail(hintTail(f.Search))))
	}
	if f.Abilities != nil {
		all = append(all, either(each(f.Abilities, func(a ability.Ability) predicate.Token {
			return enttoken.HasGrantsWith(grant.AbilityEQ(a))
		})))
	}
	if f.MintedBy != nil {
		all = append(all, enttoken.MintedByID(*f.MintedBy))
	}
	if f.NeverUsed != nil {
		if *f.NeverUsed {
			all = append(all, enttoken.LastUsedAtIsNil())
		} else {
			all = append(all, enttoken.LastUsedAtNotNil())
		}
	}
	if f.LastUsedSince != nil {
		all = append(all, enttoken.LastUsedAtGTE(f.LastUsedSince.UTC()))
	}
	if f.LastUsedBefore != nil {
		all = append(all, enttoken.LastUsedAtLT(f.LastUsedBefore.UTC()))
	}
	if f.IdleSince != nil {
		since := f.IdleSince.UTC()
		all = append(all, enttoken.Or(
			enttoken.LastUsedAtLT(since),
			enttoken.And(enttoken.LastUsedAtIsNil(), enttoken.CreatedAtLT(since)),
		))
	}
	if f.ExpiresBefore != nil {
		all = append(all, enttoken.ExpiresAtLT(f.ExpiresBefore.UTC()))
	}
	if f.NeverExpires != nil {
		if *f.NeverExpires {
			all = append(all, enttoken.ExpiresAtIsNil())
		} else {
			all = append(all, enttoken.ExpiresAtNotNil())
		}
	}
	return all, nil
}

// hintTail is the end of a secret that text asks for: text is a hint, or just its
// end.
func hintTail(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndex(text, "…"); i >= 0 {
		return text[i+len("…"):]
	}
	return text
}

func each[T any](values []T, with func(T) predicate.Token) []predicate.Token {
	all := make([]predicate.Token, len(values))
	for i, v := range values {
		all[i] = with(v)
	}
	return all
}
