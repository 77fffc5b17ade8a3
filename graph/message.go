package graph

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// subprotocol is the only one that is spoken over WebSockets.
const subprotocol = "graphql-transport-ws"

// The codes that graphql-transport-ws closes with.
const (
	closeBadRequest    websocket.StatusCode = 4400
	closeUnauthorized  websocket.StatusCode = 4401
	closeForbidden     websocket.StatusCode = 4403
	closeSubprotocol   websocket.StatusCode = 4406
	closeInitTimeout   websocket.StatusCode = 4408
	closeDuplicate     websocket.StatusCode = 4409
	closeTooManyInit   websocket.StatusCode = 4429
	reasonUnauthorized                      = "Unauthorized"
)

// The types of messages.
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// message is one that is sent.
type message struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Payload any    `json:"payload,omitempty"`
}

// received is one that came.
type received struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// parseMessage reports false for what is no message.
func parseMessage(text []byte) (m received, ok bool) {
	if !utf8.Valid(text) || json.Unmarshal(text, &m) != nil {
		return m, false
	}
	needsID := m.Type == typeSubscribe || m.Type == typeComplete
	return m, (m.ID != "") == needsID && len(m.ID) <= maxOperationID
}

// authorization is the header that a browser's socket sends in its first
// message, since it cannot set one; empty if there is none.
func authorization(payload json.RawMessage) (string, error) {
	var fields map[string]json.RawMessage
	if err := decode(payload, &fields); err != nil {
		return "", err
	}
	for name, value := range fields {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		var header string
		err := decode(value, &header)
		return header, err
	}
	return "", nil
}

// IsSocket reports whether a request asks for a WebSocket.
func IsSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && hasWord(r.Header, "Upgrade", "websocket")
}

// checkHandshake reports a [Problem] where RFC 6455, section 4.2.1, is not kept
// to.
func checkHandshake(r *http.Request) error {
	keys := r.Header.Values("Sec-WebSocket-Key")
	if !r.ProtoAtLeast(1, 1) || !hasWord(r.Header, "Connection", "Upgrade") || len(keys) != 1 ||
		r.Header.Get("Sec-WebSocket-Version") != "13" {
		return errHandshake
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return errHandshake
	}
	return nil
}

var errHandshake = badInput("the WebSocket handshake is not that of RFC 6455, version 13", "")

// hasWord reports whether a header that is a list has the word.
func hasWord(h http.Header, name, word string) bool {
	for text := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(text), word) {
			return true
		}
	}
	return false
}

// closing is how a socket is closed for that cause.
func closing(cause error) (websocket.StatusCode, string) {
	switch p := Explain(cause); {
	case errors.Is(cause, errStopping):
		return websocket.StatusGoingAway, p.Message
	case p.Code == CodeUnauthenticated:
		return closeUnauthorized, reasonUnauthorized
	case p.Status == http.StatusForbidden:
		return closeForbidden, "Forbidden"
	case p.Code == CodeRateLimited, p.Code == CodeUnavailable:
		return websocket.StatusTryAgainLater, p.Message
	}
	return websocket.StatusInternalError, "internal error"
}
