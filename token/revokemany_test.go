package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// plant adds many tokens quickly.
func plant(t *testing.T, e *tokentest.Env, n int) {
	t.Helper()
	rows := make([]*ent.TokenCreate, n)
	for i := range rows {
		secret, err := bearer.New(bearer.Live, tokentest.Rand())
		if err != nil {
			t.Fatal(err)
		}
		hash := secret.Hash()
		rows[i] = e.Client().Token.Create().SetWorkspaceID(e.Owner.Workspace.ID).SetLabel("many").SetLabelKey("many").
			SetSecretHash(hash[:]).SetSecretTail(secret.Tail()).SetMode(enttoken.ModeLIVE).SetCreatedAt(e.Now()).
			SetMintedByKind(auditsink.System).SetMintedByName("test")
	}
	e.Client().Token.CreateBulk(rows...).ExecX(t.Context())
}

func TestRevokeMany(t *testing.T) {
	joined(t, func(t *testing.T, e *tokentest.Env) {
		plant(t, e, 501)
		in := token.RevokeManyInput{Filter: token.Filter{LabelContains: "MANY"}}
		for _, in.DryRun = range []bool{true, false} {
			_, err := e.Service.RevokeMany(t.Context(), e.Owner, in)
			if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != "filter" || !strings.Contains(err.Error(), "500") {
				t.Errorf("501 tokens, dry run %t: %v", in.DryRun, err)
			}
		}
		first := e.Client().Token.Query().Order(enttoken.ByID()).FirstX(t.Context())
		if _, err := e.Service.Revoke(t.Context(), e.Owner, first.ID, ""); err != nil {
			t.Fatal(err)
		}
		busy, secret := e.Mint(t, "busy and many", ability.FullAccess)
		e.Client().Token.DeleteOneID(e.Client().Token.Query().Where(enttoken.LabelEQ("many"), enttoken.RevokedAtIsNil()).FirstIDX(t.Context())).ExecX(t.Context())
		ctx, done := e.Service.Begin(t.Context(), e.As(t, secret))
		defer done()
		revoked, err := e.Service.RevokeMany(t.Context(), e.Owner, in)
		if err != nil {
			t.Fatal(err)
		}
		want := token.Receipt{EffectiveAt: revoked.Receipt.EffectiveAt, ServersConfirmed: 1, RequestsCancelled: 1}
		if revoked.Count != 500 || len(revoked.Tokens) != 500 || *revoked.Receipt != want {
			t.Fatalf("revoked %d, %+v", revoked.Count, revoked.Receipt)
		}
		if !errors.Is(context.Cause(ctx), token.ErrUnauthenticated) {
			t.Errorf("a request of one of them goes on: %v", context.Cause(ctx))
		}
		if got := state(t, e, busy.ID); got != token.StateRevoked {
			t.Errorf("one of them is %s", got)
		}
		again, err := e.Service.RevokeMany(t.Context(), e.Owner, in)
		if err != nil || again.Count != 0 || again.Receipt.ServersConfirmed != 1 {
			t.Errorf("again: %d, %+v, %v", again.Count, again.Receipt, err)
		}
		wantOneBatch(t, e, 500)
	})
}

// wantOneBatch expects so many records of revocations that share a batch.
func wantOneBatch(t *testing.T, e *tokentest.Env, want int) {
	t.Helper()
	batches := map[string]int{}
	for _, row := range e.Client().AuditEntry.Query().Where(auditentry.Action(auditsink.ActionRevoke)).AllX(t.Context()) {
		event, err := auditsink.ParseCanonical(row.Record)
		if err != nil {
			t.Fatal(err)
		}
		if batch, ok := event.Changes["batch"]; ok {
			batches[fmt.Sprint(batch[1])]++
		}
	}
	for batch, n := range batches {
		if _, err := uuid.Parse(batch); err != nil || n != want || len(batches) > 1 {
			t.Errorf("batch %s has %d records of %d batches", batch, n, len(batches))
		}
	}
	if len(batches) == 0 {
		t.Error("no batch was recorded")
	}
}

// TestRevokeManyOfARotation ends successors before they are used.
func TestRevokeManyOfARotation(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		a, _ := e.Mint(t, "x", ability.Read)
		b := rotate(t, e, a.ID, token.WhenNewIsLive)
		c, _ := e.Mint(t, "y", ability.Read)
		d := rotate(t, e, c.ID, token.WhenNewIsLive)
		if _, err := e.Service.Update(t.Context(), e.Owner, token.UpdateInput{ID: d.Token.ID, Label: new("new")}); err != nil {
			t.Fatal(err)
		}
		for _, filter := range []token.Filter{{LabelContains: "x"}, {LabelContains: "new"}} {
			if _, err := e.Service.RevokeMany(t.Context(), e.Owner, token.RevokeManyInput{Filter: filter}); err != nil {
				t.Fatal(err)
			}
		}
		wantStates(t, e, []uuid.UUID{a.ID, b.Token.ID, c.ID, d.Token.ID},
			token.StateRevoked, token.StateRevoked, token.StateActive, token.StateRevoked)
	})
}

// SQLite ends a text at its first NUL: as a pattern, that would be the empty one,
// which lets every token through.
func TestAFilterWithNUL(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		minted, _ := e.Mint(t, "stays", ability.Read)
		for field, filter := range map[string]token.Filter{
			"filter.labelContains": {LabelContains: "\x00"},
			"filter.search":        {Search: "stays\x00zzz"},
		} {
			_, many := e.Service.RevokeMany(t.Context(), e.Owner, token.RevokeManyInput{Filter: filter})
			_, list := e.Service.List(t.Context(), e.Owner, token.Query{Filter: filter})
			for _, err := range []error{many, list} {
				if input, ok := errors.AsType[*token.InputError](err); !ok || input.Field != field {
					t.Errorf("%s: %v", field, err)
				}
			}
		}
		if still, err := e.Service.Get(t.Context(), e.Owner, minted.ID); err != nil || still.RevokedAt != nil {
			t.Errorf("it has ended: %v, %v", still, err)
		}
	})
}
