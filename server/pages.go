package main

import "net/http"

// pagePaths are the pages that people come to. Sign-in leads back to them.
var pagePaths = []string{settingsPath, settingsAuditLogPath}

// home leads to the settings page.
func (h *handlers) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, settingsPath, http.StatusFound)
}
