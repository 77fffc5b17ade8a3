package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxKeys is how many keys the other party may publish.
const maxKeys = 100

// keys are the public keys of another party.
type keys struct{ cached[[]jose.JSONWebKey] }

func newKeys(now func() time.Time, read func(context.Context) ([]byte, error)) *keys {
	k := &keys{}
	k.now, k.load = now, func(ctx context.Context) ([]jose.JSONWebKey, error) {
		text, err := read(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: read its keys: %w", ErrUnreachable, err)
		}
		return parseKeys(text)
	}
	return k
}

// parseKeys reads a JSON Web Key Set (RFC 7517, section 5) and keeps the keys that
// signatures can be checked with. Keys of kinds that are not known are passed over,
// as the RFC has it.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, fmt.Errorf("%w: its keys are no JSON Web Key Set", ErrUnreachable)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: it has more than %d keys", ErrUnreachable, maxKeys)
	}
	var list []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		list = append(list, key)
	}
	return list, nil
}

// CheckKeys reports an error for text that is no set of public keys.
func CheckKeys(text []byte) error {
	list, err := parseKeys(text)
	if err != nil || len(list) == 0 {
		return errors.New("must hold a JSON Web Key Set with a public key")
	}
	return nil
}

// verify returns what the compact form of a signature is over, or [ErrInvalid].
func (k *keys) verify(ctx context.Context, signed string) ([]byte, error) {
	signature, err := jose.ParseSignedCompact(signed, algorithms)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	header := signature.Signatures[0].Header
	list, err := k.get(ctx, func(list []jose.JSONWebKey) bool { return len(matching(list, header)) > 0 })
	if err != nil {
		return nil, err
	}
	for _, key := range matching(list, header) {
		if payload, err := signature.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("%w: no key of the issuer made its signature", ErrInvalid)
}

// matching are the keys that a signature may have been made with.
func matching(list []jose.JSONWebKey, header jose.Header) (found []jose.JSONWebKey) {
	for _, key := range list {
		if (header.KeyID == "" || key.KeyID == header.KeyID) && (key.Algorithm == "" || key.Algorithm == header.Algorithm) {
			found = append(found, key)
		}
	}
	return found
}

// keySource reads keys from a URL or, if it is none, from a file.
func keySource(client *http.Client, place string) func(context.Context) ([]byte, error) {
	if !IsURL(place) {
		return func(context.Context) ([]byte, error) { return os.ReadFile(place) }
	}
	return func(ctx context.Context) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, http.NoBody)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, errors.New(answer.Status)
		}
		return io.ReadAll(answer.Body)
	}
}

// IsURL reports whether a place is a URL rather than a file.
func IsURL(place string) bool {
	return strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://")
}
