package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// listen notes what a page of ours never does.
func (b *tab) listen(event any) {
	var trouble string
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		ofNetwork := e.Entry.Source == log.EntrySourceNetwork || strings.Contains(e.Entry.Text, "blocked by CORS policy")
		if e.Entry.Level != log.EntryLevelError || ofNetwork && b.refused {
			return
		}
		trouble = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		trouble = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			trouble += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		trouble = fmt.Sprintf("console.%s:", e.Type)
		for _, arg := range e.Args {
			trouble += " " + string(arg.Value) + arg.Description
		}
		if e.Type == runtime.ConsoleAPICalledTypeError && b.refused && len(e.Args) > 0 && strings.Contains(e.Args[0].Description, "WebSocket") {
			return
		}
	case *network.EventRequestWillBeSent:
		if found := anyToken.FindString(e.Request.URL); found != "" {
			b.troubles = append(b.troubles, "a secret in the URL of a request: "+found[:16])
		}
		if b.isKnown(e.Request.URL) || strings.HasPrefix(e.Request.URL, "data:image/svg+xml") {
			return // the latter are the browser's own, in its date fields
		}
		trouble = "request to " + e.Request.URL
	case *network.EventWebSocketCreated:
		if b.isKnown("http" + strings.TrimPrefix(e.URL, "ws")) {
			return
		}
		trouble = "socket to " + e.URL
	default:
		return
	}
	b.troubles = append(b.troubles, trouble)
}

// isKnown reports whether a URL is one that requests may go to.
func (b *tab) isKnown(url string) bool {
	return slices.ContainsFunc(append(b.others, b.origin), func(origin string) bool { return strings.HasPrefix(url, origin+"/") })
}

// mayAsk lets requests go to another origin, too.
func (b *tab) mayAsk(origin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others = append(b.others, origin)
}

// expectRefusals lets answers pass that are errors, from now on.
func (b *tab) expectRefusals() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = true
}

var (
	anySecret = regexp.MustCompile(`keloa_(pk_live|pk_test|os|si)_[0-9A-Za-z]{32}`)
	// anyToken is what stands in no URL: a link to sign in has its code there.
	anyToken = regexp.MustCompile(`keloa_(pk_live|pk_test|os)_[0-9A-Za-z]{32}`)
)

// wantNothingKept expects that the page stores nothing and holds no secret in its
// address.
func (b *tab) wantNothingKept(t *testing.T) {
	t.Helper()
	if stored := eval[string](t, b, `Promise.all([indexedDB.databases(), caches.keys()]).then((kept) => JSON.stringify([...kept, {...localStorage}, {...sessionStorage}]))`); stored != "[[],[],{},{}]" {
		t.Errorf("the page stores %s", anySecret.ReplaceAllString(stored, "a secret"))
	}
	if found := anySecret.FindString(eval[string](t, b, `[document.cookie, location.href, JSON.stringify(history.state)].join()`)); found != "" {
		t.Errorf("the page keeps a secret: %.16s…", found)
	}
}

// wantQuiet expects that the page did nothing wrong, and that no secret is in its
// document, its fields, its address or what it may have stored.
func (b *tab) wantQuiet(t *testing.T) {
	t.Helper()
	b.wantNothingKept(t)
	held := eval[string](t, b, `roots().flatMap((root) => [(root.documentElement ?? root).innerHTML, ...[...root.querySelectorAll('input, textarea')].map((e) => e.value)]).join()`)
	if found := anySecret.FindString(held); found != "" {
		t.Errorf("the page holds a secret: %.16s…", found)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		t.Error(trouble)
	}
}
