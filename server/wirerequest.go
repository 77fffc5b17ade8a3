package main

import (
	"context"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// maxWireHeaders is how many header lines a request may have that a wire serves.
const maxWireHeaders = 64

// reading is what came of reading a request.
type reading int

const (
	whole   reading = iota
	partial         // more of it is to come
	unusual         // it is for net/http
)

// wireRequest is the request that a wire is at. All of it but its strings is good
// until the next one is read.
type wireRequest struct {
	*http.Request
	blank  http.Request // what requests of the connection have in common
	url    url.URL
	header http.Header
	values [maxWireHeaders]string // of header
	body   wireBody
}

// wireBody is a body that has come already.
type wireBody struct {
	strings.Reader
	text string
}

// Close does nothing.
func (*wireBody) Close() error { return nil }

func (q *wireRequest) init(conn net.Conn) {
	blank := &http.Request{
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: conn.RemoteAddr().String(),
	}
	q.blank = *blank.WithContext(withVisit(context.Background(), conn))
	q.Request = new(http.Request)
	q.header = http.Header{}
}

// read reads the request at the beginning of p, and returns how long it is.
//
// What it takes is a request that net/http would read the same way, and that no two
// readers of HTTP could differ about: lines that end with CR LF, names of letters,
// digits, "-" and "_", one Host, a length in digits if there is a body, and none of
// the headers that change what a request is.
func (q *wireRequest) read(p []byte) (n int, state reading) {
	text := string(p)
	end := strings.Index(text, "\r\n\r\n")
	if end < 0 {
		return 0, readHeadPart(text)
	}
	line, head, _ := strings.Cut(text[:end+2], "\r\n")
	*q.Request = q.blank
	if !q.readLine(line) || !q.readHeader(head) {
		return 0, unusual
	}
	n = end + 4 + int(q.ContentLength)
	switch {
	case n > maxWire:
		return 0, unusual
	case n > len(p):
		return 0, partial
	}
	q.Body = http.NoBody
	if q.ContentLength > 0 {
		q.body.text = text[end+4 : n]
		q.body.Reset(q.body.text)
		q.Body = &q.body
	}
	return n, whole
}

// readHeadPart looks at a head that has no end yet. One whose lines end otherwise
// than a wire's may never have one that a wire finds.
func readHeadPart(text string) reading {
	for rest := text; ; {
		line, after, more := strings.Cut(rest, "\n")
		switch {
		case !more:
			return partial
		case !strings.HasSuffix(line, "\r"):
			return unusual
		}
		rest = after
	}
}

func (q *wireRequest) readLine(line string) bool {
	method, line, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(line, " ")
	path, query, asks := strings.Cut(target, "?")
	if !isWireMethod(method) || proto != q.Proto || !comesInFloods(path) || asks && query == "" {
		return false
	}
	for i := range len(query) {
		if query[i] <= ' ' || query[i] > '~' {
			return false
		}
	}
	q.url = url.URL{Path: path, RawQuery: query}
	q.Method, q.RequestURI, q.URL = method, target, &q.url
	return true
}

// isWireMethod takes no method that has a meaning to net/http, but for HEAD.
func isWireMethod(method string) bool {
	for i := range len(method) {
		if method[i] < 'A' || method[i] > 'Z' {
			return false
		}
	}
	return method != "" && method != http.MethodConnect
}

// readHeader reads lines that each end with CR LF.
func (q *wireRequest) readHeader(head string) bool {
	clear(q.header)
	q.Header = q.header
	for n := 0; head != ""; n++ {
		line, rest, _ := strings.Cut(head, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || n == maxWireHeaders || !isWireName(name) || !isWireValue(value) {
			return false
		}
		head = rest
		name = textproto.CanonicalMIMEHeaderKey(name)
		if before, again := q.header[name]; again {
			q.header[name] = append(before, value)
		} else {
			q.values[n] = value
			q.header[name] = q.values[n : n+1 : n+1]
		}
	}
	return q.readMeaning()
}

// readMeaning reads the headers that mean something to HTTP itself.
func (q *wireRequest) readMeaning() bool {
	for _, name := range []string{"Transfer-Encoding", "Trailer", "Upgrade", "Expect"} {
		if _, there := q.header[name]; there {
			return false
		}
	}
	for _, value := range q.header["Connection"] {
		if !strings.EqualFold(value, "keep-alive") {
			return false
		}
	}
	if pragma, cache := q.header["Pragma"], q.header["Cache-Control"]; cache == nil && pragma != nil && pragma[0] == "no-cache" {
		q.header["Cache-Control"] = noCache // as net/http does
	}
	hosts, lengths := q.header["Host"], q.header["Content-Length"]
	if len(hosts) != 1 || !isWireHost(hosts[0]) || len(lengths) > 1 {
		return false
	}
	q.Host = hosts[0]
	delete(q.header, "Host")
	if len(lengths) == 1 {
		length, err := strconv.ParseUint(lengths[0], 10, 16)
		q.ContentLength = int64(length)
		return err == nil
	}
	return true
}

// noCache is what no Cache-Control means beside a Pragma. Nothing may write into it.
var noCache = []string{"no-cache"}

func isWireName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

func isWireValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == '\x7f' {
			return false
		}
	}
	return true
}

func isWireHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != ':' && c != '[' && c != ']' {
			return false
		}
	}
	return host != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
