package main

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/keloa/apitokens/graph"
)

const (
	// maxForm is how many bytes the form of an OAuth endpoint may have.
	maxForm = 4 << 10
	// maxParameters is how many parameters a form or a query may have.
	maxParameters = 16

	formType = "application/x-www-form-urlencoded"
)

var (
	errFormType = badRequest(http.StatusUnsupportedMediaType, "the body must be "+formType)
	errForm     = badRequest(http.StatusBadRequest, "the body must be "+formType)
	errTwice    = badRequest(http.StatusBadRequest, "no parameter may come twice")
	errNoToken  = badRequest(http.StatusBadRequest, "the form must have the parameter token")
	errTooLarge = badRequest(http.StatusRequestEntityTooLarge, "the body is too large")
)

// formToken reads the token parameter of an OAuth form. A parameter that comes
// twice is refused and one that is not known is ignored, token_type_hint among
// them, as RFC 6749, section 3.2, has it.
func formToken(w http.ResponseWriter, r *http.Request) (string, error) {
	form, err := readParameters(w, r)
	if err != nil {
		return "", err
	}
	text, _ := form.get("token")
	if text == "" {
		return "", errNoToken
	}
	return text, nil
}

// readParameters reads a form.
func readParameters(w http.ResponseWriter, r *http.Request) (form parameters, err error) {
	if !isForm(r.Header.Get("Content-Type")) {
		return form, errFormType
	}
	body, err := readForm(w, r)
	if err == nil {
		err = form.parse(body)
	}
	return form, err
}

func isForm(contentType string) bool {
	if contentType == formType {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == formType
}

// readForm reads the body. Its length is usually announced, and then the body
// is read in one piece of that size.
func readForm(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength > maxForm {
		return "", errTooLarge
	}
	if whole, ok := r.Body.(*wireBody); ok {
		return whole.text, nil
	}
	var body strings.Builder
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength))
	}
	var chunk [512]byte
	from := http.MaxBytesReader(w, r.Body, maxForm)
	for {
		n, err := from.Read(chunk[:])
		body.Write(chunk[:n])
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return body.String(), nil
		default:
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return "", errTooLarge
			}
			return "", graph.CutShort(err)
		}
	}
}

// parameters are those of a form or a query, in the order they came. It takes
// the place of [url.Values] where that would cost more than the rest of the
// request.
type parameters struct {
	n     int
	pairs [maxParameters]struct{ name, value string }
}

// parse reads text into p. It is strict: no parameter comes twice, and what is
// not encoded properly is refused.
func (p *parameters) parse(text string) error {
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(pair, ";") || p.n == len(p.pairs) {
			return errForm
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return errForm
		}
		if _, twice := p.get(name); twice {
			return errTwice
		}
		p.pairs[p.n].name, p.pairs[p.n].value = name, value
		p.n++
	}
	return nil
}

func (p *parameters) get(name string) (value string, ok bool) {
	for _, pair := range p.pairs[:p.n] {
		if pair.name == name {
			return pair.value, true
		}
	}
	return "", false
}
