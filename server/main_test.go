package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keloa/apitokens/ent/database/dbtest"
)

// TestMain lets the test binary stand in for the program, so that scripts run
// the real main in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){programName: main})
}

type tests struct{ *testing.M }

func (t tests) Run() int {
	defer stopChromium()
	return dbtest.Main(t.M)
}

// unset removes the program's variables from the environment until the test
// ends.
func unset(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "KELOA_") {
			t.Setenv(name, "") // to have it put back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// runCommand runs the program in this process, with nothing on standard input.
func runCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = run(args, streams{strings.NewReader(""), &out, &err})
	return code, out.String(), err.String()
}
