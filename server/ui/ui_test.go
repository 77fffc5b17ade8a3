package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

// maxScript is how many bytes of script the settings page may load, compressed
// with gzip.
const maxScript = 25_000

func open(t *testing.T) Files {
	t.Helper()
	files, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestEncodings expects each file to be the same in every encoding.
func TestEncodings(t *testing.T) {
	for name, f := range open(t) {
		plain := f.encoded[""]
		if len(plain) == 0 || len(f.encoded["br"]) == 0 {
			t.Errorf("%s is empty", name)
		}
		packed, err := gzip.NewReader(bytes.NewReader(f.encoded["gzip"]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		unpacked, err := io.ReadAll(packed)
		if err != nil || !bytes.Equal(unpacked, plain) {
			t.Errorf("%s is something else in gzip: %v", name, err)
		}
	}
}

// TestPagesHavePolicies expects no page without a policy of its own, and nothing
// of another origin in any.
func TestPagesHavePolicies(t *testing.T) {
	files := open(t)
	for name, f := range files {
		if isPage := path.Ext(name) == ".html"; isPage != (f.policy != "") {
			t.Errorf("%s: the policy is %q", name, f.policy)
		}
		for _, lax := range []string{"unsafe-", "data:", "blob:", "http", "*"} {
			if strings.Contains(strings.Replace(f.policy, "img-src 'self' data:", "", 1), lax) {
				t.Errorf("%s: %s", name, f.policy)
			}
		}
	}
	if files[Settings].policy == "" {
		t.Error("the settings page is missing")
	}
}

// TestScriptSize adds up what the settings page loads to be of use: its scripts
// and what they import. Languages but English come on top, one at a time.
func TestScriptSize(t *testing.T) {
	files := open(t)
	total := 0
	for _, found := range regexp.MustCompile(`"(/assets/[^"]+\.js)"`).FindAllStringSubmatch(string(files[Settings].encoded[""]), -1) {
		total += len(files[found[1]].encoded["gzip"])
	}
	t.Logf("%d bytes of script", total)
	if total == 0 || total > maxScript {
		t.Errorf("%d bytes of script, at most %d are allowed", total, maxScript)
	}
}

func TestNegotiate(t *testing.T) {
	for accepted, want := range map[string]string{
		"":                       "",
		"gzip":                   "gzip",
		"gzip, deflate, br":      "br",
		"BR ; q=0.1":             "br",
		"br;q=0, gzip":           "gzip",
		"br;q=0.0,gzip;q=0.000":  "",
		"identity, *":            "",
		"zstd, gzip ; q = 0.001": "gzip",
		"brotli":                 "",
	} {
		if got := negotiate(http.Header{"Accept-Encoding": {accepted}}); got != want {
			t.Errorf("%q: %q, want %q", accepted, got, want)
		}
	}
}

// TestServe expects what a cache needs to know.
func TestServe(t *testing.T) {
	files := open(t)
	ask := func(name string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		files[name].ServeHTTP(w, r)
		return w
	}
	plain, packed := ask(Settings), ask(Settings, "Accept-Encoding", "gzip, br")
	if plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Content-Encoding") != "br" {
		t.Errorf("%s %s", plain.Header(), packed.Header())
	}
	if tag := packed.Header().Get("ETag"); tag == plain.Header().Get("ETag") {
		t.Error("two encodings share an ETag")
	} else if again := ask(Settings, "Accept-Encoding", "br", "If-None-Match", tag); again.Code != http.StatusNotModified {
		t.Errorf("with its ETag: %d", again.Code)
	}
	w := httptest.NewRecorder()
	files[Settings].Answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), http.StatusUnauthorized)
	if w.Code != http.StatusUnauthorized || w.Header().Get("ETag") != "" || !strings.Contains(w.Body.String(), "<!doctype html>") {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}
