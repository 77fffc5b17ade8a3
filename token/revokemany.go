package token

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/feed"
)

// maxRevoked is how many tokens one call of RevokeMany ends. They end in one
// transaction, which holds up every other revocation until it commits.
const maxRevoked = 500

// RevokeManyInput says which tokens to end.
type RevokeManyInput struct {
	Filter Filter // as for a list; tokens that are revoked are left out
	Reason string
	DryRun bool // only say which
}

// RevokedMany is the tokens that have ended, or would have.
type RevokedMany struct {
	Tokens  []*ent.Token // the oldest first
	Count   int
	DryRun  bool
	Receipt *Receipt // nil for a dry run
}

// RevokeMany ends all tokens that the filter lets through, in one transaction:
// either all of them or none. When it returns, they have ended everywhere, as
// with Revoke. Their records share a batch, by which they can be found together.
//
// It reports [InputError] for more than 500 tokens, for a filter that names
// nothing unless it is a dry run, and for a bad reason; and [ForbiddenError].
func (s *Service) RevokeMany(ctx context.Context, by Caller, in RevokeManyInput) (RevokedMany, error) {
	if err := s.Can(ctx, by, ability.FullAccess, auditsink.ActionRevoke); err != nil {
		return RevokedMany{}, err
	}
	reason, err := cleanText("reason", in.Reason, 0, maxReason)
	if err != nil {
		return RevokedMany{}, err
	}
	if in.DryRun {
		found, err := in.find(ctx, by, s.db.Client().Token.Query(), s.now())
		return RevokedMany{Tokens: found, Count: len(found), DryRun: true}, err
	}
	if reflect.ValueOf(in.Filter).IsZero() {
		return RevokedMany{}, &InputError{Field: "filter", Reason: "names nothing, which would end every token: if that is meant, name the states ACTIVE and ROTATING"}
	}
	batch, err := uuid.NewV7()
	if err != nil {
		return RevokedMany{}, fmt.Errorf("make an id: %w", err)
	}
	end := ending{by: by, at: s.now(), reason: reason, batch: batch.String()}
	var tokens []*ent.Token
	var changes []feed.Change
	undo := s.inflight.spare(ctx, by.credential()) // which may be among them
	err = s.act(ctx, by, auditsink.ActionRevoke, func(ctx context.Context, tx *ent.Tx) error {
		if len(tokens) > 0 { // perhaps the first attempt was committed, and only its answer lost
			done, err := tx.Token.Query().Where(enttoken.ID(tokens[0].ID), enttoken.RevokedAt(end.at)).Exist(ctx)
			if done || err != nil {
				return err
			}
		}
		tokens, changes, err = s.revokeMany(ctx, tx, in, end)
		return err
	})
	if err != nil {
		undo()
		return RevokedMany{}, fmt.Errorf("revoke tokens: %w", err)
	}
	if !slices.Contains(idsOf(tokens), by.Token) {
		undo()
	}
	receipt, err := s.settle(ctx, end.at, changes...)
	if err != nil {
		return RevokedMany{}, fmt.Errorf("revoke tokens: %w", err)
	}
	return RevokedMany{Tokens: tokens, Count: len(tokens), Receipt: &receipt}, nil
}

func (s *Service) revokeMany(ctx context.Context, tx *ent.Tx, in RevokeManyInput, end ending) ([]*ent.Token, []feed.Change, error) {
	query := tx.Token.Query()
	if s.lockRows() {
		query.ForUpdate()
	}
	found, err := in.find(ctx, end.by, query, end.at)
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		// What ended before is to count everywhere, as with Revoke.
		n, err := feed.Last(ctx, tx)
		return nil, []feed.Change{{N: n, Kind: feed.TokenRevoked}}, err
	}
	changes := make([]feed.Change, len(found))
	tokens := make([]*ent.Token, len(found))
	for i, t := range found {
		if tokens[i], changes[i], err = end.of(ctx, tx, t); err != nil {
			return nil, nil, err
		}
	}
	for _, t := range found {
		if err := s.release(ctx, tx, t); err != nil {
			return nil, nil, err
		}
	}
	return tokens, changes, nil
}

// find reads the tokens that are to end, in the order in which they were made.
func (in RevokeManyInput) find(ctx context.Context, by Caller, query *ent.TokenQuery, now time.Time) ([]*ent.Token, error) {
	where, err := in.Filter.predicates(now)
	if err != nil {
		return nil, err
	}
	found, err := query.
		Where(append(where, visible(by), enttoken.RevokedAtIsNil())...).
		Order(enttoken.ByID()).
		Limit(maxRevoked + 1).
		WithGrants().WithWorkspace().
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find tokens to revoke: %w", err)
	}
	if len(found) > maxRevoked {
		return nil, &InputError{Field: "filter", Reason: fmt.Sprintf("lets more than %d tokens through, which is too many at a time: narrow it", maxRevoked)}
	}
	return found, nil
}
