package token

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/abilityuse"
	"github.com/keloa/apitokens/ent/usagebucket"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/usage"
)

const (
	// maxUsageSpan is how far apart since and until may be: a little more
	// than is kept.
	maxUsageSpan = usage.Keep + 2*24*time.Hour
	// maxUsageHours is how many hours are read at a time, those of several
	// tokens counted for each.
	maxUsageHours = 50_000
)

// NoteUse notes a request of a token, and what it exercised of its abilities. It
// is for requests that are not registered with Begin, which notes them itself, as
// Can notes the abilities.
func (s *Service) NoteUse(id uuid.UUID, exercised ability.Set, from Origin) {
	s.mark(id, exercised, 1, from)
}

// noteCaller notes what by does, if by is a token. Operators are not counted.
func (s *Service) noteCaller(by Caller, exercised ability.Set, requests int) {
	if by.Token != uuid.Nil {
		s.mark(by.Token, exercised, requests, by.Origin)
	}
}

func (s *Service) mark(id uuid.UUID, exercised ability.Set, requests int, from Origin) {
	if s.uses == nil {
		return
	}
	s.uses.Mark(usage.Mark{
		Token: id, Abilities: exercised, Requests: requests,
		IP: from.IP, UserAgent: from.UserAgent, At: s.clock(),
	})
}

// AbilityUsage returns, for each of some tokens that the caller was given, with
// their grants, when it last used each ability: those that it was granted and
// those that it exercised, in the order of [ability.All]. It is one query.
func (s *Service) AbilityUsage(ctx context.Context, tokens []*ent.Token) (map[uuid.UUID][]usage.AbilityUse, error) {
	rows, err := s.db.Client().AbilityUse.Query().Where(abilityuse.TokenIDIn(idsOf(tokens)...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the use of abilities: %w", err)
	}
	type use struct {
		token   uuid.UUID
		ability ability.Ability
	}
	last := make(map[use]*time.Time, len(rows))
	for _, row := range rows {
		last[use{row.TokenID, row.Ability}] = &row.LastUsedAt
	}
	all := make(map[uuid.UUID][]usage.AbilityUse, len(tokens))
	for _, t := range tokens {
		granted := Abilities(t).List()
		list := []usage.AbilityUse{}
		for _, info := range ability.All() {
			at := last[use{t.ID, info.Name}]
			if at != nil || slices.Contains(granted, info.Name) {
				list = append(list, usage.AbilityUse{Ability: info.Name, LastUsedAt: at})
			}
		}
		all[t.ID] = list
	}
	return all, nil
}

// Usage returns, for each of some tokens that the caller was given, the hours in
// which it made requests, in order: from the hour that since is in to the last
// that begins before until. A nil until is now. It is one query.
//
// It reports [InputError] for a span that is too long, or too long for so many
// tokens.
func (s *Service) Usage(ctx context.Context, tokens []*ent.Token, since time.Time, until *time.Time) (map[uuid.UUID][]usage.Bucket, error) {
	from, to := since.UTC().Truncate(time.Hour), s.now()
	if until != nil {
		to = until.UTC()
	}
	if err := checkSpan(since, to, len(tokens)); err != nil {
		return nil, err
	}
	rows, err := s.db.Client().UsageBucket.Query().
		Where(usagebucket.TokenIDIn(idsOf(tokens)...), usagebucket.StartGTE(from), usagebucket.StartLT(to)).
		Order(usagebucket.ByTokenID(), usagebucket.ByStart()).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the hours of use: %w", err)
	}
	all := make(map[uuid.UUID][]usage.Bucket, len(tokens))
	for _, row := range rows {
		all[row.TokenID] = append(all[row.TokenID], usage.Bucket{Start: row.Start, Requests: int(row.Requests)})
	}
	return all, nil
}

func checkSpan(since, until time.Time, tokens int) error {
	span := until.Sub(since)
	switch {
	case span < 0:
		return &InputError{Field: "since", Reason: "must not be after until"}
	case span > maxUsageSpan:
		return &InputError{Field: "since", Reason: fmt.Sprintf("must be at most %d days before until", maxUsageSpan/(24*time.Hour))}
	case int(span/time.Hour)*tokens > maxUsageHours:
		return &InputError{Field: "since", Reason: fmt.Sprintf("must be at most %d hours before until for %d tokens: ask for fewer, or for less of each", maxUsageHours/tokens, tokens)}
	}
	return nil
}

func idsOf(tokens []*ent.Token) []uuid.UUID {
	ids := make([]uuid.UUID, len(tokens))
	for i, t := range tokens {
		ids[i] = t.ID
	}
	return ids
}
