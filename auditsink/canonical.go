package auditsink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxCanonical bounds the canonical form of an event, in bytes.
const MaxCanonical = 64 << 10

const (
	timeLayout   = "2006-01-02T15:04:05.000000Z"
	sourcePrefix = "/workspaces/"
	typePrefix   = "ai.keloa."
	testMode     = "TEST"
	// maxUserAgent is what is kept of a user agent, in bytes: what sends a
	// longer one is not naming itself.
	maxUserAgent = 1 << 10
)

// valueLimits are how many bytes of JSON one changed value may take: the first
// with which the record fits is used.
var valueLimits = [...]int{8 << 10, 1 << 10, 128}

// ErrTooLarge is returned for an event that does not fit even with its changes
// shortened.
var ErrTooLarge = errors.New("audit event is too large")

// envelope is the record in the order of its fields, without sequence and
// leafhash.
type envelope struct {
	SpecVersion string    `json:"specversion"`
	ID          uuid.UUID `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Time        string    `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        data      `json:"data"`
}

type data struct {
	Workspace Workspace         `json:"workspace"`
	Actor     Actor             `json:"actor"`
	Action    string            `json:"action"`
	Outcome   Outcome           `json:"outcome"`
	Target    Target            `json:"target"`
	Mode      string            `json:"mode,omitempty"` // testMode or nothing
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"userAgent,omitempty"`
	RequestID string            `json:"requestId,omitempty"`
	Changes   map[string][2]any `json:"changes,omitempty"`
}

// Canonical returns the event as CloudEvents 1.0 JSON without sequence and
// leafhash, on one line without a newline: the bytes that are stored, hashed
// and never made anew. The same event always gives the same bytes.
//
// Text is made valid UTF-8. A long user agent is cut; so that the whole stays
// within [MaxCanonical], a large value of a change gives way to a note of its
// size.
func (e Event) Canonical() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	for _, text := range []*string{&e.Workspace.Slug, &e.Actor.Name, &e.Target.Type, &e.Target.Label, &e.IP, &e.UserAgent, &e.RequestID} {
		*text = valid(*text) // of e, which is a copy
	}
	out := envelope{
		SpecVersion: "1.0",
		ID:          e.ID,
		Source:      sourcePrefix + e.Workspace.ID.String(),
		Type:        typePrefix + e.Action,
		Time:        e.At.UTC().Format(timeLayout),
		ContentType: "application/json",
		Data: data{
			Workspace: e.Workspace,
			Actor:     e.Actor,
			Action:    e.Action,
			Outcome:   e.Outcome,
			Target:    e.Target,
			IP:        e.IP,
			UserAgent: cut(e.UserAgent, maxUserAgent),
			RequestID: e.RequestID,
		},
	}
	if e.Test {
		out.Data.Mode = testMode
	}
	for _, limit := range valueLimits {
		var err error
		if out.Data.Changes, err = shorten(e.Changes, limit); err != nil {
			return nil, err
		}
		text, err := encode(out)
		if err != nil {
			return nil, err
		}
		if len(text) <= MaxCanonical {
			return text, nil
		}
	}
	return nil, fmt.Errorf("audit event %s: %w", e.ID, ErrTooLarge)
}

// check refuses an event that says too little to be recorded.
func (e Event) check() error {
	switch {
	case e.ID == uuid.Nil, e.At.IsZero(), e.Workspace.ID == uuid.Nil:
		return errors.New("audit event without an id, a time or a workspace")
	case !slices.Contains(actions[:], e.Action):
		return fmt.Errorf("audit event of an unknown action %q", e.Action)
	}
	return nil
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// cut returns at most limit bytes of text, and no half of a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// shorten returns the changes with values of more than limit bytes replaced. It
// goes through them in order, so that keys that differ only in invalid bytes
// always end the same way.
func shorten(changes map[string][2]any, limit int) (map[string][2]any, error) {
	short := make(map[string][2]any, len(changes))
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		var pair [2]any
		for i, value := range changes[key] {
			text, err := encodeValue(value)
			if err != nil {
				return nil, fmt.Errorf("change of %q: %w", key, err)
			}
			pair[i] = json.RawMessage(text)
			if len(text) > limit {
				pair[i] = fmt.Sprintf("(left out: %d bytes)", len(text))
			}
		}
		short[valid(key)] = pair
	}
	return short, nil
}

// encode is JSON without a newline at the end and without the escapes that only
// HTML needs.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode an audit event: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// encodeValue encodes a value whose texts may be invalid. They are encoded
// twice, as the encoder writes an invalid byte otherwise than the character that
// it then reads back.
func encodeValue(value any) ([]byte, error) {
	text, err := encode(value)
	if err != nil || (utf8.Valid(text) && !bytes.Contains(text, []byte(`\ufffd`))) {
		return text, err
	}
	var again any
	if err := decode(text, &again); err != nil {
		return nil, err
	}
	return encode(again)
}

// decode keeps numbers as they are written.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// ParseCanonical reads back what [Event.Canonical] wrote. Numbers among the
// changes come back as [json.Number].
func ParseCanonical(canonical []byte) (Event, error) {
	var in envelope
	if err := decode(canonical, &in); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	at, err := time.Parse(timeLayout, in.Time)
	if err != nil {
		return Event{}, fmt.Errorf("%w: its time is not one", ErrMalformed)
	}
	return Event{
		ID:        in.ID,
		At:        at,
		Workspace: in.Data.Workspace,
		Actor:     in.Data.Actor,
		Action:    in.Data.Action,
		Outcome:   in.Data.Outcome,
		Target:    in.Data.Target,
		Test:      in.Data.Mode == testMode,
		IP:        in.Data.IP,
		UserAgent: in.Data.UserAgent,
		RequestID: in.Data.RequestID,
		Changes:   in.Data.Changes,
	}, nil
}
