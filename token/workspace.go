package token

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

// What a new database starts with.
const (
	DefaultWorkspace = "default"
	DefaultOperator  = "owner@localhost"
)

const maxWorkspaceName = 100 // characters

// slugs are DNS labels, so that one can be a host name.
var slugs = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Bootstrap gives an empty database its first workspace and operator. Several
// servers may do it at once.
func (s *Service) Bootstrap(ctx context.Context) error {
	exists, err := s.db.Client().Workspace.Query().Exist(ctx)
	if err != nil {
		return fmt.Errorf("look for a workspace: %w", err)
	}
	if exists {
		return nil
	}
	// A plan without a limit: who tries the server out should not run into
	// a number that was made up.
	_, err = s.CreateWorkspace(ctx, DefaultWorkspace, "Default", workspace.PlanSCALE, DefaultOperator)
	if errors.Is(err, ErrExists) {
		return nil // another server was faster
	}
	return err
}

// CreateWorkspace makes a workspace with its first operator, an admin, known by
// e-mail address. It reports [ErrExists] for a slug that is taken, and
// [InputError].
func (s *Service) CreateWorkspace(ctx context.Context, slug, name string, plan workspace.Plan, email string) (*ent.Workspace, error) {
	if !slugs.MatchString(slug) {
		return nil, &InputError{Field: "slug", Reason: "must be 1 to 63 lower-case letters, digits and inner hyphens"}
	}
	name, err := cleanText("name", name, 1, maxWorkspaceName)
	if err != nil {
		return nil, err
	}
	if email, err = cleanEmail(email); err != nil {
		return nil, err
	}
	var made *ent.Workspace
	id := uuid.Must(uuid.NewV7())
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		now := s.now()
		made, err = tx.Workspace.Create().
			SetID(id).SetSlug(slug).SetName(name).SetPlan(plan).SetCreatedAt(now).
			Save(ctx)
		if err != nil {
			return err
		}
		return tx.Operator.Create().
			SetWorkspaceID(id).SetEmail(email).SetName(email).
			SetRole(operator.RoleADMIN).SetCreatedAt(now).
			Exec(ctx)
	})
	if ent.IsConstraintError(err) {
		return nil, fmt.Errorf("workspace %q: %w", slug, ErrExists)
	}
	if err != nil {
		return nil, fmt.Errorf("create workspace %q: %w", slug, err)
	}
	return made, nil
}

// Workspace returns the workspace with that slug, or [ErrNotFound].
func (s *Service) Workspace(ctx context.Context, slug string) (*ent.Workspace, error) {
	found, err := s.db.Client().Workspace.Query().Where(workspace.Slug(slug)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fmt.Errorf("workspace %q: %w", slug, ErrNotFound)
	}
	return found, err
}

// Workspaces returns every workspace, by slug. It is for the command line: no
// caller of the API sees more than its own.
func (s *Service) Workspaces(ctx context.Context) ([]*ent.Workspace, error) {
	return s.db.Client().Workspace.Query().Order(workspace.BySlug()).All(ctx)
}

// WorkspaceOf returns the workspace that token id belongs to, or [ErrNotFound].
// It is for the command line, which names a token by its id alone.
func (s *Service) WorkspaceOf(ctx context.Context, id uuid.UUID) (*ent.Workspace, error) {
	found, err := s.db.Client().Workspace.Query().
		Where(workspace.HasTokensWith(enttoken.ID(id))).
		Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fmt.Errorf("token %s: %w", id, ErrNotFound)
	}
	return found, err
}

// Home is the caller's workspace with what its plan allows.
type Home struct {
	*ent.Workspace
	Limits Limits
}

// Home returns the caller's workspace.
func (s *Service) Home(ctx context.Context, by Caller) (Home, error) {
	found, err := s.db.Client().Workspace.Get(ctx, by.Workspace.ID)
	if err != nil {
		return Home{}, fmt.Errorf("get the caller's workspace: %w", err)
	}
	return Home{found, s.plans[found.Plan]}, nil
}

// pairs counts the tokens that live beside their successor, but for those whose
// predecessor lives too. A successor expires with its predecessor.
const pairs = `SELECT COUNT(*) FROM tokens t
JOIN tokens n ON n.id = t.rotated_to_id AND n.revoked_at IS NULL
LEFT JOIN tokens p ON p.id = t.rotated_from_id AND p.revoked_at IS NULL
WHERE t.workspace_id = ? AND t.rotated_to_id IS NOT NULL AND t.revoked_at IS NULL
AND (t.expires_at IS NULL OR t.expires_at > ?) AND p.id IS NULL`

// ActiveTokens counts the tokens of the caller's workspace that the plan's limit
// is about: those that are alive, of which a token and its successor are one.
func (s *Service) ActiveTokens(ctx context.Context, by Caller) (int, error) {
	now := s.now()
	living, err := s.db.Client().Token.Query().
		Where(enttoken.WorkspaceID(by.Workspace.ID), alive(now)).
		Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count tokens: %w", err)
	}
	rows, err := s.db.Read(ctx, pairs, by.Workspace.ID, now)
	if err != nil {
		return 0, fmt.Errorf("count tokens: %w", err)
	}
	defer rows.Close()
	var doubled int
	for rows.Next() {
		if err := rows.Scan(&doubled); err != nil {
			return 0, fmt.Errorf("count tokens: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("count tokens: %w", err)
	}
	return living - doubled, nil
}

// SetPlan changes the plan of the caller's workspace. Tokens beyond a lower
// limit stay; new ones are refused. What each may request a minute is the new
// plan's at once, and within a lease on other servers.
func (s *Service) SetPlan(ctx context.Context, by Caller, plan workspace.Plan) error {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionWorkspacePlan); err != nil {
		return err
	}
	var change feed.Change
	err := s.act(ctx, by, auditsink.ActionWorkspacePlan, func(ctx context.Context, tx *ent.Tx) error {
		home, err := s.lockWorkspace(ctx, tx, by.Workspace.ID)
		if err != nil || home.Plan == plan {
			return err
		}
		if err := tx.Workspace.UpdateOne(home).SetPlan(plan).Exec(ctx); err != nil {
			return err
		}
		now := s.now()
		n, err := feed.Announce(ctx, tx, feed.WorkspacePlan, home.ID, now)
		if err != nil {
			return err
		}
		change = feed.Change{N: n, Kind: feed.WorkspacePlan, Subject: home.ID}
		event := by.event(auditsink.ActionWorkspacePlan, now)
		event.Target = auditsink.Target{Type: "Workspace", ID: &home.ID, Label: home.Slug}
		event.Changes = map[string][2]any{"plan": {home.Plan, plan}}
		return journal.Append(ctx, tx, event)
	})
	if err != nil {
		return fmt.Errorf("set the plan of workspace %q: %w", by.Workspace.Slug, err)
	}
	if change.N != 0 {
		s.apply(ctx, change) // other servers follow within a lease
	}
	return nil
}
