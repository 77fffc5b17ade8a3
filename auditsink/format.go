package auditsink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Format is how a sink receives records. The zero Format is CloudEvents, as in
// [Record].
type Format string

// OCSF is the format of the Open Cybersecurity Schema Framework, version 1.2.0
// (https://schema.ocsf.io/1.2.0): the same events under the names that security
// tools know. A line of it keeps sequence and leaf hash.
const OCSF Format = "ocsf"

const cloudEvents = "cloudevents"

func parseFormat(text string) (Format, error) {
	switch text {
	case cloudEvents:
		return "", nil
	case string(OCSF):
		return OCSF, nil
	}
	return "", errors.New("format must be cloudevents or ocsf")
}

// Record returns the record with the line that a sink of this format receives.
func (f Format) Record(r Record) (Record, error) {
	if f == "" {
		return r, nil
	}
	line, err := ocsfLine(r)
	if err != nil {
		return Record{}, fmt.Errorf("audit record %d as OCSF: %w", r.Seq, err)
	}
	r.Line = line
	return r, nil
}

// batch is the batch as a sink of this format receives it.
func (f Format) batch(b *Batch) (*Batch, error) {
	if f == "" {
		return b, nil
	}
	formatted := *b
	formatted.Records = make([]Record, len(b.Records))
	for i, r := range b.Records {
		var err error
		if formatted.Records[i], err = f.Record(r); err != nil {
			return nil, err
		}
	}
	return &formatted, nil
}

// Stamp is what a line of any format says of its place in the log.
type Stamp struct {
	Seq  int64
	Leaf tlog.Hash // the leaf hash of the record
}

// ParseStamp reads the stamp of a line of any format. In CloudEvents it sees that
// the leaf hash is that of the rest, as [ParseLine] does, with the same errors.
// In OCSF that cannot be seen: only whether the hash is the one that was sealed.
func ParseStamp(line []byte) (Stamp, error) {
	if !bytes.HasPrefix(line, []byte(OCSFPrefix)) {
		r, err := ParseLine(line)
		if err != nil {
			return Stamp{}, err
		}
		return Stamp{r.Seq, r.LeafHash()}, nil
	}
	var event struct {
		Metadata struct {
			Sequence int64 `json:"sequence"`
		} `json:"metadata"`
		Unmapped struct {
			LeafHash string `json:"leafhash"`
		} `json:"unmapped"`
	}
	if len(line) > MaxLine || json.Unmarshal(line, &event) != nil || event.Metadata.Sequence < 1 || event.Metadata.Sequence > maxSequence {
		return Stamp{}, ErrMalformed
	}
	leaf, err := tlog.ParseHash(event.Unmapped.LeafHash)
	if err != nil || leaf.String() != event.Unmapped.LeafHash {
		return Stamp{}, ErrMalformed
	}
	return Stamp{event.Metadata.Sequence, leaf}, nil
}

// BeginsLine reports whether a line of any format may begin with text, or text
// with what such a line begins with.
func BeginsLine(text string) bool {
	for _, prefix := range []string{LinePrefix, OCSFPrefix} {
		n := min(len(prefix), len(text))
		if strings.HasPrefix(prefix, text[:n]) {
			return true
		}
	}
	return false
}
