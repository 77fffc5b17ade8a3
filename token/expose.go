package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/bearer"
)

// Where a secret was seen that should not have been there.
const (
	ExposedInURL     = "url"
	ExposedInBrowser = "browser"
	ExposedInReport  = "report" // by somebody who has found it
)

// Expose records that the secret of a token was seen where it does not belong:
// on the token, in the audit log and, if the server is set to, by revoking it,
// which it reports. For a secret that was never minted it does nothing.
//
// The place is one of the Exposed constants; detail says more, such as the path
// of a URL, and must not hold the secret.
func (s *Service) Expose(ctx context.Context, secret bearer.Secret, place, detail string, from Origin) (revoked bool, err error) {
	t, err := s.Lookup(ctx, secret)
	if errors.Is(err, ErrUnauthenticated) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := s.now()
	err = s.db.Tx(ctx, func(ctx context.Context, tx *ent.Tx) error {
		return tx.Token.Update().
			Where(enttoken.ID(t.ID), enttoken.ExposedAtIsNil()).
			SetExposedAt(now).
			Exec(ctx)
	})
	if err != nil {
		return false, fmt.Errorf("flag token %s as exposed: %w", t.ID, err)
	}
	event := tokenCaller(s.verdictOn(t), secret.Hash(), from).tokenEvent(auditsink.ActionExpose, now, t)
	event.Outcome = auditsink.Refused
	event.Changes = map[string][2]any{"place": {nil, place}, "detail": {nil, bearer.Redact(detail)}}
	// Anyone who holds the secret can do this as often as they like, so it
	// goes the bounded way of refusals.
	if err := s.journal.Refuse(ctx, event); err != nil {
		return false, fmt.Errorf("record an exposure: %w", err)
	}
	if !s.revokeExposed || t.RevokedAt != nil {
		return false, nil
	}
	by := System(t.Edges.Workspace, "exposure policy")
	by.Origin = from
	_, err = s.Revoke(ctx, by, t.ID, "exposed in a "+place)
	return err == nil, err
}
