package auditsink

import (
	"encoding/base64"
	"encoding/json"
	"errors"
)

// Checkpoint is what was signed of the log: that it began with Size records of
// some root. Who holds it can convict a database that was changed since.
type Checkpoint struct {
	Size int64 `json:"size"` // 0 for no checkpoint
	// Note is the signed text (https://c2sp.org/tlog-checkpoint), of several
	// lines.
	Note string `json:"checkpoint"`
}

// CheckpointField is the name that sinks give to a checkpoint beside a record,
// where names are case-insensitive or lower case.
const CheckpointField = "keloa-audit-checkpoint"

// Encoded returns the note in base64, for where there is no place for several
// lines; empty for no checkpoint.
func (c Checkpoint) Encoded() string { return base64.StdEncoding.EncodeToString([]byte(c.Note)) }

// AppendLine appends the checkpoint as a line of JSON.
func (c Checkpoint) AppendLine(to []byte) ([]byte, error) {
	line, err := encode(c)
	return append(append(to, line...), '\n'), err
}

// ParseCheckpoint reads a line that AppendLine wrote. It does not look at the
// signature.
func ParseCheckpoint(line []byte) (Checkpoint, error) {
	var c Checkpoint
	if err := json.Unmarshal(line, &c); err != nil || c.Size < 1 || c.Note == "" {
		return Checkpoint{}, errors.New("not a checkpoint of an audit log")
	}
	return c, nil
}
