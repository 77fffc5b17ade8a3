package execsink

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"time"
)

// What a program may write to the log: lines a minute, and bytes a line.
const (
	maxLines = 100
	maxLine  = 1 << 10
)

// logLines logs what is read, until its end, a line each, and leaves out what
// is too much.
func logLines(from io.Reader, log *slog.Logger) {
	ctx := context.Background()
	lines := bufio.NewReaderSize(from, maxLine)
	var since time.Time
	for count, goesOn := 0, false; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		first := !goesOn
		goesOn = more
		if !first {
			continue // the rest of a long line
		}
		if time.Since(since) > time.Minute {
			since, count = time.Now(), 0
		}
		switch count++; {
		case count <= maxLines:
			log.LogAttrs(ctx, slog.LevelWarn, "an audit sink's program wrote to standard error", slog.String("line", string(line)))
		case count == maxLines+1:
			log.LogAttrs(ctx, slog.LevelWarn, "an audit sink's program writes too much to standard error: the rest of this minute is left out")
		}
	}
}
