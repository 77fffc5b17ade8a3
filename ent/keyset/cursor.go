package keyset

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Cursor is a place in a list. To clients its text is opaque; inside it names
// the list and the column it sorts by, so that a cursor of one order is refused
// in another.
type Cursor struct {
	order string
	key   Key
}

// NewCursor returns the place of a row in an order.
func NewCursor(o Order, k Key) Cursor { return Cursor{o.name(), k} }

func (o Order) name() string { return o.List + "." + o.Column }

// maxCursor bounds the text that is decoded: the longest value is a label key.
const maxCursor = 4096

// What the value of a cursor is.
const (
	tagNil    = 'n'
	tagTime   = 't'
	tagString = 's'
)

// String is the text given to clients: the order, a zero byte, a tag, the id
// and the value, in base64url.
func (c Cursor) String() string {
	raw := append([]byte(c.order), 0)
	switch v := c.key.Value.(type) {
	case time.Time:
		raw = append(append(raw, tagTime), c.key.ID[:]...)
		raw = binary.BigEndian.AppendUint64(raw, uint64(v.UnixMicro()))
	case string:
		raw = append(append(raw, tagString), c.key.ID[:]...)
		raw = append(raw, v...)
	default:
		raw = append(append(raw, tagNil), c.key.ID[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ErrCursor is returned for text that is no cursor.
var ErrCursor = errors.New("not a cursor of this list")

// ParseCursor reads the text of a cursor. Whether it fits a list is known only
// with the list's order: see [Request.Window].
func ParseCursor(text string) (Cursor, error) {
	if len(text) > maxCursor {
		return Cursor{}, ErrCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	order, rest, found := strings.Cut(string(raw), "\x00")
	if !found || len(rest) < 1+len(uuid.UUID{}) {
		return Cursor{}, ErrCursor
	}
	c := Cursor{order: order}
	tag, value := rest[0], rest[1+len(uuid.UUID{}):]
	copy(c.key.ID[:], rest[1:])
	switch {
	case tag == tagNil && value == "":
	case tag == tagTime && len(value) == 8:
		at := time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(value)))).UTC()
		if at.Year() < 1 || at.Year() > 9999 { // MySQL has no other years
			return Cursor{}, ErrCursor
		}
		c.key.Value = at
	case tag == tagString && utf8.ValidString(value):
		c.key.Value = value
	default:
		return Cursor{}, ErrCursor
	}
	if c.String() != text { // base64 passes over line ends
		return Cursor{}, ErrCursor
	}
	return c, nil
}

// place is where the cursor stands in the order; nil for no cursor.
func (c *Cursor) place(field string, o Order) (*Key, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no cursor is no place
	}
	if c.order != o.name() || !o.fits(c.key.Value) {
		return nil, &ArgumentError{field, "is a cursor of another order"}
	}
	return &c.key, nil
}
