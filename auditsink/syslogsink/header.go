package syslogsink

import (
	"fmt"
	"strings"

	"github.com/keloa/apitokens/auditsink"
)

const (
	// priority is facility 13, log audit, and severity 6, informational.
	priority = 13*8 + 6
	appName  = "keloa-tokens"
	// dataID names our structured data. 32473 is the enterprise number that
	// is reserved for who has none (RFC 5612).
	dataID     = "keloa@32473"
	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// header is what stands before a record and is the same for all: the name of
// this host.
type header struct {
	host string
}

// newHeader takes what [os.Hostname] returns. What is no name for RFC 5424 is
// left out.
func newHeader(host string, err error) header {
	unprintable := func(c rune) bool { return c < '!' || c > '~' }
	if err != nil || host == "" || len(host) > 255 || strings.ContainsFunc(host, unprintable) {
		host = "-"
	}
	return header{host}
}

// append appends the message of a record. Its text is the line of the record,
// without the byte order mark that RFC 5424 asks for before UTF-8: it would
// make the line no JSON. The line has no control characters, as JSON escapes
// them.
func (h header) append(to []byte, r auditsink.Record) []byte {
	to = fmt.Appendf(to, `<%d>1 %s %s %s - %s [%s sequence="%d" id="%s"`,
		priority, r.At.UTC().Format(timeLayout), h.host, appName, r.Action, dataID, r.Seq, r.ID)
	if r.Checkpoint.Size > 0 {
		to = fmt.Appendf(to, ` checkpoint="%s"`, r.Checkpoint.Encoded()) // base64 needs no escapes
	}
	return append(append(to, "] "...), r.Line...)
}
