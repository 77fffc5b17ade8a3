package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the browser that all tests share, started for the first of them.
var chromium struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// startChromium starts the browser. As root it has no sandbox of its own.
func startChromium() {
	program, err := exec.LookPath("chromium")
	if err != nil {
		if program, err = exec.LookPath("google-chrome"); err != nil {
			chromium.err = err
			return
		}
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program),
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-search-engine-choice-screen", true),
		chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("accept-lang", "en-GB"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.stop = func() {
		cancel()
		stopAllocator()
	}
	chromium.err = chromedp.Do(ctx)
	chromium.ctx = ctx //nolint:fatcontext // it lives as long as the browser
}

// stopChromium stops the browser, if one was started.
func stopChromium() {
	if chromium.stop != nil {
		chromium.stop()
	}
}

// needsBrowser has a test run where there is a browser. Without one, `make test`
// and continuous integration fail. Whoever runs plain `go test` may have nothing
// but Go: they are told how to get one, and everything else is tested.
func needsBrowser(t *testing.T) {
	t.Helper()
	chromium.Do(startChromium)
	switch {
	case chromium.err == nil:
	case os.Getenv("REQUIRE_BROWSER") == "":
		t.Skipf("no browser: run `make test`, which installs one and never skips this: %v", chromium.err) //nolint:forbidigo // make test sets REQUIRE_BROWSER, and fails
	default:
		t.Fatalf("no browser: run `make test`, which installs one and never skips this: %v", chromium.err)
	}
}
