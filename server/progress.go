package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progressEvery is how often a person is told how far long work is.
const progressEvery = 200 * time.Millisecond

// progress tells a person at a terminal how far long work is, and nobody else.
type progress struct {
	out   io.Writer // nil where there is no terminal
	what  string
	told  time.Time
	shown bool
}

func newProgress(std streams, what string) *progress {
	p := &progress{what: what, told: time.Now()}
	if file, ok := std.err.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = file
		}
	}
	return p
}

func (p *progress) tell(done, total int64) {
	if p.out == nil || time.Since(p.told) < progressEvery {
		return
	}
	p.told, p.shown = time.Now(), true
	_, _ = fmt.Fprintf(p.out, "\r\x1b[K%3d %%  %d of %d %s", 100*done/max(total, 1), done, total, p.what)
}

// end takes the line away.
func (p *progress) end() {
	if p.shown {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}
