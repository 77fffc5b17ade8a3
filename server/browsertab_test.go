package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tabPatience is how long a browser test waits for anything.
const tabPatience = 15 * time.Second

// tab is a tab with cookies of its own.
type tab struct {
	ctx    context.Context
	origin string
	// language is the one that pages are opened in; empty for the browser's.
	language string

	mu       sync.Mutex
	troubles []string // errors of the page, violations of its policy, requests to others
	others   []string // origins that requests may go to as well
	// refused is whether answers are expected that are errors, or none at all.
	refused bool
}

// openTab opens a tab on a site, until the test ends. Until then the page must
// have been quiet, and hold no secret at the end.
func openTab(t *testing.T, origin string) *tab {
	t.Helper()
	needsBrowser(t)
	return newTab(chromium.ctx, t, origin, chromedp.WithNewBrowserContext())
}

// another opens a tab beside this one, with the same cookies.
func (b *tab) another(t *testing.T) *tab {
	t.Helper()
	return newTab(b.ctx, t, b.origin)
}

func newTab(parent context.Context, t *testing.T, origin string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{origin: origin}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.listen))...)
	b.ctx = ctx
	t.Cleanup(cancel)
	b.do(t)
	call(t, b, log.Enable, cdp.Empty{})
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Amsterdam"})
	call(t, b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: finder})
	b.size(t, 1280, 900)
	b.prefers(t)
	t.Cleanup(func() { b.wantQuiet(t) })
	return b
}

// listen notes what a page of ours never does.
func (b *tab) listen(event any) {
	var trouble string
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError || e.Entry.Source == log.EntrySourceNetwork && b.refused {
			return
		}
		trouble = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		trouble = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			trouble += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		trouble = fmt.Sprintf("console.%s", e.Type)
		if e.Type == runtime.ConsoleAPICalledTypeError && b.refused && len(e.Args) > 0 && strings.Contains(e.Args[0].Description, "WebSocket") {
			return
		}
	case *network.EventRequestWillBeSent:
		if b.isKnown(e.Request.URL) || strings.HasPrefix(e.Request.URL, "data:image/svg+xml") {
			return // the latter are the browser's own, in its date fields
		}
		trouble = "request to " + e.Request.URL
	case *network.EventWebSocketCreated:
		if strings.HasPrefix(e.URL, strings.Replace(b.origin, "http", "ws", 1)+"/") {
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

var anySecret = regexp.MustCompile(`keloa_(pk_live|pk_test|os|si)_[0-9A-Za-z]{32}`)

// wantQuiet expects that the page did nothing wrong, and that no secret is in its
// document, its fields, its address or what it may have stored.
func (b *tab) wantQuiet(t *testing.T) {
	t.Helper()
	kept := eval[string](t, b, `[document.documentElement.outerHTML, ...[...document.querySelectorAll('input, textarea')].map((e) => e.value),
		document.cookie, location.href, JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(history.state)].join('\n')`)
	if found := anySecret.FindString(kept); found != "" {
		t.Errorf("the page holds a secret: %.16s…", found)
	}
	if stored := eval[int](t, b, `localStorage.length + sessionStorage.length`); stored != 0 {
		t.Errorf("the page stored %d things", stored)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		t.Error(trouble)
	}
}

// do runs actions.
func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if chromedp.FromContext(b.ctx).Target == nil {
		if err := chromedp.Do(b.ctx); err != nil { // the tab lives as long as this context
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func call[P, R any](t *testing.T, b *tab, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// eval evaluates an expression in the page, or awaits it if it is a promise.
func eval[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// isTrue reports whether an expression is true in the page. It is not while
// another page takes its place.
func (b *tab) isTrue(expression string) (bool, error) {
	ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
}

// api sends an operation as the operator who is signed in, beside the page.
func (b *tab) api(t *testing.T, query string) {
	t.Helper()
	if errs := eval[string](t, b, `fetch('/graphql', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ query: `+quoted(query)+` }) })
		.then((answer) => answer.json()).then((body) => JSON.stringify(body.errors ?? ''))`); errs != `""` {
		t.Fatal(errs)
	}
}

// goTo opens a page of the site.
func (b *tab) goTo(t *testing.T, path string) {
	t.Helper()
	b.do(t, chromedp.Navigate(b.origin+path))
}

// wait waits until an expression is true in the page.
func (b *tab) wait(t *testing.T, expression string) {
	t.Helper()
	deadline := time.After(tabPatience)
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		met, err := b.isTrue(expression)
		if met {
			return
		}
		select {
		case <-deadline:
			b.picture(t, "failed-"+strings.ReplaceAll(t.Name(), "/", "-"))
			t.Fatalf("waited for too long: %s %v\nthe page says: %.2000s", expression, err, eval[string](t, b, `document.body.innerText`))
		case <-tick.C:
		}
	}
}

// finder finds what a person would: the visible element of a role with a name, in
// the dialog if one is open.
const finder = `
window.find = (selector, name) => {
	const root = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document
	const nameOf = (e) => (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim()
	return [...root.querySelectorAll(selector)].find((e) => e.getClientRects().length > 0 && (name === undefined || nameOf(e) === name))
}
window.says = (text) => ([...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body)?.innerText.includes(text)
`

const (
	button = "button"
	link   = "a"
	field  = "input, select, textarea"
)

func quoted(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func found(selector, name string) string {
	return "find(" + quoted(selector) + ", " + quoted(name) + ")"
}

// sees waits for an element of that kind and name.
func (b *tab) sees(t *testing.T, selector, name string) {
	t.Helper()
	b.wait(t, found(selector, name))
}

// reads waits for a text on the page, or in the dialog if one is open.
func (b *tab) reads(t *testing.T, text string) {
	t.Helper()
	b.wait(t, "says("+quoted(text)+")")
}

// click clicks, with the mouse, on an element of that kind and name.
func (b *tab) click(t *testing.T, selector, name string) {
	t.Helper()
	b.sees(t, selector, name)
	at := eval[[2]float64](t, b, `(() => {
		const e = `+found(selector, name)+`
		e.scrollIntoView({ block: 'center', behavior: 'instant' })
		const r = e.getBoundingClientRect()
		return [r.x + r.width / 2, r.y + r.height / 2]
	})()`)
	b.do(t, chromedp.MouseClickXY(at[0], at[1]))
}

// fill writes into the field of that name what was not there.
func (b *tab) fill(t *testing.T, name, text string) {
	t.Helper()
	b.sees(t, field, name)
	eval[any](t, b, found(field, name)+".select()")
	b.keys(t, text)
}

// choose chooses from a list by value.
func (b *tab) choose(t *testing.T, name, value string) {
	t.Helper()
	b.sees(t, field, name)
	eval[any](t, b, `(() => {
		const e = `+found(field, name)+`
		e.value = `+quoted(value)+`
		e.dispatchEvent(new Event('input', { bubbles: true }))
		e.dispatchEvent(new Event('change', { bubbles: true }))
	})()`)
}

// keys presses keys, as kb names those that are no characters.
func (b *tab) keys(t *testing.T, keys string) {
	t.Helper()
	b.do(t, chromedp.KeyEvent(keys))
}

// focused is what the keyboard is at: its name or text.
func (b *tab) focused(t *testing.T) string {
	t.Helper()
	return eval[string](t, b, `(() => {
		const e = document.activeElement
		return (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim()
	})()`)
}

// size makes the window that large, in CSS pixels.
func (b *tab) size(t *testing.T, width, height int64) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(width, height))
}

// prefers sets what the reader's system asks of pages, beside no motion: pairs of a feature, such as
// "prefers-color-scheme", and its value.
func (b *tab) prefers(t *testing.T, pairs ...string) {
	t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
	for i := 0; i < len(pairs); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: pairs[i], Value: pairs[i+1]})
	}
	call(t, b, emulation.SetEmulatedMedia, params)
}

// picture writes a screenshot of the page to the folder in KELOA_SCREENSHOTS, if
// one is named there.
func (b *tab) picture(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("KELOA_SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), image, 0o600); err != nil {
		t.Fatal(err)
	}
}
