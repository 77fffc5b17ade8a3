package verdict

import "strings"

const (
	// blockLen is how many bytes of text are kept together.
	blockLen = 8 << 10
	// maxText is how long one text may be. A label has at most 100
	// characters, a slug fewer.
	maxText = 1 << 10
)

// texts keeps many short strings in few blocks. Blocks are only written at
// their end, never over: the strings that at returns stay good for ever, also
// after they were dropped here.
type texts struct {
	blocks []string // the last one is what last has so far
	last   *strings.Builder
	kept   int // bytes that are in use
	gone   int // bytes that were dropped
}

// text is where a string is kept.
type text struct {
	block       uint32
	offset, len uint16
}

// add keeps a+b, which have at most maxText bytes.
func (t *texts) add(a, b string) text {
	n := len(a) + len(b)
	if t.last == nil || t.last.Len()+n > blockLen {
		t.last = new(strings.Builder)
		t.last.Grow(blockLen)
		t.blocks = append(t.blocks, "")
	}
	at := text{uint32(len(t.blocks) - 1), uint16(t.last.Len()), uint16(n)}
	t.last.WriteString(a)
	t.last.WriteString(b)
	t.blocks[at.block] = t.last.String()
	t.kept += n
	return at
}

func (t *texts) at(x text) string {
	return t.blocks[x.block][x.offset : int(x.offset)+int(x.len)]
}

// drop gives up a text, and reports whether so much is unused by now that the
// rest is worth being written anew.
func (t *texts) drop(x text) (wasteful bool) {
	t.kept -= int(x.len)
	t.gone += int(x.len)
	return t.gone > t.kept+blockLen
}
