package auditsink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Opener opens a sink by its URL, from which the keys common to all sinks have
// been taken. It refuses every key that it does not know, which [Keys] helps
// with, and sees to it that its errors name no credential.
type Opener func(ctx context.Context, u *url.URL) (Sink, error)

// Mux opens sinks by the schemes of their URLs. The zero Mux knows no scheme.
type Mux struct {
	openers map[string]Opener
}

// Register adds a scheme. It panics if the scheme is there already.
func (m *Mux) Register(scheme string, open Opener) {
	if _, twice := m.openers[scheme]; twice {
		panic("auditsink: scheme registered twice: " + scheme)
	}
	if m.openers == nil {
		m.openers = make(map[string]Opener)
	}
	m.openers[scheme] = open
}

// Open opens a sink written as NAME=URL. The URL may hold these keys, each
// once, whatever its scheme:
//
//	start=begin|now|seq:N      where a new sink starts, by default at the beginning
//	filter=action:PATTERN      the only records it receives, by default all
//	format=cloudevents|ocsf    how it receives them, by default as CloudEvents
//	required=true|false        whether tokens may be changed only while it is up, by default not
//
// Everything that is not understood is an error. As what is misspelt may hold a
// credential, no error repeats any part of the URL but a known scheme and the
// name of a key.
func (m *Mux) Open(ctx context.Context, text string) (Destination, error) {
	name, rawURL, found := strings.Cut(text, "=")
	if !found || !validName.MatchString(name) {
		return Destination{}, errors.New("an audit sink is written NAME=URL, NAME being 1 to 63 characters of a-z, 0-9 and -, as in archive=file:audit.jsonl")
	}
	d, err := m.open(ctx, rawURL)
	if err != nil {
		return Destination{}, fmt.Errorf("audit sink %s: %w", name, err)
	}
	d.Name = name
	return d, nil
}

func (m *Mux) open(ctx context.Context, rawURL string) (Destination, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Destination{}, errors.New("its URL is malformed") // err repeats it
	}
	open, known := m.openers[u.Scheme]
	switch {
	case !known:
		return Destination{}, fmt.Errorf("unknown scheme: this version knows %s", strings.Join(m.schemes(), ", "))
	case u.User != nil:
		return Destination{}, errors.New("a credential does not belong in the URL: write env:NAME or file:PATH where the sink asks for one")
	case u.Fragment != "" || strings.HasSuffix(rawURL, "#"):
		return Destination{}, errors.New(`its URL has a fragment: write "#" as %23`)
	}
	if !ValidPorts(u.Host) {
		return Destination{}, errors.New("a port in its URL must be a number from 1 to 65535")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Destination{}, errors.New("the keys of its URL are malformed")
	}
	d, err := takeCommon(query)
	if err != nil {
		return Destination{}, err
	}
	u.RawQuery = query.Encode()
	if d.Sink, err = open(ctx, u); err != nil {
		return d, err
	}
	if sink, ok := d.Sink.(Describer); ok && d.Required && sink.Describe().Unacknowledged {
		return d, errors.Join(ErrUnacknowledged, d.Sink.Close(ctx))
	}
	return d, nil
}

// ErrUnacknowledged is returned for a sink that is required and cannot be.
var ErrUnacknowledged = errors.New("it cannot be required: it does not say what has arrived; leave out required=true")

func parseRequired(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, errors.New("required must be true or false")
	}
	return text == "true", nil
}

func (m *Mux) schemes() []string {
	schemes := slices.Sorted(maps.Keys(m.openers))
	for i := range schemes {
		schemes[i] += ":"
	}
	return schemes
}

// takeCommon reads the keys that every sink has, and removes them.
func takeCommon(query url.Values) (d Destination, err error) {
	for key, values := range query {
		if len(values) > 1 {
			return d, fmt.Errorf("the key %q appears twice", key)
		}
		switch key {
		case "start":
			d.Start, err = parseStart(values[0])
		case "filter":
			d.Filter, err = ParseFilter(values[0])
		case "required":
			d.Required, err = parseRequired(values[0])
		case "format":
			d.Format, err = parseFormat(values[0])
		default:
			continue
		}
		if err != nil {
			return d, err
		}
		delete(query, key)
	}
	return d, nil
}

// ValidPorts reports whether each host, of which there may be several with commas
// between them, has a port from 1 to 65535, or none.
func ValidPorts(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		_, port, has := strings.Cut(host[strings.LastIndexByte(host, ']')+1:], ":")
		if n, err := strconv.ParseUint(port, 10, 16); has && (err != nil || n == 0) {
			return false
		}
	}
	return true
}

// Keys returns the keys of a sink's URL, and an error that names the first one
// that is not among known.
func Keys(u *url.URL, known ...string) (url.Values, error) {
	query := u.Query()
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown key %q in its URL", key)
		}
	}
	return query, nil
}
