package auditsink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxCredential bounds what is read of a credential's file.
const maxCredential = 64 << 10

var errCredential = errors.New("a credential is written env:NAME or file:PATH")

// Credential is where a secret is found, never the secret itself, so that it
// may be printed. The zero Credential is none.
type Credential struct {
	where string
}

// ParseCredential reads env:NAME or file:PATH, and sees that there is something
// there.
func ParseCredential(text string) (Credential, error) {
	c := Credential{text}
	_, err := c.Reveal()
	return c, err
}

// Reveal looks the secret up, each time anew, so that a file may be replaced
// while the server runs. White space around it is not part of it. No error
// repeats what was written, which may by mistake be the secret.
func (c Credential) Reveal() (string, error) {
	kind, at, _ := strings.Cut(c.where, ":")
	var text string
	switch {
	case at == "":
		return "", errCredential
	case kind == "env":
		text = os.Getenv(at)
	case kind == "file":
		var err error
		if text, err = readCredential(at); err != nil {
			if inner, ok := errors.AsType[*fs.PathError](err); ok {
				err = inner.Err // without the path
			}
			return "", fmt.Errorf("read the file of a credential: %w", err)
		}
	default:
		return "", errCredential
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("the credential's %s is empty or missing", map[string]string{"env": "variable", "file": "file"}[kind])
	}
	return text, nil
}

func readCredential(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxCredential))
	return string(data), err
}
