package token

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/abilityuse"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/usagebucket"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/advice"
	"github.com/keloa/apitokens/token/usage"
)

// Advice returns, for each of some tokens that the caller was given, with their
// grants, what to do about it, the most urgent first. For tokens that do not work
// any more there is nothing to do. It is three queries.
func (s *Service) Advice(ctx context.Context, tokens []*ent.Token) (map[uuid.UUID][]advice.Advice, error) {
	now := s.now()
	used, err := s.usedAbilities(ctx, tokens)
	if err != nil {
		return nil, err
	}
	left, err := s.mintersLeft(ctx, tokens)
	if err != nil {
		return nil, err
	}
	shared, err := s.shared(ctx, tokens, now)
	if err != nil {
		return nil, err
	}
	all := make(map[uuid.UUID][]advice.Advice, len(tokens))
	for _, t := range tokens {
		state := StateOf(t, now)
		if state != StateActive && state != StateRotating {
			continue
		}
		all[t.ID] = advice.On(advice.Facts{
			CreatedAt:  t.CreatedAt,
			ExpiresAt:  t.ExpiresAt,
			LastUsedAt: t.LastUsedAt,
			ExposedAt:  t.ExposedAt,
			Granted:    Abilities(t),
			Used:       used[t.ID],
			Minter:     t.MintedByName,
			MinterLeft: t.MintedByID != nil && left[*t.MintedByID],
			Shared:     shared[t.ID],
			Rotating:   state == StateRotating,
		}, now)
	}
	return all, nil
}

// usedAbilities is when each of the tokens last exercised what.
func (s *Service) usedAbilities(ctx context.Context, tokens []*ent.Token) (map[uuid.UUID]map[ability.Ability]time.Time, error) {
	rows, err := s.db.Client().AbilityUse.Query().Where(abilityuse.TokenIDIn(idsOf(tokens)...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the use of abilities: %w", err)
	}
	used := map[uuid.UUID]map[ability.Ability]time.Time{}
	for _, row := range rows {
		if used[row.TokenID] == nil {
			used[row.TokenID] = map[ability.Ability]time.Time{}
		}
		used[row.TokenID][row.Ability] = row.LastUsedAt
	}
	return used, nil
}

// mintersLeft is those who minted one of the tokens and are no operators any
// more.
func (s *Service) mintersLeft(ctx context.Context, tokens []*ent.Token) (map[uuid.UUID]bool, error) {
	var minters []uuid.UUID
	for _, t := range tokens {
		if t.MintedByID != nil {
			minters = append(minters, *t.MintedByID)
		}
	}
	ids, err := s.db.Client().Operator.Query().
		Where(operator.IDIn(minters...), operator.RemovedAtNotNil()).
		IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("read who has left: %w", err)
	}
	left := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		left[id] = true
	}
	return left, nil
}

// shared is which of the tokens several consumers have used lately.
func (s *Service) shared(ctx context.Context, tokens []*ent.Token, now time.Time) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	err := s.db.Client().UsageBucket.Query().
		Where(
			usagebucket.TokenIDIn(idsOf(tokens)...),
			usagebucket.StartGTE(now.Add(-advice.SharedFor)),
			func(s *sql.Selector) { s.Where(usage.Shared(s)) },
		).
		Unique(true).
		Select(usagebucket.FieldTokenID).
		Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("read who shares tokens: %w", err)
	}
	shared := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		shared[id] = true
	}
	return shared, nil
}
