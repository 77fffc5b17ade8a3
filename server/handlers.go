package main

import (
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/graph"
	"github.com/keloa/apitokens/server/identity"
	"github.com/keloa/apitokens/server/ui"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ratelimit"
)

// handlerOptions are what the handlers stand on. All but ResourceServers, Scanning
// and Now are needed.
type handlerOptions struct {
	Tokens   *token.Service
	Database *database.DB
	Journal  *journal.Journal
	// Relayed says what the relays of this server have done, by the names of
	// their sinks; nil where there are none.
	Relayed func() map[string]auditsink.Stats
	Logger  *slog.Logger
	// PublicURL is the origin users see: a scheme and a host, nothing else.
	PublicURL *url.URL
	// ResourceServers may introspect: a secret by name. If there is none,
	// introspection asks for no credentials.
	ResourceServers map[string]string
	// Operators says how operators may sign in, besides by a one-time link.
	Operators operatorConfig
	// Scanning are the keys that reports of found secrets are signed with. If
	// there is none, no reports are taken.
	Scanning scanningKeys
	// Now is the clock that failed authentications are counted on; nil for
	// the system's.
	Now func() time.Time
}

// handlers serves both listeners.
type handlers struct {
	tokens          *token.Service
	database        *database.DB
	log             *slog.Logger
	publicOrigin    string
	ownOrigins      []string // publicOrigin, and its other names on this machine
	issuer          []byte   // publicOrigin in JSON
	cookieName      string
	flowName        string             // of the cookie of a sign-in by OpenID Connect
	provider        *identity.Provider // nil for none
	jwt             *identity.Issuer   // nil for none
	allowedOrigins  []string
	secureCookie    bool
	crossOrigin     *http.CrossOriginProtection
	resourceServers []digest
	graphql         *graph.Handler
	pages           ui.Files
	metrics         *metrics
	guesses         guesses
	scanning        atomic.Pointer[scanningKeys]
	// What is logged of the answers that come in floods, and of refusals.
	answers, refusals sampler
}

// newHandlers returns the handlers of both listeners. It panics if PublicURL is
// not an origin, which the configuration has seen to, and if the pages are not
// built.
func newHandlers(o handlerOptions) *handlers {
	pages, err := ui.Open()
	if err != nil {
		panic(err)
	}
	h := &handlers{
		pages:           pages,
		tokens:          o.Tokens,
		database:        o.Database,
		log:             o.Logger,
		publicOrigin:    originText(o.PublicURL),
		ownOrigins:      ownOrigins(o.PublicURL),
		cookieName:      "keloa_session",
		flowName:        "keloa_oidc",
		allowedOrigins:  o.Operators.allowedOrigins,
		secureCookie:    o.PublicURL.Scheme == "https",
		crossOrigin:     http.NewCrossOriginProtection(),
		resourceServers: digests(o.ResourceServers),
		answers:         sampler{limit: loggedAnswers},
		refusals:        sampler{limit: loggedRefusals},
		metrics:         newMetrics(o),
		guesses:         guesses{failed: ratelimit.NewAddresses(o.Now)},
	}
	h.scanning.Store(&o.Scanning)
	h.graphql = graph.NewHandler(graph.Options{
		Tokens:       o.Tokens,
		Logger:       o.Logger,
		Answer:       release(o.Tokens),
		Authenticate: h.socketCaller,
	})
	h.metrics.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "keloa_streams", Help: "WebSockets and event streams that are open."},
		func() float64 { return float64(h.graphql.Streams()) },
	))
	h.issuer = appendJSONText(nil, h.publicOrigin)
	if h.secureCookie {
		// The prefix has browsers refuse a cookie that another host or
		// plain HTTP set under this name.
		h.cookieName, h.flowName = "__Host-keloa_session", "__Host-keloa_oidc"
	}
	h.trust(o.Operators)
	for _, origin := range h.ownOrigins {
		if err := h.crossOrigin.AddTrustedOrigin(origin); err != nil {
			panic(err)
		}
	}
	return h
}

// trust sets up whose word for who somebody is counts.
func (h *handlers) trust(o operatorConfig) {
	if o.oidc != nil {
		provider := *o.oidc
		provider.RedirectURL, provider.Now = h.publicOrigin+callbackPath, h.tokens.Now
		h.provider = identity.NewProvider(provider)
	}
	if o.jwt != nil {
		issuer := *o.jwt
		issuer.Now = h.tokens.Now
		h.jwt = identity.NewIssuer(issuer)
	}
}

// ownOrigins are the origins of our own pages: the public one and, where that is
// on this machine, those under the machine's other names for itself.
func ownOrigins(public *url.URL) []string {
	origins := []string{originText(public)}
	if !onThisMachine(public) {
		return origins
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		alias := *public
		alias.Host = host
		if port := public.Port(); port != "" {
			alias.Host += ":" + port
		}
		if origin := originText(&alias); !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}

// originText is the origin of u as browsers write it (RFC 6454, section 6.2): in
// lower case, without the scheme's own port.
func originText(u *url.URL) string {
	host := u.Host
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(u.Scheme + "://" + host)
}

// public serves the public listener.
func (h *handlers) public() http.Handler {
	return h.observed(h.withoutSecretsInURL(h.routed(h.publicRoutes()), signInPath), forBrowsers)
}

func (h *handlers) publicRoutes() routes {
	schema := newSchemaFile()
	settings := h.pages[ui.Settings].ServeHTTP
	table := routes{
		homePath:             {http.MethodGet: h.home},
		settingsPath:         {http.MethodGet: settings},
		settingsAuditLogPath: {http.MethodGet: settings},
		playgroundPath:       {http.MethodGet: h.pages[ui.Playground].ServeHTTP},
		"/" + ui.Embed:       {http.MethodGet: h.pages[ui.Embed].ServeHTTP},
		signInPath:           {http.MethodGet: h.signIn},
		signInPath + "/ways": {http.MethodGet: h.ways},
		"/sign-out":          {http.MethodPost: h.signOut},
		"/switch-workspace":  {http.MethodPost: h.switchWorkspace},
		graphQLPath:          {anyMethod: h.graphQL},
		schemaPath:           {http.MethodGet: schema.serve},
		revokePath:           {http.MethodPost: h.revoke},
		reportPath:           {http.MethodPost: h.receiveReport},
		auditLogPath:         {http.MethodGet: h.auditLog},
	}
	if h.provider != nil {
		table[oidcPath] = methods{http.MethodGet: h.beginOIDC}
		table[callbackPath] = methods{http.MethodGet: h.finishOIDC}
	}
	for path, file := range h.pages {
		if strings.HasPrefix(path, ui.AssetsPath) {
			table[path] = methods{http.MethodGet: file.ServeHTTP}
		}
	}
	return table
}

// internal serves the internal listener: for services beside this one, never for
// the internet.
func (h *handlers) internal() http.Handler {
	return h.observed(h.withoutSecretsInURL(h.routed(h.internalRoutes()), ""), forServices)
}

func (h *handlers) internalRoutes() routes {
	table := profiles()
	maps.Copy(table, routes{
		introspectPath:  {http.MethodPost: h.introspect},
		whosePath:       {http.MethodPost: h.whose},
		forwardAuthPath: {anyMethod: h.forwardAuth},
		sessionsPath:    {http.MethodPost: h.newHostSession},
		"/healthz":      {http.MethodGet: h.alive},
		"/readyz":       {http.MethodGet: h.ready},
		"/metrics":      {http.MethodGet: h.metrics.handler(h.log)},
	})
	return table
}
