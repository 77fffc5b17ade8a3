package token_test

import (
	"errors"
	"testing"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// The audit log as a file comes page by page, and ends with the session.
func TestAuditLogEndsWithTheSession(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		const n = 250
		for range n {
			e.Mint(t, "shop", ability.Read)
		}
		entries, pages := 0, 0
		err := e.Service.AuditLog(t.Context(), e.Owner, func(page []journal.Entry) error {
			entries += len(page)
			pages++
			return nil
		})
		if err != nil || entries != n+1 || pages != 3 {
			t.Errorf("%d entries in %d pages, %v", entries, pages, err)
		}

		pages = 0
		err = e.Service.AuditLog(t.Context(), e.Owner, func([]journal.Entry) error {
			pages++
			e.Advance(token.SessionLife)
			return nil
		})
		if !errors.Is(err, token.ErrUnauthenticated) || pages != 1 {
			t.Errorf("%d pages, %v", pages, err)
		}
		if err := e.Service.AuditLog(t.Context(), e.Owner, mustNotWritePage(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("after the session: %v", err)
		}
	})
}

func mustNotWritePage(t *testing.T) func([]journal.Entry) error {
	return func([]journal.Entry) error {
		t.Error("a page was written")
		return nil
	}
}

func TestAuditLogIsForOperators(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		_, secret := e.Mint(t, "shop", ability.FullAccess)
		by := e.As(t, secret)
		e.NewAudit(t)
		_, isForbidden := errors.AsType[*token.ForbiddenError](e.Service.AuditLog(t.Context(), by, mustNotWritePage(t)))
		if !isForbidden {
			t.Error("a token was not refused")
		}
		e.WantAudit(t, auditsink.ActionRefuse+" REFUSED shop ")
		if err := e.Service.AuditLog(t.Context(), token.Caller{}, mustNotWritePage(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("nobody: %v", err)
		}
		e.WantAudit(t)
	})
}
