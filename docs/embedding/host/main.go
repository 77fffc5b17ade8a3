// Command host is a web application with the API tokens of its customers in a page
// of its own: the example of docs/embedding.md. It needs nothing but Go.
//
//	KELOA_URL=http://127.0.0.1:8080 KELOA_INTERNAL_URL=http://127.0.0.1:8081 \
//	KELOA_RESOURCE_SERVER=host:its-secret go run ./docs/embedding/host
package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

//go:embed page.html page.js page.css
var files embed.FS

// host is the back end of the application.
type host struct {
	keloa    string // where browsers find the tokens' server
	internal string // where this program finds its internal listener
	name     string // what this program is called there
	secret   string
	page     *template.Template
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	name, secret, ok := strings.Cut(os.Getenv("KELOA_RESOURCE_SERVER"), ":")
	if !ok {
		return errors.New("set KELOA_RESOURCE_SERVER to name:secret, as --resource-server has it")
	}
	h := &host{
		keloa: os.Getenv("KELOA_URL"), internal: os.Getenv("KELOA_INTERNAL_URL"), name: name, secret: secret,
		page: template.Must(template.ParseFS(files, "page.html")),
	}
	address := os.Getenv("HOST_LISTEN")
	if address == "" {
		address = "127.0.0.1:9000"
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

func (h *host) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.servePage)
	mux.Handle("GET /page.js", http.FileServerFS(files))
	mux.Handle("GET /page.css", http.FileServerFS(files))
	mux.HandleFunc("POST /keloa-session", h.serveSession)
	// Other sites must not have a session made for whoever visits them.
	return http.NewCrossOriginProtection().Handler(mux)
}

// servePage answers with the page. Its policy allows the one script of the tokens'
// server, and requests to that server.
func (h *host) servePage(w http.ResponseWriter, _ *http.Request) {
	socket := "ws" + strings.TrimPrefix(h.keloa, "http")
	w.Header().Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' " + h.keloa + "/embed.js",
		"connect-src 'self' " + h.keloa + " " + socket,
		"style-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
	}, "; "))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := h.page.Execute(w, h.keloa); err != nil {
		log.Print(err)
	}
}

// person is someone who is signed in to this application.
type person struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// signedIn is who sent the request, which workspace is theirs and what they are
// there. A real application looks at its own session here; this one knows one
// person.
func signedIn(*http.Request) (who person, workspace, role string, ok bool) {
	return person{ID: "17", Email: "ada@example.com", Name: "Ada"}, "default", "ADMIN", true
}

// serveSession answers with a session at the tokens' server for whoever is signed
// in here.
func (h *host) serveSession(w http.ResponseWriter, r *http.Request) {
	who, workspace, role, ok := signedIn(r)
	if !ok {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	body, err := json.Marshal(map[string]any{"workspace": workspace, "operator": who, "role": role, "ttlSeconds": 900})
	if err != nil {
		h.fail(w, err)
		return
	}
	answer, err := h.newSession(r.Context(), body)
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(answer)
}

func (h *host) newSession(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.internal+"/sessions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(h.name, h.secret)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("no session: %s: %s", response.Status, answer)
	}
	return answer, err
}

func (h *host) fail(w http.ResponseWriter, err error) {
	log.Print(err)
	http.Error(w, "no session could be had", http.StatusBadGateway)
}
