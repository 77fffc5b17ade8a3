package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
)

const (
	// maxDecodings is how often a URL is percent-decoded to look for a
	// secret: proxies and redirects encode what is encoded already.
	maxDecodings = 3
	// maxSecretsInURL bounds the work on a URL that was stuffed with them.
	maxSecretsInURL = 8
	// maxPath is how many bytes of a path are logged and recorded.
	maxPath = 255
	// maxExposing is how long recording an exposure may take.
	maxExposing = 5 * time.Second
)

// withoutSecretsInURL refuses every request with a secret in its URL before
// anything is served: whatever its path, method or other credentials are. At
// signIn, the path of our own one-time link, the code of the link is no secret;
// an empty signIn is nowhere.
func (h *handlers) withoutSecretsInURL(next http.Handler, signIn string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The request URI is what the client sent, host included if it was
		// in absolute form.
		if !mayHoldSecret(r.RequestURI) && !mayHoldSecret(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		secrets := secretsIn(r.RequestURI + " " + r.Host)
		if r.URL.Path == signIn {
			secrets = slices.DeleteFunc(secrets, func(s bearer.Secret) bool { return s.Kind() == bearer.SignIn })
		}
		if len(secrets) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		h.exposed(r.Context(), secrets, token.ExposedInURL, cleanPath(r.URL.Path))
		h.refuse(w, r, errTokenInURL)
	})
}

// exposed records that secrets were seen in that place, also if the client does
// not wait for the answer. The request is refused whether or not it succeeds.
func (h *handlers) exposed(ctx context.Context, secrets []bearer.Secret, place, detail string) {
	origin := visitOf(ctx).origin
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxExposing)
	defer cancel()
	for _, secret := range secrets {
		if err := h.tokens.Expose(ctx, secret, place, detail, origin); err != nil {
			h.log.ErrorContext(ctx, "record an exposed secret", slog.String("place", place), slog.Any("error", err))
		}
	}
}

// mayHoldSecret is a quick look at a URL: if it says no, there is no secret in it.
func mayHoldSecret(url string) bool {
	return strings.Contains(url, "%") || strings.Contains(url, bearer.Mark)
}

// secretsIn returns the secrets in a URL, each once, in the order they stand
// in, and at most maxSecretsInURL of them.
func secretsIn(url string) []bearer.Secret {
	if !mayHoldSecret(url) {
		return nil
	}
	var found []bearer.Secret
	for range maxDecodings + 1 {
		for rest := url; len(found) < maxSecretsInURL; {
			secret, ok := bearer.Find(rest)
			if !ok {
				break
			}
			if !slices.Contains(found, secret) {
				found = append(found, secret)
			}
			_, rest, _ = strings.Cut(rest, secret.Reveal())
		}
		url = unescape(url)
	}
	return found
}

// cleanPath is a path fit to be logged: decoded as far as secrets are looked
// for, without the secrets, and of bounded length.
func cleanPath(path string) string {
	for range maxDecodings {
		path = unescape(path)
	}
	path = bearer.Redact(path)
	return strings.ToValidUTF8(path[:min(len(path), maxPath)], "\uFFFD")
}

// unescape undoes percent-encoding once. Unlike [url.PathUnescape] it leaves what
// is not an escape as it stands: the query of a URL may hold anything.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			plain = append(plain, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
			continue
		}
		plain = append(plain, text[i])
	}
	return string(plain)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
