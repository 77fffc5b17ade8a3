package token

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

// Membership is a workspace that a caller belongs to.
type Membership struct {
	ID      uuid.UUID // of the workspace
	Slug    string
	Name    string
	Role    *operator.Role // nil for who is no operator
	Current bool           // whether it is the one that the caller asks in
}

// Memberships returns the workspaces that the caller can switch to, and its own,
// by slug.
func (s *Service) Memberships(ctx context.Context, by Caller) ([]Membership, error) {
	if by.Session == uuid.Nil {
		home, err := s.Home(ctx, by)
		if err != nil {
			return nil, err
		}
		return []Membership{{home.ID, home.Slug, home.Name, nil, true}}, nil
	}
	own, err := s.OwnSession(ctx, by)
	if err != nil {
		return nil, err
	}
	home := own.Edges.Operator.Edges.Workspace
	list := []Membership{{home.ID, home.Slug, home.Name, new(operator.Role(own.Role)), true}}
	if !ofPages(own.Way) { // it was given for this workspace
		return list, nil
	}
	others, err := s.db.Client().Workspace.Query().
		Where(workspace.IDNEQ(home.ID), workspace.HasOperatorsWith(operator.Email(own.Edges.Operator.Email), operator.RemovedAtIsNil())).
		WithOperators(func(q *ent.OperatorQuery) { q.Where(operator.Email(own.Edges.Operator.Email)) }).
		Order(workspace.BySlug()).
		Limit(maxPlaces).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the caller's workspaces: %w", err)
	}
	for _, w := range others {
		if role, ok := roleIn(own, w.Slug, w.Edges.Operators[0]); ok {
			list = append(list, Membership{w.ID, w.Slug, w.Name, &role, false})
		}
	}
	slices.SortFunc(list, func(x, y Membership) int { return strings.Compare(x.Slug, y.Slug) })
	return list, nil
}

// roleIn is the role that the operator of a workspace has there by a session of
// theirs: what the way in said, or else the one that they were added with.
func roleIn(own *ent.Session, slug string, there *ent.Operator) (operator.Role, bool) {
	if own.Memberships == nil {
		return there.Role, true
	}
	role, ok := own.Memberships[slug]
	return operator.Role(role), ok
}

// SwitchWorkspace begins a session in another workspace of the caller's, in place
// of the one that the caller came with, which ends everywhere. The new one ends
// when the old one would have. It reports [ErrNotFound] for a workspace that the
// caller does not belong to, and [ForbiddenError] for a session that was given
// for one workspace.
func (s *Service) SwitchWorkspace(ctx context.Context, by Caller, slug string) (Entered, error) {
	if by.Session == uuid.Nil {
		return Entered{}, ErrUnauthenticated
	}
	secret, err := bearer.New(bearer.Session, s.rand)
	if err != nil {
		return Entered{}, err
	}
	var made *ent.Session
	var n int64
	var at time.Time
	err = s.act(ctx, by, auditsink.ActionSignIn, func(ctx context.Context, tx *ent.Tx) error {
		if made, err = s.moveTo(ctx, tx, by, slug, secret.Hash()); err != nil {
			return err
		}
		n, at, err = s.markEnded(ctx, tx, by, by.Session, session.OperatorID(*by.Actor.ID))
		return err
	})
	if err == nil {
		_, err = s.settle(ctx, at, feed.Change{N: n, Kind: feed.SessionEnded, Subject: by.Session})
	}
	if err != nil {
		return Entered{}, fmt.Errorf("switch the workspace: %w", err)
	}
	return Entered{secret, made}, nil
}

// moveTo begins the session in the other workspace.
func (s *Service) moveTo(ctx context.Context, tx *ent.Tx, by Caller, slug string, hash bearer.Hash) (*ent.Session, error) {
	own, err := tx.Session.Query().Where(session.ID(by.Session)).WithOperator().Only(ctx)
	if err != nil {
		return nil, err
	}
	if !ofPages(own.Way) {
		return nil, &ForbiddenError{Reason: "this session was given for one workspace: ask for another where it came from"}
	}
	there, err := s.lockOperator(ctx, tx,
		operator.HasWorkspaceWith(workspace.Slug(slug)), operator.Email(own.Edges.Operator.Email), operator.RemovedAtIsNil())
	if ent.IsNotFound(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	role, ok := roleIn(own, slug, there)
	if !ok {
		return nil, ErrNotFound
	}
	if there.Edges.Workspace, err = there.QueryWorkspace().Only(ctx); err != nil {
		return nil, err
	}
	return s.start(ctx, tx, newSession{
		hash: hash, operator: there, role: role, way: own.Way, ends: SessionEnd(own), places: own.Memberships, from: by.Origin,
	})
}
