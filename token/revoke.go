package token

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

// Receipt says what a revocation has reached by the time it returns.
type Receipt struct {
	EffectiveAt       time.Time
	ServersConfirmed  int // this one included
	RequestsCancelled int // on this server
}

// Revoked is a token that has ended.
type Revoked struct {
	Token   *ent.Token
	Receipt Receipt
}

// Revoke ends token id for good. When it returns, no server accepts the token:
// each reads the database for every verification, and once more before it
// answers. Requests of the token under way on this server are cancelled at once.
// A token that is revoked already stays as it is, and no second record is made.
//
// It reports [ErrNotFound] for a token that the caller cannot see, [InputError]
// for a bad reason, and [ForbiddenError].
func (s *Service) Revoke(ctx context.Context, by Caller, id uuid.UUID, reason string) (Revoked, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionRevoke); err != nil {
		return Revoked{}, err
	}
	reason, err := cleanText("reason", reason, 0, maxReason)
	if err != nil {
		return Revoked{}, err
	}
	var t *ent.Token
	err = s.act(ctx, by, auditsink.ActionRevoke, func(ctx context.Context, tx *ent.Tx) error {
		t, err = s.revoke(ctx, tx, by, id, reason)
		return err
	})
	if err != nil {
		return Revoked{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	return Revoked{t, Receipt{
		EffectiveAt:       *t.RevokedAt,
		ServersConfirmed:  1,
		RequestsCancelled: s.inflight.end(ctx, id),
	}}, nil
}

func (s *Service) revoke(ctx context.Context, tx *ent.Tx, by Caller, id uuid.UUID, reason string) (*ent.Token, error) {
	t, err := s.lockToken(ctx, tx, by, id)
	if err != nil || t.RevokedAt != nil {
		return t, err
	}
	now := s.now()
	before := StateOf(t, now)
	update := tx.Token.UpdateOneID(id).
		SetRevokedAt(now).
		SetRevokedByKind(by.Actor.Kind).
		SetNillableRevokedByID(by.Actor.ID).
		SetRevokedByName(by.Actor.Name)
	if reason != "" {
		update.SetRevokeReason(reason)
	}
	saved, err := update.Save(ctx)
	if err != nil {
		return nil, err
	}
	saved.Edges = t.Edges
	if _, err := feed.Announce(ctx, tx, feed.TokenRevoked, id, now); err != nil {
		return nil, err
	}
	event := by.tokenEvent(auditsink.ActionRevoke, now, saved)
	event.Changes = map[string][2]any{"state": {before, StateRevoked}}
	if reason != "" {
		event.Changes["reason"] = [2]any{nil, reason}
	}
	return saved, journal.Append(ctx, tx, event)
}

// lockToken reads a token that by can see, with its grants and workspace, and
// holds it until the transaction ends.
func (s *Service) lockToken(ctx context.Context, tx *ent.Tx, by Caller, id uuid.UUID) (*ent.Token, error) {
	query := tx.Token.Query().Where(visible(by), enttoken.ID(id)).WithGrants().WithWorkspace()
	if s.lockRows() {
		query.ForUpdate()
	}
	t, err := query.Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrNotFound
	}
	return t, err
}

// tokenEvent is the record of something that by did to t.
func (c Caller) tokenEvent(action string, at time.Time, t *ent.Token) auditsink.Event {
	event := c.event(action, at)
	event.Target = auditsink.Target{Type: "ApiToken", ID: &t.ID, Label: t.Label}
	event.Test = t.Mode == enttoken.ModeTEST
	return event
}
