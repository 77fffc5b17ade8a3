package main

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
)

func TestAuditLogAsAFile(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		const n = 130 // more than a page
		for range n {
			s.mint(t, "zapier-prod", ability.Read)
		}
		hostile, _ := s.mint(t, "plain", ability.Read)
		if _, err := s.Service.Revoke(t.Context(), s.Owner, hostile.ID, "=1+1"); err != nil {
			t.Fatal(err)
		}
		if err := s.Service.SetPlan(t.Context(), s.Stranger(t), "GROWTH"); err != nil {
			t.Fatal(err)
		}
		cookie := s.session(t)
		a := s.do(t, "GET", s.public+auditLogPath, "", cookie)
		name := `attachment; filename="keloa-audit-log-` + time.Now().UTC().Format(time.DateOnly) + `.csv"`
		if a.status != http.StatusOK || a.header.Get("Content-Disposition") != name || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
			t.Fatalf("%d %s", a.status, a.header)
		}
		rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if want := "Timestamp,Actor,Action,Target type,Target id,IP,Changes"; strings.Join(rows[0], ",") != want {
			t.Errorf("the columns are %s", rows[0])
		}
		// Two sign-ins, the first with the site.
		if len(rows) != 1+n+2+2 || rows[1][2] != "operator.sign_in" || rows[2][2] != "developers.api_token.revoke" {
			t.Errorf("%d rows, first %v, then %v", len(rows), rows[1], rows[2])
		}
		if rows[2][1] != tokentest.OwnerEmail || rows[2][3] != "ApiToken" || rows[2][4] != hostile.ID.String() || !strings.Contains(rows[2][6], `"=1+1"`) {
			t.Errorf("got %v", rows[2])
		}
		for i := 2; i < len(rows); i++ {
			later, err := time.Parse(time.RFC3339, rows[i-1][0])
			if err != nil {
				t.Fatal(err)
			}
			if at, err := time.Parse(time.RFC3339, rows[i][0]); err != nil || at.After(later) {
				t.Errorf("%s comes after %s, %v", rows[i][0], rows[i-1][0], err)
			}
		}
		if strings.Contains(a.body, "elsewhere") || strings.Contains(a.body, "stranger") {
			t.Error("another workspace is in it")
		}
	})
}

func TestAuditLogAsAFileIsForOperators(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "zapier-prod", ability.FullAccess)
		cookie := s.session(t)
		s.NewAudit(t)
		target := s.public + "/audit-log.csv"
		if a := s.do(t, "GET", target, ""); a.status != http.StatusUnauthorized || a.code() != "UNAUTHENTICATED" {
			t.Errorf("nobody: %d %s", a.status, a.body)
		}
		s.WantAudit(t)
		if a := s.do(t, "GET", target, "", "Authorization: Bearer "+secret); a.status != http.StatusForbidden || a.code() != "FORBIDDEN" {
			t.Errorf("a token: %d %s", a.status, a.body)
		}
		s.WantAudit(t, "developers.api_token.refuse REFUSED zapier-prod ")
		if a := s.do(t, "POST", target, "", cookie); a.status != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d %s", a.status, a.body)
		}
		if a := s.do(t, "HEAD", target, "", cookie); a.status != http.StatusOK || a.body != "" {
			t.Errorf("HEAD: %d %s", a.status, a.body)
		}
		s.Advance(token.SessionLife)
		if a := s.do(t, "GET", target, "", cookie); a.status != http.StatusUnauthorized {
			t.Errorf("after the session: %d %s", a.status, a.body)
		}
	})
}

func TestSpreadsheetsFindNoFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "zapier-prod": "zapier-prod", "a=b": "a=b", "2001:db8::1": "2001:db8::1",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@sum": "'@sum", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"  =1+1": "'  =1+1", "＝1": "'＝1",
	} {
		if got := neutral(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
