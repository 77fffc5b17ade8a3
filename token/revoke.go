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
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/feed"
)

// Revoked is a token that has ended.
type Revoked struct {
	Token   *ent.Token
	Receipt Receipt
}

// Revoke ends token id for good. When it returns, no server accepts the token
// and no request that came with it is still answered: each server has said so,
// or has lost the right to answer without asking the database. Requests of the
// token under way are cancelled. A token that is revoked already stays as it is,
// and no second record is made; but it counts everywhere when Revoke returns.
//
// It reports [ErrNotFound] for a token that the caller cannot see, [InputError]
// for a bad reason, and [ForbiddenError]. With [ErrUnavailable] the token may be
// revoked, and some servers not know it for a lease: it is to be revoked again.
func (s *Service) Revoke(ctx context.Context, by Caller, id uuid.UUID, reason string) (Revoked, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionRevoke); err != nil {
		return Revoked{}, err
	}
	reason, err := cleanText("reason", reason, 0, maxReason)
	if err != nil {
		return Revoked{}, err
	}
	return s.end(ctx, by, id, reason)
}

// Surrender ends the token that secret is of, at the wish of whoever holds it:
// the token itself, which needs no ability for that. It reports
// [ErrUnauthenticated] where there is nothing to end.
func (s *Service) Surrender(ctx context.Context, secret bearer.Secret, from Origin) error {
	if !secret.IsToken() {
		return ErrUnauthenticated
	}
	by, err := s.Authenticate(ctx, secret, from)
	if err != nil {
		return err
	}
	_, err = s.end(ctx, by, *by.Actor.ID, "")
	return err
}

// end revokes token id, and tells what that has reached.
func (s *Service) end(ctx context.Context, by Caller, id uuid.UUID, reason string) (Revoked, error) {
	var t *ent.Token
	var n int64
	undo := s.inflight.spare(ctx, id)
	err := s.act(ctx, by, auditsink.ActionRevoke, func(ctx context.Context, tx *ent.Tx) error {
		var err error
		t, n, err = s.revoke(ctx, tx, by, id, reason)
		return err
	})
	if err != nil {
		undo()
		return Revoked{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	receipt, err := s.settle(ctx, *t.RevokedAt, feed.Change{N: n, Kind: feed.TokenRevoked, Subject: id})
	if err != nil {
		return Revoked{}, fmt.Errorf("revoke token %s: %w", id, err)
	}
	return Revoked{t, receipt}, nil
}

// revoke returns the token, and the number of the change that it is revoked by
// at the latest.
func (s *Service) revoke(ctx context.Context, tx *ent.Tx, by Caller, id uuid.UUID, reason string) (*ent.Token, int64, error) {
	t, err := s.lockToken(ctx, tx, by, id)
	if err != nil {
		return nil, 0, err
	}
	if t.RevokedAt != nil {
		n, err := feed.Last(ctx, tx)
		return t, n, err
	}
	ended, change, err := ending{by: by, at: s.now(), reason: reason}.of(ctx, tx, t)
	if err != nil {
		return nil, 0, err
	}
	return ended, change.N, s.release(ctx, tx, t)
}

// ending is an end that tokens are put to.
type ending struct {
	by     Caller
	at     time.Time
	reason string // empty for none
	// batch is the same for all tokens that end together; empty for one that
	// ends alone.
	batch string
}

// of ends t, which the transaction holds and which is not revoked: it marks,
// announces and records it.
func (e ending) of(ctx context.Context, tx *ent.Tx, t *ent.Token) (*ent.Token, feed.Change, error) {
	change := feed.Change{Kind: feed.TokenRevoked, Subject: t.ID}
	update := tx.Token.UpdateOneID(t.ID).
		SetRevokedAt(e.at).
		SetRevokedByKind(e.by.Actor.Kind).
		SetNillableRevokedByID(e.by.Actor.ID).
		SetRevokedByName(e.by.Actor.Name).
		SetRotating(false).ClearRevokeOld().ClearRotationEndsAt().ClearDueAt()
	if e.reason != "" {
		update.SetRevokeReason(e.reason)
	}
	ended, err := update.Save(ctx)
	if err != nil {
		return nil, change, err
	}
	ended.Edges = t.Edges
	if change.N, err = feed.Announce(ctx, tx, change.Kind, t.ID, e.at); err != nil {
		return nil, change, err
	}
	event := e.by.tokenEvent(auditsink.ActionRevoke, e.at, ended)
	event.Changes = map[string][2]any{"state": {StateOf(t, e.at), StateRevoked}}
	for name, text := range map[string]string{"reason": e.reason, "batch": e.batch} {
		if text != "" {
			event.Changes[name] = [2]any{nil, text}
		}
	}
	return ended, change, journal.Append(ctx, tx, event)
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
