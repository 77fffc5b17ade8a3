package keyset_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/ent/keyset"
)

var (
	byID   = keyset.Order{Desc: true}
	byName = keyset.Order{Column: "name", Kind: keyset.Texts}
)

func TestCursorsComeBack(t *testing.T) {
	id := uuid.MustParse("0199c7a4-0000-7000-8000-00000000002a")
	for _, value := range []any{
		nil, "", "a\x00b", strings.Repeat("é", 300),
		time.Date(2026, 11, 23, 9, 12, 44, 120931000, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		c := keyset.NewCursor(byName, keyset.Key{Value: value, ID: id})
		got, err := keyset.ParseCursor(c.String())
		if err != nil || got != c {
			t.Errorf("%v came back as %v, %v", c, got, err)
		}
	}
}

func TestParseCursorRefuses(t *testing.T) {
	id := strings.Repeat("i", 16)
	for name, raw := range map[string]string{
		"nothing":             "",
		"no column":           "n" + id,
		"no id":               "name\x00n",
		"a short id":          "name\x00n" + id[1:],
		"an unknown tag":      "name\x00x" + id,
		"nil with a value":    "name\x00n" + id + "v",
		"a short time":        "name\x00t" + id + "1234567",
		"a time after time":   "name\x00t" + id + "\x7f\xff\xff\xff\xff\xff\xff\xff",
		"text that is not":    "name\x00s" + id + "\xff",
		"what is far too big": "name\x00s" + id + strings.Repeat("v", 4096),
	} {
		text := base64.RawURLEncoding.EncodeToString([]byte(raw))
		if c, err := keyset.ParseCursor(text); !errors.Is(err, keyset.ErrCursor) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	for _, text := range []string{"!", "====", "YQ==", "YR", keyset.NewCursor(byID, keyset.Key{}).String() + "\n"} {
		if c, err := keyset.ParseCursor(text); !errors.Is(err, keyset.ErrCursor) {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
}

func TestWindowChecksArguments(t *testing.T) {
	byIDCursor := keyset.NewCursor(byID, keyset.Key{ID: uuid.New()})
	noText := keyset.NewCursor(byName, keyset.Key{Value: time.Unix(0, 0), ID: uuid.New()})
	for want, r := range map[string]keyset.Request{
		"first: must be 1 to 100":              {First: new(0)},
		"last: must be 1 to 100":               {Last: new(101)},
		"last: cannot be combined with first":  {First: new(1), Last: new(1)},
		"after: is a cursor of another order":  {After: &byIDCursor},
		"before: is a cursor of another order": {Before: &noText},
	} {
		if _, err := r.Window(byName); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if w, err := (keyset.Request{}).Window(byName); err != nil || w.Limit() != keyset.DefaultSize+1 {
		t.Errorf("without arguments: %d, %v", w.Limit(), err)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(keyset.NewCursor(byName, keyset.Key{Value: "a", ID: uuid.New()}).String())
	f.Add(keyset.NewCursor(byID, keyset.Key{ID: uuid.New()}).String())
	f.Add(keyset.NewCursor(byName, keyset.Key{Value: time.Unix(0, 0), ID: uuid.New()}).String())
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := keyset.ParseCursor(text); err == nil && c.String() != text {
			t.Errorf("%q was parsed and came back as %q", text, c)
		}
	})
}
