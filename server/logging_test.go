package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

func TestLoggerHoldsNoSecret(t *testing.T) {
	secret, err := bearer.New(bearer.Live, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := secret.Reveal()
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		log, err := newLogger(&out, format, "info")
		if err != nil {
			t.Fatal(err)
		}
		log = log.With("with", text).WithGroup("group")
		log.InfoContext(t.Context(), "message "+text,
			"string", text,
			"error", fmt.Errorf("wrapped: %w", errors.New(text)),
			"secret", secret,
			"inside", struct{ Field []string }{[]string{"x" + text + "y"}},
			text, "as a key")
		if strings.Contains(out.String(), text[len("keloa_pk_live_"):]) {
			t.Errorf("%s: %s", format, out.String())
		}
		if n := strings.Count(out.String(), secret.String()); n != 7 {
			t.Errorf("%s: %d hints, want 7: %s", format, n, out.String())
		}
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: not one line: %q", format, out.String())
		}
	}
}

func TestLoggerAddsRequestID(t *testing.T) {
	var out strings.Builder
	log, err := newLogger(&out, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), visitKey{}, &visit{origin: token.Origin{RequestID: "r-1"}})
	log.With("a", 1).DebugContext(ctx, "of a request")
	log.DebugContext(t.Context(), "of none")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first, second map[string]any
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &first), json.Unmarshal([]byte(lines[1]), &second)); err != nil {
		t.Fatal(err)
	}
	if first["request_id"] != "r-1" || second["request_id"] != nil {
		t.Errorf("request ids %v and %v", first["request_id"], second["request_id"])
	}
}

func TestLoggerIsStrict(t *testing.T) {
	for _, bad := range [][2]string{{"xml", "info"}, {"", "info"}, {"JSON", "info"}, {"json", ""}, {"json", "INFO"}, {"text", "trace"}, {"text", "info+1"}} {
		if log, err := newLogger(&strings.Builder{}, bad[0], bad[1]); err == nil {
			t.Errorf("%q gave %v", bad, log)
		}
	}
	var out strings.Builder
	log, err := newLogger(&out, "text", "error")
	if err != nil {
		t.Fatal(err)
	}
	log.WarnContext(t.Context(), "quiet")
	if out.Len() > 0 {
		t.Errorf("level error logged %q", out.String())
	}
}
