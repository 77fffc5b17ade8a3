package main

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// TestFirstUseAnywhereEndsTheOldToken uses a successor at each endpoint: what is
// used there ends the old token everywhere.
func TestFirstUseAnywhereEndsTheOldToken(t *testing.T) {
	for name, works := range map[string]func(*testing.T, *site, string) bool{
		"GraphQL": func(t *testing.T, s *site, secret string) bool {
			return s.ask(t, whoAmI, "Authorization: Bearer "+secret).status == http.StatusOK
		},
		"introspection": func(t *testing.T, s *site, secret string) bool {
			return s.introspect(t, "token="+secret).body != `{"active":false}`+"\n"
		},
		"forward-auth": func(t *testing.T, s *site, secret string) bool {
			return s.do(t, "GET", s.internal+"/forward-auth?ability=read", "", "Authorization: Bearer "+secret).status == http.StatusOK
		},
	} {
		t.Run(name, func(t *testing.T) {
			oneSite(t, func(t *testing.T, s *site) {
				old, secret := s.mint(t, "x", ability.Read)
				successor := s.rotate(t, old.ID)
				for range 2 {
					if !works(t, s, secret) {
						t.Fatal("the old token does not work while the new one is not used")
					}
				}
				if !works(t, s, successor) {
					t.Fatal("the new token does not work")
				}
				if works(t, s, secret) {
					t.Error("the old token works")
				}
				s.WantAudit(t, minted("x"), "developers.api_token.rotate SUCCEEDED owner@localhost x",
					"developers.api_token.revoke SUCCEEDED rotation x", "developers.api_token.refuse REFUSED x x")
			})
		})
	}
}

// TestFailedUseEndsNothing has a successor's secret be sent from where it must not
// be: that is no use.
func TestFailedUseEndsNothing(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		old, secret := s.mint(t, "x", ability.Read)
		successor := s.rotate(t, old.ID)
		for _, a := range []answer{
			s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+successor, "Origin: https://pages.example"),
			s.ask(t, whoAmI, "Authorization: Bearer "+successor, "Origin: https://pages.example"),
			s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+secret, "X-Original-Uri: /?key="+successor),
		} {
			if a.status != http.StatusForbidden {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if got := s.Service.State(s.Client().Token.GetX(t.Context(), old.ID)); got != token.StateRotating {
			t.Errorf("the old token is %s", got)
		}
	})
}

// rotate has a successor end the token on its first use, and returns its secret.
func (s *site) rotate(t *testing.T, id uuid.UUID) string {
	t.Helper()
	rotated, err := s.Service.Rotate(t.Context(), s.Owner, token.RotateInput{ID: id, RevokeOld: token.WhenNewIsLive})
	if err != nil {
		t.Fatal(err)
	}
	return s.keep(rotated.Secret)
}
