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

// RevokeOld says when a rotation ends the old token.
type RevokeOld string

// The ways to end the old token.
const (
	WhenNewIsLive RevokeOld = "WHEN_NEW_IS_LIVE" // at the first use of the new one
	Now           RevokeOld = "NOW"
	Manually      RevokeOld = "MANUALLY" // not before somebody revokes it
)

const (
	// MaxGrace is how far away the deadline of a rotation may be.
	MaxGrace = 365 * 24 * time.Hour
	// maxUnused is how many tokens in a row may be rotated without having
	// been used: a first use ends all those before it in one transaction.
	maxUnused = 10
)

// Why a rotation ends a token, for whoever reads the audit log.
const (
	reasonNow      = "rotation"
	reasonLive     = "rotation: its successor is in use"
	reasonDeadline = "rotation: its time is up"
	reasonReplaced = "rotation: another successor takes its place"
)

// RotateInput is what is asked of a rotation.
type RotateInput struct {
	ID        uuid.UUID
	RevokeOld RevokeOld
	// GraceSeconds is a deadline for WhenNewIsLive, from now: the old token
	// ends then at the latest. Nil for none.
	GraceSeconds *int
}

// Rotated is a token that has taken the place of another, with its secret, which
// is never to be had again.
type Rotated struct {
	Token       *ent.Token
	Secret      bearer.Secret
	Predecessor *ent.Token
}

// Rotate mints a successor of a token, with the same label, abilities, mode and
// expiry: a rotation never makes anything last longer. The old token ends as the
// input says, and until then both work. If it ends now, it has ended everywhere
// when Rotate returns.
//
// A token whose successor was not used yet can be rotated again, as after an
// answer that was lost: the new successor takes the place of the other one, which
// ends. So can a successor that was not used yet: the first use of the last one
// ends all those before it that wait for that.
//
// It reports [ErrNotFound] for a token that the caller cannot see, [ErrRevoked],
// [ErrExpired], [ErrRotated] for one whose successor is in use, [ErrUnused],
// [LimitError] when three of a chain would work at once and the plan has no room
// for that, [InputError] and [ForbiddenError].
func (s *Service) Rotate(ctx context.Context, by Caller, in RotateInput) (Rotated, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionRotate); err != nil {
		return Rotated{}, err
	}
	if err := s.auditable(ctx); err != nil {
		return Rotated{}, err
	}
	if err := in.check(); err != nil {
		return Rotated{}, err
	}
	old, err := s.db.Client().Token.Query().Where(visible(by), enttoken.ID(in.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return Rotated{}, ErrNotFound
	}
	if err != nil {
		return Rotated{}, fmt.Errorf("rotate token %s: %w", in.ID, err)
	}
	draft, err := s.draft(by, MintInput{Mode: old.Mode}) // the one thing that never changes
	if err != nil {
		return Rotated{}, err
	}
	draft.from, draft.pending = &in.ID, in.RevokeOld != Now
	r := rotation{service: s, in: in, draft: draft}
	undo := func() {}
	if in.RevokeOld == Now {
		undo = s.inflight.spare(ctx, in.ID)
	}
	if err := s.act(ctx, by, auditsink.ActionRotate, r.save); err != nil {
		undo()
		return Rotated{}, fmt.Errorf("rotate token %s: %w", in.ID, err)
	}
	if _, err := s.settle(ctx, draft.at, r.changes...); err != nil {
		return Rotated{}, fmt.Errorf("rotate token %s: %w", in.ID, err)
	}
	return r.done, nil
}

func (in RotateInput) check() error {
	switch in.RevokeOld {
	case WhenNewIsLive, Now, Manually:
	default:
		return &InputError{Field: "revokeOld", Reason: "must be WHEN_NEW_IS_LIVE, NOW or MANUALLY"}
	}
	switch {
	case in.GraceSeconds == nil:
	case in.RevokeOld != WhenNewIsLive:
		return &InputError{Field: "graceSeconds", Reason: "goes with WHEN_NEW_IS_LIVE only"}
	case *in.GraceSeconds < 1 || time.Duration(*in.GraceSeconds) > MaxGrace/time.Second:
		return &InputError{Field: "graceSeconds", Reason: fmt.Sprintf("must be 1 to %d", MaxGrace/time.Second)}
	}
	return nil
}

// rotation is one call of Rotate. Save may run more than once.
type rotation struct {
	service *Service
	in      RotateInput
	draft   *draft

	done    Rotated
	changes []feed.Change // what has ended or changed with it
}

func (r *rotation) save(ctx context.Context, tx *ent.Tx) error {
	s, d := r.service, r.draft
	if d.tries++; d.tries > 1 {
		// The first attempt may have been committed and only its answer
		// lost: then what it found out is what there is.
		if _, err := d.find(ctx, tx, enttoken.ID(d.id)); !ent.IsNotFound(err) {
			return err
		}
	}
	r.changes = nil
	home, err := s.lockWorkspace(ctx, tx, d.by.Workspace.ID)
	if err != nil {
		return err
	}
	old, err := s.lockToken(ctx, tx, d.by, r.in.ID)
	if err != nil {
		return err
	}
	if err := r.admit(ctx, tx, home, old); err != nil {
		return err
	}
	if err := r.replace(ctx, tx, old); err != nil {
		return err
	}
	d.in = MintInput{Label: old.Label, Abilities: Abilities(old).List(), Mode: old.Mode, ExpiresAt: old.ExpiresAt}
	if err := d.insert(ctx, tx); err != nil {
		return err
	}
	if err := r.retire(ctx, tx, old); err != nil {
		return err
	}
	successor, err := d.find(ctx, tx, enttoken.ID(d.id))
	r.done.Token, r.done.Secret = successor, d.secret
	return err
}

// admit reports why old cannot be rotated.
func (r *rotation) admit(ctx context.Context, tx *ent.Tx, home *ent.Workspace, old *ent.Token) error {
	s, now := r.service, r.draft.at
	if overdue(old, now) {
		return ErrRevoked
	}
	switch StateOf(old, now) {
	case StateRevoked:
		return ErrRevoked
	case StateExpired:
		return ErrExpired
	case StateActive:
		if old.RotatedToID == nil {
			break
		}
		inUse, err := tx.Token.Query().Where(enttoken.ID(*old.RotatedToID), alive(now)).Exist(ctx)
		if err != nil {
			return err
		}
		if inUse {
			return ErrRotated
		}
	case StateRotating:
	}
	if err := r.unused(ctx, tx, old); err != nil {
		return err
	}
	if old.RotatedFromID == nil {
		return nil // one more, which counts as one with the old
	}
	third, err := tx.Token.Query().Where(enttoken.ID(*old.RotatedFromID), alive(now)).Exist(ctx)
	if err != nil || !third {
		return err
	}
	return s.room(ctx, tx, home, now)
}

// unused reports [ErrUnused] if old and those before it were never used.
func (r *rotation) unused(ctx context.Context, tx *ent.Tx, old *ent.Token) (err error) {
	for n := 1; old.Pending && old.RotatedFromID != nil; n++ {
		if n == maxUnused {
			return ErrUnused
		}
		if old, err = tx.Token.Get(ctx, *old.RotatedFromID); err != nil {
			return err
		}
	}
	return nil
}

// replace ends the successors of old that were not used.
func (r *rotation) replace(ctx context.Context, tx *ent.Tx, old *ent.Token) error {
	for old.Rotating {
		next, err := r.service.lockToken(ctx, tx, r.draft.by, *old.RotatedToID)
		if err != nil {
			return err
		}
		if next.RevokedAt == nil {
			if err := r.end(ctx, tx, next, reasonReplaced); err != nil {
				return err
			}
		}
		old = next
	}
	return nil
}

// retire ties old to its successor, ends it if that is to be now, and records
// the rotation.
func (r *rotation) retire(ctx context.Context, tx *ent.Tx, old *ent.Token) error {
	d := r.draft
	event := d.by.tokenEvent(auditsink.ActionRotate, d.at, old)
	event.Changes = map[string][2]any{
		"rotatedTo": {old.RotatedToID, d.id},
		"revokeOld": {nil, r.in.RevokeOld},
	}
	update := tx.Token.UpdateOne(old).SetRotatedToID(d.id)
	ends := r.deadline()
	if r.in.RevokeOld != Now {
		event.Changes["state"] = [2]any{StateOf(old, d.at), StateRotating}
		update.SetRotating(true).SetRevokeOld(enttoken.RevokeOld(r.in.RevokeOld))
		setEnds(update, old, ends)
	}
	if ends != nil {
		event.Changes["endsAt"] = [2]any{nil, ends}
	}
	saved, err := update.Save(ctx)
	if err != nil {
		return err
	}
	saved.Edges = old.Edges
	r.done.Predecessor = saved
	if err := journal.Append(ctx, tx, event); err != nil {
		return err
	}
	switch {
	case r.in.RevokeOld == Now:
		return r.end(ctx, tx, saved, reasonNow)
	case ends != nil || old.RotationEndsAt != nil:
		// What is cached of it ends at another time.
		n, err := feed.Announce(ctx, tx, feed.TokenNarrowed, old.ID, d.at)
		r.changes = append(r.changes, feed.Change{N: n, Kind: feed.TokenNarrowed, Subject: old.ID})
		return err
	}
	return nil
}

// end ends the old token, or what took its place and was not used.
func (r *rotation) end(ctx context.Context, tx *ent.Tx, t *ent.Token, reason string) error {
	ended, change, err := ending{by: r.draft.by, at: r.draft.at, reason: reason}.of(ctx, tx, t)
	if err != nil {
		return err
	}
	if t.ID == r.in.ID {
		r.done.Predecessor = ended
	}
	r.changes = append(r.changes, change)
	return nil
}

// deadline is when the old token ends at the latest; nil if there is none.
func (r *rotation) deadline() *time.Time {
	if r.in.GraceSeconds == nil {
		return nil
	}
	return new(r.draft.at.Add(time.Duration(*r.in.GraceSeconds) * time.Second))
}

// setEnds has t end at that time, if it does not expire before; nil takes that
// back.
func setEnds(update *ent.TokenUpdateOne, t *ent.Token, ends *time.Time) {
	due := t.ExpiresAt
	if ends == nil {
		update.ClearRotationEndsAt()
	} else {
		update.SetRotationEndsAt(*ends)
		if due == nil || ends.Before(*due) {
			due = ends
		}
	}
	if due == nil {
		update.ClearDueAt()
	} else {
		update.SetDueAt(*due)
	}
}
