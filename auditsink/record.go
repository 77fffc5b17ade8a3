package auditsink

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// sequenceDigits is how many digits a sequence is written with, so that
	// text sorts as numbers do.
	sequenceDigits = 18
	maxSequence    = 999_999_999_999_999_999
	hashLen        = 44 // a SHA-256 in padded base64

	beforeSource   = `,"source":"` + sourcePrefix
	beforeAction   = `,"type":"` + typePrefix
	beforeTime     = `,"time":"`
	afterTime      = `,"datacontenttype":"application/json"`
	beforeSequence = `,"sequence":"`
	beforeHash     = `","leafhash":"`
	afterHash      = `"`
	beforeData     = `,"data":`

	stampLen = len(beforeSequence) + sequenceDigits + len(beforeHash) + hashLen + len(afterHash)
)

// MaxLine bounds the line of a record in every format, in bytes: other formats
// have longer names for the same.
const MaxLine = MaxCanonical + 4<<10

// LinePrefix is what every line begins with.
const LinePrefix = `{"specversion":"1.0","id":"`

var (
	// ErrMalformed is returned for text that is not an audit record.
	ErrMalformed = errors.New("not an audit record")
	// ErrLeafHash is returned for a record that was changed after it was
	// sealed.
	ErrLeafHash = errors.New("the leaf hash does not match the audit record")
)

// Record is an event in its place in the log.
type Record struct {
	Seq    int64 // counts from 1 without a gap
	ID     uuid.UUID
	At     time.Time // when it happened, in UTC
	Action string
	// Line is the record as every destination receives it: the canonical
	// bytes with sequence and leafhash just before data, on one line without
	// a newline. It is shared and must not be changed.
	Line []byte
	// Checkpoint is a signed checkpoint over records up to this one at most,
	// which a relay gives to the last record of a batch now and then. A sink
	// that has a place for it beside the record keeps it there.
	Checkpoint Checkpoint
}

// NewRecord gives canonical bytes their place in the log. The leaf hash is that
// of RFC 6962, section 2.1, over the canonical bytes.
func NewRecord(seq int64, canonical []byte) (Record, error) {
	return stamped(seq, canonical, tlog.RecordHash(canonical))
}

func stamped(seq int64, canonical []byte, hash tlog.Hash) (Record, error) {
	at := dataAt(canonical)
	if at < 0 || len(canonical) > MaxCanonical || seq < 1 || seq > maxSequence || !endsWithData(canonical[at+len(beforeData):]) {
		return Record{}, ErrMalformed
	}
	r := Record{Seq: seq}
	if _, err := r.readHead(canonical[:at]); err != nil {
		return Record{}, err
	}
	r.Line = make([]byte, 0, len(canonical)+stampLen)
	r.Line = append(r.Line, canonical[:at]...)
	r.Line = appendStamp(r.Line, seq, hash)
	r.Line = append(r.Line, canonical[at:]...)
	return r, nil
}

func appendStamp(to []byte, seq int64, hash tlog.Hash) []byte {
	digits := strconv.AppendInt(nil, seq, 10)
	to = append(to, beforeSequence...)
	to = append(to, "000000000000000000"[len(digits):]...)
	to = append(append(to, digits...), beforeHash...)
	return append(base64.StdEncoding.AppendEncode(to, hash[:]), afterHash...)
}

// dataAt is where the data of a record begins. In front of it are only fields
// of text, and in JSON text a quotation mark is always escaped, so the first
// place that looks like it is it. Negative for none.
func dataAt(text []byte) int { return bytes.Index(text, []byte(beforeData)) }

// endsWithData reports whether what follows "data": is one object and the end of the
// record, on one line: to a destination more would be another record, or another
// sequence of this one.
func endsWithData(rest []byte) bool {
	data, ended := bytes.CutSuffix(rest, []byte("}"))
	return ended && bytes.HasPrefix(data, []byte("{")) && json.Valid(data) && utf8.Valid(data) && !bytes.ContainsAny(data, "\n\r")
}

// readHead reads what comes before the data, by where [Event.Canonical] has put it:
// a relay that catches up does this to millions of records. It returns the id of
// the workspace.
func (r *Record) readHead(head []byte) (workspace uuid.UUID, err error) {
	id, rest, found := cutText(head, LinePrefix)
	of, rest, within := cutText(rest, beforeSource)
	action, rest, typed := cutText(rest, beforeAction)
	moment, rest, timed := cutText(rest, beforeTime)
	if !found || !within || !typed || !timed || string(rest) != afterTime || bytes.ContainsFunc(action, notInAction) {
		return uuid.Nil, ErrMalformed
	}
	if r.ID, err = parseID(id); err != nil {
		return uuid.Nil, err
	}
	if r.At, err = time.Parse(timeLayout, string(moment)); err != nil {
		return uuid.Nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.Action = string(action)
	return parseID(of)
}

// notInAction is what would have to be escaped in JSON, and all that is not ASCII.
func notInAction(c rune) bool { return c < ' ' || c > '~' || c == '\\' }

// parseID reads an id in the only form that it is written in.
func parseID(text []byte) (uuid.UUID, error) {
	const length = 36 // with hyphens and nothing around it
	if len(text) != length {
		return uuid.Nil, ErrMalformed
	}
	id, err := uuid.ParseBytes(text)
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return id, nil
}

// cutText returns the text behind a prefix, up to its quotation mark, and what
// follows that.
func cutText(from []byte, prefix string) (text, rest []byte, ok bool) {
	if len(from) < len(prefix) || string(from[:len(prefix)]) != prefix {
		return nil, nil, false
	}
	return bytes.Cut(from[len(prefix):], []byte(`"`))
}

// ParseLine reads the line of a record, without its newline, and sees that the
// leaf hash is that of the rest. The record keeps line.
//
// A stub's is that of the record that it stands for.
//
// It reports [ErrMalformed] for what is not a line of a record, as is the
// beginning of one that some destinations keep of a sender that was killed in the
// middle of it, and [ErrLeafHash] for one that was changed.
func ParseLine(line []byte) (Record, error) {
	at := dataAt(line)
	if at < stampLen || len(line) > MaxLine || !bytes.HasPrefix(line, []byte(LinePrefix)) {
		return Record{}, ErrMalformed
	}
	seq, hash, err := parseStamp(string(line[at-stampLen : at]))
	if err != nil {
		return Record{}, err
	}
	r := Record{Seq: seq, Line: line}
	same := tlog.RecordHash(r.Canonical()) == hash
	_, err = r.readHead(line[:at-stampLen])
	switch {
	case same, err == nil && r.IsStub():
		return r, err
	case !json.Valid(line):
		return Record{}, ErrMalformed
	}
	return Record{}, ErrLeafHash
}

// Stub returns what stands in a sink for this record, which the sink refused: an
// event of its own, of no text that a client chose, with the sequence and the
// leaf hash of the record, whose id is that of its target.
func (r Record) Stub() (Record, error) {
	workspace, err := new(Record).readHead(r.Line[:dataAt(r.Line)-stampLen])
	if err != nil {
		return Record{}, err
	}
	return stub(r.Seq, r.LeafHash(), Event{ID: r.ID, At: r.At, Workspace: Workspace{ID: workspace}, Action: r.Action})
}

// Unreadable returns what stands in every sink for bytes of the log that are not a
// record: a stub as [Record.Stub] has it, with their leaf hash. Of what they should
// have been, of says the ID, At, Workspace.ID and Action.
func Unreadable(seq int64, found []byte, of Event) (Record, error) {
	return stub(seq, tlog.RecordHash(found), of)
}

func stub(seq int64, leaf tlog.Hash, of Event) (Record, error) {
	canonical, err := StubEvent(of).Canonical()
	if err != nil {
		return Record{}, err
	}
	return stamped(seq, canonical, leaf)
}

// StubEvent is the event of a stub, of which [Unreadable] says what it stands for.
func StubEvent(of Event) Event {
	return Event{
		ID:        uuid.NewSHA1(of.ID, []byte(ActionStub)),
		At:        of.At,
		Workspace: Workspace{ID: of.Workspace.ID},
		Actor:     Actor{Kind: System, Name: "audit log"},
		Action:    ActionStub,
		Outcome:   Refused,
		Target:    Target{Type: "AuditEntry", ID: &of.ID},
		Changes:   map[string][2]any{"action": {nil, of.Action}},
	}
}

// Event returns what the record says or, where only its head can be read any more,
// what its stub does.
func (r Record) Event() (Event, error) {
	e, err := ParseCanonical(r.Canonical())
	if err == nil {
		return e, nil
	}
	stub, unnamed := r.Stub()
	if unnamed != nil {
		return Event{}, err
	}
	return ParseCanonical(stub.Canonical())
}

// IsStub reports whether the record is a stub: what it says is in the log under
// its sequence and its leaf hash.
func (r Record) IsStub() bool { return r.Action == ActionStub }

// LeafHash returns the leaf hash that the line says.
func (r Record) LeafHash() tlog.Hash {
	at := dataAt(r.Line)
	_, hash, _ := parseStamp(string(r.Line[at-stampLen : at])) // NewRecord wrote it, or ParseLine has read it
	return hash
}

// parseStamp reads sequence and leafhash at their fixed offsets.
func parseStamp(stamp string) (int64, tlog.Hash, error) {
	rest, ok := strings.CutPrefix(stamp, beforeSequence)
	digits, rest := rest[:min(len(rest), sequenceDigits)], rest[min(len(rest), sequenceDigits):]
	seq, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil || seq == 0 || !strings.HasPrefix(rest, beforeHash) || !strings.HasSuffix(rest, afterHash) {
		return 0, tlog.Hash{}, ErrMalformed
	}
	text := rest[len(beforeHash) : len(rest)-len(afterHash)]
	hash, err := tlog.ParseHash(text)
	if err != nil || hash.String() != text {
		return 0, tlog.Hash{}, ErrMalformed
	}
	return int64(seq), hash, nil
}

// Canonical returns the canonical bytes again: the line without sequence and
// leafhash.
func (r Record) Canonical() []byte {
	at := dataAt(r.Line)
	canonical := make([]byte, 0, len(r.Line)-stampLen)
	canonical = append(canonical, r.Line[:at-stampLen]...)
	return append(canonical, r.Line[at:]...)
}

// AppendLines appends the line of each record and a newline after it.
func AppendLines(to []byte, records []Record) []byte {
	size := len(records)
	for _, r := range records {
		size += len(r.Line)
	}
	to = slices.Grow(to, size)
	for _, r := range records {
		to = append(append(to, r.Line...), '\n')
	}
	return to
}
