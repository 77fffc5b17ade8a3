package auditsink

import (
	"errors"
	"fmt"
	"io"
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
// names it.
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
			return "", fmt.Errorf("read a credential: %w", err)
		}
	default:
		return "", errCredential // what was written may be the secret
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("the credential %s is empty", c.where)
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
