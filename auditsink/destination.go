package auditsink

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Destination is an opened sink with its name and what it is to receive.
type Destination struct {
	// Name is 1 to 63 characters of a-z, 0-9 and "-". A sink's place in the
	// log is kept under it.
	Name   string
	Start  Start
	Filter Filter
	Format Format
	// Required says that who changes tokens waits for this sink: they are
	// refused while it is down.
	Required bool
	Sink     Sink
}

var validName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// Start is the first record that a new sink receives; it says nothing to a sink
// that already has a place in the log. The zero Start is the whole log.
type Start struct {
	// Now begins with what is sealed after the sink was first opened.
	Now bool
	// Seq is the first sequence to deliver, where Now is false.
	Seq int64
}

// parseStart reads begin, now or seq:N.
func parseStart(text string) (Start, error) {
	switch text {
	case "begin":
		return Start{}, nil
	case "now":
		return Start{Now: true}, nil
	}
	digits, found := strings.CutPrefix(text, "seq:")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || seq < 1 || seq > maxSequence {
		return Start{}, fmt.Errorf("start must be begin, now or seq: and a number from 1 up")
	}
	return Start{Seq: seq}, nil
}

// Cursor is the place in the log of a sink that starts here, when head is the
// last sequence given out: the last one that it will not receive.
func (s Start) Cursor(head int64) int64 {
	if s.Now {
		return head
	}
	return max(s.Seq-1, 0)
}

// Filter lets some records through. The zero Filter lets all.
type Filter struct {
	glob string
}

var validGlob = regexp.MustCompile(`^[a-z0-9_.*]+$`)

// ParseFilter reads action: and a pattern in which "*" stands for any text.
func ParseFilter(text string) (Filter, error) {
	glob, found := strings.CutPrefix(text, "action:")
	if !found || !validGlob.MatchString(glob) {
		return Filter{}, fmt.Errorf("filter must be action: and a pattern, as in action:developers.api_token.*")
	}
	f := Filter{glob}
	if !slices.ContainsFunc(actions[:], f.passes) {
		return Filter{}, fmt.Errorf("filter matches no action: use a pattern as in action:developers.api_token.*")
	}
	return f, nil
}

// Passes reports whether the filter lets the record through.
func (f Filter) Passes(r Record) bool { return f.glob == "" || f.passes(r.Action) }

func (f Filter) passes(action string) bool {
	// A path's "*" stops only at a slash, and no action holds one.
	matched, err := path.Match(f.glob, action)
	return matched && err == nil
}
