package token

import (
	"context"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token/ratelimit"
)

// Admit counts a request of by, who has authenticated, against what the plan of
// the workspace allows each token and each session, and returns what is left of
// that. It reports [RateError] if it is used up, and what [Service.Verify] does: a
// token's limit is what it is now, also if by authenticated long ago.
func (s *Service) Admit(ctx context.Context, by Caller) (ratelimit.Quota, error) {
	limit := by.perMinute
	if by.Token != uuid.Nil {
		v, err := s.verify(ctx, by.hash, by.Origin)
		if err != nil {
			return ratelimit.Quota{}, err
		}
		limit = v.RequestsPerMinute
	}
	quota := s.limits.Take(ctx, by.credential(), limit)
	if !quota.Allowed() {
		return quota, &RateError{quota}
	}
	return quota, nil
}

// RateLimits says what is counted.
func (s *Service) RateLimits() ratelimit.Stats { return s.limits.Stats() }
