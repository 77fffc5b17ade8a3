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
	*visitor
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
func (s *site) openPlayground(t *testing.T, p *visitor) playground {
	t.Helper()
	p.see(t, onDesk)
	p.open(t, s.public+"/playground")
	g := playground{p, s}
	g.ready(t)
	return g
}

// ready waits until the editors and the schema are there.
func (g playground) ready(t *testing.T) {
	t.Helper()
	g.until(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 10`)
	g.untilText(t, ".graphiql-doc-explorer-content", "ApiToken")
}

// authenticate pastes a secret.
func (g playground) authenticate(t *testing.T, secret string) {
	t.Helper()
	g.click(t, ".who .primary")
	g.until(t, `document.activeElement?.id === 'secret'`)
	g.write(t, secret+kb.Enter)
}

// run goes to that tab and runs its operation.
func (g playground) run(t *testing.T, tab int) {
	t.Helper()
	g.choose(t, tab)
	g.click(t, ".graphiql-execute-button:not([aria-haspopup])")
}

func (g playground) choose(t *testing.T, tab int) {
	t.Helper()
	g.click(t, "#graphiql-session-tab-"+strconv.Itoa(tab))
}

// runNth runs one of the operations of the tab, counted from 1.
func (g playground) runNth(t *testing.T, operation int) {
	t.Helper()
	g.click(t, ".graphiql-execute-button[aria-haspopup=menu]")
	g.click(t, ".graphiql-dropdown-item:nth-child("+strconv.Itoa(operation)+")")
}

// answered waits for the answer to have the text in it.
func (g playground) answered(t *testing.T, text string) {
	t.Helper()
	// The editor breaks lines, and shows blanks as others than what they are.
	text = strings.ReplaceAll(text, " ", "")
	g.until(t, `document.querySelector('.result-window')?.innerText.replace(/\s/g, '').includes(`+strconv.Quote(text)+`)`)
}

// TestPlayground goes through what an integrator does first, with a test-mode
// token that is pasted.
func TestPlayground(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		defer startSealing(t, s)()
		s.mint(t, "real", ability.Read)
		made, secret := s.mintTest(t, "sandbox", ability.FullAccess)
		g := s.openPlayground(t, newVisitor(t, s.public))
		g.untilText(t, ".who-is", "Not signed in")
		g.run(t, listTokens)
		g.answered(t, "UNAUTHENTICATED")

		g.authenticate(t, secret)
		for _, text := range []string{"Token sandbox", "keloa_pk_test_…" + secret[len(secret)-4:], "TEST", "FULL_ACCESS"} {
			g.untilText(t, ".who-is", text)
		}
		g.run(t, listTokens)
		g.answered(t, `"label": "sandbox"`)
		if err := s.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.run(t, usedSince)
		g.answered(t, `"label": "sandbox"`)

		g.choose(t, mintToken)
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
		g.untilText(t, ".who-is", "sandbox is no longer accepted")
		g.click(t, ".who button:not(.primary)")
		g.untilText(t, ".who-is", "Not signed in")
		g.wantClean(t, secret)
	})
}

// TestPlaygroundLooks takes pictures of it.
func TestPlaygroundLooks(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mintTest(t, "sandbox", ability.Read, ability.WriteContacts)
		g := s.openPlayground(t, newVisitor(t, s.public))
		g.click(t, ".who .primary")
		g.show(t, "playground-authenticate", inDark, onPhone, onDesk)
		g.write(t, secret+kb.Enter)
		g.untilText(t, ".who-is", "Token sandbox")
		g.run(t, listTokens)
		g.answered(t, `"label": "sandbox"`)
		g.show(t, "playground", onDesk, inDark)
		g.see(t, onPhone)
		g.open(t, s.public+"/playground")
		g.until(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 3`)
		g.authenticate(t, secret)
		g.run(t, listTokens)
		g.answered(t, `"label":`)
		g.show(t, "playground", onPhone)
		if width := valueOf[int](t, g.visitor, `document.documentElement.scrollWidth`); width > 375 {
			t.Errorf("a phone has to scroll sideways: %d pixels", width)
		}
		g.wantClean(t, secret)
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
		g := s.openPlayground(t, newVisitor(t, s.public))
		g.authenticate(t, unknown)
		g.untilText(t, "#secret-error", "does not accept this secret")
		g.write(t, kb.Escape)
		g.until(t, `document.querySelector('#secret').value === ''`)
		g.authenticate(t, secret[:40])
		g.untilText(t, "#secret-error", "not a whole secret")
		g.write(t, kb.Escape)
		g.authenticate(t, "  "+secret)
		g.untilText(t, ".who-is", "live one")
		for _, editor := range []string{".graphiql-query-editor", ".graphiql-editor-tool"} {
			g.click(t, editor+" .view-lines")
			g.write(t, "# "+secret)
		}
		g.wantClean(t, secret, unknown)
		g.act(t, chromedp.Reload())
		g.ready(t)
		g.untilText(t, ".who-is", "Not signed in")
		if html := valueOf[string](t, g.visitor, `document.documentElement.outerHTML`); strings.Contains(html, secret[14:]) {
			t.Error("the secret outlived the page")
		}
		g.wantClean(t, secret, unknown)
	})
}

// TestPlaygroundSignedIn asks as the operator who is signed in, who follows use.
func TestPlaygroundSignedIn(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		_, secret := s.mint(t, "busy", ability.Read)
		p := newVisitor(t, s.public)
		code := s.code(t)
		p.open(t, s.public+"/sign-in?code="+code)
		g := s.openPlayground(t, p)
		g.untilText(t, ".who-is", "Signed in as "+owner)
		g.run(t, followUse)
		g.answersUse(t, secret)

		g.authenticate(t, secret)
		g.untilText(t, ".who-is", "Token busy")
		g.click(t, ".who button:not(.primary)")
		g.untilText(t, ".who-is", "Signed in as "+owner)
		g.wantClean(t, secret)
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
		return valueOf[bool](t, g.visitor, `document.querySelector('.result-window').innerText.includes('busy')`)
	})
}

// TestPlaygroundIsHandedAToken mints a token on the settings page and takes it
// along.
func TestPlaygroundIsHandedAToken(t *testing.T) {
	oneSite(t, func(t *testing.T, s *site) {
		p := newVisitor(t, s.public)
		p.see(t, onDesk)
		p.open(t, s.public+"/sign-in?code="+s.code(t))
		p.click(t, ".empty .button.primary")
		p.until(t, `document.activeElement?.matches('dialog input')`)
		p.write(t, "fresh"+kb.Enter)
		secret := s.keepText(t, valueOfOnce(t, p, `document.querySelector('.secret code')?.textContent`))
		other := p.opens(t, func() { p.click(t, ".dialog-actions > button:not(.primary)") })
		g := playground{other, s}
		g.see(t, onDesk)
		g.untilText(t, ".who-is", "Token fresh")
		g.until(t, `document.querySelectorAll('.graphiql-editor .view-line').length > 10`)
		g.run(t, listTokens)
		g.answered(t, `"label": "fresh"`)
		g.wantClean(t, secret)
		p.wantClean(t, secret)
	})
}

// keepText is [site.keep] for a secret that was shown.
func (s *site) keepText(t *testing.T, text string) string {
	t.Helper()
	secret, err := bearer.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.keep(secret)
}

// valueOfOnce waits until the expression is something, and returns it.
func valueOfOnce(t *testing.T, p *visitor, expression string) string {
	t.Helper()
	p.until(t, expression)
	return valueOf[string](t, p, expression)
}
