package graph

import (
	"cmp"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The two media types of an answer. They differ in the status of a request that
// could not be executed: the older one, application/json, answers 200, because
// clients of that time took anything else for a broken network.
const (
	mediaJSON    = "application/json"
	mediaGraphQL = "application/graphql-response+json"
)

// mediaStream is the media type of an answer that goes on.
const mediaStream = "text/event-stream"

// takesStream reports whether the client names the media type of a stream among
// those it accepts. Wildcards do not mean it.
func takesStream(h http.Header) bool {
	wanted := prefer(strings.Split(strings.Join(h.Values("Accept"), ","), ","), mediaStream)
	return wanted.exact && wanted.q > 0
}

// preference is how much a client wants a media type.
type preference struct {
	q     float64
	exact bool // named in full, not by a wildcard
}

// negotiate picks the media type of the answer from the Accept headers (RFC
// 9110, section 12.5.1). Without any, and where the client does not care, it is
// application/json, as GraphQL over HTTP asks of servers. It reports false if
// the client takes neither.
func negotiate(h http.Header) (media string, ok bool) {
	ranges := strings.Split(strings.Join(h.Values("Accept"), ","), ",")
	if strings.TrimSpace(strings.Join(ranges, "")) == "" {
		return mediaJSON, true
	}
	older, newer := prefer(ranges, mediaJSON), prefer(ranges, mediaGraphQL)
	switch {
	case newer.q > older.q, newer.q > 0 && newer.q == older.q && newer.exact:
		return mediaGraphQL, true
	case older.q > 0:
		return mediaJSON, true
	}
	return "", false
}

// prefer finds the most specific of the ranges that covers the media type.
// Ranges that cannot be read, or that ask for a charset but UTF-8, cover
// nothing.
func prefer(ranges []string, media string) preference {
	var found preference
	best := 0
	for _, text := range ranges {
		name, params, err := mime.ParseMediaType(text)
		if err != nil || !isUTF8(params) {
			continue
		}
		q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			continue
		}
		specific := map[string]int{"*/*": 1, "application/*": 2, media: 3}[name]
		if specific > best {
			best, found = specific, preference{q, specific == 3}
		}
	}
	return found
}

func isUTF8(params map[string]string) bool {
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
