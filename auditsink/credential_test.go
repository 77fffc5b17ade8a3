package auditsink_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
)

func TestCredential(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(" Canary-1\n")
	t.Setenv("SINK_SECRET", "Canary-2")
	file, err := auditsink.ParseCredential("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	env, err := auditsink.ParseCredential("env:SINK_SECRET")
	if err != nil {
		t.Fatal(err)
	}
	if one, err := file.Reveal(); one != "Canary-1" || err != nil {
		t.Errorf("the file holds %q, %v", one, err)
	}
	if other, err := env.Reveal(); other != "Canary-2" || err != nil {
		t.Errorf("the variable holds %q, %v", other, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", file, env, env); strings.Contains(text, "Canary") {
		t.Errorf("a credential prints as %s", text)
	}
	write("Canary-3")
	if one, err := file.Reveal(); one != "Canary-3" || err != nil {
		t.Errorf("after the file was replaced: %q, %v", one, err)
	}
}

func TestCredentialThatIsMissing(t *testing.T) {
	t.Setenv("SINK_SECRET", " ")
	for _, text := range []string{
		"", "Canary", "env:", "env:SINK_SECRET", "env:NO_SUCH_VARIABLE", "file:/no/such/file", "file:", "vault:Canary", "Canary:Canary", "env:Canary", "file:Canary",
	} {
		if _, err := auditsink.ParseCredential(text); err == nil || strings.Contains(err.Error(), "Canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
