package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
)

//go:embed pages
var pageFiles embed.FS

var (
	pageTemplates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))
	pageStyle     = mustReadPage("pages/style.css")
	// pagePolicy lets a page do what ours do and nothing else: their one
	// style, known by its digest, and forms to ourselves.
	pagePolicy = "default-src 'none'; style-src '" + styleDigest() + "'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func mustReadPage(name string) string {
	text, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func styleDigest() string {
	digest := sha256.Sum256([]byte(pageStyle))
	return "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
}

// pageData is what every page may show.
type pageData struct {
	Style     template.CSS
	PublicURL string
	// Who is signed in, and in which workspace; empty if nobody is.
	Who, Workspace string
}

// page writes an HTML page.
func (h *handlers) page(w http.ResponseWriter, r *http.Request, status int, name string, data *pageData) {
	if data == nil {
		data = &pageData{}
	}
	data.Style = template.CSS(pageStyle) //nolint:gosec // it is our own file
	data.PublicURL = h.publicOrigin
	var body bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&body, name, data); err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the client has gone: there is nobody to tell
}

// home says where one is, and whether one is signed in.
func (h *handlers) home(w http.ResponseWriter, r *http.Request) {
	by, err := h.authenticate(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); by.Actor.Kind == "" && (site == "cross-site" || site == "same-site") {
		// Whoever comes by a link on another site, the sign-in link in
		// their mail for one, comes without the cookie, because it is
		// SameSite=Strict. Asked for by our own page, it is there.
		w.Header().Set("Refresh", "0; url="+homePath)
	}
	h.page(w, r, http.StatusOK, "home.html", &pageData{Who: by.Actor.Name, Workspace: by.Workspace.Slug})
}
