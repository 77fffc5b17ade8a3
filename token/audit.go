package token

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token/ability"
)

// AuditEntries returns a page of the audit log of the caller's workspace; for a
// test-mode token, only of what concerns test-mode tokens. The workspace of q is
// the caller's, whatever it says.
func (s *Service) AuditEntries(ctx context.Context, by Caller, q journal.Query) (journal.Page, error) {
	if err := s.Can(ctx, by, ability.Read, "auditEntries"); err != nil {
		return journal.Page{}, err
	}
	q.Workspace, q.TestOnly = by.Workspace.ID, by.TestOnly
	return s.journal.List(ctx, q)
}

// AuditEntry returns one entry that the caller can see, or [ErrNotFound].
func (s *Service) AuditEntry(ctx context.Context, by Caller, id uuid.UUID) (journal.Entry, error) {
	if err := s.Can(ctx, by, ability.Read, "auditEntry"); err != nil {
		return journal.Entry{}, err
	}
	entry, err := s.journal.Get(ctx, by.Workspace.ID, by.TestOnly, id)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Entry{}, ErrNotFound
	}
	return entry, err
}

// FollowAudit returns the audit entries that the caller can see, as they are
// added from now on. The caller closes the tail.
func (s *Service) FollowAudit(ctx context.Context, by Caller, f journal.Filter) (*journal.Tail, error) {
	if err := s.Can(ctx, by, ability.Read, "auditEntryAdded"); err != nil {
		return nil, err
	}
	return s.journal.Follow(ctx, by.Workspace.ID, by.TestOnly, f)
}
