// Package ui holds the pages that the server shows people: files built by Vite
// and embedded, each answered with the headers it needs. The sources are beside
// it; building them needs Node, serving them does not.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist dist-embed playground/dist
var built embed.FS

// roots are the folders that the pages are built in, each by a project of its own.
var roots = []string{"dist", "dist-embed", "playground/dist"}

// AssetsPath is what the paths of all files but the pages begin with.
const AssetsPath = "/assets/"

// The names of the pages. The settings page is also the sign-in page of those who
// are not signed in.
const (
	Settings   = "settings.html"
	Playground = "playground.html"
)

// Embed is the name of the script that makes the settings page an element of other
// pages, on whatever origin.
const Embed = "embed.js"

// Files are the built files: pages by their name, and what the pages load by its
// path, such as "/assets/settings-DASdRfv6.js".
type Files map[string]File

// Open reads the embedded files. It fails if a page has no policy, or a policy no
// page.
func Open() (Files, error) {
	files := Files{}
	for _, root := range roots {
		if err := files.add(root); err != nil {
			return nil, fmt.Errorf("read the built pages: %w", err)
		}
	}
	for page := range policies {
		if files[page].encoded == nil {
			return nil, fmt.Errorf("%s is not built: run `make ui`", page)
		}
	}
	return files, nil
}

// add adds the files that are built in root.
func (f Files) add(root string) error {
	return fs.WalkDir(built, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || isEncoded(name) {
			return err
		}
		file, err := read(name)
		if err != nil {
			return err
		}
		if page := strings.TrimPrefix(name, root+"/"); path.Dir(page) == "." {
			file.policy, file.shared = policies[page], page == Embed
			file.cache = "no-cache" // keep it, but ask whether it is current
			f[page] = file
			return nil
		}
		file.cache = "public, max-age=31536000, immutable" // its name changes with it
		f[strings.TrimPrefix(name, root)] = file
		return nil
	})
}

// File is one built file, in every encoding that it was built in.
type File struct {
	contentType, cache string
	policy             string // of a page
	shared             bool   // whether pages of any origin may load it
	etag               string
	encoded            map[string][]byte // by content coding; "" is as it stands
}

// codings are the content codings that files are built in, the smallest first.
var codings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

func isEncoded(name string) bool {
	for _, c := range codings {
		if strings.HasSuffix(name, c.suffix) {
			return true
		}
	}
	return false
}

// contentTypes are those of the kinds of files that are built. What the system
// thinks of an extension does not count.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
}

func read(name string) (File, error) {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		return File{}, fmt.Errorf("%s is of no known type", name)
	}
	text, err := built.ReadFile(name)
	if err != nil {
		return File{}, err
	}
	digest := sha256.Sum256(text)
	f := File{
		contentType: contentType,
		etag:        base64.RawURLEncoding.EncodeToString(digest[:12]),
		encoded:     map[string][]byte{"": text},
	}
	for _, c := range codings {
		if f.encoded[c.name], err = built.ReadFile(name + c.suffix); err != nil {
			return File{}, err
		}
	}
	return f, nil
}

// ServeHTTP answers with the file, or says that the client has it already.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := f.head(w.Header(), r)
	w.Header().Set("Cache-Control", f.cache)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// Answer answers with the file under another status than 200. Such an answer is
// not kept.
func (f File) Answer(w http.ResponseWriter, r *http.Request, status int) {
	text := f.head(w.Header(), r)
	w.Header().Del("ETag")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone: there is nobody to tell
}

// head sets the headers of the file, and returns its bytes in the smallest
// encoding that the client takes.
func (f File) head(header http.Header, r *http.Request) []byte {
	coding := negotiate(r.Header)
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", `"`+f.etag+coding+`"`)
	header.Set("Vary", "Accept-Encoding")
	if f.policy != "" {
		header.Set("Content-Security-Policy", f.policy)
	}
	if f.shared {
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if coding != "" {
		header.Set("Content-Encoding", coding)
	}
	return f.encoded[coding]
}

// negotiate picks the content coding of the answer (RFC 9110, section 12.5.3):
// the smallest of those that the client names and does not refuse.
func negotiate(header http.Header) string {
	taken := map[string]bool{}
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(item, " ", "")), ";q=")
		taken[name] = strings.Trim(quality, "0.") != "" || quality == ""
	}
	for _, c := range codings {
		if taken[c.name] {
			return c.name
		}
	}
	return ""
}
