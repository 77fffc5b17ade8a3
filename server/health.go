package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/keloa/apitokens/graph"
)

// maxReadyTime is how long the database may take to answer.
const maxReadyTime = 2 * time.Second

// codeNotReady is the code of a server that cannot serve yet, or any more.
const codeNotReady graph.Code = "NOT_READY"

// alive says that the process answers. It looks at nothing else: a server whose
// database is away must not be restarted for it.
func (h *handlers) alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// ready says whether requests can be served: the database answers, and no
// migration is missing. Without the database a server can serve what it knows
// until its lease lapses; but that is too short to be worth being called ready.
func (h *handlers) ready(w http.ResponseWriter, r *http.Request) {
	if reason := h.notReady(r.Context()); reason != "" {
		h.refuse(w, r, &graph.Problem{Code: codeNotReady, Status: http.StatusServiceUnavailable, Message: reason})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// notReady is why the server is not ready; empty if it is.
func (h *handlers) notReady(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, maxReadyTime)
	defer cancel()
	migrations, err := h.database.MigrationStatus(ctx)
	if err != nil {
		h.log.WarnContext(ctx, "the database does not answer", slog.Any("error", err))
		return "the database does not answer"
	}
	for _, m := range migrations {
		if m.AppliedAt.IsZero() {
			return "the database lacks migrations: run keloa-tokens migrate up"
		}
	}
	return ""
}
