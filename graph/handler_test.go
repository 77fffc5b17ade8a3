package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/graph/generated"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

// secret is text that must never be seen again, wherever it is put.
const secret = "keloa_pk_live_0123456789abcdefghijklmnopqrstuv"

// someone is a caller that is not anonymous.
var someone = token.Caller{
	Origin:    token.Origin{RequestID: "req-1"},
	Actor:     auditsink.Actor{Kind: auditsink.System, Name: "test"},
	Abilities: ability.Of(ability.FullAccess),
}

// open is a handler without a domain: what it can answer, it answers from the
// schema. Root fields that need an ability fail with err.
func open(log io.Writer, err error) *Handler {
	return openWith(log, func(context.Context) error { return err })
}

// openWith is open with fields that need an ability failing as fail does.
func openWith(log io.Writer, fail func(context.Context) error) *Handler {
	logger := slog.New(slog.NewTextHandler(log, nil))
	schema := generated.NewExecutableSchema(generated.Config{
		Resolvers: &Resolver{},
		Directives: generated.DirectiveRoot{
			Can: func(ctx context.Context, _ any, _ graphql.Resolver, _ ability.Ability) (any, error) {
				return nil, fail(ctx)
			},
		},
	})
	return &Handler{
		engine: newEngine(schema, logger), log: logger, streams: newStreams(),
		answer: func(_ context.Context, write func() error) error { return write() },
	}
}

// reply is an answer as a client reads it.
type reply struct {
	status int
	header http.Header
	text   string
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string `json:"message"`
		Path       []any  `json:"path"`
		Extensions struct {
			Code, Field, RequestID string
			Ability                ability.Ability
		} `json:"extensions"`
	} `json:"errors"`
}

// code is the code of the first error.
func (r reply) code() Code {
	if len(r.Errors) == 0 {
		return ""
	}
	return Code(r.Errors[0].Extensions.Code)
}

func ask(t *testing.T, h http.Handler, by token.Caller, r *http.Request) reply {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), by)))
	got := reply{status: w.Code, header: w.Header(), text: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("the answer is no JSON: %v: %s", err, got.text)
	}
	return got
}

// post sends a query with its variables.
func post(t *testing.T, h http.Handler, by token.Caller, query string, variables map[string]any) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, h, by, request(string(body), "Accept", mediaGraphQL))
}

// request is a POST with pairs of header names and values.
func request(body string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", mediaJSON)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestRequestsThatAreNotExecuted(t *testing.T) {
	const typename = `{"query":"{__typename}"}`
	method := func(m string) *http.Request { return httptest.NewRequestWithContext(t.Context(), m, "/graphql", nil) }
	get := func(query string) *http.Request {
		r := method(http.MethodGet)
		r.URL.RawQuery = query
		return r
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    Code
	}{
		"PUT":                        {method(http.MethodPut), 405, CodeBadUserInput},
		"OPTIONS":                    {method(http.MethodOptions), 405, CodeBadUserInput},
		"takes neither media type":   {request(typename, "Accept", "text/html"), 406, CodeBadUserInput},
		"another charset asked":      {request(typename, "Accept", "application/json; charset=latin1"), 406, CodeBadUserInput},
		"takes nothing":              {request(typename, "Accept", "*/*;q=0"), 406, CodeBadUserInput},
		"no content type":            {request(typename, "Content-Type", ""), 415, CodeBadUserInput},
		"two content types":          {request(typename, "Content-Type", mediaJSON, "Content-Type", mediaJSON), 415, CodeBadUserInput},
		"a form":                     {request("query={__typename}", "Content-Type", "application/x-www-form-urlencoded"), 415, CodeBadUserInput},
		"plain text":                 {request(typename, "Content-Type", "text/plain"), 415, CodeBadUserInput},
		"another charset":            {request(typename, "Content-Type", "application/json; charset=utf-16"), 415, CodeBadUserInput},
		"the charset twice":          {request(typename, "Content-Type", "application/json; charset=utf-8; charset=utf-16"), 415, CodeBadUserInput},
		"compressed":                 {request(typename, "Content-Encoding", "gzip"), 415, CodeBadUserInput},
		"too long":                   {request(`{"query":"` + strings.Repeat(" ", maxBody) + `"}`), 413, CodeQueryTooComplex},
		"empty":                      {request(""), 400, CodeBadUserInput},
		"no JSON":                    {request(secret), 400, CodeBadUserInput},
		"JSON and more":              {request(typename + secret), 400, CodeBadUserInput},
		"null":                       {request("null"), 400, CodeBadUserInput},
		"a batch":                    {request("[" + typename + "]"), 400, CodeBadUserInput},
		"no UTF-8":                   {request("{\"query\":\"{__typename} #\xff\"}"), 400, CodeBadUserInput},
		"nested without end":         {request(`{"query":"{__typename}","variables":` + strings.Repeat("[", 30_000) + "}"), 400, CodeBadUserInput},
		"another letter case":        {request(`{"Query":"{__typename}"}`), 400, CodeBadUserInput},
		"a query that is no string":  {request(`{"query":{"` + secret + `":1}}`), 400, CodeBadUserInput},
		"a blank query":              {request(`{"query":" "}`), 400, CodeBadUserInput},
		"a name that is no string":   {request(`{"query":"{__typename}","operationName":["` + secret + `"]}`), 400, CodeBadUserInput},
		"variables in a string":      {request(`{"query":"{__typename}","variables":"` + secret + `"}`), 400, CodeBadUserInput},
		"variables in a list":        {request(`{"query":"{__typename}","variables":[]}`), 400, CodeBadUserInput},
		"extensions in a list":       {request(`{"query":"{__typename}","extensions":["` + secret + `"]}`), 400, CodeBadUserInput},
		"GET without a query":        {get(""), 400, CodeBadUserInput},
		"GET with the query twice":   {get("query={__typename}&query={__typename}"), 400, CodeBadUserInput},
		"GET with bad escapes":       {get("query=%zz" + secret), 400, CodeBadUserInput},
		"GET without UTF-8":          {get("query=%ff"), 400, CodeBadUserInput},
		"GET with variables as text": {get("query={__typename}&variables=" + secret), 400, CodeBadUserInput},
		"GET that is too long":       {get("query=" + strings.Repeat("a", maxBody)), 413, CodeQueryTooComplex},
		"GET of a mutation":          {get("query=" + url.QueryEscape(`mutation{__typename}`)), 405, CodeBadUserInput},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			got := ask(t, open(&log, nil), token.Caller{}, c.request)
			if got.status != c.status || got.code() != c.code {
				t.Errorf("got %d %s, want %d %s", got.status, got.text, c.status, c.code)
			}
			if strings.Contains(got.text, "data") {
				t.Errorf("nothing was executed, and yet there is data: %s", got.text)
			}
			if c.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if strings.Contains(got.text+log.String(), secret) {
				t.Errorf("the request is echoed: %s %s", got.text, log.String())
			}
		})
	}
}

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                  mediaJSON,
		"*/*":                               mediaJSON,
		"application/*":                     mediaJSON,
		mediaJSON:                           mediaJSON,
		mediaGraphQL:                        mediaGraphQL,
		mediaGraphQL + ", " + mediaJSON:     mediaGraphQL,
		mediaJSON + ", " + mediaGraphQL:     mediaGraphQL,
		mediaGraphQL + ";q=0.5, */*":        mediaJSON,
		mediaJSON + ";q=0.5, */*":           mediaGraphQL,
		mediaJSON + ";q=0, application/*":   mediaGraphQL,
		"text/html, */*;q=0.1":              mediaJSON,
		"Application/JSON; Charset=UTF-8":   mediaJSON,
		mediaGraphQL + ";q=0, " + mediaJSON: mediaJSON,
		mediaGraphQL + ";q=2, " + mediaJSON: mediaJSON,
		mediaGraphQL + ";q=NaN":             "",
		"garbage/":                          "",
		"text/html":                         "",
		mediaJSON + ";q=0":                  "",
	} {
		got, ok := negotiate(http.Header{"Accept": {accept}})
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

func TestRequestErrorsTakeTheirStatusFromTheMediaType(t *testing.T) {
	h := open(io.Discard, nil)
	for media, want := range map[string]int{mediaJSON: 200, mediaGraphQL: 400} {
		for _, query := range []string{"{", "{nothing}", "query Q($id: ID!) {__typename}"} {
			body, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
			got := ask(t, h, token.Caller{}, request(string(body), "Accept", media))
			if got.status != want || got.code() != CodeBadUserInput || got.Data != nil {
				t.Errorf("%s as %s: got %d %s", query, media, got.status, got.text)
			}
			if !strings.HasPrefix(got.header.Get("Content-Type"), media+";") {
				t.Errorf("asked for %s, got %s", media, got.header.Get("Content-Type"))
			}
		}
	}
}

func TestAnonymousReadsTheSchemaOnly(t *testing.T) {
	h := open(io.Discard, nil)
	for query, allowed := range map[string]bool{
		`{__typename}`:                           true,
		`{__schema {types {name}}}`:              true,
		`{__type(name: "Query") {name}}`:         true,
		`{...A} fragment A on Query{__typename}`: true,
		`mutation {__typename}`:                  true,
		`{abilities {name}}`:                     false,
		`{viewer {__typename}}`:                  false,
		`{__typename ... {abilities {name}}}`:    false,
		`{...A} fragment A on Query{...B} fragment B on Query{abilities {name}}`: false,
		`{abilities @skip(if: true) {name}}`:                                     false,
		`mutation {revokeToken(input: {id: "x"}) {__typename}}`:                  false,
	} {
		got := post(t, h, token.Caller{Origin: token.Origin{RequestID: "req-2"}}, query, nil)
		if allowed {
			if got.status != 200 || len(got.Errors) > 0 {
				t.Errorf("%s: got %d %s", query, got.status, got.text)
			}
			continue
		}
		if got.status != 401 || got.code() != CodeUnauthenticated || got.Data != nil ||
			got.Errors[0].Extensions.RequestID != "req-2" ||
			got.header.Get("WWW-Authenticate") != `Bearer realm="keloa"` {
			t.Errorf("%s: got %d %s %v", query, got.status, got.text, got.header)
		}
	}
}

// TestRevokedMeanwhile withholds an answer from whoever lost the right to it,
// whatever the answer would have been.
func TestRevokedMeanwhile(t *testing.T) {
	h := open(io.Discard, token.ErrUnauthenticated)
	got := post(t, h, someone, `{__typename apiTokens {totalCount}}`, nil)
	if got.status != 401 || got.Data != nil {
		t.Errorf("a field found out: got %d %s", got.status, got.text)
	}
	h.answer = func(context.Context, func() error) error { return token.ErrUnauthenticated }
	for _, query := range []string{`{abilities {name}}`, `{nothing}`} {
		body, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
		r := request(string(body), "Authorization", "Bearer "+secret)
		got := ask(t, h, someone, r)
		if got.status != 401 || got.code() != CodeUnauthenticated || got.Data != nil ||
			got.header.Get("WWW-Authenticate") != `Bearer realm="keloa", error="invalid_token"` {
			t.Errorf("%s: got %d %s", query, got.status, got.text)
		}
	}
	h.answer = func(context.Context, func() error) error { return errors.New("no database: " + secret) }
	if got := post(t, h, someone, `{abilities {name}}`, nil); got.status != 500 || got.code() != CodeInternal {
		t.Errorf("a failed check: got %d %s", got.status, got.text)
	}
	h.answer = func(context.Context, func() error) error { return fmt.Errorf("look: %w", token.ErrUnavailable) }
	got = post(t, h, someone, `{abilities {name}}`, nil)
	if got.status != 503 || got.code() != CodeUnavailable || got.header.Get("Retry-After") != "1" || got.Data != nil {
		t.Errorf("no database: got %d %s", got.status, got.text)
	}
}
