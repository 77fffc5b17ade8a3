package main

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/keloa/apitokens/ent"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// playground is a tab with the playground in it.
type playground struct {
	*tab
	*site
}

// The tabs of the playground, in their order.
const (
	listTokens = iota
	usedSince
	mintToken
	followUse
	auditLog
)

// openPlayground opens the playground, as whoever the tab has signed in.
func (s *site) openPlayground(t *testing.T, b *tab) playground {
	t.Helper()
	b.goTo(t, playgroundPath)
	g := playground{b, s}
	g.ready(t)
	return g
}

// ready waits until the editors and the schema are there.
func (g playground) ready(t *testing.T) {
	t.Helper()
	g.wait(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 10`)
	g.shows(t, ".graphiql-doc-explorer-content", "ApiToken")
}

// authenticate pastes a secret.
func (g playground) authenticate(t *testing.T, secret string) {
	t.Helper()
	g.press(t, ".who .primary")
	g.wait(t, `document.activeElement?.id === 'secret'`)
	g.keys(t, secret+kb.Enter)
}

// run goes to that tab and runs its operation.
func (g playground) run(t *testing.T, tab int) {
	t.Helper()
	g.goToTab(t, tab)
	g.press(t, ".graphiql-execute-button:not([aria-haspopup])")
}

func (g playground) goToTab(t *testing.T, tab int) {
	t.Helper()
	g.press(t, "#graphiql-session-tab-"+strconv.Itoa(tab))
}

// runNth runs one of the operations of the tab, counted from 1.
func (g playground) runNth(t *testing.T, operation int) {
	t.Helper()
	g.press(t, ".graphiql-execute-button[aria-haspopup=menu]")
	g.press(t, ".graphiql-dropdown-item:nth-child("+strconv.Itoa(operation)+")")
}

// answered waits for the answer to have the text in it.
func (g playground) answered(t *testing.T, text string) {
	t.Helper()
	// The editor breaks lines, and shows blanks as others than what they are.
	text = strings.ReplaceAll(text, " ", "")
	g.wait(t, `document.querySelector('.result-window')?.innerText.replace(/\s/g, '').includes(`+strconv.Quote(text)+`)`)
}

// TestPlayground goes through what an integrator does first, with a test-mode
// token that is pasted.
func TestPlayground(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		defer startSealing(t, s)()
		s.mint(t, "real", ability.Read)
		made, secret := s.mintTest(t, "sandbox", ability.FullAccess)
		g := s.openPlayground(t, s.anonymous(t))
		g.shows(t, ".who-is", "Not signed in")
		g.run(t, listTokens)
		g.answered(t, "UNAUTHENTICATED")

		g.authenticate(t, secret)
		for _, text := range []string{"Token sandbox", "keloa_pk_test_…" + secret[len(secret)-4:], "TEST", "FULL_ACCESS"} {
			g.shows(t, ".who-is", text)
		}
		g.run(t, listTokens)
		g.answered(t, `"label": "sandbox"`)
		if err := s.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.run(t, usedSince)
		g.answered(t, `"label": "sandbox"`)

		g.goToTab(t, mintToken)
		g.runNth(t, 1)
		g.answered(t, `"secret":`)
		minted := s.Client().Token.Query().Where(enttoken.LabelEQ("playground")).OnlyX(t.Context())
		if minted.Mode != enttoken.ModeTEST {
			t.Errorf("minted in mode %s", minted.Mode)
		}
		g.runNth(t, 2)
		g.answered(t, `"state": "REVOKED"`)
		if s.Client().Token.GetX(t.Context(), minted.ID).RevokedAt == nil {
			t.Error("what was minted is not revoked")
		}

		g.run(t, auditLog)
		g.answered(t, "developers.api_token.revoke")

		if _, err := s.Service.Revoke(t.Context(), s.Owner, made.ID, ""); err != nil {
			t.Fatal(err)
		}
		g.run(t, listTokens)
		g.shows(t, ".who-is", "sandbox is no longer accepted")
		g.press(t, ".who button:not(.primary)")
		g.shows(t, ".who-is", "Not signed in")
	})
}

// excused is what GraphiQL does that no style mends: its tabs are role=tab with the
// button that chooses each, and the one that closes it, inside.
const excused = "nested-interactive .graphiql-tab"

// TestPlaygroundLooks takes pictures of it, and audits it.
func TestPlaygroundLooks(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mintTest(t, "sandbox", ability.Read, ability.WriteContacts)
		b := s.anonymous(t)
		for _, v := range []view{inLight, inDark, onPhone} {
			b.see(t, v)
			g := playground{b, s}
			g.goTo(t, playgroundPath)
			g.wait(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 3`)
			g.audit(t, "anonymous "+v.name, excused)
			g.press(t, ".who .primary")
			g.picture(t, "playground-authenticate-"+v.name)
			g.audit(t, "authenticate "+v.name)
			g.keys(t, secret+kb.Enter)
			g.shows(t, ".who-is", "Token sandbox")
			g.run(t, listTokens)
			g.answered(t, `"label":`)
			g.picture(t, "playground-"+v.name)
			g.audit(t, "playground "+v.name, excused)
		}
	})
}

// mintTest makes a test-mode token.
func (s *site) mintTest(t *testing.T, label string, abilities ...ability.Ability) (*ent.Token, string) {
	t.Helper()
	return s.mintInput(t, token.MintInput{Label: label, Abilities: abilities, Mode: enttoken.ModeTEST})
}

// TestPlaygroundKeepsNothing pastes secrets wherever there is room, and loads the
// page again.
func TestPlaygroundKeepsNothing(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "live one", ability.Read)
		unknown := s.unknown(t, bearer.Live)
		g := s.openPlayground(t, s.anonymous(t))
		g.authenticate(t, unknown)
		g.shows(t, "#secret-error", "does not accept this secret")
		g.keys(t, kb.Escape)
		g.wait(t, `document.querySelector('#secret').value === ''`)
		g.authenticate(t, secret[:40])
		g.shows(t, "#secret-error", "not a whole secret")
		g.keys(t, kb.Escape)
		g.authenticate(t, "  "+secret)
		g.shows(t, ".who-is", "live one")
		for _, editor := range []string{".graphiql-query-editor", ".graphiql-editor-tool"} {
			g.press(t, editor+" .view-lines")
			g.keys(t, "# "+secret)
		}
		g.wantNothingKept(t)
		g.tab.do(t, chromedp.Reload())
		g.ready(t)
		g.shows(t, ".who-is", "Not signed in")
		if html := eval[string](t, g.tab, `document.documentElement.outerHTML`); strings.Contains(html, secret[14:]) {
			t.Error("the secret outlived the page")
		}
	})
}

// TestPlaygroundSignedIn asks as the operator who is signed in, who follows use.
func TestPlaygroundSignedIn(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		b := openTab(t, s.public)
		b.goTo(t, "/sign-in?code="+s.code(t))
		g := s.openPlayground(t, b)
		g.shows(t, ".who-is", "Signed in as "+owner)
		g.run(t, followUse)
		g.answersUse(t, secret)

		g.authenticate(t, secret)
		g.shows(t, ".who-is", "Token busy")
		g.press(t, ".who button:not(.primary)")
		g.shows(t, ".who-is", "Signed in as "+owner)
	})
}

// answersUse uses a token until the subscription shows it: when it has begun, it
// does not say.
func (g playground) answersUse(t *testing.T, secret string) {
	t.Helper()
	await(t, func() bool {
		wantViewer(t, g.ask(t, whoAmI, "Authorization: Bearer "+secret), "busy")
		if err := errors.Join(g.Usage.Flush(t.Context()), g.Usage.Publish(t.Context())); err != nil {
			t.Fatal(err)
		}
		return eval[bool](t, g.tab, `document.querySelector('.result-window').innerText.includes('busy')`)
	})
}

// TestPlaygroundIsHandedAToken mints a token on the settings page and takes it
// along.
func TestPlaygroundIsHandedAToken(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		b := openTab(t, s.public)
		b.goTo(t, "/sign-in?code="+s.code(t))
		b.click(t, button, "New token")
		b.fill(t, "Label", "fresh")
		b.keys(t, kb.Enter)
		secret, err := bearer.Parse(b.shownSecret(t))
		if err != nil {
			t.Fatal(err)
		}
		s.keep(secret)
		b.click(t, "summary", "Use it")
		b.reads(t, "$KELOA_TOKEN")
		g := playground{b.opens(t, func() { b.click(t, button, "Open in playground") }), s}
		g.shows(t, ".who-is", "Token fresh")
		g.wait(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 10`)
		g.run(t, listTokens)
		g.answered(t, `"label": "fresh"`)
		b.click(t, field, "I have stored it")
		b.click(t, button, "Done")
		b.wait(t, "!document.querySelector('dialog')")
	})
}

// anonymous opens a tab in which nobody has signed in.
func (s *site) anonymous(t *testing.T) *tab {
	t.Helper()
	b := openTab(t, s.public)
	b.expectRefusals()
	return b
}
