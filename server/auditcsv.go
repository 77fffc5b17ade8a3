package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
)

// maxPageTime is how long a page of the audit log may take to be written: what
// ends the caller's session waits for it.
const maxPageTime = 2 * time.Second

// auditLog answers with the whole audit log of the operator's workspace, newest
// first, and takes memory for one page of it.
func (h *handlers) auditLog(w http.ResponseWriter, r *http.Request) {
	by, err := h.authenticate(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	ctx, done := h.tokens.Begin(r.Context(), by)
	defer done()
	out := newAuditCSV(w)
	control := http.NewResponseController(w)
	begun := false
	err = h.tokens.AuditLog(ctx, by, func(entries []journal.Entry) error {
		if err := control.SetWriteDeadline(time.Now().Add(maxPageTime)); err != nil {
			return err
		}
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			w.Header().Set("Content-Disposition", `attachment; filename="keloa-audit-log-`+time.Now().UTC().Format(time.DateOnly)+`.csv"`)
			if err := out.head(); err != nil {
				return err
			}
		}
		for _, entry := range entries {
			if err := out.row(entry.Event); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		return control.Flush()
	})
	switch {
	case err != nil && !begun:
		h.refuse(w, r, err)
	case err != nil:
		h.log.LogAttrs(ctx, slog.LevelWarn, "the audit log was cut short on its way", slog.Any("error", err))
		panic(http.ErrAbortHandler) // so that the client does not take it for whole
	}
}

// auditCSV writes audit entries as CSV (RFC 4180).
type auditCSV struct{ rows *csv.Writer }

func newAuditCSV(to io.Writer) auditCSV {
	rows := csv.NewWriter(to)
	rows.UseCRLF = true
	return auditCSV{rows}
}

func (c auditCSV) head() error {
	return c.rows.Write([]string{"Timestamp", "Actor", "Action", "Target type", "Target id", "IP", "Changes"})
}

func (c auditCSV) row(e auditsink.Event) error {
	var target, changes string
	if e.Target.ID != nil {
		target = e.Target.ID.String()
	}
	if len(e.Changes) > 0 {
		text, err := json.Marshal(e.Changes)
		if err != nil {
			return fmt.Errorf("encode the changes of audit entry %s: %w", e.ID, err)
		}
		changes = string(text)
	}
	cells := []string{e.At.UTC().Format(time.RFC3339Nano), e.Actor.Name, e.Action, e.Target.Type, target, e.IP, changes}
	for i := range cells {
		cells[i] = neutral(cells[i])
	}
	return c.rows.Write(cells)
}

func (c auditCSV) flush() error {
	c.rows.Flush()
	return c.rows.Error()
}

// neutral keeps a spreadsheet from taking a text for a formula: who names a
// token must not have others' machines run something.
func neutral(text string) string {
	if trimmed := strings.TrimLeft(text, " \u00a0"); trimmed != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(trimmed)[0]) {
		return "'" + text
	}
	return text
}
