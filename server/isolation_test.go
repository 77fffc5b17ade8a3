package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/operator"
	"github.com/keloa/apitokens/ent/session"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/ent/workspace"
	"github.com/keloa/apitokens/server/ui"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// question is a request that names what belongs to another workspace, where words
// like <token> stand.
type question struct {
	target, body string
	headers      []string
	varies       bool // the answer is another each time: only its status tells something
}

// questions are what is asked of each route, by its method and path. The fields of
// the schema are walked in package graph.
var questions = map[string][]question{
	"GET /":                         {{target: "?workspace=<slug>"}},
	"GET /settings/api-tokens":      {{target: "?workspace=<slug>&token=<token>&after=<cursor>"}},
	"GET /settings/audit-log":       {{target: "?workspace=<workspace>&entry=<entry>"}},
	"GET /playground":               {{target: "?workspace=<slug>&token=<token>"}},
	"GET /" + ui.Embed:              {{target: "?workspace=<slug>"}},
	"GET " + ui.AssetsPath:          {{target: "?workspace=<slug>"}},
	"GET /sign-in":                  {{target: "?code=<token>"}, {target: "?code=<session>"}, {target: "?reason=<slug>"}, {target: "?workspace=<slug>&operator=<email>"}},
	"GET /sign-in/ways":             {{target: "?workspace=<slug>&operator=<email>"}},
	"GET " + oidcPath:               {{target: "?workspace=<slug>&login_hint=<email>"}},
	"GET " + callbackPath:           {{target: "?state=<session>&code=<token>"}},
	"POST /sign-out":                {{body: "session=<session>&operator=<operator>", headers: []string{asForm}}},
	"POST /switch-workspace":        {{body: "workspace=<slug>", headers: []string{asForm}}, {body: "workspace=<workspace>&return=/<slug>", headers: []string{asForm}}},
	" /graphql":                     graphQLQuestions,
	"GET /schema.graphql":           {{target: "?workspace=<slug>"}},
	"POST /oauth2/revoke":           {{body: "token=<token>", headers: []string{asForm}}, {body: "token=<label>&token_type_hint=<token>", headers: []string{asForm}}},
	"POST /secret-scanning/github":  {{body: `[{"token":"<secret>","type":"keloa","url":"https://github.com/<slug>","source":"commit"}]`, headers: []string{asJSON}}},
	"GET /audit-log.csv":            {{target: "?workspace=<slug>"}, {target: "?workspace=<workspace>&after=<cursor>&token=<token>&actor=<operator>"}},
	"POST /oauth2/introspect":       {{body: "token=<secret>&workspace=<slug>", headers: []string{asForm}}, {body: "token=<token>", headers: []string{asForm}}},
	"POST /whose":                   {{body: "token=<secret>", headers: []string{asForm}}, {body: "token=<token>", headers: []string{asForm}}},
	" /forward-auth":                {{headers: []string{"X-Keloa-Workspace: <slug>", "X-Keloa-Token-Id: <token>", "X-Original-Uri: /<slug>/<token>"}}, {target: "?ability=read&workspace=<slug>"}},
	"POST /sessions":                {{body: `{"workspace":"<slug>","operator":{"id":"<operator>","email":"<email>"},"role":"ADMIN"}`, headers: []string{asJSON}}},
	"GET /healthz":                  {{target: "?workspace=<slug>"}},
	"GET /readyz":                   {{target: "?workspace=<slug>"}},
	"GET /metrics":                  {{target: "?workspace=<slug>", varies: true}},
	"GET /debug/pprof/":             {{target: "?workspace=<slug>", varies: true}},
	"GET /debug/pprof/profile":      {{target: "?seconds=1", varies: true}},
	" /debug/pprof/symbol":          {{target: "?<slug>"}},
	"GET /debug/pprof/trace":        {{target: "?seconds=0.1", varies: true}},
	"GET /debug/pprof/allocs":       {{target: "?debug=1", varies: true}},
	"GET /debug/pprof/block":        {{target: "?debug=1", varies: true}},
	"GET /debug/pprof/goroutine":    {{target: "?debug=1", varies: true}},
	"GET /debug/pprof/heap":         {{target: "?debug=1", varies: true}},
	"GET /debug/pprof/mutex":        {{target: "?debug=1", varies: true}},
	"GET /debug/pprof/threadcreate": {{target: "?debug=1", varies: true}},
}

var graphQLQuestions = []question{
	{target: "?query={apiToken(id:%22<token>%22){label}}"},
	{target: "?query={node(id:%22<entry>%22){id}}"},
	{target: "?query={apiTokens(filter:{mintedBy:%22<operator>%22}){totalCount}}", headers: []string{"X-Keloa-Workspace: <slug>"}},
	{target: "?query={apiTokens(after:%22<cursor>%22){nodes{label}totalCount}}"},
	{body: `{"query":"mutation {revokeToken(input: {id: \"<token>\"}) {token {label}}}"}`, headers: []string{asJSON}},
	{body: `{"query":"mutation {rotateToken(input: {id: \"<token>\"}) {secret}}"}`, headers: []string{asJSON, "Accept: text/event-stream"}},
}

// TestNoRouteShowsAnotherWorkspace walks the tables of both listeners. Each route
// is asked by everything that a stranger may come with, with what belongs to
// another workspace and with what belongs to nobody. The two answers must be the
// same, and cost the database the same, and the other workspace must be as it was.
// A route of which it is not known what to ask fails the test.
func TestNoRouteShowsAnotherWorkspace(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		s := openSiteWith(t, e, "http", func(o *handlerOptions) {
			o.ResourceServers = hostApp
			o.Operators.oidc = newProvider(t).options(oidcClaims) // which does not answer
		})
		k := newStranger(t, s)
		k.countQueries()
		for base, table := range map[string]routes{s.public: s.handlers.publicRoutes(), s.internal: s.handlers.internalRoutes()} {
			for _, path := range slices.Sorted(maps.Keys(table)) {
				for _, method := range slices.Sorted(maps.Keys(table[path])) {
					k.route(t, base, method, path)
				}
			}
		}
		if after := k.state(t); after != k.before {
			t.Errorf("the other workspace was\n%s\nand is\n%s", k.before, after)
		}
	})
}

// stranger asks for what belongs to another workspace.
type stranger struct {
	*site
	ana          token.Caller // the admin of the other workspace
	token        *ent.Token   // of that workspace
	before       string       // what it holds
	secret       string       // of a token of the stranger's own
	theirs, none []string     // the words of a question and what they stand for, in turn
	marks        []string     // of the other workspace, which no answer may hold
	queries      atomic.Int64
}

func newStranger(t *testing.T, s *site) *stranger {
	t.Helper()
	const slug, email, label = "unmistakable", "ana@unmistakable.example", "unmistakable token"
	if _, err := s.Service.CreateWorkspace(t.Context(), slug, "Unmistakable", workspace.PlanSCALE, email); err != nil {
		t.Fatal(err)
	}
	ana := s.SignIn(t, slug, email)
	minted, err := s.Service.Mint(t.Context(), ana, token.MintInput{Label: label, Abilities: []ability.Ability{ability.Read}, Mode: enttoken.ModeLIVE})
	if err != nil {
		t.Fatal(err)
	}
	entry := s.Client().AuditEntry.Query().Where(auditentry.WorkspaceID(ana.Workspace.ID)).FirstIDX(t.Context())
	k := &stranger{site: s, ana: ana, token: minted.Token}
	_, k.secret = s.mint(t, "own", ability.FullAccess)
	beside := *minted.Token
	beside.ID[15] ^= 1 // nobody's, at the same place in a list
	newest := token.Order{}
	ids := func(id func(of uuid.UUID) string) []string {
		return []string{
			"<token>", id(minted.Token.ID), "<entry>", id(entry), "<operator>", id(*ana.Actor.ID), "<session>", id(ana.Session), "<workspace>", id(ana.Workspace.ID),
		}
	}
	k.theirs = append(ids(uuid.UUID.String),
		"<slug>", slug, "<email>", email, "<label>", label, "<cursor>", newest.Cursor(minted.Token).String(), "<secret>", s.keep(*minted.Secret))
	k.none = append(ids(func(uuid.UUID) string { return uuid.Must(uuid.NewV7()).String() }),
		"<slug>", "unpronounced", "<email>", "ana@unpronounced.example", "<label>", "unpronounced token", "<cursor>", newest.Cursor(&beside).String(), "<secret>", s.unknown(t, bearer.Live))
	k.marks = append(k.marks, slug, "Unmistakable", token.Hint(minted.Token))
	for i := 1; i < len(k.theirs); i += 2 {
		k.marks = append(k.marks, k.theirs[i])
	}
	k.before = k.state(t)
	return k
}

// countQueries is to be called before anything asks the database at the same time.
func (k *stranger) countQueries() {
	k.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			k.queries.Add(1)
			return next.Query(ctx, q)
		})
	}))
}

// state is what the other workspace holds.
func (k *stranger) state(t *testing.T) string {
	t.Helper()
	c, id := k.Client(), k.ana.Workspace.ID
	return fmt.Sprint(
		c.Workspace.GetX(t.Context(), id),
		c.Token.Query().Where(enttoken.WorkspaceID(id)).AllX(t.Context()),
		c.Operator.Query().Where(operator.HasWorkspaceWith(workspace.ID(id))).AllX(t.Context()),
		c.Session.Query().Where(session.HasOperatorWith(operator.HasWorkspaceWith(workspace.ID(id)))).AllX(t.Context()),
		c.AuditEntry.Query().Where(auditentry.WorkspaceID(id)).IDsX(t.Context()),
	)
}

// route asks everything of one route.
func (k *stranger) route(t *testing.T, base, method, path string) {
	t.Helper()
	key := method + " " + path
	if strings.HasPrefix(path, ui.AssetsPath) {
		key = method + " " + ui.AssetsPath
	}
	if len(questions[key]) == 0 {
		t.Errorf("nothing is known to ask of %q: add a question that names what belongs to another workspace", key)
	}
	for _, q := range questions[key] {
		asked := method
		if method == anyMethod {
			asked = http.MethodGet
			if q.body != "" {
				asked = http.MethodPost
			}
		}
		ways := []string{"a cookie", "a session", "a token", "nothing"}
		if strings.HasPrefix(path, ui.AssetsPath) || strings.HasPrefix(path, "/debug/") {
			ways = ways[:1] // they do not ask who comes
		}
		for _, way := range ways {
			k.ask(t, base, asked, path, q, way)
		}
	}
}

// ask asks a question twice.
func (k *stranger) ask(t *testing.T, base, method, path string, q question, way string) {
	t.Helper()
	k.Advance(time.Second) // those who guess often are refused
	var answers [2]answer
	var cost [2]int64
	headers := [2][]string{k.credentials(t, way), k.credentials(t, way)}
	for i, words := range [][]string{k.theirs, k.none} {
		fill := strings.NewReplacer(words...).Replace
		all := headers[i]
		for _, h := range q.headers {
			all = append(all, fill(h))
		}
		k.queries.Store(0)
		answers[i] = k.do(t, method, base+path+fill(q.target), fill(q.body), all...)
		cost[i] = k.queries.Load()
	}
	name := fmt.Sprintf("%s %s%s %s with %s", method, path, q.target, q.body, way)
	for _, mark := range k.marks {
		if strings.Contains(answers[1].body+fmt.Sprint(answers[1].header), mark) {
			t.Errorf("%s: the answer holds %q", name, mark)
		}
	}
	if answers[0].status != answers[1].status {
		t.Errorf("%s: %d for what is theirs, %d for what is nobody's", name, answers[0].status, answers[1].status)
	}
	if q.varies {
		return
	}
	if a, b := k.plain(answers[0]), k.plain(answers[1]); a != b {
		t.Errorf("%s tells what is theirs from what is nobody's:\n%s\n%s", name, a, b)
	}
	if cost[0] != cost[1] {
		t.Errorf("%s: %d queries for what is theirs, %d for what is nobody's", name, cost[0], cost[1])
	}
}

// credentials are the headers of a way to come. Each time the session is another.
func (k *stranger) credentials(t *testing.T, way string) []string {
	t.Helper()
	switch way {
	case "a cookie":
		return []string{k.session(t), "Origin: " + k.public}
	case "a session":
		_, secret, _ := strings.Cut(k.session(t), "=")
		return []string{"Authorization: Bearer " + secret}
	case "a token":
		return []string{"Authorization: Bearer " + k.secret}
	}
	return nil
}

var (
	givenID     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	givenSecret = regexp.MustCompile(`keloa_[a-z]+_(live_|test_)?[0-9A-Za-z]{32}`)
)

// plain takes what was asked, and what differs each time, out of an answer.
func (k *stranger) plain(a answer) string {
	header := a.header.Clone()
	for _, name := range []string{"Date", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
		header.Del(name)
	}
	text := fmt.Sprint(header) + a.body
	for _, words := range [][]string{k.theirs, k.none} {
		for i := 0; i < len(words); i += 2 {
			text = strings.ReplaceAll(text, words[i+1], words[i])
		}
	}
	return givenSecret.ReplaceAllString(givenID.ReplaceAllString(text, "<id>"), "<secret>")
}
