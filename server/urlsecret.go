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
		h.notePage(r)
		// The request URI is what the client sent, host included if it was
		// in absolute form.
		if !bearer.MayHold(r.RequestURI) && !bearer.MayHold(r.Host) {
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

// notePage records that a secret stands in the URL of the page that the request was
// sent from. The request is served: it does not hold the secret itself, and who
// follows a link from such a page cannot help it.
func (h *handlers) notePage(r *http.Request) {
	for _, page := range r.Header["Referer"] {
		if secrets := secretsIn(page); len(secrets) > 0 {
			h.exposed(r.Context(), secrets, token.ExposedInURL, "the page that led to "+cleanPath(r.URL.Path))
		}
	}
}

// exposed records that secrets were seen in that place, also if the client does
// not wait for the answer, and returns whether that has revoked a token. The request
// is refused whether or not it succeeds.
func (h *handlers) exposed(ctx context.Context, secrets []bearer.Secret, place, detail string) (revoked bool) {
	origin := visitOf(ctx).origin
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxExposing)
	defer cancel()
	for _, secret := range secrets {
		ended, err := h.tokens.Expose(ctx, secret, place, detail, origin)
		if err != nil {
			h.log.ErrorContext(ctx, "record an exposed secret", slog.Any("secret", secret), slog.String("place", place), slog.Any("error", err))
		}
		revoked = revoked || ended
	}
	return revoked
}

// secretsIn returns the secrets in a URL, each once, and at most maxSecretsInURL of
// them.
func secretsIn(url string) []bearer.Secret { return bearer.Hidden(url, maxSecretsInURL) }

// cleanPath is a path fit to be logged: decoded as far as secrets are looked
// for, without the secrets, and of bounded length.
func cleanPath(path string) string {
	path = bearer.Redact(bearer.Unescape(path))
	return strings.ToValidUTF8(path[:min(len(path), maxPath)], "\uFFFD")
}
