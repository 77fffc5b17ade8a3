package main

import (
	"bufio"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// block is the one block of code in that language on a page of docs/.
func block(t *testing.T, page, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(readFile(t, "../docs/"+page), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/%s has %d blocks in %s, want one", page, len(blocks), language)
	}
	return blocks[0][1] + "\n"
}

// blockFile writes block into a file of that name, and returns its path.
func blockFile(t *testing.T, page, language, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(block(t, page, language)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// built builds the program in that file.
func built(t *testing.T, source string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "example")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// example runs a program of the documentation with where to call and the secret
// in its environment, and returns what it wrote.
func (s *site) example(t *testing.T, secret string, command ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Env = append(os.Environ(), "KELOA_URL="+s.public, "KELOA_TOKEN="+secret)
	out, err := c.CombinedOutput()
	if strings.Contains(string(out), secret) {
		t.Errorf("%s repeats the secret", command[0])
	}
	return string(out), err
}

// TestFirstCall runs every example of docs/first-call.md: with a token, which has
// it print what the page says, and with a secret that opens nothing.
func TestFirstCall(t *testing.T) {
	const page = "first-call.md"
	says := regexp.MustCompile("All three print `(.*)`").FindStringSubmatch(readFile(t, "../docs/"+page))
	if says == nil {
		t.Fatal("the page does not say what the examples print")
	}
	examples := map[string]struct {
		command []string
		want    string
	}{
		"curl":       {[]string{"bash", blockFile(t, page, "bash", "first.sh")}, block(t, page, "json")},
		"JavaScript": {[]string{"node", blockFile(t, page, "js", "first.mjs")}, says[1] + "\n"},
		"Python":     {[]string{"python3", blockFile(t, page, "python", "first.py")}, says[1] + "\n"},
		"Go":         {[]string{built(t, blockFile(t, page, "go", "main.go"))}, says[1] + "\n"},
	}
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "my-integration", ability.Read)
		for name, e := range examples {
			got, err := s.example(t, secret, e.command...)
			if err != nil || strings.TrimSpace(got) != strings.TrimSpace(e.want) {
				t.Errorf("%s: %v: %s, want %s", name, err, got, e.want)
			}
			got, err = s.example(t, s.unknown(t, bearer.Live), e.command...)
			if err == nil || !strings.Contains(got, "credential") {
				t.Errorf("%s with a secret that opens nothing: %v: %s", name, err, got)
			}
		}
	})
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mirror is the example of docs/partner-dashboards.md with a copy of its own.
type mirror struct {
	*site
	path, secret string
}

const mirrorProgram = "../docs/partner-dashboards/mirror.py"

// poll has the copy brought up to date once.
func (m mirror) poll(t *testing.T, want string) {
	t.Helper()
	if err := m.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := m.example(t, m.secret, "python3", mirrorProgram, m.path, "once")
	if err != nil || got != want+"\n" {
		t.Errorf("%v: %s, want %s", err, got, want)
	}
}

// wantUsed expects the copy to have the token, last used at that moment.
func (m mirror) wantUsed(t *testing.T, made *ent.Token, at time.Time) {
	t.Helper()
	copied, err := sql.Open("sqlite", m.path)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	var text string
	err = copied.QueryRowContext(t.Context(), "SELECT last_used_at FROM tokens WHERE id = ? AND label = ?", made.ID.String(), made.Label).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := time.Parse(time.RFC3339, text); err != nil || !got.Equal(at) {
		t.Errorf("%s: %v: last used at %s, want %s", made.Label, err, text, at)
	}
}

// TestMirror runs the example of docs/partner-dashboards.md while tokens are
// used. It calls with a token of the workspace, and so sees itself at work.
func TestMirror(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		for i := range 117 {
			s.mint(t, "idle "+strconv.Itoa(i), ability.Read)
		}
		a, secretA := s.mint(t, "a", ability.Read)
		b, secretB := s.mint(t, "b", ability.Read)
		_, secret := s.mint(t, "the dashboard", ability.Read)
		use := func(label, secret string) { wantViewer(t, s.ask(t, whoAmI, "Authorization: Bearer "+secret), label) }
		m := mirror{s, filepath.Join(t.TempDir(), "mirror.db"), secret}
		begin := s.Now()

		m.poll(t, "120 tokens read in 2 requests, 120 changed")
		use("a", secretA)
		m.poll(t, "120 tokens read in 2 requests, 2 changed") // no use was known: a and the dashboard
		m.wantUsed(t, a, begin)
		s.Advance(10 * time.Minute)
		use("b", secretB)
		m.poll(t, "3 tokens read in 1 requests, 1 changed")
		m.wantUsed(t, b, begin.Add(10*time.Minute))

		// A use that another server wrote later than it was, and one that is
		// as old as nothing may be that is written now.
		s.Advance(-30 * time.Second)
		use("a", secretA)
		m.poll(t, "3 tokens read in 1 requests, 2 changed")
		m.wantUsed(t, a, begin.Add(10*time.Minute-30*time.Second))

		if _, err := s.Service.Revoke(t.Context(), s.Owner, b.ID, ""); err != nil {
			t.Fatal(err)
		}
		if got := m.untilStopped(t); got != "119 tokens read in 2 requests, 1 changed" {
			t.Errorf("one revoked: %s", got)
		}
		if out, err := s.example(t, s.unknown(t, bearer.Live), "python3", mirrorProgram, m.path, "once"); err == nil || !strings.HasPrefix(out, "HTTP 401: ") {
			t.Errorf("with a secret that opens nothing: %v: %s", err, out)
		}
	})
}

// TestMirrorIsTold has the plan allow one request a minute, and expects the example
// to say for how long it was sent away.
func TestMirrorIsTold(t *testing.T) {
	plans := token.Plans{workspace.PlanSCALE: {RequestsPerMinute: 1}}
	s := openSite(t, sqliteEnv(t, tokentest.Config{Plans: plans}), "http", nil)
	_, secret := s.mint(t, "the dashboard", ability.Read)
	m := mirror{s, filepath.Join(t.TempDir(), "mirror.db"), secret}
	m.poll(t, "1 tokens read in 1 requests, 1 changed")
	out, err := s.example(t, secret, "python3", mirrorProgram, m.path, "once")
	if err == nil || !regexp.MustCompile(`^try again in [1-9][0-9]* seconds\n$`).MatchString(out) {
		t.Errorf("%v: %s", err, out)
	}
}

// untilStopped runs the example as a dashboard would, and returns the first line
// that it prints.
func (m mirror) untilStopped(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := exec.CommandContext(ctx, "python3", mirrorProgram, m.path)
	c.Env = append(os.Environ(), "KELOA_URL="+m.public, "KELOA_TOKEN="+m.secret)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	stop()
	_ = c.Wait() // it was killed
	return strings.TrimSuffix(line, "\n")
}
