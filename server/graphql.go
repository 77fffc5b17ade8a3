package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/token"
)

// graphQL puts who asks into the context and leaves the rest to package graph.
// The context ends when what the caller came with does; a WebSocket sees to that
// by itself, since who it is of may come later.
func (h *handlers) graphQL(w http.ResponseWriter, r *http.Request) {
	if h.share(w, r) {
		return
	}
	by, err := h.authenticate(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if graph.IsSocket(r) {
		h.graphql.ServeHTTP(w, r.WithContext(graph.WithCaller(r.Context(), by)))
		return
	}
	ctx, done := h.tokens.Begin(r.Context(), by)
	defer done()
	h.graphql.ServeHTTP(w, r.WithContext(graph.WithCaller(ctx, by)))
}

// release returns what has the domain let the answer to a request out.
func release(tokens *token.Service) func(context.Context, func() error) error {
	return func(ctx context.Context, write func() error) error {
		return tokens.Answer(ctx, visitOf(ctx).caller, write)
	}
}

// schemaFile is the schema as a file to download. It is public.
type schemaFile struct{ sdl, etag string }

func newSchemaFile() schemaFile {
	sdl := graph.SDL()
	digest := sha256.Sum256([]byte(sdl))
	return schemaFile{sdl, `"` + hex.EncodeToString(digest[:16]) + `"`}
}

func (f schemaFile) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache") // keep it, but ask whether it is current
	w.Header().Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.sdl))
}
