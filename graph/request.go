package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// readRequest reads the parameters of a GraphQL request from a POST or a GET. It
// reports a [Problem] that never quotes the request.
func readRequest(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	var fields map[string]json.RawMessage
	var err error
	if r.Method == http.MethodGet {
		fields, err = readQuery(r.URL.RawQuery)
	} else {
		fields, err = readBody(w, r)
	}
	if err != nil {
		return nil, err
	}
	params, err := readParams(fields)
	if err != nil {
		return nil, err
	}
	params.Headers = r.Header
	return params, nil
}

// readParams reads the parameters of a request from the fields of its JSON.
func readParams(fields map[string]json.RawMessage) (*graphql.RawParams, error) {
	params := &graphql.RawParams{}
	for _, field := range []struct {
		name, kind string
		to         any
	}{
		{"query", "a string", &params.Query},
		{"operationName", "a string", &params.OperationName},
		{"variables", "an object", &params.Variables},
		{"extensions", "an object", &params.Extensions},
	} {
		if err := decode(fields[field.name], field.to); err != nil {
			return nil, badInput(field.name+" must be "+field.kind, field.name)
		}
	}
	if strings.TrimSpace(params.Query) == "" {
		return nil, badInput("query must be there and hold an operation", "query")
	}
	return params, nil
}

// decode reads one parameter; null and absent leave it as it is. Numbers stay
// text, so that none is rounded on its way.
func decode(text json.RawMessage, to any) error {
	if text == nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(to)
}

func readBody(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	if !isJSON(r.Header) {
		return nil, &Problem{
			Code: CodeBadUserInput, Status: http.StatusUnsupportedMediaType,
			Message: "the body must be application/json in UTF-8, not compressed",
		}
	}
	if r.ContentLength > maxBody {
		return nil, tooLong() // without waiting for it
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLong()
	}
	if err != nil {
		return nil, CutShort(err)
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badInput("one request holds one operation: batches are not accepted", "")
	}
	var fields map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &fields) != nil || fields == nil {
		return nil, badInput("the body must be a JSON object in UTF-8", "")
	}
	return fields, nil
}

// CutShort is the problem of a body that could not be read to its end.
func CutShort(err error) *Problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Problem{Code: CodeBadUserInput, Status: http.StatusRequestTimeout, Message: "the body did not arrive in time"}
	}
	return badInput("the body ended too early", "")
}

func tooLong() *Problem {
	p := tooComplex("a request may have at most %d bytes", maxBody)
	p.Status = http.StatusRequestEntityTooLarge
	return p
}

func isJSON(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == mediaJSON && isUTF8(params)
}

// readQuery reads the parameters of a GET: the text of each is what a POST has
// in its body, but for query and operationName, which are not quoted.
func readQuery(raw string) (map[string]json.RawMessage, error) {
	if len(raw) > maxBody {
		return nil, tooLong()
	}
	values, err := url.ParseQuery(raw)
	if err != nil || !utf8.ValidString(strings.Join(values["query"], "")) {
		return nil, badInput("the query string must be application/x-www-form-urlencoded in UTF-8", "")
	}
	fields := map[string]json.RawMessage{}
	for name, texts := range values {
		if len(texts) > 1 {
			return nil, badInput("no parameter may come twice", "")
		}
		switch name {
		case "query", "operationName":
			quoted, err := json.Marshal(texts[0])
			if err != nil {
				return nil, err // cannot be: every string is JSON
			}
			fields[name] = quoted
		case "variables", "extensions":
			if texts[0] != "" {
				fields[name] = json.RawMessage(texts[0])
			}
		}
	}
	return fields, nil
}
