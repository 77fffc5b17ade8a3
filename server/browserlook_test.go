package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/keloa/apitokens/token"
)

// pageState is one state of the pages, and how one comes to it.
type pageState struct {
	name string
	come func(t *testing.T, b *tab)
}

// pageStates are the states that are looked at in every light.
func pageStates(id string) []pageState {
	at := func(path, text string) func(t *testing.T, b *tab) {
		return func(t *testing.T, b *tab) {
			t.Helper()
			b.open(t, path)
			b.wait(t, text)
		}
	}
	const list = `document.querySelectorAll('tr.row').length > 0 && document.querySelector('.counts')`
	dialog := func(path, opener string) func(t *testing.T, b *tab) {
		return func(t *testing.T, b *tab) {
			t.Helper()
			b.open(t, path)
			b.wait(t, list+" || document.querySelector('.columns')")
			b.wait(t, opener)
			eval[any](t, b, opener+".click()")
			b.wait(t, "document.querySelector('dialog[open]')")
		}
	}
	return []pageState{
		{"list", at("/settings/api-tokens", list+" && document.querySelector('.rotation time')")},
		{"none-match", at("/settings/api-tokens?q=nowhere", "document.querySelector('.empty')")},
		{"revoked", at("/settings/api-tokens?state=REVOKED", "document.querySelector('tr.row')")},
		{"token", at("/settings/api-tokens?token="+id, "document.querySelector('.columns') && document.querySelector('.audit')")},
		{"audit", at("/settings/audit-log", "document.querySelector('.audit tr.row')")},
		{"mint", dialog("/settings/api-tokens", "document.querySelector('.page-head .primary')")},
		{"mint-full", func(t *testing.T, b *tab) {
			t.Helper()
			dialog("/settings/api-tokens?abilities=full_access", "document.querySelector('.apart')")(t, b)
			eval[any](t, b, "document.querySelector('dialog .primary').click()")
			b.wait(t, "document.querySelector('dialog [role=alert]:not(:empty)')")
		}},
		{"rotate", dialog("/settings/api-tokens?token="+id, "document.querySelectorAll('.page-actions button')[1]")},
		{"edit", dialog("/settings/api-tokens?token="+id, "document.querySelectorAll('.page-actions button')[0]")},
		{"workspaces", func(t *testing.T, b *tab) {
			t.Helper()
			dialog("/settings/api-tokens", "document.querySelector('button.workspace')")(t, b)
			b.wait(t, "document.querySelector('dialog li')")
		}},
		{"sessions", func(t *testing.T, b *tab) {
			t.Helper()
			dialog("/settings/api-tokens", "document.querySelector('button.who')")(t, b)
			b.wait(t, "document.querySelector('dialog li')")
		}},
		{"revoke", dialog("/settings/api-tokens", "document.querySelector('tr.row .danger')")},
		{"secret", func(t *testing.T, b *tab) {
			t.Helper()
			dialog("/settings/api-tokens?label=website-search", "document.querySelector('dialog .primary')")(t, b)
			b.wait(t, "document.querySelector('.secret')")
			eval[any](t, b, "document.querySelector('.snippets').open = true; document.querySelector('.secret ~ .dialog-actions .primary').click()")
			b.wait(t, "document.querySelector('dialog .notice')")
		}},
	}
}

// leave closes the dialog that is open, if one is.
func (b *tab) leave(t *testing.T) {
	t.Helper()
	eval[any](t, b, `document.querySelector('dialog .dialog-head .icon-button')?.click()`)
	if eval[bool](t, b, `document.querySelector('.secret') !== null`) {
		eval[any](t, b, `addEventListener('popstate', () => { window.wentBack = true }, { once: true }); document.querySelector('dialog .tick input').click()`)
		b.wait(t, `document.querySelector('.secret ~ .dialog-actions .primary[aria-disabled=false]')`)
		eval[any](t, b, `document.querySelector('.secret ~ .dialog-actions .primary').click()`)
		b.wait(t, `window.wentBack`)
		eval[any](t, b, `window.wentBack = false; undefined`)
	}
	b.wait(t, `!document.querySelector('dialog')`)
}

// open goes to a page, in the language that the tab is in. Where a page is open
// in it already, that one shows the other, by way of a third: nothing of what it
// showed is left, and it is not loaded anew.
func (b *tab) open(t *testing.T, path string) {
	t.Helper()
	if b.language != "" {
		mark := "?"
		if strings.Contains(path, "?") {
			mark = "&"
		}
		path += mark + "lang=" + b.language
	}
	b.leave(t)
	if !eval[bool](t, b, "window.openedIn === "+quoted(b.language)) {
		b.goTo(t, path)
		eval[any](t, b, "window.openedIn = "+quoted(b.language))
		return
	}
	between := settingsAuditLogPath
	if strings.HasPrefix(path, between) {
		between = settingsPath
	}
	eval[any](t, b, `(async () => {
		for (const path of [`+quoted(between)+`, `+quoted(path)+`]) {
			history.pushState(null, '', path)
			dispatchEvent(new PopStateEvent('popstate'))
			await new Promise((rendered) => setTimeout(rendered, 50))
		}
	})()`)
}

// audit runs the rules of WCAG 2.2 up to AA, and expects no violation of any. In
// a narrow window, or a large type, nothing may need to be scrolled sideways. What
// lies beneath a dialog is out of reach, and audited without it.
// Rules that are broken where the excuse says so, as rule and selector, are let
// pass there.
func (b *tab) audit(t *testing.T, what string, excuses ...string) {
	t.Helper()
	if !eval[bool](t, b, "typeof axe === 'object'") {
		eval[any](t, b, axe(t)+"; undefined")
	}
	// The pseudo-locales write names within a label in other letters than beside
	// it, which no language does.
	named := strconv.FormatBool(!strings.Contains(b.language, "-X"))
	broken := eval[[]string](t, b, `axe.run(document.querySelector('dialog[open]') ?? document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'],
		rules: { 'label-content-name-mismatch': { enabled: `+named+` } } }).then((result) =>
		result.violations.flatMap((v) => v.nodes.filter((n) =>
			!(`+quoted(excuses)+` ?? []).some((excuse) => excuse.startsWith(v.id + ' ') && document.querySelector(n.target).matches(excuse.slice(v.id.length)))).map((n) => v.id + ': ' + n.html.slice(0, 200) + ' ' + (n.any[0]?.message ?? ''))))`)
	for _, each := range broken {
		t.Errorf("%s: %s", what, each)
	}
	if wide := eval[string](t, b, `(() => {
		const root = document.querySelector('dialog[open]') ?? document.documentElement
		if (root.scrollWidth <= root.clientWidth) return ''
		return [...root.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1).map((e) => e.outerHTML.slice(0, 120)).slice(0, 3).join(' ') || 'something'
	})()`); wide != "" {
		t.Errorf("%s: it has to be scrolled sideways: %s", what, wide)
	}
}

// axe is the source of axe-core, which .ci/install brings.
func axe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("ui/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("axe-core is not installed: install Node.js and run: npm ci --prefix server/ui")
	}
	return string(text)
}

// furnished is a tab of the owner's on a site that has been at work for a while,
// and the id of a token that is being rotated there.
func furnished(t *testing.T) (b *tab, id string) {
	t.Helper()
	s := serveFurnished(t)
	s.run(t, "workspace", "create", "acme", "--name=Acme", "--owner="+token.DefaultOperator)
	s.run(t, "token", "revoke", s.idOf(t, "old-importer"), "--reason", "replaced by crm-sync")
	id = s.idOf(t, "zapier-prod")
	b = s.signedIn(t, token.DefaultOperator)
	b.api(t, `mutation { rotateToken(input: {id: "`+id+`", graceSeconds: 604800}) { token { id } } }`)
	return b, id
}

// TestEveryStateInEveryLight goes to each state in each of the ways that people
// look at pages, and audits it there.
func TestEveryStateInEveryLight(t *testing.T) {
	b, id := furnished(t)
	for _, v := range []view{
		inLight, inDark, onPhone,
		{"zoomed", 640, 450, nil, ""}, // 200 % of 1280 by 900
		{"forced", 1280, 900, []string{"forced-colors", "active"}, ""},
		{"rtl", 1280, 900, nil, "ar-XB"},
		{"dutch", 390, 844, []string{"prefers-color-scheme", "dark"}, "nl"},
	} {
		t.Run(v.name, func(t *testing.T) {
			b.see(t, v)
			for _, state := range pageStates(id) {
				state.come(t, b)
				b.picture(t, state.name+"-"+v.name)
				b.audit(t, state.name)
			}
			b.leave(t)
		})
	}
}

// TestNothingIsHardCoded looks for words that do not come from the catalogue: in
// the pseudo-locale, those are the only ones in plain letters. What is not of a
// language stands in elements for it.
func TestNothingIsHardCoded(t *testing.T) {
	b, id := furnished(t)
	b.language = "en-XA"
	for _, state := range pageStates(id) {
		state.come(t, b)
		plain := eval[[]string](t, b, `(() => {
			const found = []
			const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
			for (let node = texts.nextNode(); node; node = texts.nextNode()) {
				if (node.parentElement.closest('noscript, bdi, code, time, script, option:not([value=""])')) continue
				if (/[a-z]/i.test(node.data)) found.push(node.data)
			}
			for (const e of document.querySelectorAll('[aria-label], [title], [placeholder], option')) {
				for (const text of [e.getAttribute('aria-label'), e.getAttribute('title')]) {
					if (text && /[a-z]/i.test(text) && !e.closest('bdi') && !e.matches('.agent')) found.push(text)
				}
			}
			return found
		})()`)
		for _, text := range plain {
			t.Errorf("%s: %q is not in the catalogue", state.name, text)
		}
	}
	b.leave(t)
}

// TestLastUseByKeyboard reads the exact moment of a last use without a mouse.
func TestLastUseByKeyboard(t *testing.T) {
	s := serveFurnished(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.wait(t, "document.querySelector('.cell-used .when')")
	eval[any](t, b, "document.querySelector('.cell-used .when').focus()")
	tip := eval[string](t, b, `(() => {
		const tip = document.querySelector('.cell-used .when .tip')
		return getComputedStyle(tip).display + ' ' + tip.textContent
	})()`)
	if !strings.HasPrefix(tip, "block ") || !strings.Contains(tip, " at ") || !strings.Contains(tip, "CE") {
		t.Errorf("the tip is %q", tip)
	}
	b.picture(t, "tip")
	b.keys(t, kb.Escape)
	b.wait(t, "getComputedStyle(document.querySelector('.cell-used .when .tip')).display === 'none'")
}

// TestSearchAndFilters narrows the list in each way there is, and comes back to
// it by its address.
func TestSearchAndFilters(t *testing.T) {
	s := serveFurnished(t)
	b := s.signedIn(t, token.DefaultOperator)
	rows := func(n int) {
		t.Helper()
		b.wait(t, fmt.Sprintf(`document.querySelectorAll('tr.row').length === %d && document.querySelector('.list-foot [role=status]').textContent.startsWith('%d token')`, n, n))
	}
	rows(len(pasts))
	for name, n := range map[string]int{"Idle for 30 days 1": 1, "End within 14 days 1": 1, "Never end 3": 3, "Full access 1": 1} {
		b.click(t, button, name)
		rows(n)
		b.click(t, button, fmt.Sprintf("All %d", len(pasts)))
		rows(len(pasts))
	}
	b.fill(t, "Search by label or hint", "CRM")
	rows(1)
	hint := eval[string](t, b, "document.querySelector('.cell-token code').textContent")
	b.fill(t, "Search by label or hint", hint)
	b.wait(t, "location.search.includes('q=keloa')")
	rows(1)
	b.goTo(t, eval[string](t, b, "location.pathname + location.search"))
	rows(1)
	b.fill(t, "Search by label or hint", "nothing like it")
	b.reads(t, "No token matches these filters.")
	b.click(t, button, "Show all tokens")
	rows(len(pasts))
	b.choose(t, "Order", "label")
	b.wait(t, "document.querySelector('tr.row .label').textContent === 'crm-sync'")
	b.choose(t, "Mode", "TEST")
	b.reads(t, "0 tokens")
}

// TestPicturesOfTheDocs comes to what docs/settings-page.md shows. `make pictures`
// has it write them anew.
func TestPicturesOfTheDocs(t *testing.T) {
	b, id := furnished(t)
	b.see(t, view{"docs", 1200, 760, nil, ""})
	states := map[string]pageState{}
	for _, state := range pageStates(id) {
		states[state.name] = state
	}
	for _, name := range []string{"list", "token", "mint", "rotate", "audit"} {
		states[name].come(t, b)
		b.picture(t, "settings-"+name)
	}
}
