package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/verdict"
)

// inactive is all that is said of everything that is no active token.
var inactive = []byte(`{"active":false}` + "\n")

// introspect tells a resource server whether a token is good, and for what (RFC
// 7662). An operator's session is not a token, and not active here.
func (h *handlers) introspect(w http.ResponseWriter, r *http.Request) {
	if err := h.checkResourceServer(r); err != nil {
		h.refuse(w, r, err)
		return
	}
	text, err := formToken(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	secret, err := bearer.Parse(text)
	if err != nil {
		sendJSON(w, inactive)
		return
	}
	visit := visitOf(r.Context())
	v, err := h.tokens.Vouch(r.Context(), secret, visit.origin)
	switch {
	case errors.Is(err, token.ErrUnauthenticated):
		sendJSON(w, inactive)
		return
	case err != nil:
		h.refuse(w, r, err)
		return
	}
	visit.token = v.Token
	if h.overLimit(r, v) {
		return
	}
	h.tokens.NoteUse(v.Token, 0, forwardedFrom(r, visit))
	visit.out.vouched(v.Answering, func() { h.sendIntrospection(w, v.Verdict) })
}

// sendIntrospection answers with what the token opens.
func (h *handlers) sendIntrospection(w http.ResponseWriter, v verdict.Verdict) {
	buffer := buffers.Get().(*[]byte)
	*buffer = appendIntrospection((*buffer)[:0], v, h.issuer)
	sendJSON(w, *buffer)
	buffers.Put(buffer)
}

// buffers hold answers while they are made. A label is at most 100 characters:
// they stay small.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, 512)
	return &buffer
}}

// appendIntrospection appends what RFC 7662 has us say of an active token. Times
// are seconds since 1970. The issuer is JSON already.
func appendIntrospection(b []byte, v verdict.Verdict, issuer []byte) []byte {
	b = append(b, `{"active":true,"scope":"`...)
	b = append(b, v.Abilities.Scope()...)
	b = append(b, `","sub":"`...)
	b = appendUUID(b, v.Token)
	b = append(b, `","client_id":`...)
	b = appendJSONText(b, v.Label)
	b = append(b, `,"token_type":"Bearer","iat":`...)
	b = strconv.AppendInt(b, v.IssuedAt.Unix(), 10)
	if !v.ExpiresAt.IsZero() {
		b = append(b, `,"exp":`...)
		b = strconv.AppendInt(b, v.ExpiresAt.Unix(), 10)
	}
	b = append(b, `,"iss":`...)
	b = append(b, issuer...)
	b = append(b, `,"workspace":`...)
	b = appendJSONText(b, v.Slug)
	b = append(b, `,"mode":"`...)
	b = append(b, modeOf(v)...)
	return append(b, "\"}\n"...)
}

// appendJSONText appends text as a JSON string.
func appendJSONText(b []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string can always be written
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// modeOf is the mode as the secret spells it: live or test.
func modeOf(v verdict.Verdict) string {
	if v.Test {
		return "test"
	}
	return "live"
}

// sendJSON answers 200. It leaves body to the caller.
func sendJSON(w http.ResponseWriter, body []byte) {
	header := w.Header()
	header["Content-Type"] = jsonType
	_, _ = w.Write(body) // the client has gone: there is nobody to tell
}

// digest hides how long a credential is from who measures the comparison.
type digest [sha256.Size]byte

// digests are those of all credentials as HTTP Basic sends them: "name:secret"
// in base64, with both as they stand and, where that differs, both encoded as in
// a form, which RFC 6749, section 2.3.1, has OAuth clients do.
func digests(credentials map[string]string) []digest {
	list := make([]digest, 0, 2*len(credentials))
	for name, secret := range credentials {
		plain := name + ":" + secret
		encoded := url.QueryEscape(name) + ":" + url.QueryEscape(secret)
		list = append(list, basicDigest(plain))
		if encoded != plain {
			list = append(list, basicDigest(encoded))
		}
	}
	return list
}

func basicDigest(credentials string) digest {
	return sha256.Sum256([]byte(base64.StdEncoding.EncodeToString([]byte(credentials))))
}

// checkResourceServer reports a [graph.Problem] if the request does not come from
// a resource server. Good credentials are good wherever they come from.
func (h *handlers) checkResourceServer(r *http.Request) error {
	if h.isResourceServer(r.Header) {
		return nil
	}
	if err := h.mayTry(r, bearer.Secret{}); err != nil {
		return err
	}
	if r.Header["Authorization"] != nil {
		h.guesses.failed.Fail(guesser(r))
	}
	return errResourceServer
}

// isResourceServer reports whether the request has the credentials of one, if
// any are configured. It compares with all of them, so that the time it takes
// tells nothing.
func (h *handlers) isResourceServer(header http.Header) bool {
	if len(h.resourceServers) == 0 {
		return true
	}
	values := header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, credentials, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return false
	}
	given := digest(sha256.Sum256([]byte(credentials)))
	match := 0
	for _, known := range h.resourceServers {
		match |= subtle.ConstantTimeCompare(given[:], known[:])
	}
	return match == 1
}
