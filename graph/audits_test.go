package graph

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"
)

// audits is how many audits the pinned version of graphql-http has, and one for
// GraphiQL.
const audits = 61 + 1

// TestGraphQLOverHTTP runs the audits of the package graphql-http against the
// handler.
func TestGraphQLOverHTTP(t *testing.T) {
	const dir = "testdata/audits"
	if _, err := os.Stat(dir + "/node_modules/graphql-http"); err != nil {
		t.Fatalf("the audits are not installed: install Node.js and run: npm ci --prefix graph/%s", dir)
	}
	server := httptest.NewServer(open(io.Discard, nil))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "audit.js", server.URL)
	node.Dir = dir
	var stderr bytes.Buffer
	node.Stderr = &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("run the audits with Node.js: %v\n%s", err, &stderr)
	}
	ran := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); ran++ {
		var audit struct {
			Name   string
			OK     bool
			Reason any
		}
		if err := json.Unmarshal(lines.Bytes(), &audit); err != nil {
			t.Fatal(err)
		}
		if !audit.OK {
			t.Errorf("%s: %v", audit.Name, audit.Reason)
		}
	}
	if ran != audits {
		t.Errorf("%d audits ran, want %d", ran, audits)
	}
}
