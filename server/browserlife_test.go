package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/keloa/apitokens/token"
)

// letClipboard says whether pages of the site may write to the clipboard.
func (b *tab) letClipboard(t *testing.T, setting browser.PermissionSetting) {
	t.Helper()
	for _, name := range []string{"clipboard-write", "clipboard-read"} {
		_, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: setting, Origin: b.origin,
			BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// shownSecret is the secret in the dialog.
func (b *tab) shownSecret(t *testing.T) string {
	t.Helper()
	b.wait(t, "find('.secret code')")
	return eval[string](t, b, "find('.secret code').textContent")
}

// works reports whether the API takes a secret.
func (s *livesite) works(t *testing.T, secret string) bool {
	t.Helper()
	status, body := s.ask(t, secret, `{ viewer { token { label } } apiTokens { nodes { id } } }`)
	if status != 200 && status != 401 {
		t.Fatalf("%d %s", status, body)
	}
	return status == 200
}

// TestTokenLife is the life of a token by mouse: minted, copied, used, rotated,
// used again, revoked; and what the audit log has of it.
func TestTokenLife(t *testing.T) {
	s := serveSite(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.letClipboard(t, browser.PermissionSettingGranted)
	b.reads(t, "There are no API tokens yet")
	b.picture(t, "none")
	b.audit(t, "no tokens")
	b.click(t, button, "New token")
	b.sees(t, field, "Label")
	if got := b.focused(t); got != "Label" {
		t.Errorf("the focus is at %q", got)
	}
	b.click(t, button, "Mint token")
	b.reads(t, "Give it a label.")
	b.fill(t, "Label", "zapier-prod")
	b.click(t, field, "Write contacts")
	b.click(t, button, "Mint token")

	first := b.shownSecret(t)
	b.reads(t, "The secret of zapier-prod")
	b.click(t, button, "Done")
	b.reads(t, "It cannot be shown again")
	b.click(t, button, "Copy secret")
	b.reads(t, "Copied to the clipboard.")
	if got := eval[string](t, b, "navigator.clipboard.readText()"); got != first {
		t.Error("the clipboard holds something else")
	}
	b.click(t, button, "Done")
	b.wait(t, "!document.querySelector('dialog')")
	b.sees(t, "tr a", "zapier-prod")
	b.reads(t, "Never used")

	if !s.works(t, first) {
		t.Fatal("the secret does not work")
	}
	b.wait(t, "!says('Never used') && says('from 127.0.0.1')")

	b.click(t, button, "Rotate zapier-prod")
	b.click(t, button, "Rotate")
	second := b.shownSecret(t)
	b.click(t, field, "I have stored it")
	b.click(t, button, "Done")
	b.reads(t, "Being replaced")
	b.reads(t, "not used yet")
	if !s.works(t, first) || !s.works(t, second) {
		t.Fatal("one of the two does not work")
	}
	b.wait(t, "document.querySelectorAll('tr.row').length === 1 && !says('Being replaced')")
	if s.works(t, first) {
		t.Fatal("the old secret goes on")
	}

	b.click(t, button, "Revoke zapier-prod")
	b.reads(t, "This cannot be undone")
	if got := b.focused(t); got != "Cancel" {
		t.Errorf("the focus is at %q", got)
	}
	b.reads(t, "keloa_pk_live_…"+second[len(second)-4:])
	b.fill(t, "Reason, for the audit log (optional)", "end of the test")
	b.click(t, button, "Revoke token")
	b.wait(t, "!document.querySelector('dialog') && document.querySelector('[role=status].hidden').textContent === 'zapier-prod was revoked.'")
	if s.works(t, second) {
		t.Fatal("the revoked secret goes on")
	}
	if got := b.focused(t); got != "API tokens" {
		t.Errorf("the focus is at %q", got)
	}
	b.reads(t, "There are no API tokens yet")

	b.click(t, link, "Audit log")
	for _, entry := range []string{"Minted", "Rotated", "Revoked", "end of the test"} {
		b.reads(t, entry)
	}
}

// TestTokenLifeByKeyboard mints and revokes without a mouse.
func TestTokenLifeByKeyboard(t *testing.T) {
	s := serveSite(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.letClipboard(t, browser.PermissionSettingGranted)
	b.reads(t, "There are no API tokens yet")
	b.tabTo(t, "New token")
	b.keys(t, kb.Enter)
	b.sees(t, field, "Label")
	b.keys(t, "by-keyboard")
	b.tabTo(t, "Manage webhooks")
	b.keys(t, " "+kb.Enter) // Enter submits
	b.shownSecret(t)
	if got := b.focused(t); got != "Copy secret" {
		t.Errorf("the focus is at %q", got)
	}
	b.keys(t, kb.Escape+kb.Escape)
	b.reads(t, "It cannot be shown again")
	b.tabTo(t, "I have stored it")
	b.keys(t, " ")
	b.tabTo(t, "Done")
	b.keys(t, kb.Enter)
	b.wait(t, "!document.querySelector('dialog')")
	b.sees(t, "tr a", "by-keyboard")

	b.tabTo(t, "Revoke by-keyboard")
	b.keys(t, kb.Enter)
	b.reads(t, "This cannot be undone")
	b.keys(t, kb.Enter) // the focus is on Cancel
	b.wait(t, "!document.querySelector('dialog')")
	if got := b.focused(t); got != "Revoke by-keyboard" {
		t.Errorf("the focus did not return: %q", got)
	}
	b.keys(t, kb.Enter)
	b.tabTo(t, "Revoke token")
	b.keys(t, kb.Enter)
	b.reads(t, "There are no API tokens yet")
}

// tabTo presses Tab until the focus is there.
func (b *tab) tabTo(t *testing.T, name string) {
	t.Helper()
	var passed []string
	for range 60 {
		if b.focused(t) == name {
			return
		}
		b.keys(t, kb.Tab)
		passed = append(passed, b.focused(t))
	}
	t.Fatalf("the keyboard does not come to %q, but to %s", name, strings.Join(passed, ", "))
}

// TestCopyRefused has the browser refuse to copy.
func TestCopyRefused(t *testing.T) {
	s := serveSite(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.letClipboard(t, browser.PermissionSettingDenied)
	b.goTo(t, "/settings/api-tokens?label=from-a-link&abilities=read,write_contacts,nonsense")
	b.sees(t, field, "Label")
	if ticked := eval[string](t, b, `[...document.querySelectorAll('dialog input:checked')].map((e) => e.labels[0].textContent).join()`); ticked != "Read,Write contacts,Live" {
		t.Errorf("ticked are %s", ticked)
	}
	b.click(t, button, "Mint token")
	secret := b.shownSecret(t)
	b.click(t, button, "Copy secret")
	b.reads(t, "The browser did not allow copying")
	b.picture(t, "copy-refused")
	b.audit(t, "copying refused")
	if eval[bool](t, b, "says('Copied')") || eval[string](t, b, "getSelection().toString()") != secret {
		t.Error("the page says that it was copied, or the secret is not selected")
	}
	if over := eval[bool](t, b, `(() => { const e = document.querySelector('.secret code'); return e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth })()`); over {
		t.Error("the secret does not fit")
	}
	// Neither Esc, nor the backdrop, nor Back takes it away.
	b.keys(t, kb.Escape)
	b.do(t, chromedp.MouseClickXY(5, 5))
	eval[any](t, b, "history.back()")
	b.reads(t, "It cannot be shown again")
	if b.shownSecret(t) != secret {
		t.Error("the secret is gone")
	}
	b.click(t, field, "I have stored it")
	b.click(t, button, "Done")
	b.wait(t, "!document.querySelector('dialog') && location.search === ''")
}
