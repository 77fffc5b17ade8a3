package token_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

// hosted is what the host application says of somebody in the workspace.
func hosted(e *tokentest.Env, email string, role operator.Role) token.Entry {
	return token.Entry{
		Person: token.Person{Email: email, Subject: "host-7", Roles: map[string]operator.Role{tokentest.Slug: role}},
		Way:    session.WayHOST, Ends: e.Now().Add(time.Hour),
	}
}

func TestLetInMakesOperators(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		first, err := e.Service.LetIn(t.Context(), hosted(e, "Ana@example.com", operator.RoleMEMBER))
		if err != nil {
			t.Fatal(err)
		}
		second, err := e.Service.LetIn(t.Context(), hosted(e, "ana@example.com", operator.RoleADMIN))
		if err != nil {
			t.Fatal(err)
		}
		member, admin := e.As(t, first.Secret), e.As(t, second.Secret)
		if *member.Actor.ID != *admin.Actor.ID || member.Abilities.Allows(ability.FullAccess) || !admin.Abilities.Allows(ability.FullAccess) {
			t.Errorf("a session has the role that was asked for: %v, %v", member, admin)
		}
		e.Advance(time.Hour - time.Microsecond)
		e.As(t, first.Secret)
		e.Advance(time.Microsecond)
		if _, err := e.Service.Authenticate(t.Context(), first.Secret, token.Origin{}); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("used to its end, which does not move: %v", err)
		}
		e.WantAudit(t,
			"operator.add SUCCEEDED host application ana@example.com",
			"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
			"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
		)
	})
}

func TestLetInRefuses(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		e.Member(t, "ana@example.com")
		if _, err := e.Service.RemoveOperator(t.Context(), e.Owner, "ana@example.com"); err != nil {
			t.Fatal(err)
		}
		e.NewAudit(t)
		if _, err := e.Service.LetIn(t.Context(), hosted(e, "ana@example.com", operator.RoleADMIN)); !isForbidden(err) {
			t.Errorf("who was removed: %v", err)
		}
		unknown := hosted(e, "bob@example.com", "")
		unknown.Roles = nil
		if _, err := e.Service.LetIn(t.Context(), unknown); !isForbidden(err) {
			t.Errorf("who was never added: %v", err)
		}
		nowhere := hosted(e, "bob@example.com", "")
		nowhere.Roles = map[string]operator.Role{"nowhere": operator.RoleADMIN}
		if _, err := e.Service.LetIn(t.Context(), nowhere); !isForbidden(err) {
			t.Errorf("to a workspace that is not there: %v", err)
		}
		e.WantAudit(t,
			"operator.sign_in REFUSED ana@example.com ana@example.com",
			"operator.sign_in REFUSED host application bob@example.com",
			"operator.sign_in REFUSED host application bob@example.com",
		)
		// With several workspaces, a stranger is nobody's concern.
		e.Stranger(t)
		e.NewAudit(t)
		if _, err := e.Service.LetIn(t.Context(), unknown); !isForbidden(err) {
			t.Errorf("who was never added: %v", err)
		}
		e.WantAudit(t)
	})
}

func TestSignedCredentialIsASession(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		a := hosted(e, "ana@example.com", operator.RoleADMIN)
		a.Way = session.WayJWT
		var callers [8]token.Caller
		together(len(callers), func(i int) {
			var err error
			if callers[i], err = e.Service.AuthenticateSigned(t.Context(), []byte("header.claims"), a); err != nil {
				t.Error(err)
			}
		})
		for _, by := range callers {
			if by.Session != callers[0].Session {
				t.Fatal("one credential is several sessions")
			}
		}
		if n := e.Client().Session.Query().Where(session.WayEQ(session.WayJWT)).CountX(t.Context()); n != 1 {
			t.Errorf("%d sessions", n)
		}
		other, err := e.Service.AuthenticateSigned(t.Context(), []byte("header.others"), a)
		if err != nil || other.Session == callers[0].Session {
			t.Errorf("another credential: %v", err)
		}
		if _, err := e.Service.EndSession(t.Context(), e.Owner, callers[0].Session); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.AuthenticateSigned(t.Context(), []byte("header.claims"), a); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("ended, and good again: %v", err)
		}
		e.WantAudit(t,
			"operator.add SUCCEEDED JSON Web Token ana@example.com",
			"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
			"operator.sign_in SUCCEEDED ana@example.com ana@example.com",
			"operator.sign_out SUCCEEDED owner@localhost ana@example.com",
		)
	})
}

func TestSwitchWorkspace(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		ctx := t.Context()
		e.Stranger(t) // in a workspace that the owner does not belong to
		for _, slug := range []string{"acme", "beta"} {
			if _, err := e.Service.CreateWorkspace(ctx, slug, slug, workspace.PlanSCALE, tokentest.OwnerEmail); err != nil {
				t.Fatal(err)
			}
		}
		e.NewAudit(t)
		wantMemberships(t, e, e.Owner, "acme ADMIN", "beta ADMIN", "default ADMIN current")
		e.Advance(time.Hour)
		moved, err := e.Service.SwitchWorkspace(ctx, e.Owner, "acme")
		if err != nil {
			t.Fatal(err)
		}
		there := e.As(t, moved.Secret)
		if there.Workspace.Slug != "acme" || there.Actor.Name != tokentest.OwnerEmail || *there.Actor.ID == *e.Owner.Actor.ID {
			t.Errorf("moved as %v to %v", there.Actor, there.Workspace)
		}
		if err := e.Service.Answer(ctx, e.Owner, mustNotWrite(t)); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("the session before goes on: %v", err)
		}
		if ends := token.SessionEnd(moved.Session); !ends.Equal(e.Now().Add(token.SessionLife - time.Hour)) {
			t.Errorf("by switching it lasts until %s", ends)
		}
		for _, slug := range []string{"elsewhere", "nowhere", ""} {
			if _, err := e.Service.SwitchWorkspace(ctx, there, slug); !errors.Is(err, token.ErrNotFound) {
				t.Errorf("to %q: %v", slug, err)
			}
		}
		home, err := e.Service.Workspace(ctx, "beta")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.AddOperator(ctx, token.System(home, "test"), "ana@example.com", "", operator.RoleADMIN); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.RemoveOperator(ctx, token.System(home, "test"), tokentest.OwnerEmail); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Service.SwitchWorkspace(ctx, there, "beta"); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("to where one was removed: %v", err)
		}
		wantMemberships(t, e, there, "acme ADMIN current", "default ADMIN")
		e.WantAudit(t,
			"operator.sign_in SUCCEEDED owner@localhost owner@localhost",
			"operator.sign_out SUCCEEDED owner@localhost owner@localhost",
			"operator.add SUCCEEDED test ana@example.com",
			"operator.remove SUCCEEDED test owner@localhost",
		)
	})
}

// TestWhereOthersNamedWorkspacesThoseCount has a provider name two workspaces,
// where the person is an operator of a third as well.
func TestWhereOthersNamedWorkspacesThoseCount(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		for _, slug := range []string{"acme", "beta"} {
			if _, err := e.Service.CreateWorkspace(t.Context(), slug, slug, workspace.PlanSCALE, "ana@example.com"); err != nil {
				t.Fatal(err)
			}
		}
		a := hosted(e, "ana@example.com", "")
		a.Roles = map[string]operator.Role{tokentest.Slug: operator.RoleADMIN, "beta": operator.RoleMEMBER, "gone": operator.RoleADMIN}
		a.Way = session.WayOIDC
		in, err := e.Service.LetIn(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		by := e.As(t, in.Secret)
		wantMemberships(t, e, by, "beta MEMBER", "default ADMIN current")
		if _, err := e.Service.SwitchWorkspace(t.Context(), by, "acme"); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("to what was not named: %v", err)
		}
		moved, err := e.Service.SwitchWorkspace(t.Context(), by, "beta")
		if err != nil {
			t.Fatal(err)
		}
		if e.As(t, moved.Secret).Abilities.Allows(ability.FullAccess) {
			t.Error("switching made an admin of a member")
		}
		a.Workspace = "beta"
		if in, err = e.Service.LetIn(t.Context(), a); err != nil || e.As(t, in.Secret).Workspace.Slug != "beta" {
			t.Errorf("asked for beta: %v", err)
		}
	})
}

func TestGivenSessionsStayWhereTheyAre(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		if _, err := e.Service.CreateWorkspace(t.Context(), "acme", "Acme", workspace.PlanSCALE, "ana@example.com"); err != nil {
			t.Fatal(err)
		}
		in, err := e.Service.LetIn(t.Context(), hosted(e, "ana@example.com", operator.RoleADMIN))
		if err != nil {
			t.Fatal(err)
		}
		by := e.As(t, in.Secret)
		wantMemberships(t, e, by, "default ADMIN current")
		if _, err := e.Service.SwitchWorkspace(t.Context(), by, "acme"); !isForbidden(err) {
			t.Errorf("the host's session switches: %v", err)
		}
		_, secret := e.Mint(t, "x", ability.FullAccess)
		wantMemberships(t, e, e.As(t, secret), "default - current")
		if _, err := e.Service.SwitchWorkspace(t.Context(), e.As(t, secret), "acme"); !errors.Is(err, token.ErrUnauthenticated) {
			t.Errorf("a token switches: %v", err)
		}
	})
}

func wantMemberships(t *testing.T, e *tokentest.Env, by token.Caller, want ...string) {
	t.Helper()
	list, err := e.Service.Memberships(t.Context(), by)
	var got []string
	for _, m := range list {
		text := m.Slug + " -"
		if m.Role != nil {
			text = m.Slug + " " + string(*m.Role)
		}
		if m.Current {
			text += " current"
		}
		got = append(got, text)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("belongs to %q, %v, want %q", got, err, want)
	}
}
