package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/bearer"
)

// scannerRuleID is what docs/secrets.md calls the rule, for both scanners.
const scannerRuleID = "keloa-api-token"

// leaks are files as people leave secrets in, by name, and whether one of ours
// is in the file.
func leaks(t *testing.T) map[string]struct {
	text string
	ours bool
} {
	t.Helper()
	body := func() string {
		secret, err := bearer.New(bearer.Live, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return secret.Reveal()[len("keloa_pk_live_"):]
	}
	type leak = struct {
		text string
		ours bool
	}
	return map[string]leak{
		"live.env":        {"KELOA_TOKEN=keloa_pk_live_" + body() + "\n", true},
		"test.env":        {"KELOA_TOKEN=keloa_pk_test_" + body() + "\n", true},
		"quoted.js":       {`const token = "keloa_pk_live_` + body() + `";`, true},
		"header.sh":       {"curl -H 'Authorization: Bearer keloa_pk_live_" + body() + "' https://example.com\n", true},
		"url.md":          {"<https://example.com/graphql?token=keloa_pk_test_" + body() + "&x=1>", true},
		"example.yaml":    {"token: keloa_pk_live_" + body() + "\n", true},
		"alone.txt":       {"keloa_pk_live_" + body(), true},
		"short.env":       {"KELOA_TOKEN=keloa_pk_live_" + body()[1:] + "\n", false},
		"long.env":        {"KELOA_TOKEN=keloa_pk_live_" + body() + "0\n", false},
		"dash.env":        {"KELOA_TOKEN=keloa_pk_live_" + body()[:15] + "-" + body()[:16] + "\n", false},
		"underscore.env":  {"KELOA_TOKEN=keloa_pk_live_" + body()[:15] + "_" + body()[:16] + "\n", false},
		"upper.env":       {"KELOA_TOKEN=KELOA_PK_LIVE_" + body() + "\n", false},
		"mode.env":        {"KELOA_TOKEN=keloa_pk_prod_" + body() + "\n", false},
		"publishable.env": {"STRIPE_KEY=pk_live_" + body() + "\n", false},
		"hint.md":         {"The token keloa_pk_live_…a1b2 is shown as its hint.\n", false},
		"docs.md":         {"keloa_pk_live_ + 32 characters of 0-9A-Za-z\n", false},
	}
}

// TestGitleaksFindsOurs runs gitleaks with the configuration of docs/secrets.md.
func TestGitleaksFindsOurs(t *testing.T) {
	program, err := exec.CommandContext(t.Context(), "go", "tool", "-C", "..", "-modfile=.ci/leaks/go.mod", "-n", "github.com/zricethezav/gitleaks/v8").Output()
	if err != nil {
		t.Fatalf("build gitleaks (.ci/install gets what it needs): %v", err)
	}
	folder := t.TempDir()
	cases := leaks(t)
	for name, leak := range cases {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(leak.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	scan := exec.CommandContext(t.Context(), strings.TrimSpace(string(program)), "dir", folder,
		"--config", blockFile(t, "secrets.md", "toml", ".gitleaks.toml"), "--report-format", "json", "--report-path", "-", "--exit-code", "0", "--no-banner", "--log-level", "error")
	var complaints strings.Builder
	scan.Stderr = &complaints
	report, err := scan.Output()
	if err != nil {
		t.Fatalf("gitleaks: %v\n%s", err, &complaints)
	}
	var found []struct{ RuleID, File, Secret string }
	if err := json.Unmarshal(report, &found); err != nil {
		t.Fatalf("gitleaks reports %q: %v", report, err)
	}
	var ours []string
	for _, f := range found {
		if f.RuleID != scannerRuleID {
			continue
		}
		ours = append(ours, filepath.Base(f.File))
		if _, err := bearer.Parse(f.Secret); err != nil {
			t.Errorf("%s: what it found is no secret of ours", f.File)
		}
	}
	for name, leak := range cases {
		if got := slices.Contains(ours, name); got != leak.ours {
			t.Errorf("%s: found is %t, want %t", name, got, leak.ours)
		}
	}
}

// TestTrivyFindsOurs runs Trivy's scanner with the configuration of docs/secrets.md.
func TestTrivyFindsOurs(t *testing.T) {
	folder := t.TempDir()
	cases := leaks(t)
	for name, leak := range cases {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(leak.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	scan := exec.CommandContext(t.Context(), "go", "-C", "../.ci/trivy", "run", ".", blockFile(t, "secrets.md", "yaml", "trivy-secret.yaml"), folder)
	var complaints strings.Builder
	scan.Stderr = &complaints
	report, err := scan.Output()
	if err != nil {
		t.Fatalf("trivy (.ci/install gets what it needs): %v\n%s", err, &complaints)
	}
	found := strings.Split(string(report), "\n")
	for name, leak := range cases {
		if got := slices.Contains(found, scannerRuleID+" "+name); got != leak.ours {
			t.Errorf("%s: found is %t, want %t", name, got, leak.ours)
		}
	}
}
