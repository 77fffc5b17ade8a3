package database

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const planted = "hunter2" // a password that no error may show

func TestParseMySQL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_PASSWORD", "from the environment")
	for _, test := range []struct{ url, user, password, addr, name, tls string }{
		{"//u:p@h:1/n", "u", "p", "h:1", "n", ""},
		{"//u@h/n", "u", "", "h:3306", "n", ""},
		{"//u:p@[::1]/n?tls=skip-verify", "u", "p", "[::1]:3306", "n", "skip-verify"},
		{"//a%40b:p%25/?#@:%20x@h/n?tls=true", "a@b", "p%/?#@: x", "h:3306", "n", "true"},
		{"//u:env:TEST_PASSWORD@h/n?tls=false", "u", "from the environment", "h:3306", "n", "false"},
		{"//u:file:" + file + "@h/n", "u", "from a file", "h:3306", "n", ""},
	} {
		cfg, err := parseMySQL(test.url)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if cfg.User != test.user || cfg.Passwd != test.password || cfg.Addr != test.addr || cfg.DBName != test.name || cfg.TLSConfig != test.tls {
			t.Errorf("%s: %q %q %q %q %q", test.url, cfg.User, cfg.Passwd, cfg.Addr, cfg.DBName, cfg.TLSConfig)
		}
	}
}

// Each malformed URL is refused in one sentence that does not show the password.
func TestMalformedURLs(t *testing.T) {
	folder := t.TempDir()
	for url, want := range map[string]string{
		"":                                                  "must begin with sqlite: or mysql://",
		"data/keloa.db":                                     "must begin with sqlite: or mysql://",
		"postgres://u:" + planted + "@h/n":                  "must begin with sqlite: or mysql://",
		"sqlite:":                                           "names no file",
		"sqlite:a.db?mode=ro":                               "takes no keys",
		"sqlite:a.db#x":                                     "takes no keys",
		"sqlite::memory:":                                   "in memory",
		"sqlite://data/keloa.db":                            "slashes",
		"sqlite:" + folder:                                  "is a directory",
		"sqlite:" + folder + "/":                            "is a directory",
		"mysql:u:" + planted + "@h/n":                       "must look like mysql://",
		"mysql://h/n":                                       "names no user",
		"mysql://:" + planted + "@h/n":                      "names no user",
		"mysql://u:" + planted + "@/n":                      "names no host",
		"mysql://u:" + planted + "@h:port/n":                "names no host",
		"mysql://u:" + planted + "@h":                       "name of the database",
		"mysql://u:" + planted + "@h/a/b":                   "name of the database",
		"mysql://u:" + planted + "@h/a%20b":                 "name of the database",
		"mysql://u:" + planted + "@h/n#f":                   "names no host",
		"mysql://u:" + planted + "%zz@h/n":                  "%25",
		"mysql://u%zz:" + planted + "@h/n":                  "%25",
		"mysql://u:" + planted + "@h/n?timeout=1s":          `unknown key "timeout"`,
		"mysql://u:" + planted + "@h/n?TLS=true":            `unknown key "TLS"`,
		"mysql://u:" + planted + "@h/n?tls=yes":             "true, false or skip-verify",
		"mysql://u:" + planted + "@h/n?tls=":                "true, false or skip-verify",
		"mysql://u:" + planted + "@h/n?tls=true&tls=false":  "more than once",
		"mysql://u:" + planted + "@h/n?tls=%zz":             "malformed",
		"mysql://u:env:KELOA_TEST_UNSET@h/n":                "KELOA_TEST_UNSET, which is not set",
		"mysql://u:file:/does/not/exist@h/n":                "no such file",
		"mysql://u:" + planted + "@127.0.0.1:1/n?tls=false": "cannot reach the database at 127.0.0.1:1",
	} {
		db, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Errorf("%s was opened", url)
			_ = db.Close()
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, planted) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want one line with %q and no password", url, got, want)
		}
	}
}
