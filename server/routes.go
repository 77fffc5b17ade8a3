package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The paths that are named in more than one place.
const (
	homePath             = "/"
	settingsPath         = "/settings/api-tokens"
	settingsAuditLogPath = "/settings/audit-log"
	playgroundPath       = "/playground"
	signInPath           = "/sign-in"
	sessionsPath         = "/sessions"
	graphQLPath          = "/graphql"
	schemaPath           = "/schema.graphql"
	auditLogPath         = "/audit-log.csv"
	revokePath           = "/oauth2/revoke"
	introspectPath       = "/oauth2/introspect"
	whosePath            = "/whose"
	reportPath           = "/secret-scanning/github"
	forwardAuthPath      = "/forward-auth"
)

// anyMethod stands for every method in a set of methods.
const anyMethod = ""

// routes is what a listener serves: by path, then by method. A path is matched
// as it stands. [http.ServeMux] would answer unclean paths with a redirect, and
// what it refuses with plain text.
type routes map[string]methods

type methods map[string]http.HandlerFunc

func (h *handlers) routed(table routes) http.Handler {
	h.metrics.serves(table)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, ok := table[r.URL.Path]
		if !ok {
			h.refuse(w, r, errNoSuchPath)
			return
		}
		handler := known.find(r.Method)
		if handler == nil {
			w.Header().Set("Allow", known.allow())
			h.refuse(w, r, errMethod)
			return
		}
		handler(w, r)
	})
}

// find returns the handler of the method, or nil. A GET answers a HEAD as well:
// net/http leaves out the body.
func (m methods) find(method string) http.HandlerFunc {
	if handler, ok := m[anyMethod]; ok {
		return handler
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return m[method]
}

func (m methods) allow() string {
	names := slices.Sorted(maps.Keys(m))
	if _, ok := m[http.MethodGet]; ok {
		names = append(names, http.MethodHead)
	}
	return strings.Join(names, ", ")
}
