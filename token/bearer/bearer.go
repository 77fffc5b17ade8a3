// Package bearer makes, parses and hashes bearer secrets. It knows nothing of
// storage.
//
// A secret is a fixed prefix that says what it opens, then 32 characters drawn
// uniformly from 0-9A-Za-z: 32·log2(62), about 190 bits. So many bits need no
// slow password hash: SHA-256 is enough, and cheap on every request.
package bearer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Kind says what a secret opens.
type Kind uint8

// The kinds of secret. The zero Kind is none of them.
const (
	Live Kind = iota + 1
	Test
	// Session is an operator's session, in a cookie or as a bearer token.
	Session
	// SignIn is the code in a one-time sign-in link.
	SignIn
)

// Mark is what every secret begins with: where it is not, no secret is.
const Mark = "keloa_"

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	// bodyLen is how many random characters follow the prefix.
	bodyLen = 32
	// hintLen is how many of the last characters are kept to recognise a
	// secret by.
	hintLen = 4
)

// prefixes has no entry for the zero Kind: its empty text is skipped.
var prefixes = [...]string{
	Live:    "keloa_pk_live_",
	Test:    "keloa_pk_test_",
	Session: "keloa_os_",
	SignIn:  "keloa_si_",
}

// ErrMalformed is returned for text that is not a secret. It never quotes the
// text.
var ErrMalformed = errors.New("malformed secret")

// Hash is the SHA-256 of the whole secret, prefix included: what is stored.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal. It opens nothing.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Secret is a bearer secret that cannot be printed by accident: fmt, slog and
// JSON all write the hint. Only [Secret.Reveal] returns the text.
type Secret struct {
	kind Kind
	text string
}

// New draws a secret of the kind from random, which in production is
// [crypto/rand.Reader].
func New(kind Kind, random io.Reader) (Secret, error) {
	prefix := kind.prefix()
	if prefix == "" {
		return Secret{}, fmt.Errorf("make a secret: unknown kind %d", kind)
	}
	text := make([]byte, 0, len(prefix)+bodyLen)
	text = append(text, prefix...)
	var pool [2 * bodyLen]byte
	for len(text) < cap(text) {
		if _, err := io.ReadFull(random, pool[:]); err != nil {
			return Secret{}, fmt.Errorf("make a secret: %w", err)
		}
		for _, b := range pool {
			// 248 is 4·62: bytes from there up would favour the
			// first characters of the alphabet.
			if b < 248 && len(text) < cap(text) {
				text = append(text, alphabet[b%62])
			}
		}
	}
	return Secret{kind, string(text)}, nil
}

// Parse reads a secret of any kind. It looks at fixed offsets and never splits
// on "_". What it accepts, [Secret.Reveal] returns unchanged.
func Parse(text string) (Secret, error) {
	for kind := Live; kind <= SignIn; kind++ {
		prefix := prefixes[kind]
		if len(text) == len(prefix)+bodyLen && text[:len(prefix)] == prefix && inAlphabet(text[len(prefix):]) {
			return Secret{kind, text}, nil
		}
	}
	return Secret{}, ErrMalformed
}

func inAlphabet(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Kind says what the secret opens.
func (s Secret) Kind() Kind { return s.kind }

// IsToken reports whether s is an API token, live or test.
func (s Secret) IsToken() bool { return s.kind == Live || s.kind == Test }

// Hash is what is stored and looked up.
func (s Secret) Hash() Hash {
	var text [64]byte // on the stack, where a conversion would allocate
	return sha256.Sum256(append(text[:0], s.text...))
}

// Reveal returns the text. Whoever calls it must not log, store or put it in a
// URL.
func (s Secret) Reveal() string { return s.text }

// Tail is the last four characters, kept to recognise the secret by.
func (s Secret) Tail() string {
	if len(s.text) < hintLen {
		return ""
	}
	return s.text[len(s.text)-hintLen:]
}

// Hint is what people see of a secret of the kind with that tail:
// "keloa_pk_live_…a1b2".
func Hint(kind Kind, tail string) string { return kind.prefix() + "…" + tail }

func (k Kind) prefix() string {
	if int(k) >= len(prefixes) {
		return ""
	}
	return prefixes[k]
}

// String is the hint.
func (s Secret) String() string { return Hint(s.kind, s.Tail()) }

// GoString is the hint, so that %#v does not print the text either.
func (s Secret) GoString() string { return s.String() }

// Format is the hint whatever the verb, so that %x does not print the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is the hint.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the hint, for encoding/json and its kin.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
