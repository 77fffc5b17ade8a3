package main

import (
	"context"
	"errors"
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
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// maxBrowserWait bounds each wait for a page. The machine may be busy.
const maxBrowserWait = 60 * time.Second

// openBrowser opens a tab with a profile of its own, until the test ends.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	needsBrowser(t)
	ctx, stop := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// visitor is someone who was never here before, with a page in a browser. It
// watches for what no page of ours may do.
type visitor struct {
	ctx     context.Context
	origins []string // that requests may go to

	mu     sync.Mutex
	faults []string
	urls   []string // of requests
}

// newVisitor opens a tab for one, until the test ends. Requests may go to the
// origins.
func newVisitor(t *testing.T, origins ...string) *visitor {
	t.Helper()
	p := &visitor{ctx: openBrowser(t), origins: origins}
	p.start(t)
	return p
}

// opens is the tab that the page opens because of what trigger does.
func (p *visitor) opens(t *testing.T, trigger func()) *visitor {
	t.Helper()
	opened := chromedp.WaitNewTarget(p.ctx, func(*target.Info) bool { return true })
	trigger()
	select {
	case id := <-opened:
		ctx, closed := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
		t.Cleanup(closed)
		other := &visitor{ctx: ctx, origins: p.origins}
		other.start(t)
		return other
	case <-time.After(maxBrowserWait):
		p.fail(t, "the page opened no tab")
		return nil
	}
}

func (p *visitor) start(t *testing.T) {
	t.Helper()
	if err := chromedp.Listen(p.ctx, p.note); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(p.ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
}

// note keeps what the browser says of the page.
func (p *visitor) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// An answer that is refused is an entry, too: 401 is how a page learns
		// that nobody is signed in.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			p.faults = append(p.faults, "log: "+e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		var said []string
		for _, arg := range e.Args {
			said = append(said, string(arg.Value)+arg.Description)
		}
		p.faults = append(p.faults, fmt.Sprintf("console.%s: %s", e.Type, strings.Join(said, " ")))
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprintf("exception: %s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *network.EventRequestWillBeSent:
		p.urls = append(p.urls, e.Request.URL)
	}
}

// wantClean expects that the page has broken no policy and written nothing to the
// console, that all its requests went where they may, and that it has put the
// secrets into no URL, no console and no storage.
func (p *visitor) wantClean(t *testing.T, secrets ...string) {
	t.Helper()
	kept := valueOf[string](t, p, `JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])`)
	databases := valueOf[string](t, p, `Promise.all([indexedDB.databases(), caches.keys()]).then(JSON.stringify)`)
	if databases != "[[],[]]" {
		t.Errorf("the page keeps %s", databases)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		t.Error(fault)
	}
	for _, url := range p.urls {
		if !strings.HasPrefix(url, "data:") && !slices.ContainsFunc(p.origins, func(origin string) bool { return strings.HasPrefix(url, origin+"/") }) {
			t.Errorf("a request went to %s", url)
		}
	}
	everywhere := kept + strings.Join(p.urls, " ") + strings.Join(p.faults, " ")
	for _, secret := range secrets {
		if strings.Contains(everywhere, secret[len(secret)-32:]) {
			t.Error("a secret is in storage, a URL or the console")
		}
	}
}

// act runs steps in the page.
func (p *visitor) act(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, maxBrowserWait)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.fail(t, err.Error())
	}
}

// open goes to a URL.
func (p *visitor) open(t *testing.T, url string) {
	t.Helper()
	p.act(t, chromedp.Navigate(url))
}

// click clicks what the selector finds once it can be seen.
func (p *visitor) click(t *testing.T, selector string) {
	t.Helper()
	p.act(t, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// write types into what has the focus.
func (p *visitor) write(t *testing.T, keys string) {
	t.Helper()
	p.act(t, chromedp.KeyEvent(keys))
}

// until waits until an expression is true.
func (p *visitor) until(t *testing.T, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, maxBrowserWait)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[any](expression, chromedp.WithPollingTimeout(maxBrowserWait), chromedp.WithPollingInterval(50*time.Millisecond)))
	if err != nil {
		p.fail(t, fmt.Sprintf("%s: %v", expression, err))
	}
}

// untilText waits until what the selector finds has the text in it.
func (p *visitor) untilText(t *testing.T, selector, text string) {
	t.Helper()
	p.until(t, fmt.Sprintf(`document.querySelector(%q)?.textContent.includes(%q)`, selector, text))
}

// valueOf returns what an expression, or the promise that it is, comes to.
func valueOf[T any](t *testing.T, p *visitor, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, maxBrowserWait)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.fail(t, fmt.Sprintf("%s: %v", expression, err))
	}
	return value
}

// fail ends the test with what is to be seen on the page.
func (p *visitor) fail(t *testing.T, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, maxBrowserWait)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Fatalf("%s\n%s\nthe page: %s %v", why, strings.Join(p.faults, "\n"), text, err)
}

// view is how someone sees a page.
type view struct {
	name          string
	width, height int64
	scheme        string // light or dark
}

var (
	onDesk  = view{"light", 1400, 900, "light"}
	inDark  = view{"dark", 1400, 900, "dark"}
	onPhone = view{"phone", 375, 760, "light"}
)

// show takes a picture of the page in each view, into the folder that
// BROWSER_PICTURES names, if any. The page keeps the last one.
func (p *visitor) show(t *testing.T, name string, looks ...view) {
	t.Helper()
	folder := os.Getenv("BROWSER_PICTURES")
	for _, l := range looks {
		p.see(t, l)
		if folder == "" {
			continue
		}
		picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err := errors.Join(err, os.WriteFile(filepath.Join(folder, name+"-"+l.name+".png"), picture, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// see has the page seen in that view.
func (p *visitor) see(t *testing.T, l view) {
	t.Helper()
	p.act(t, chromedp.EmulateViewport(l.width, l.height))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}
