package token

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/keyset"
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

// AuditLog hands the whole audit log of the caller's workspace to write, newest
// first and a page at a time, each under [Service.Answer]: it ends when what the
// caller came with does. It is for people: a token is a [ForbiddenError].
func (s *Service) AuditLog(ctx context.Context, by Caller, write func([]journal.Entry) error) error {
	switch by.Actor.Kind {
	case auditsink.Operator:
	case "":
		return ErrUnauthenticated
	default:
		return s.refuse(ctx, by, "auditLog", &ForbiddenError{Reason: "the audit log as a file is for operators: read auditEntries with a token"})
	}
	query := journal.Query{Request: keyset.Request{First: new(keyset.MaxSize)}}
	for {
		page, err := s.AuditEntries(ctx, by, query)
		if err != nil {
			return err
		}
		if err := s.Answer(ctx, by, func() error { return write(page.Entries) }); err != nil {
			return err
		}
		if !page.HasNext {
			return nil
		}
		query.After = new(page.Entries[len(page.Entries)-1].Cursor())
	}
}
