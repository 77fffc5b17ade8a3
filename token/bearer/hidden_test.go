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

// FuzzHidden holds unescape against net/url, on what that accepts, and MayHold
// against what is found.
func FuzzHidden(f *testing.F) {
	for _, seed := range []string{"", "%", "%4", "%41", "%4g", "%%41", "a%2Bb%2f", "%25%34%31", "a2Vsb2Ff" + body} {
		f.Add(seed)
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
