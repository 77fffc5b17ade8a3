package bearer_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token/bearer"
)

func TestHidden(t *testing.T) {
	for _, prefix := range kinds {
		secret := prefix + body
		encoded := base64.StdEncoding.EncodeToString([]byte(secret))
		for _, text := range []string{
			secret,
			"x" + secret + "y",
			encoded,
			strings.TrimRight(encoded, "="),
			base64.URLEncoding.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret + "\n")),
			base64.StdEncoding.EncodeToString([]byte(secret + ": and more")),
			"x" + encoded + "y",
			"a2Vsb2Ff" + encoded,
			base64.StdEncoding.EncodeToString([]byte("u:" + secret)),
			base64.StdEncoding.EncodeToString([]byte("us:" + secret + ":x")),
			base64.StdEncoding.EncodeToString([]byte("use:" + secret + "\u00ff")),
			base64.RawURLEncoding.EncodeToString([]byte("user:" + secret + ">")),
			base64.URLEncoding.EncodeToString([]byte("\xff\xff" + secret + "\xff\xff")),
			base64.StdEncoding.EncodeToString([]byte("\xff" + secret + "?~")),
			"Basic " + base64.StdEncoding.EncodeToString([]byte("keloa_:"+secret)),
			url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("user@example.com:" + secret))),
			url.QueryEscape(encoded),
			url.QueryEscape(url.QueryEscape(encoded)),
			strings.ReplaceAll(encoded, "a", "%61"),
			strings.ReplaceAll(secret, "_", "%5F"),
			strings.ReplaceAll(secret, "_", "%5f"),
			strings.ReplaceAll(secret, "_", "%25255f"),
		} {
			if found := bearer.Hidden(text, 2); len(found) != 1 || found[0].Reveal() != secret {
				t.Errorf("%q: %v", text, found)
			}
		}
		for _, text := range []string{secret[1:], secret[:len(secret)-1], encoded[1:], encoded[:50], "a2Vsb2Ff", "%"} {
			if found := bearer.Hidden(text, 2); len(found) > 0 {
				t.Errorf("%q: %v", text, found)
			}
		}
	}
}

// TestMayEnd looks for secrets without their prefix.
func TestMayEnd(t *testing.T) {
	for text, want := range map[string]bool{
		body:                        true,
		"key " + body:               true,
		"x" + body + "y":            true,
		"é" + body + "é":            true,
		body[1:]:                    false,
		body[:16] + "-" + body[16:]: false,
		body[:16] + "é" + body[16:]: false,
		"4f9c1d7b0a6e4c2f8d3b5a7c9e1f0d2b4a6c8e0f":                         false, // a commit
		"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08": false, // a digest
		"0199c7a4-0000-7000-8000-00000000002a":                             false,
		"the ContactsImportForTheWholeNorthWestRegion":                     false,
	} {
		if got := bearer.MayEnd(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// FuzzHidden holds unescape against net/url, on what that accepts, and MayHold
// against what is found.
func FuzzHidden(f *testing.F) {
	for _, seed := range []string{"", "%", "%4", "%41", "%4g", "%%41", "a%2Bb%2f", "%25%34%31", "a2Vsb2Ff" + body} {
		f.Add(seed)
	}
	for n := range 3 {
		f.Add(base64.StdEncoding.EncodeToString([]byte("---"[:n] + "keloa_pk_live_" + body)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := bearer.UnescapeOnce(text)
		if want, err := url.PathUnescape(text); err == nil && got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := url.PathEscape(text); bearer.UnescapeOnce(again) != text {
			t.Errorf("%q does not come back from %q", text, again)
		}
		secrets := bearer.Hidden(text, 8)
		if slices.Contains(secrets, bearer.Secret{}) {
			t.Errorf("%q holds a secret that is none", text)
		}
		if left := bearer.Hidden(bearer.Redact(bearer.Unescape(text)), 8); len(left) > 0 && !strings.Contains(bearer.Unescape(text), "%") {
			t.Errorf("%v is left in the redacted %q", left, text)
		}
	})
}
