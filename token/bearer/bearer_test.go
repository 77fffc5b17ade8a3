package bearer_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/bearer"
)

const body = "0123456789ABCDEFGHIJKLMNOPQRabyz" // 32 characters

var kinds = map[bearer.Kind]string{
	bearer.Live:    "keloa_pk_live_",
	bearer.Test:    "keloa_pk_test_",
	bearer.Session: "keloa_os_",
	bearer.SignIn:  "keloa_si_",
}

func TestNew(t *testing.T) {
	for kind, prefix := range kinds {
		s, err := bearer.New(kind, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text := s.Reveal()
		if !strings.HasPrefix(text, prefix) || len(text) != len(prefix)+32 {
			t.Errorf("New(%d) does not have the form %s and 32 characters: it has %d", kind, prefix, len(text))
		}
		if parsed, err := bearer.Parse(text); err != nil || parsed != s {
			t.Errorf("Parse of a new %s secret: %v", prefix, err)
		}
		if s.Hash() != sha256.Sum256([]byte(text)) {
			t.Errorf("the hash of a %s secret is not the SHA-256 of its text", prefix)
		}
	}
}

func TestNewReportsWhatGoesWrong(t *testing.T) {
	if _, err := bearer.New(0, rand.Reader); err == nil {
		t.Error("a secret of no kind was made")
	}
	if _, err := bearer.New(99, rand.Reader); err == nil {
		t.Error("a secret of an unknown kind was made")
	}
	if _, err := bearer.New(bearer.Live, strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a generator that ends early: %v", err)
	}
}

// TestNewRejectsTheBiasedBytes gives bytes from 248 up, then zeros: taken modulo
// 62, the first would favour the first characters of the alphabet.
func TestNewRejectsTheBiasedBytes(t *testing.T) {
	biased := bytes.Repeat([]byte{248, 251, 253, 255}, 16)
	good := make([]byte, 64)
	s, err := bearer.New(bearer.Test, io.MultiReader(bytes.NewReader(biased), bytes.NewReader(good)))
	if err != nil {
		t.Fatal(err)
	}
	if want := "keloa_pk_test_" + strings.Repeat("0", 32); s.Reveal() != want {
		t.Errorf("got %q, want %q", s.Reveal(), want)
	}
}

func TestCharactersAreUniform(t *testing.T) {
	const secrets = 4000
	counts := map[rune]float64{}
	for range secrets {
		s, err := bearer.New(bearer.Live, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Reveal()[len("keloa_pk_live_"):] {
			counts[c]++
		}
	}
	// Pearson's chi-square with 61 degrees of freedom: above 150 once in
	// ten thousand million runs.
	expected := float64(secrets*32) / 62
	chi := 0.0
	for _, n := range counts {
		chi += (n - expected) * (n - expected) / expected
	}
	if len(counts) != 62 || chi > 150 {
		t.Errorf("%d characters, chi-square %.1f", len(counts), chi)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"",
		"keloa_pk_live_",
		"keloa_pk_live_" + body[1:],
		"keloa_pk_live_" + body + "0",
		"keloa_pk_live_" + body[1:] + "_",
		"keloa_pk_live_" + body[1:] + "-",
		"keloa_pk_live_" + body[2:] + "é",
		"keloa_pk_prod_" + body,
		"KELOA_PK_LIVE_" + body,
		" keloa_pk_live_" + body,
		"keloa_pk_live_" + body + "\n",
		"pk_live_" + body,
	} {
		if s, err := bearer.Parse(text); !errors.Is(err, bearer.ErrMalformed) {
			t.Errorf("Parse(%q) = %v, %v", text, s, err)
		}
	}
}

// TestSecretsDoNotPrint tries every way of printing that Go has.
func TestSecretsDoNotPrint(t *testing.T) {
	s, err := bearer.Parse("keloa_pk_live_" + body)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T %[1]v"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", struct{ S bearer.Secret }{s})
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"secret": s}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "in", []bearer.Secret{s})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "in", struct{ S bearer.Secret }{s})
	if strings.Contains(out.String(), body) || strings.Contains(out.String(), fmt.Sprintf("%x", body)) {
		t.Errorf("the secret was printed:\n%s", &out)
	}
	if got, want := s.String(), "keloa_pk_live_…abyz"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestRedact(t *testing.T) {
	live, session := "keloa_pk_live_"+body, "keloa_os_"+body
	for text, want := range map[string]string{
		"":                          "",
		"nothing here":              "nothing here",
		"keloa_pk_live_short":       "keloa_pk_live_short",
		live:                        "keloa_pk_live_…abyz",
		"a " + live + "b" + session: "a keloa_pk_live_…abyzbkeloa_os_…abyz",
		"keloa_" + live:             "keloa_keloa_pk_live_…abyz",
		live[:len(live)-1] + "/":    "keloa_pk_live_…/",
		live[:len(live)-2] + live:   "keloa_pk_live_…keloa_pk_live_…abyz",
		"keloa_pk_live_…abyz":       "keloa_pk_live_…abyz",

		"q=" + base64.StdEncoding.EncodeToString([]byte(live)) + "&":         "q=keloa_pk_live_…abyz==&",
		base64.RawURLEncoding.EncodeToString([]byte(session)):                "keloa_os_…abyz",
		base64.StdEncoding.EncodeToString([]byte(live))[:50]:                 "keloa_pk_live_…",
		"keloa_pk_live_aa" + base64.StdEncoding.EncodeToString([]byte(live)): "keloa_pk_live_aakeloa_pk_live_…abyz==",
		base64.StdEncoding.EncodeToString([]byte("keloa_schema")):            base64.StdEncoding.EncodeToString([]byte("keloa_schema")),
		"a2Vsb2FfA": "a2Vsb2FfA",
	} {
		if got := bearer.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, prefix := range kinds {
		f.Add(prefix + body)
		f.Add(prefix + body[1:] + "_")
	}
	f.Add("keloa_pk_live_keloa_pk_live_" + body)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := bearer.Parse(text)
		if err == nil && s.Reveal() != text {
			t.Errorf("%q was parsed and came back as %q", text, s.Reveal())
		}
		if err == nil && strings.Contains(bearer.Redact("x"+text+"y"), text) {
			t.Errorf("%q was not redacted", text)
		}
		if clean := bearer.Redact(text); bearer.Redact(clean) != clean {
			t.Errorf("a secret is left in the redacted %q", text)
		}
	})
}
