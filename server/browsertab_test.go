package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// tabPatience is how long a browser test waits for anything. The machine may be
// busy.
const tabPatience = 60 * time.Second

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

// opens is the tab that the page opens because of what trigger does.
func (b *tab) opens(t *testing.T, trigger func()) *tab {
	t.Helper()
	opened := chromedp.WaitNewTarget(b.ctx, func(info *target.Info) bool { return info.OpenerID != "" })
	trigger()
	select {
	case id := <-opened:
		return newTab(b.ctx, t, b.origin, chromedp.WithTargetID(id))
	case <-time.After(tabPatience):
		b.fail(t, "the page opened no tab")
		return nil
	}
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
	eval[any](t, b, finder+"; undefined") // where a page is there already
	b.see(t, inLight)
	t.Cleanup(func() { b.wantQuiet(t) })
	return b
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
	b.until(t, expression, func() (bool, error) { return b.isTrue(expression) })
}

// until waits until what is awaited is met.
func (b *tab) until(t *testing.T, awaited string, isMet func() (bool, error)) {
	t.Helper()
	deadline := time.After(tabPatience)
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		met, err := isMet()
		if met {
			return
		}
		select {
		case <-deadline:
			b.fail(t, fmt.Sprintf("waited for too long: %s %v", awaited, err))
		case <-tick.C:
		}
	}
}

// fail ends the test with what is to be seen on the page.
func (b *tab) fail(t *testing.T, why string) {
	t.Helper()
	b.picture(t, "failed-"+strings.ReplaceAll(t.Name(), "/", "-"))
	t.Fatalf("%s\nthe page says: %.2000s", why, eval[string](t, b, "said()"))
}

// finder finds what a person would: the visible element of a role with a name, in
// the dialog if one is open. Elements that we give to others count as a part of
// the page.
const finder = `
window.roots = () => [document, ...[...document.querySelectorAll('keloa-api-tokens')].map((e) => e.shadowRoot).filter(Boolean)]
window.inView = () => {
	const dialog = roots().flatMap((root) => [...root.querySelectorAll('dialog[open]')]).at(-1)
	return dialog ? [dialog] : roots()
}
window.find = (selector, name) => {
	const nameOf = (e) => (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim()
	return inView().flatMap((root) => [...root.querySelectorAll(selector)])
		.find((e) => e.getClientRects().length > 0 && (name === undefined || nameOf(e) === name))
}
window.said = () => inView().map((root) => (root.host ? root.firstElementChild : root.body ?? root)?.innerText ?? '').join('\n')
window.says = (text) => said().includes(text)
window.middle = (e) => {
	if (!e) return null
	window.aimedAt = e // until it was hit, or its page has gone
	e.addEventListener('pointerdown', () => { window.aimedAt = undefined }, { capture: true, once: true })
	e.scrollIntoView({ block: 'center', behavior: 'instant' })
	const r = e.getBoundingClientRect()
	const at = [r.x + r.width / 2, r.y + r.height / 2]
	return e.contains(e.getRootNode().elementFromPoint(...at)) ? at : null
}
`

const (
	button = "button"
	link   = "a"
	field  = "input, select, textarea"
)

// quoted is a text, or several, as an expression.
func quoted[T string | []string](text T) string {
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

// shows waits until what the selector finds has the text in it.
func (b *tab) shows(t *testing.T, selector, text string) {
	t.Helper()
	b.wait(t, "find("+quoted(selector)+")?.textContent.includes("+quoted(text)+")")
}

// click clicks, with the mouse, on an element of that kind and name.
func (b *tab) click(t *testing.T, selector, name string) {
	t.Helper()
	b.clickOn(t, found(selector, name))
}

// press clicks on what the selector finds.
func (b *tab) press(t *testing.T, selector string) {
	t.Helper()
	b.clickOn(t, "find("+quoted(selector)+")")
}

// clickOn clicks on the element that the expression is, once it stands still and
// nothing lies on it; and again if it has moved away meanwhile.
func (b *tab) clickOn(t *testing.T, expression string) {
	t.Helper()
	var at, before []float64
	b.until(t, "to click on "+expression, func() (bool, error) {
		ctx, cancel := context.WithTimeout(b.ctx, tabPatience)
		defer cancel()
		var err error
		before = at
		at, err = chromedp.Run(ctx, chromedp.Evaluate[[]float64]("middle("+expression+")"))
		if at == nil || !slices.Equal(at, before) {
			return false, err
		}
		b.do(t, chromedp.MouseClickXY(at[0], at[1]))
		return b.isTrue("window.aimedAt === undefined")
	})
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

// view is how somebody sees pages.
type view struct {
	name          string
	width, height int64 // of the window, in CSS pixels
	// prefers is what their system asks of pages: pairs of a feature and its value.
	prefers  []string
	language string // that pages are opened in; empty for the browser's
}

var (
	inLight = view{"light", 1280, 900, nil, ""}
	inDark  = view{"dark", 1280, 900, []string{"prefers-color-scheme", "dark"}, ""}
	onPhone = view{"phone", 320, 640, nil, ""}
)

// see has the tab seen in that view, beside no motion.
func (b *tab) see(t *testing.T, v view) {
	t.Helper()
	b.language = v.language
	b.do(t, chromedp.EmulateViewport(v.width, v.height))
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
	for i := 0; i < len(v.prefers); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: v.prefers[i], Value: v.prefers[i+1]})
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
