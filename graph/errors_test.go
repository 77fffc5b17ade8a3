package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   Code
		status int
	}{
		{token.ErrUnauthenticated, CodeUnauthenticated, http.StatusUnauthorized},
		{token.ErrNotFound, CodeNotFound, http.StatusNotFound},
		{token.ErrUnavailable, CodeUnavailable, http.StatusServiceUnavailable},
		{&token.AuditUnavailableError{Sink: "archive", Reason: "is down"}, CodeAuditUnavailable, http.StatusServiceUnavailable},
		{token.ErrConflict, CodeConflict, http.StatusConflict},
		{&token.ForbiddenError{Ability: ability.Read, Reason: "no"}, CodeForbidden, http.StatusForbidden},
		{&token.LimitError{Plan: "STARTER", Limit: 5}, CodeLimitReached, http.StatusForbidden},
		{&token.InputError{Field: "label", Reason: "no"}, CodeBadUserInput, http.StatusBadRequest},
		{&keyset.ArgumentError{Field: "first", Reason: "no"}, CodeBadUserInput, http.StatusBadRequest},
		{errTooSlow, CodeQueryTooComplex, http.StatusServiceUnavailable},
		{token.ErrExists, CodeInternal, http.StatusInternalServerError}, // no API makes what can exist
		{context.DeadlineExceeded, CodeInternal, http.StatusInternalServerError},
	} {
		got := Explain(fmt.Errorf("do something: %w", c.err))
		if got.Code != c.code || got.Status != c.status {
			t.Errorf("%v: got %s %d, want %s %d", c.err, got.Code, got.Status, c.code, c.status)
		}
	}
}

// TestUnforeseenErrorsSayNothing plants a secret in errors that nobody foresaw.
func TestUnforeseenErrorsSayNothing(t *testing.T) {
	query := `{apiToken(id: "0198c7a4-0000-7000-8000-000000000000") {id}}`
	cause := errors.New("Duplicate entry '" + secret + "' for key")
	var log bytes.Buffer

	got := post(t, open(&log, fmt.Errorf("get token: %w", cause)), someone, query, nil)
	if got.status != 200 || got.code() != CodeInternal || got.Errors[0].Message != "internal error" ||
		got.Errors[0].Extensions.RequestID != "req-1" || fmt.Sprint(got.Errors[0].Path) != "[apiToken]" {
		t.Errorf("got %s", got.text)
	}
	if !strings.Contains(log.String(), "Duplicate entry") {
		t.Errorf("the log does not say why: %s", log.String())
	}
	h := open(&log, nil)
	h.answer = func(context.Context, func() error) error { return cause }
	texts := got.text + post(t, h, someone, query, nil).text + log.String()
	for _, leaked := range []string{secret, secret[14:]} {
		if strings.Contains(texts, leaked) {
			t.Errorf("the secret got out: %s", texts)
		}
	}
}

func TestPanicsSayNothing(t *testing.T) {
	var log bytes.Buffer
	h := openWith(&log, func(context.Context) error { panic(secret) })
	got := post(t, h, someone, `{apiTokens {totalCount}}`, nil)
	if got.status != 200 || got.code() != CodeInternal || string(got.Data) != "null" {
		t.Errorf("in a field: got %d %s", got.status, got.text)
	}
	h.engine.documents = nil // a panic before any field
	before := post(t, h, someone, `{abilities {name}}`, nil)
	if before.status != 500 || before.code() != CodeInternal || before.Data != nil {
		t.Errorf("before any field: got %d %s", before.status, before.text)
	}
	if strings.Contains(got.text+before.text+log.String(), secret) {
		t.Errorf("the secret got out: %s %s", got.text, log.String())
	}
	if strings.Count(log.String(), "stack=") != 2 {
		t.Errorf("want two stacks in the log: %s", log.String())
	}
}

// TestBadInputNamesTheFieldAndQuotesNothing gives secrets where they do not
// belong.
func TestBadInputNamesTheFieldAndQuotesNothing(t *testing.T) {
	const mint = `mutation M($input: MintTokenInput!) {mintToken(input: $input) {secret}}`
	// No list gives out such a cursor, but whoever looks inside can make one.
	beyond := keyset.NewCursor(keyset.Order{Column: "expires_at"}, keyset.Key{Value: time.UnixMicro(math.MaxInt64)}).String()
	input := func(name string, value any) map[string]any {
		in := map[string]any{"label": "l", "abilities": []string{"READ"}}
		in[name] = value
		return map[string]any{"input": in}
	}
	for name, c := range map[string]struct {
		query     string
		variables map[string]any
		field     string
	}{
		"syntax":                    {`{ "` + secret + `" }`, nil, ""},
		"an unknown field":          {`{ ` + secret + ` }`, nil, ""},
		"an unknown argument":       {`{ apiToken(` + secret + `: 1) {id} }`, nil, ""},
		"a literal of another type": {`{ apiTokens(first: "` + secret + `") {totalCount} }`, nil, "first"},
		"a literal enum":            {`{ apiTokens(filter: {states: [` + secret + `]}) {totalCount} }`, nil, "states"},
		"a quoted enum":             {`{ apiTokens(filter: {states: ["ACTIVE"]}) {totalCount} }`, nil, "states"},
		"a default":                 {`query Q($n: Int = "` + secret + `") { apiTokens(first: $n) {totalCount} }`, nil, "n"},
		"a directive":               {`{ __typename @skip(if: "` + secret + `") }`, nil, "if"},
		"a missing input field":     {`{ apiTokens(orderBy: {}) {totalCount} }`, nil, "field"},
		"an unknown literal field":  {`{ apiTokens(filter: {` + secret + `: 1}) {totalCount} }`, nil, "filter"},
		"a variable in a literal":   {`query Q($s: [TokenState!]) { apiTokens(filter: {states: $s}) {totalCount} }`, map[string]any{"s": secret}, "s"},
		"an unknown operation":      {`query Q { __typename } query R { __typename }`, nil, "operationName"},
		"a missing variable":        {mint, nil, "input"},
		"an enum":                   {mint, input("abilities", []string{secret}), "abilities"},
		"an enum in lower case":     {mint, input("abilities", []string{"read"}), "abilities"},
		"a string":                  {mint, input("label", 7), "label"},
		"null":                      {mint, input("label", nil), "label"},
		"an unknown input field":    {mint, input(secret, secret), "input"},
		"a time":                    {mint, input("expiresAt", secret), "expiresAt"},
		"a time before the year 1":  {mint, input("expiresAt", "0001-01-01T00:00:00+01:00"), "expiresAt"},
		"a time after 9999":         {`{ apiTokens(filter: {expiresBefore: "9999-12-31T23:59:59-01:00"}) {totalCount} }`, nil, "expiresBefore"},
		"a cursor after 9999":       {`{ apiTokens(after: "` + beyond + `") {totalCount} }`, nil, "after"},
		"a number for a time":       {mint, input("expiresAt", 17), "expiresAt"},
		"an id":                     {`{ apiToken(id: "` + secret + `") {id} }`, nil, "id"},
		"an id in braces":           {`{ apiToken(id: "{0198c7a4-0000-7000-8000-000000000000}") {id} }`, nil, "id"},
		"a number for an id":        {`{ node(id: 7) {id} }`, nil, "id"},
		"a cursor":                  {`{ apiTokens(after: "` + secret + `") {totalCount} }`, nil, "after"},
		"an id in a filter":         {`{ apiTokens(filter: {mintedBy: "` + secret + `"}) {totalCount} }`, nil, "mintedBy"},
		"text for a number":         {`query Q($n: Int) { apiTokens(first: $n) {totalCount} }`, map[string]any{"n": secret}, "n"},
		"text for an object":        {mint, map[string]any{"input": secret}, "input"},
		"a large number":            {`query Q($n: Int) { apiTokens(first: $n) {totalCount} }`, map[string]any{"n": 1e30}, "n"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			got := post(t, open(&log, errors.New("the field was reached")), someone, c.query, c.variables)
			if got.code() != CodeBadUserInput || got.Errors[0].Extensions.Field != c.field {
				t.Errorf("got %d %s, want the field %q", got.status, got.text, c.field)
			}
			if strings.Contains(got.text+log.String(), secret) {
				t.Errorf("the value is quoted: %s %s", got.text, log.String())
			}
		})
	}
}

// TestWhatEndsAnOperationExplainsItsErrors ends one for lack of time and one
// because its token was revoked.
func TestWhatEndsAnOperationExplainsItsErrors(t *testing.T) {
	for cause, want := range map[error]Code{errTooSlow: CodeQueryTooComplex, token.ErrUnauthenticated: CodeUnauthenticated} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		got := presenter(open(io.Discard, nil).log)(ctx, fmt.Errorf("list tokens: %w", ctx.Err()))
		if got.Extensions["code"] != want {
			t.Errorf("%v: got %v", cause, got)
		}
	}
}
