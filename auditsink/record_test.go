package auditsink_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
)

func TestLine(t *testing.T) {
	r, err := auditsink.NewRecord(42, []byte(exampleHead+exampleData))
	if err != nil {
		t.Fatal(err)
	}
	// RFC 6962, section 2.1: SHA-256 of a zero byte and the leaf.
	hash := sha256.Sum256([]byte("\x00" + exampleHead + exampleData))
	want := exampleHead + `"sequence":"000000000000000042","leafhash":"` + base64.StdEncoding.EncodeToString(hash[:]) + `",` + exampleData
	if string(r.Line) != want {
		t.Errorf("got\n%s\nwant\n%s", r.Line, want)
	}
	if r.Seq != 42 || r.ID != example().ID || r.Action != auditsink.ActionRevoke || !r.At.Equal(example().At) {
		t.Errorf("%+v", r)
	}
}

func TestNewRecordRefuses(t *testing.T) {
	good := exampleHead + exampleData
	for seq, text := range map[int64]string{
		0: good, -1: good, 1e18: good,
		1: "", 2: "{}", 3: `{"x":1,"data":{}}`, 4: strings.Replace(good, "ai.keloa.", "", 1), 5: good + strings.Repeat(" ", auditsink.MaxCanonical),
	} {
		if _, err := auditsink.NewRecord(seq, []byte(text)); !errors.Is(err, auditsink.ErrMalformed) {
			t.Errorf("sequence %d of %.20q: %v", seq, text, err)
		}
	}
}

func TestParseLineSeesEveryChange(t *testing.T) {
	r, err := auditsink.NewRecord(42, []byte(exampleHead+exampleData))
	if err != nil {
		t.Fatal(err)
	}
	digits := strings.Index(string(r.Line), "000000000000000042")
	for i := range r.Line {
		if digits <= i && i < digits+18 {
			continue // the leaf hash is of the record, not of its place
		}
		for _, change := range []byte{1, 0x20} {
			line := []byte(string(r.Line))
			line[i] ^= change
			if _, err := auditsink.ParseLine(line); !errors.Is(err, auditsink.ErrLeafHash) && !errors.Is(err, auditsink.ErrMalformed) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
		}
		if _, err := auditsink.ParseLine(r.Line[:i]); !errors.Is(err, auditsink.ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	for _, seq := range []string{"+00000000000000042", "-00000000000000042", "00000000000000042 ", "000000000000000000"} {
		line := strings.Replace(string(r.Line), "000000000000000042", seq, 1)
		if _, err := auditsink.ParseLine([]byte(line)); !errors.Is(err, auditsink.ErrMalformed) {
			t.Errorf("sequence %q: %v", seq, err)
		}
	}
}
