package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token"
)

func TestHealth(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, databaseURL string) {
		db := dbtest.Open(t, databaseURL)
		log := journal.New(journal.Options{Database: db})
		internal := newHandlers(handlerOptions{
			Tokens:    token.New(token.Options{Database: db, Journal: log}),
			Database:  db,
			Logger:    slog.New(slog.DiscardHandler),
			PublicURL: &url.URL{Scheme: "http", Host: "localhost"},
		}).internal()
		want := func(path string, status int, says string) {
			t.Helper()
			w := httptest.NewRecorder()
			internal.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if w.Code != status || !strings.Contains(w.Body.String(), says) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		want("/healthz", http.StatusOK, "alive")
		want("/readyz", http.StatusServiceUnavailable, "migrate up")
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("/readyz", http.StatusOK, "ready")
		if err := db.SQL().Close(); err != nil {
			t.Fatal(err)
		}
		want("/healthz", http.StatusOK, "alive")
		want("/readyz", http.StatusServiceUnavailable, "the database does not answer")
	})
}
