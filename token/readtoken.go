package token

import (
	"context"
	"database/sql"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// tokenByHash is prepared, and one query where ent makes three: whoever guesses
// secrets has it run on every guess.
const tokenByHash = `SELECT t.id, t.workspace_id, w.slug, w.plan, t.label, t.mode, t.created_at, t.expires_at, t.revoked_at, t.rotating, t.rotation_ends_at, t.pending, g.ability
FROM tokens t JOIN workspaces w ON w.id = t.workspace_id LEFT JOIN grants g ON g.token_id = t.id
WHERE t.secret_hash = ?`

// readToken returns what a verdict needs to know of a token, whatever its state,
// or [sql.ErrNoRows].
func (s *Service) readToken(ctx context.Context, hash bearer.Hash) (*ent.Token, error) {
	rows, err := s.db.Read(ctx, tokenByHash, hash[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := &ent.Token{Edges: ent.TokenEdges{Workspace: &ent.Workspace{}}}
	found := false
	for rows.Next() {
		found = true
		var granted sql.NullString
		err := rows.Scan(&t.ID, &t.WorkspaceID, &t.Edges.Workspace.Slug, &t.Edges.Workspace.Plan, &t.Label, &t.Mode,
			&t.CreatedAt, &t.ExpiresAt, &t.RevokedAt, &t.Rotating, &t.RotationEndsAt, &t.Pending, &granted)
		if err != nil {
			return nil, err
		}
		if granted.Valid {
			t.Edges.Grants = append(t.Edges.Grants, &ent.Grant{Ability: ability.Ability(granted.String)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if !found {
		return nil, sql.ErrNoRows
	}
	t.Edges.Workspace.ID = t.WorkspaceID
	return t, nil
}
