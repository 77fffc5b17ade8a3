package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/auditsink/blobsink"
	"github.com/keloa/apitokens/auditsink/execsink"
	"github.com/keloa/apitokens/auditsink/filesink"
	"github.com/keloa/apitokens/auditsink/kafkasink"
	"github.com/keloa/apitokens/auditsink/natssink"
	"github.com/keloa/apitokens/auditsink/otlpsink"
	"github.com/keloa/apitokens/auditsink/stdoutsink"
	"github.com/keloa/apitokens/auditsink/syslogsink"
	"github.com/keloa/apitokens/auditsink/webhooksink"
)

// knownSinks opens the sinks of every scheme there is.
func knownSinks() *auditsink.Mux {
	var mux auditsink.Mux
	mux.Register(blobsink.S3Scheme, blobsink.OpenS3)
	mux.Register(blobsink.FileScheme, blobsink.OpenFile)
	mux.Register(execsink.Scheme, execsink.Open)
	mux.Register(filesink.Scheme, filesink.Open)
	mux.Register(kafkasink.Scheme, kafkasink.Open)
	mux.Register(kafkasink.TLSScheme, kafkasink.Open)
	mux.Register(natssink.Scheme, natssink.Open)
	mux.Register(natssink.TLSScheme, natssink.Open)
	mux.Register(stdoutsink.Scheme, stdoutsink.Open)
	mux.Register(otlpsink.Scheme, otlpsink.Open)
	mux.Register(otlpsink.PlainScheme, otlpsink.Open)
	mux.Register(syslogsink.TLSScheme, syslogsink.Open)
	mux.Register(syslogsink.TCPScheme, syslogsink.Open)
	mux.Register(syslogsink.UDPScheme, syslogsink.Open)
	mux.Register(webhooksink.Scheme, webhooksink.Open)
	mux.Register(webhooksink.PlainScheme, webhooksink.Open)
	return &mux
}

// sinkText is an audit sink as it is written down.
type sinkText struct {
	text string // NAME=URL
	flag string // where it stands
}

// openSink is a sink that was opened, and what it was opened from.
type openSink struct {
	sinkText
	auditsink.Destination
}

func (t sinkText) name() string {
	name, _, _ := strings.Cut(t.text, "=")
	return name
}

// openSinks opens the audit sinks, all or none.
func openSinks(ctx context.Context, texts []sinkText) (sinks []openSink, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeSinks(sinks))
		}
	}()
	mux := knownSinks()
	for _, t := range texts {
		to, err := mux.Open(ctx, t.text)
		if err != nil {
			return sinks, usageOrFailure(setting(t.flag), err)
		}
		sinks = append(sinks, openSink{t, to})
	}
	return sinks, checkApart(texts)
}

// checkApart refuses sinks that would get in each other's way.
func checkApart(texts []sinkText) error {
	names, places := make(map[string]bool), make(map[string]bool)
	for _, t := range texts {
		if names[t.name()] {
			return usagef("%s: two sinks are called %s: give each its own name", setting(t.flag), t.name())
		}
		names[t.name()] = true
		at := placeOf(t.text)
		if places[at] {
			return usagef("%s: two sinks write to the same place, and each would take the other's records for its own: leave out %s",
				setting(t.flag), t.name())
		}
		places[at] = true
	}
	return nil
}

// placeOf is where a sink, written NAME=URL, writes to: its URL without keys, a
// file or a folder by its full path.
func placeOf(text string) string {
	_, at, _ := strings.Cut(text, "=")
	at, _, _ = strings.Cut(at, "?")
	scheme, path, _ := strings.Cut(at, ":")
	if scheme == filesink.Scheme || scheme == blobsink.FileScheme {
		if full, err := filepath.Abs(path); err == nil {
			return full
		}
	}
	return strings.TrimRight(at, "/")
}

// usageOrFailure names the flag that err is about, and tells a value that is
// wrong from one that the operating system has something against.
func usageOrFailure(name string, err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%s: %w", name, err)
	}
	return usagef("%s: %s", name, err)
}

// closeSinks closes what no relay has taken over.
func closeSinks(sinks []openSink) error {
	var errs []error
	for _, s := range sinks {
		errs = append(errs, s.Sink.Close(context.Background()))
	}
	return errors.Join(errs...)
}

// required names the sinks that who changes tokens waits for.
func required(sinks []openSink) []string {
	var names []string
	for _, s := range sinks {
		if s.Required {
			names = append(names, s.Name)
		}
	}
	return names
}

// toStandardOutput reports whether one of the sinks is standard output.
func toStandardOutput(texts []sinkText) bool {
	for _, t := range texts {
		if _, url, _ := strings.Cut(t.text, "="); strings.HasPrefix(url, "stdout:") {
			return true
		}
	}
	return false
}

// maxAuditConfig bounds the file of audit sinks, in bytes.
const maxAuditConfig = 1 << 20

// auditConfig is a sink in the file of --audit-config.
type auditConfig struct {
	Name     string  `yaml:"name"`
	URL      string  `yaml:"url"`
	Filter   *string `yaml:"filter"`
	Required *bool   `yaml:"required"`
	Start    *string `yaml:"start"`
}

// readAuditConfig reads the sinks in a YAML file: a list, or one under the key
// sinks. No path is no sinks. No error repeats what may hold a credential.
func readAuditConfig(path string) ([]sinkText, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(text) > maxAuditConfig {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxAuditConfig)
	}
	list, err := parseAuditConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	texts := make([]sinkText, len(list))
	for i, sink := range list {
		if sink.Name == "" || sink.URL == "" {
			return nil, fmt.Errorf("%s: sink %d of %d needs a name and a url", path, i+1, len(list))
		}
		texts[i] = sinkText{sink.text(), "audit-config"}
	}
	return texts, nil
}

func parseAuditConfig(text []byte) ([]auditConfig, error) {
	var list []auditConfig
	var under struct {
		Sinks []auditConfig `yaml:"sinks"`
	}
	err := decodeOne(text, &list)
	if err != nil && decodeOne(text, &under) == nil {
		return under.Sinks, nil
	}
	if err != nil {
		return nil, whatIsWrong(text)
	}
	return list, nil
}

// whatIsWrong says what keeps a file from being a list of sinks, as far as that can
// be said without a word of the file.
func whatIsWrong(text []byte) error {
	var list []map[string]any
	var under struct {
		Sinks []map[string]any `yaml:"sinks"`
	}
	if decodeOne(text, &list) != nil && decodeOne(text, &under) == nil {
		list = under.Sinks
	}
	for i, sink := range list {
		for key, value := range sink {
			if !slices.Contains([]string{"name", "url", "filter", "required", "start"}, key) {
				return fmt.Errorf("sink %d of %d has a key that is none of name, url, filter, required and start", i+1, len(list))
			}
			if _, is := value.(bool); key == "required" && !is {
				return fmt.Errorf("sink %d of %d: required must be true or false", i+1, len(list))
			}
		}
	}
	return errors.New("it must be a list of sinks in YAML, each with name, url and, as needed, filter, required (true or false) and start")
}

// decodeOne reads a YAML document, and sees that there is no other.
func decodeOne(text []byte, into any) error {
	documents := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField())
	if err := documents.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := documents.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("it holds several documents")
	}
	return nil
}

// text writes the sink as NAME=URL: its keys are those of the URL.
func (c auditConfig) text() string {
	keys := url.Values{}
	if c.Filter != nil {
		keys.Set("filter", *c.Filter)
	}
	if c.Required != nil {
		keys.Set("required", strconv.FormatBool(*c.Required))
	}
	if c.Start != nil {
		keys.Set("start", *c.Start)
	}
	if len(keys) == 0 {
		return c.Name + "=" + c.URL
	}
	separator := "?"
	if strings.Contains(c.URL, "?") {
		separator = "&"
	}
	return c.Name + "=" + c.URL + separator + keys.Encode()
}
