package token

import (
	"context"
	"log/slog"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/feed"
	"github.com/keloa/apitokens/token/verdict"
)

// takeOver has by, a successor that was not used yet, take the place of its
// predecessors: those that wait for that end. One transaction says that the
// successor is in use, ends them, and announces and records their end, so that
// it happens once, whichever servers a successor is used on at the same time.
//
// Here they have ended when takeOver returns; elsewhere with the next poll, which
// is not waited for. If the database does not answer, the use goes ahead, and the
// next one tries again.
func (s *Service) takeOver(ctx context.Context, by Caller) {
	if v, state := s.cached(by.hash); state == verdict.Known && !v.Pending {
		return // another request has done it
	}
	_, err, _ := s.firstUses.Do(string(by.Token[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		var changes []feed.Change
		err := s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) (err error) {
			changes, err = s.succeed(ctx, tx, by)
			return err
		})
		if err != nil {
			return nil, err
		}
		s.journal.Wake()
		for _, c := range changes {
			s.apply(ctx, c)
		}
		s.verdicts.End(by.Token)
		_, err = s.read(ctx, by.hash, by.Origin)
		return nil, err
	})
	if err != nil {
		s.log.WarnContext(ctx, "the first use of a successor is to be noted at the next one",
			slog.String("token", by.Token.String()), slog.Any("error", err))
	}
}

// succeed notes that by is in use, and ends those before it that wait for that.
// It does nothing if that is noted already.
func (s *Service) succeed(ctx context.Context, tx *ent.Tx, by Caller) ([]feed.Change, error) {
	successor, err := tx.Token.Get(ctx, by.Token)
	if err != nil || !successor.Pending || successor.RotatedFromID == nil {
		return nil, err
	}
	// First the older one, as a rotation locks them.
	old, err := s.lockPredecessor(ctx, tx, successor)
	if err != nil {
		return nil, err
	}
	now := s.now()
	first, err := tx.Token.Update().
		Where(enttoken.ID(successor.ID), enttoken.Pending(true), usable(now)).
		SetPending(false).
		Save(ctx)
	if err != nil || first == 0 {
		return nil, err
	}
	end := ending{by: by.rotation(), at: now, reason: reasonLive}
	var changes []feed.Change
	for next := successor; old != nil && *old.RotatedToID == next.ID; {
		if old.Rotating {
			change, err := s.outlive(ctx, tx, old, end)
			if err != nil {
				return nil, err
			}
			changes = append(changes, change...)
		}
		if !old.Pending {
			break
		}
		// It was never used itself: those before it have waited in vain.
		next = old
		if old, err = s.lockPredecessor(ctx, tx, next); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// outlive ends a token whose successor is in use, or lets it go on if it is to
// end by hand.
func (s *Service) outlive(ctx context.Context, tx *ent.Tx, old *ent.Token, end ending) ([]feed.Change, error) {
	works := StateOf(old, end.at) == StateRotating
	if works && *old.RevokeOld == enttoken.RevokeOldWHEN_NEW_IS_LIVE {
		_, change, err := end.of(ctx, tx, old)
		return []feed.Change{change}, err
	}
	return nil, stay(ctx, tx, old)
}

// stay ends the rotation of a token that stays.
func stay(ctx context.Context, tx *ent.Tx, t *ent.Token) error {
	update := tx.Token.UpdateOne(t).SetRotating(false).ClearRevokeOld()
	if t.RotationEndsAt != nil && t.DueAt != nil { // not one whose expiry is recorded
		setEnds(update, t, nil)
	}
	return update.Exec(ctx)
}

// release lets the predecessor of t be, which has ended without having been used:
// its rotation is off. If t has a successor that was not used either, that one is
// waited for instead.
func (s *Service) release(ctx context.Context, tx *ent.Tx, t *ent.Token) error {
	if t.Rotating {
		return nil
	}
	for t.Pending {
		old, err := s.lockPredecessor(ctx, tx, t)
		if err != nil || old == nil || *old.RotatedToID != t.ID {
			return err
		}
		if overdue(old, s.now()) {
			return nil // the sweep ends it
		}
		if old.RevokedAt == nil {
			return stay(ctx, tx, old)
		}
		t = old
	}
	return nil
}

// lockPredecessor reads the predecessor of t, with its grants and workspace, and
// holds it; nil if t has none.
func (s *Service) lockPredecessor(ctx context.Context, tx *ent.Tx, t *ent.Token) (*ent.Token, error) {
	if t.RotatedFromID == nil {
		return nil, nil //nolint:nilnil // most tokens have none
	}
	query := tx.Token.Query().Where(enttoken.ID(*t.RotatedFromID)).WithGrants().WithWorkspace()
	if s.lockRows() {
		query.ForUpdate()
	}
	return query.Only(ctx)
}

// rotation is who ends the predecessors of c: no person and no token asks for
// that, it follows.
func (c Caller) rotation() Caller {
	return Caller{
		Origin:    c.Origin,
		Actor:     auditsink.Actor{Kind: auditsink.System, Name: "rotation"},
		Workspace: c.Workspace,
	}
}
