package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
)

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s exits with %d", args[1], code)
	}
}

// fileReference stands for the content of a file in a query.
var fileReference = regexp.MustCompile(`"@[a-z]+"`)

func cmdGraphQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: graphql URL SECRETFILE QUERY")
	}
	show(ts, query(ts, args))
}

func cmdInsist(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: insist TEXT URL SECRETFILE QUERY")
	}
	ts.Check(eventually(func() error {
		answer := query(ts, args[1:])
		if !strings.Contains(answer, args[0]) {
			return fmt.Errorf("the answer is:\n%s", answer)
		}
		show(ts, answer)
		return nil
	}))
}

// query sends a query to a URL, with the secret in a file.
func query(ts *testscript.TestScript, args []string) string {
	text := fileReference.ReplaceAllStringFunc(args[2], func(name string) string {
		return `"` + strings.TrimSpace(ts.ReadFile(strings.Trim(name, `"@`))) + `"`
	})
	body, err := json.Marshal(map[string]string{"query": text})
	ts.Check(err)
	return exchange(ts, http.MethodPost, args[0]+"/graphql", args[1], body)
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) == 2:
		show(ts, exchange(ts, args[0], args[1], "", nil))
	case !neg && len(args) == 3:
		show(ts, exchange(ts, args[0], args[1], args[2], nil))
	default:
		ts.Fatalf("usage: http METHOD URL [SECRETFILE]")
	}
}

func show(ts *testscript.TestScript, text string) {
	_, err := io.WriteString(ts.Stdout(), text)
	ts.Check(err)
}

// exchange sends a request, with the secret in a file if one is named, and
// returns the answer: its status, its headers and its body.
func exchange(ts *testscript.TestScript, method, url, secretFile string, body []byte) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if file, ok := strings.CutPrefix(url, "@"); ok {
		url = strings.TrimSpace(ts.ReadFile(file))
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	ts.Check(err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if secretFile != "" {
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(secretFile)))
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	var headers strings.Builder
	ts.Check(answer.Header.Write(&headers))
	return fmt.Sprintf("%s\n%s\n%s\n", answer.Status, headers.String(), text)
}

func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	waitForFile(ts, neg, args, "lines N FILE", func(n string, text []byte) bool {
		return strconv.Itoa(bytes.Count(text, []byte("\n"))) == n
	})
}

func cmdHolds(ts *testscript.TestScript, neg bool, args []string) {
	waitForFile(ts, neg, args, "holds TEXT FILE", func(wanted string, text []byte) bool {
		return bytes.Contains(text, []byte(wanted))
	})
}

// waitForFile waits until a file, which may not be there yet, is as wanted.
func waitForFile(ts *testscript.TestScript, neg bool, args []string, usage string, as func(string, []byte) bool) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: %s", usage)
	}
	ts.Check(eventually(func() error {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		if err != nil {
			return err
		}
		if !as(args[0], text) {
			return fmt.Errorf("%s is:\n%s", args[1], text)
		}
		return nil
	}))
}

func cmdJournal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: journal DATABASE FILE")
	}
	url := args[0]
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		url = "sqlite:" + ts.MkAbs(path)
	}
	log, err := readJournal(context.Background(), url)
	ts.Check(err)
	var lines []string
	for _, record := range log {
		lines = append(lines, string(record.Line))
	}
	copied := strings.Split(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"), "\n")
	if !slices.Equal(lines, copied) {
		ts.Fatalf("the journal:\n%s\nthe copy:\n%s", strings.Join(lines, "\n"), strings.Join(copied, "\n"))
	}
}

func readJournal(ctx context.Context, url string) (log []auditsink.Record, err error) {
	db, err := database.Open(ctx, url, database.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return journal.New(journal.Options{Database: db}).Read(ctx, 0, 1000)
}

func cmdNowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nowhere SECRETFILE")
	}
	secret := []byte(strings.TrimSpace(ts.ReadFile(args[0])))
	if len(secret) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	ts.Check(filesBelow(ts.MkAbs("."), func(path string, content []byte) {
		if path != ts.MkAbs(args[0]) && bytes.Contains(content, secret) {
			ts.Fatalf("the secret of %s is in %s", args[0], path)
		}
	}))
}

var bashBlock = regexp.MustCompile("(?s)```bash\n(.*?)```")

func cmdReadme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readme FILE")
	}
	readme, err := os.ReadFile("../README.md")
	ts.Check(err)
	blocks := bashBlock.FindAllSubmatch(readme, -1)
	if len(blocks) != 1 || bytes.Count(blocks[0][1], []byte("\n")) != 5 {
		ts.Fatalf("the README has %d blocks of bash, want one of five lines", len(blocks))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), blocks[0][1], 0o600))
}

// sinkstate NAME STATE waits until the journal says so of a sink.
func cmdSinkState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sinkstate NAME STATE")
	}
	ts.Check(eventually(func() error {
		db, err := database.Open(context.Background(), "sqlite:"+ts.MkAbs("data/keloa.db"), database.Options{})
		if err != nil {
			return err
		}
		states, err := journal.New(journal.Options{Database: db}).Sinks(context.Background())
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
		for _, s := range states {
			if s.Name == args[0] && s.State() == args[1] {
				return nil
			}
		}
		return fmt.Errorf("the sinks are %+v", states)
	}))
}
