package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/keloa/apitokens/token/bearer"
)

// newLogger returns a logger that writes to w. The format is text or json, the
// level debug, info, warn or error. Records that are logged with the context of
// a request carry its id, and no record carries a secret.
func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	switch level {
	case "debug":
		options.Level = slog.LevelDebug
	case "info":
		options.Level = slog.LevelInfo
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	default:
		return nil, fmt.Errorf("unknown log level %q: use debug, info, warn or error", level)
	}
	switch format {
	case "text":
		return slog.New(requestHandler{slog.NewTextHandler(redactor{w}, &options)}), nil
	case "json":
		options.ReplaceAttr = inMilliseconds
		return slog.New(requestHandler{slog.NewJSONHandler(redactor{w}, &options)}), nil
	}
	return nil, fmt.Errorf("unknown log format %q: use text or json", format)
}

// inMilliseconds writes a duration as a number whose name says its unit: without,
// JSON would have nanoseconds.
func inMilliseconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindDuration {
		return a
	}
	return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
}

// redactor writes what it is given with the secrets taken out. It stands behind
// the handler, which writes a record at a time, so that nothing gets past it:
// not the message, not the name of an attribute, not what a value holds inside.
// A secret is letters, digits and "_", which neither format escapes.
type redactor struct{ to io.Writer }

func (r redactor) Write(record []byte) (int, error) {
	if _, err := io.WriteString(r.to, bearer.Redact(string(record))); err != nil {
		return 0, err
	}
	return len(record), nil
}

// requestHandler adds the id of the request that the context is of.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := visitOf(ctx).origin.RequestID; id != "" {
		record.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, record)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
