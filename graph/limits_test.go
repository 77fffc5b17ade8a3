package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keloa/apitokens/token"
)

// bomb is a query of n fragments each of which spreads the next twice, which
// amounts to 2^n fields.
func bomb(n int, on, field string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{__schema {types {...F0}}}")
	for i := range n {
		fmt.Fprintf(&b, " fragment F%d on %s {a: %s {...F%d} b: %s {...F%d}}", i, on, field, i+1, field, i+1)
	}
	fmt.Fprintf(&b, " fragment F%d on %s {name}", n, on)
	return b.String()
}

// numbered joins n texts, each made from its number.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func nested(n int, open, middle, closing string) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(closing, n)
}

// TestAttacksAreCheap sends what takes the stock server up to 20 seconds. The
// bound is generous, for a slow machine with the race detector; what is tested
// is that nothing grows without one.
func TestAttacksAreCheap(t *testing.T) {
	const patience = 10 * time.Second
	loop := nested(8, "fields {type {", "name", "}}")
	for name, c := range map[string]struct {
		query string
		code  Code
	}{
		"unknown fields, 40 KB":          {"{" + numbered(8000, "u%d ") + "}", CodeQueryTooComplex},
		"unknown fields within limits":   {"{viewer {actor {" + numbered(900, "u%d ") + "}}}", CodeBadUserInput},
		"a long unknown field":           {"{" + strings.Repeat("u", 60_000) + "}", CodeBadUserInput},
		"nearly a field":                 {"{viewe}", CodeBadUserInput},
		"unknown arguments":              {"{apiTokens(" + numbered(300, "u%d: 1 ") + ") {totalCount}}", CodeBadUserInput},
		"unknown types":                  {"{viewer {" + numbered(150, "... on U%d {id} ") + "}}", CodeBadUserInput},
		"unknown enum values":            {"{apiTokens(filter: {states: [" + numbered(100, "U%d ") + "]}) {totalCount}}", CodeBadUserInput},
		"unknown fragments":              {"{" + numbered(400, "...U%d ") + "}", CodeBadUserInput},
		"unknown directives":             {"{__typename " + numbered(400, "@u%d ") + "}", CodeBadUserInput},
		"repeated fields, 10,000":        {"{" + strings.Repeat("__typename ", 10_000) + "}", CodeQueryTooComplex},
		"repeated fields within tokens":  {"{viewer {" + strings.Repeat("abilities ", 900) + "}}", CodeQueryTooComplex},
		"repeated in inline fragments":   {"{viewer {" + strings.Repeat("... {abilities} ", 200) + "}}", ""},
		"repeated with other arguments":  {"{apiTokens {nodes {id} " + numbered(9, "nodes {id: label u%d: id} ") + "}}", CodeBadUserInput},
		"aliased root fields":            {"{" + numbered(200, "a%d: abilities {name} ") + "}", CodeQueryTooComplex},
		"root fields in fragments":       {"{" + numbered(90, "...F%d ") + "}" + numbered(90, "fragment F%d on Query {abilities {name}}"), CodeQueryTooComplex},
		"aliases":                        {"{viewer {" + numbered(250, "a%d: abilities ") + "}}", CodeQueryTooComplex},
		"a fragment bomb":                {bomb(20, "__Type", "ofType"), CodeQueryTooComplex},
		"a fragment bomb of lists":       {bomb(14, "__Type", "possibleTypes"), CodeQueryTooComplex},
		"a fragment bomb, unknown":       {bomb(30, "Nothing", "nothing"), CodeQueryTooComplex},
		"a fragment bomb, unused":        {strings.Replace(bomb(25, "__Type", "ofType"), "{types {...F0}}", "{__typename}", 1), CodeQueryTooComplex},
		"a ring of fragments":            {"{__schema {types {...A}}} fragment A on __Type {ofType {...B}} fragment B on __Type {ofType {...A}}", CodeBadUserInput},
		"a fragment in itself":           {"{...A} fragment A on Query {...A}", CodeBadUserInput},
		"introspection in a ring":        {"{__schema {types {" + loop + "}}}", CodeQueryTooComplex},
		"introspection many times":       {"{" + numbered(9, "a%d: __schema {types {fields {type {fields {type {fields {name}}}}}}} ") + "}", CodeQueryTooComplex},
		"pages many times":               {"{" + numbered(10, "a%d: apiTokens(first: 100) {...P} ") + "} fragment P on ApiTokenConnection {" + numbered(3, "p%d: nodes {...T} ") + "}" + " fragment T on ApiToken {id label hint mode state abilities mintedBy {kind id name} createdAt expiresAt revokedAt revokedBy {kind id name} revokeReason}", CodeQueryTooComplex},
		"deep selections":                {nested(300, "{a", "{a}", "}"), CodeQueryTooComplex},
		"deep lists":                     {"{apiToken(id: " + nested(450, "[", "1", "]") + ") {id}}", CodeBadUserInput},
		"deep objects":                   {"{apiToken(id: " + nested(240, "{a: ", "1", "}") + ") {id}}", CodeBadUserInput},
		"deep types":                     {"query Q($v: " + nested(450, "[", "Int", "]") + ") {__typename}", CodeBadUserInput},
		"brackets without end":           {strings.Repeat("{a", 30_000), CodeQueryTooComplex},
		"a comment":                      {"{__typename} #" + strings.Repeat("a", 60_000), ""},
		"comments":                       {"{__typename}" + strings.Repeat("#\n", 30_000), CodeQueryTooComplex},
		"many operations":                {numbered(160, "query Q%d {__typename} "), CodeBadUserInput},
		"a long list in the document":    {"{apiTokens(filter: {abilities: [" + strings.Repeat("READ ", 101) + "]}) {totalCount}}", CodeQueryTooComplex},
		"a long list in a default":       {"query Q($a: [Ability!] = [" + strings.Repeat("READ ", 101) + "]) {apiTokens(filter: {abilities: $a}) {totalCount}}", CodeQueryTooComplex},
		"many variables":                 {"query Q(" + numbered(240, "$v%d: Int ") + ") {__typename}", CodeBadUserInput},
		"the same page size by variable": {"query Q($n: Int) {apiTokens(first: $n) {nodes {id}}}", CodeInternal}, // it is executed
	} {
		t.Run(name, func(t *testing.T) {
			h := open(io.Discard, errors.New("executed"))
			start := time.Now()
			got := post(t, h, someone, c.query, nil)
			if took := time.Since(start); took > patience {
				t.Errorf("it took %s", took)
			}
			if got.code() != c.code {
				t.Errorf("got %d %.400s, want %q", got.status, got.text, c.code)
			}
			if strings.Contains(got.text, "Did you mean") {
				t.Errorf("a suggestion: %s", got.text)
			}
			if len(got.Errors) > maxErrors || len(got.text) > 8<<10 {
				t.Errorf("%d errors in %d bytes", len(got.Errors), len(got.text))
			}
		})
	}
}

func TestALongListInAVariable(t *testing.T) {
	query := `query Q($a: [Ability!]) {apiTokens(filter: {abilities: $a}) {totalCount}}`
	for n, want := range map[int]Code{maxList: CodeInternal, maxList + 1: CodeQueryTooComplex, 9000: CodeQueryTooComplex} {
		variables := map[string]any{"a": slices.Repeat([]string{"READ"}, n)}
		if got := post(t, open(io.Discard, errors.New("executed")), someone, query, variables); got.code() != want {
			t.Errorf("%d items: got %s, want %s", n, got.text, want)
		}
	}
}

// TestTheStandardIntrospectionPasses sends what GraphiQL sends.
func TestTheStandardIntrospectionPasses(t *testing.T) {
	got := post(t, open(io.Discard, nil), token.Caller{}, introspection, nil)
	if got.status != 200 || len(got.Errors) > 0 || !strings.Contains(got.text, `"MintTokenPayload"`) {
		t.Errorf("got %d %.400s", got.status, got.text)
	}
	// The cost is an estimate; it must not be far below the truth.
	m := open(io.Discard, nil).engine.documents
	doc, errs := m.load(t.Context(), introspection)
	if errs != nil {
		t.Fatal(errs)
	}
	w := (&meter{schema: m.schema, fragments: doc.Fragments, known: map[string]weight{}}).weigh(doc.Operations[0].SelectionSet, m.schema.Query)
	if answered := strings.Count(got.text, `":`); w.cost < answered {
		t.Errorf("the answer has %d values, its cost is %d", answered, w.cost)
	}
}

// TestTheLargestUsefulQueryPasses asks for everything there is on a full page,
// twice over.
func TestTheLargestUsefulQueryPasses(t *testing.T) {
	const all = `fragment All on ApiToken {id label hint mode state abilities mintedBy {kind id name} createdAt expiresAt revokedAt revokedBy {kind id name} revokeReason}
		query Q($n: Int, $after: Cursor) {
			viewer {actor {kind id name} workspace {id slug name plan tokenCount tokenLimit requestsPerMinute} abilities token {...All}}
			abilities {name title description sparingly}
			apiTokens(first: $n, after: $after) {nodes {...All} edges {cursor node {...All}} pageInfo {hasNextPage endCursor} totalCount}
			auditEntries(first: $n) {nodes {id sequence at actor {kind id name} action outcome targetType targetId targetLabel ip userAgent requestId changes} pageInfo {hasNextPage endCursor}}
		}`
	d := open(io.Discard, nil).engine.documents
	if _, errs := d.load(t.Context(), all); errs != nil {
		t.Error(errs)
	}
}

// TestKeptDocumentsAreBounded weighs some of the largest documents that are kept,
// and reckons what a full cache of them holds.
func TestKeptDocumentsAreBounded(t *testing.T) {
	const some, most = 32, 32 << 20
	d := open(io.Discard, nil).engine.documents
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	for i := range some {
		query := fmt.Sprintf("query Q%d {viewer {", i) + strings.Repeat("... {actor {name id}} ", 100) + "}}"
		query += "#" + strings.Repeat(" ", maxCachedQuery-len(query)-1)
		if _, errs := d.load(t.Context(), query); errs != nil {
			t.Fatal(errs)
		}
		if _, ok := d.kept.Get(t.Context(), query); !ok {
			t.Fatal("the document is not kept")
		}
	}
	if full := (heap() - before) / some * maxCached; full > most {
		t.Errorf("%d documents would hold %d bytes, more than %d", maxCached, full, most)
	}
	long := "{__typename}#" + strings.Repeat(" ", maxCachedQuery)
	if _, errs := d.load(t.Context(), long); errs != nil {
		t.Fatal(errs)
	}
	if _, ok := d.kept.Get(t.Context(), long); ok {
		t.Error("a long document is kept")
	}
}

// TestAnOperationIsStopped lets a field wait for ever, on a clock that the test
// runs on.
func TestAnOperationIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := openWith(io.Discard, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		start := time.Now()
		got := post(t, h, someone, `{apiTokens {totalCount}}`, nil)
		if took := time.Since(start); took != maxDuration || got.code() != CodeQueryTooComplex {
			t.Errorf("after %s: %s", took, got.text)
		}
	})
}

// introspection asks for everything that GraphiQL asks for, types nine deep.
var introspection = `query {__schema {
	description queryType {name kind} mutationType {name kind} subscriptionType {name kind}
	types {kind name description specifiedByURL isOneOf
		fields(includeDeprecated: true) {name description args(includeDeprecated: true) {...In} type {...Ref} isDeprecated deprecationReason}
		inputFields(includeDeprecated: true) {...In}
		interfaces {...Ref}
		enumValues(includeDeprecated: true) {name description isDeprecated deprecationReason}
		possibleTypes {...Ref}
	}
	directives {name description isRepeatable locations args(includeDeprecated: true) {...In}}
}}
fragment In on __InputValue {name description type {...Ref} defaultValue isDeprecated deprecationReason}
fragment Ref on __Type {kind name ` + nested(9, "ofType {kind name ", "", "}") + `}`
