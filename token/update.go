package token

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/grant"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

// UpdateInput is what is to change of a token. What is nil stays as it is.
type UpdateInput struct {
	ID    uuid.UUID
	Label *string // 1 to 100 characters after trimming
	// Abilities are what the token keeps: each must be one that it has, or
	// that its full access includes.
	Abilities []ability.Ability
}

// Update gives a token another label, or fewer abilities. No token is ever given
// more than it has: for that another is minted. When Update returns, no server
// grants what the token has lost, and no request that had made use of it is
// answered with anything but a refusal.
//
// It reports [ErrNotFound] for a token that the caller cannot see, [ErrRevoked],
// [ErrExpired], [InputError] and [ForbiddenError]; with [ErrUnavailable] it is
// done, and some servers may not know it for a lease. What changes nothing is
// not recorded.
func (s *Service) Update(ctx context.Context, by Caller, in UpdateInput) (*ent.Token, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionUpdate); err != nil {
		return nil, err
	}
	if err := s.auditable(ctx); err != nil {
		return nil, err
	}
	in, err := in.clean()
	if err != nil {
		return nil, err
	}
	var t *ent.Token
	var n int64
	now := s.now()
	undo := s.inflight.spare(ctx, in.ID) // which may give up what it is made with
	err = s.act(ctx, by, auditsink.ActionUpdate, func(ctx context.Context, tx *ent.Tx) error {
		if t, err = s.lockToken(ctx, tx, by, in.ID); err != nil {
			return err
		}
		if overdue(t, now) {
			return ErrRevoked
		}
		switch StateOf(t, now) {
		case StateRevoked:
			return ErrRevoked
		case StateExpired:
			return ErrExpired
		case StateActive, StateRotating:
		}
		changes, err := in.apply(ctx, tx, t)
		if err != nil {
			return err
		}
		if len(changes) == 0 { // by an earlier attempt at this, perhaps
			n, err = feed.Last(ctx, tx)
			return err
		}
		if n, err = feed.Announce(ctx, tx, feed.TokenNarrowed, t.ID, now); err != nil {
			return err
		}
		if t, err = s.lockToken(ctx, tx, by, in.ID); err != nil {
			return err
		}
		event := by.tokenEvent(auditsink.ActionUpdate, now, t)
		event.Changes = changes
		return journal.Append(ctx, tx, event)
	})
	if err != nil {
		undo()
		return nil, fmt.Errorf("update token %s: %w", in.ID, err)
	}
	_, err = s.settle(ctx, now, feed.Change{N: n, Kind: feed.TokenNarrowed, Subject: in.ID})
	if own := requestOf(ctx); own != nil && by.Token == in.ID {
		own.keeps(Abilities(t))
	}
	undo() // from now on it is like any other request
	if err != nil {
		return nil, fmt.Errorf("update token %s: %w", in.ID, err)
	}
	return t, nil
}

func (in UpdateInput) clean() (UpdateInput, error) {
	if in.Label == nil && in.Abilities == nil {
		return in, &InputError{Field: "input", Reason: "must name a label or abilities"}
	}
	if in.Label != nil {
		label, err := cleanLabel(*in.Label)
		if err != nil {
			return in, err
		}
		in.Label = &label
	}
	if in.Abilities != nil {
		var err error
		if in.Abilities, err = cleanAbilities(in.Abilities); err != nil {
			return in, err
		}
	}
	return in, nil
}

// apply changes t, and returns what that has changed.
func (in UpdateInput) apply(ctx context.Context, tx *ent.Tx, t *ent.Token) (map[string][2]any, error) {
	changes := map[string][2]any{}
	if in.Label != nil && *in.Label != t.Label {
		changes["label"] = [2]any{t.Label, *in.Label}
		err := tx.Token.UpdateOneID(t.ID).SetLabel(*in.Label).SetLabelKey(labelKey(*in.Label)).Exec(ctx)
		if err != nil {
			return nil, err
		}
	}
	has := Abilities(t)
	if in.Abilities == nil || ability.Of(in.Abilities...) == has {
		return changes, nil
	}
	for _, a := range in.Abilities {
		if !has.Allows(a) {
			return nil, &InputError{Field: "abilities", Reason: fmt.Sprintf("can only be narrowed, and the token lacks %s: mint another token", a), Fault: FaultNotHeld}
		}
	}
	changes["abilities"] = [2]any{has.List(), in.Abilities}
	return changes, regrant(ctx, tx, t.ID, has.List(), in.Abilities)
}

// regrant has a token keep these abilities and no others.
func regrant(ctx context.Context, tx *ent.Tx, id uuid.UUID, has, keeps []ability.Ability) error {
	_, err := tx.Grant.Delete().Where(grant.TokenID(id), grant.AbilityNotIn(keeps...)).Exec(ctx)
	if err != nil {
		return err
	}
	var grants []*ent.GrantCreate
	for _, a := range keeps {
		if !slices.Contains(has, a) { // full access had included it
			grants = append(grants, tx.Grant.Create().SetTokenID(id).SetAbility(a))
		}
	}
	return tx.Grant.CreateBulk(grants...).Exec(ctx)
}

// Related returns those of some tokens that the caller can see, with their grants,
// by id: one query, and one for the grants. It is for what tokens that the caller
// was given refer to: their predecessors and successors.
func (s *Service) Related(ctx context.Context, by Caller, ids []uuid.UUID) (map[uuid.UUID]*ent.Token, error) {
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // none are related
	}
	rows, err := s.db.Client().Token.Query().
		Where(visible(by), enttoken.IDIn(ids...)).
		WithGrants().
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read related tokens: %w", err)
	}
	found := make(map[uuid.UUID]*ent.Token, len(rows))
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, nil
}
