package token_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
)

func TestLoadPlans(t *testing.T) {
	got, err := token.LoadPlans(plansFile(t, "starter: {tokens: 7}\nScale: {tokens: 0, requestsPerMinute: 0}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := token.DefaultPlans()
	want[workspace.PlanSTARTER] = token.Limits{Tokens: 7, RequestsPerMinute: 120}
	want[workspace.PlanSCALE] = token.Limits{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plans (-want +got):\n%s", diff)
	}
}

func TestLoadPlansRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"enterprise: {tokens: 1}":                    `unknown plan "enterprise"`,
		"starter: {token: 1}":                        `unknown field "token"`,
		"starter: {tokens: 2147483648}":              "starter: tokens must be a whole number",
		"starter: {tokens: -1}":                      "starter: tokens must be a whole number",
		"growth: {requestsPerMinute: many}":          "growth: requestsPerMinute must be a whole number",
		"- starter":                                  "read the plans in",
		"starter: {":                                 "read the plans in",
		"Scale: {tokens: 7.9}":                       "Scale: tokens must be a whole number",
		"starter: {tokens: 1e3}":                     "starter: tokens must be a whole number",
		"starter: {requestsPerMinute: 60000001}":     "starter: requestsPerMinute is at most",
		"starter: {tokens: 1}\n---\ngrowth: {}":      "one YAML document",
		"starter: {tokens: 1}\nSTARTER: {tokens: 2}": "STARTER stands there twice",
	} {
		if plans, err := token.LoadPlans(plansFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: read as %v, %v; want %q", text, plans, err, want)
		}
	}
	if _, err := token.LoadPlans(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func plansFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plans.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
