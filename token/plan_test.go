package token_test

import (
	"os"
	"path/filepath"
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
	for name, text := range map[string]string{
		"an unknown plan":   "enterprise: {tokens: 1}",
		"an unknown key":    "starter: {token: 1}",
		"a negative limit":  "starter: {tokens: -1}",
		"a limit in words":  "starter: {tokens: many}",
		"a list":            "- starter",
		"what is no YAML":   "starter: {",
		"a fraction":        "starter: {tokens: 7.9}",
		"too high a limit":  "starter: {requestsPerMinute: 60000001}",
		"two documents":     "starter: {tokens: 1}\n---\ngrowth: {tokens: 2}",
		"one plan two ways": "starter: {tokens: 1}\nSTARTER: {tokens: 2}",
	} {
		if plans, err := token.LoadPlans(plansFile(t, text)); err == nil {
			t.Errorf("%s was read as %v", name, plans)
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
