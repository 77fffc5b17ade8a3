package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keloa/apitokens/token"
)

// serveWithProvider runs a server where operators sign in with a provider, which
// knows ana, whom they added, and eve.
func serveWithProvider(t *testing.T) (*livesite, *provider) {
	t.Helper()
	p := newProvider(t)
	s := serveSite(t, "--oidc-issuer="+p.issuer, "--oidc-client-id=web", "--oidc-client-secret=secret")
	p.redirect = s.origin + callbackPath
	p.start(t)
	s.run(t, "operator", "add", "ana@example.com", "--role=admin")
	return s, p
}

// signInWith goes to the provider, and fills in its form.
func (b *tab) signInWith(t *testing.T, who string) {
	t.Helper()
	b.click(t, link, "Continue with single sign-on")
	b.fillIn(t, who)
}

func (b *tab) fillIn(t *testing.T, who string) {
	t.Helper()
	b.wait(t, "document.querySelector('[name=username]')")
	eval[any](t, b, "document.querySelector('[name=username]').focus()")
	b.keys(t, who)
	eval[any](t, b, "document.querySelector('[name=password]').focus()")
	b.keys(t, "pw\r")
}

// TestSignInByProvider comes without a session, signs in with the provider after
// one who may not, and is where it wanted to go.
func TestSignInByProvider(t *testing.T) {
	s, p := serveWithProvider(t)
	s.mint(t, "looked for", "read")
	b := openTab(t, s.origin)
	b.mayAsk(strings.TrimSuffix(p.issuer, "/"))
	b.expectRefusals()
	b.goTo(t, "/settings/audit-log?outcome=SUCCEEDED")
	b.sees(t, link, "Continue with single sign-on")
	b.picture(t, "sign-in-provider")
	b.audit(t, "sign in with a provider")
	b.signInWith(t, "eve")
	b.reads(t, "has not verified your e-mail address")
	for _, v := range []view{inDark, onPhone, inLight} {
		b.see(t, v)
		b.picture(t, "sign-in-refused-"+v.name)
		b.audit(t, "turned away")
	}
	b.goTo(t, "/sign-in?reason=email-unverified&lang=nl")
	b.reads(t, "heeft uw e-mailadres niet bevestigd")
	b.picture(t, "sign-in-refused-dutch")
	b.goTo(t, "/sign-in?reason=nonsense&lang=en")
	b.sees(t, link, "Continue with single sign-on")
	if eval[bool](t, b, "document.querySelector('.notice') !== null") {
		t.Error("the page takes words from its address")
	}
	b.signInWith(t, "ana")
	b.reads(t, "Minted")
	if where := eval[string](t, b, "location.pathname + location.search"); where != "/settings/audit-log?outcome=SUCCEEDED" {
		t.Errorf("sign-in led to %s", where)
	}
}

// TestSignInAnewFails is signed in and signs in anew with a provider that turns them
// away: they are told why, and that nothing else has changed.
func TestSignInAnewFails(t *testing.T) {
	s, p := serveWithProvider(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.mayAsk(strings.TrimSuffix(p.issuer, "/"))
	b.expectRefusals()
	b.goTo(t, oidcPath)
	b.fillIn(t, "eve")
	b.reads(t, "has not verified your e-mail address. You are signed in as before.")
	b.sees(t, button, token.DefaultOperator+": your sessions")
	b.picture(t, "turned-away-signed-in")
	b.audit(t, "turned away, and signed in")
	if where := eval[string](t, b, "location.pathname + location.search"); where != settingsPath {
		t.Errorf("the page is at %s", where)
	}
	b.click(t, button, "Close")
	b.wait(t, "!document.querySelector('.notice')")
	for _, reason := range []string{"link", "failed"} {
		b.goTo(t, signInPath+"?lang=nl&reason="+reason)
		b.reads(t, "U bent aangemeld zoals daarvoor.")
	}
	// Who signs in after all is told of nothing.
	other := openTab(t, s.origin)
	other.expectRefusals()
	other.goTo(t, signInPath+"?reason=declined")
	other.reads(t, "did not sign you in")
	other.another(t).goTo(t, s.signInPath(t, token.DefaultOperator))
	other.sees(t, "h1", "API tokens")
	other.wait(t, "!document.querySelector('.notice')")
}

// TestSwitchWorkspace goes from one workspace to another, in two tabs at once, and
// sees what is there.
func TestSwitchWorkspace(t *testing.T) {
	s := serveSite(t)
	s.mint(t, "of the first", "read")
	s.run(t, "workspace", "create", "acme", "--name=Acme", "--owner="+token.DefaultOperator)
	b := s.signedIn(t, token.DefaultOperator)
	other := b.another(t)
	other.goTo(t, "/settings/audit-log")
	other.reads(t, "Minted")
	b.sees(t, "tr a", "of the first")
	b.expectRefusals()
	other.expectRefusals()
	b.click(t, button, "Default: switch to another workspace")
	b.reads(t, "You are here")
	b.click(t, button, "Switch to Acme")
	b.sees(t, button, "Acme: switch to another workspace")
	b.reads(t, "There are no API tokens yet")
	other.sees(t, button, "Acme: switch to another workspace")
	s.run(t, "operator", "add", "ana@example.com", "--role=admin") // somebody must be left
	s.run(t, "operator", "remove", token.DefaultOperator)
	b.click(t, button, "Acme: switch to another workspace")
	b.reads(t, "You are here")
}

// TestSessionsOfOnesOwn ends the session of another browser.
func TestSessionsOfOnesOwn(t *testing.T) {
	s := serveSite(t)
	here, there := s.signedIn(t, token.DefaultOperator), s.signedIn(t, token.DefaultOperator)
	there.expectRefusals()
	here.click(t, button, token.DefaultOperator+": your sessions")
	here.wait(t, "document.querySelectorAll('dialog li').length === 2")
	here.reads(t, "One-time link")
	here.reads(t, "from 127.0.0.1")
	items := func(name string) string {
		return fmt.Sprintf("[...document.querySelectorAll('dialog li')].filter((e) => e.innerText.includes(%q)).length", name)
	}
	if n := eval[int](t, here, items("This one")); n != 1 {
		t.Errorf("%d sessions are this one", n)
	}
	eval[any](t, here, "document.querySelector('dialog li button').click()")
	here.wait(t, "document.querySelectorAll('dialog li').length === 1")
	here.reads(t, "This one")
	there.reads(t, "keloa-tokens signin")
}
