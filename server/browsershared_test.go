package main

import (
	"strings"
	"testing"

	"github.com/keloa/apitokens/token"
)

// TestTwoOperatorsAtOnce has two people look at the same list: what one does, the
// other sees without a reload; and a token used by a program moves on both.
func TestTwoOperatorsAtOnce(t *testing.T) {
	s := serveSite(t)
	s.run(t, "operator", "add", "second@localhost", "--role=admin")
	secret := s.mint(t, "shared", "read")
	one, two := s.signedIn(t, token.DefaultOperator), s.signedIn(t, "second@localhost")
	for _, b := range []*tab{one, two} {
		b.sees(t, "tr a", "shared")
		b.reads(t, "Never used")
		b.reads(t, "Uses show here as they happen")
		eval[any](t, b, "window.unloaded = false; undefined")
	}
	if !s.works(t, secret) {
		t.Fatal("the secret does not work")
	}
	one.reads(t, "from 127.0.0.1")
	two.reads(t, "from 127.0.0.1")

	// One has the dialog open in which the other is faster.
	two.click(t, button, "Revoke shared")
	two.reads(t, "This cannot be undone")
	one.click(t, button, "Revoke shared")
	one.click(t, button, "Revoke token")
	one.reads(t, "There are no API tokens yet")
	two.click(t, button, "Revoke token") // it is revoked already, which is what was asked for
	two.reads(t, "There are no API tokens yet")
	if s.works(t, secret) {
		t.Fatal("the secret goes on")
	}
	for _, b := range []*tab{one, two} {
		if eval[bool](t, b, "window.unloaded !== false") {
			t.Error("the page was loaded again")
		}
	}
}

// TestUsedAndRevokedElsewhere changes a token from the command line while its own
// page is open.
func TestUsedAndRevokedElsewhere(t *testing.T) {
	s := serveSite(t)
	secret := s.mint(t, "elsewhere", "read")
	id := s.idOf(t, "elsewhere")
	b := s.signedIn(t, token.DefaultOperator)
	b.goTo(t, "/settings/api-tokens?token="+id)
	b.reads(t, "Never used")
	s.works(t, secret)
	b.reads(t, "Requests in 30 days 1")
	s.run(t, "token", "revoke", id, "--reason", "seen in a log")
	b.reads(t, "Reason: seen in a log")
	b.wait(t, "!document.querySelector('.page-actions')")
}

// TestServerDown takes the server away in the middle, and brings it back.
func TestServerDown(t *testing.T) {
	s := serveSite(t)
	s.mint(t, "lasting", "read")
	b := s.signedIn(t, token.DefaultOperator)
	b.expectRefusals()
	b.sees(t, "tr a", "lasting")
	s.stop()
	b.reads(t, "Not live at the moment")
	b.audit(t, "not live")
	b.click(t, button, "New token")
	b.fill(t, "Label", "in the dark")
	b.click(t, button, "Mint token")
	b.reads(t, "The server does not answer")
	b.picture(t, "mint-down")
	b.audit(t, "minting without a server")
	if eval[string](t, b, found(field, "Label")+".value") != "in the dark" {
		t.Error("what was filled in is gone")
	}
	s.start(t, strings.TrimPrefix(s.origin, "http://"))
	b.click(t, button, "Mint token")
	b.shownSecret(t)
	b.click(t, field, "I have stored it")
	b.click(t, button, "Done")
	b.sees(t, "tr a", "in the dark")
	b.reads(t, "Uses show here as they happen")
}

// TestFailedList is told of where the list cannot be read at first.
func TestFailedList(t *testing.T) {
	s := serveSite(t)
	s.mint(t, "hidden", "read")
	b := s.signedIn(t, token.DefaultOperator)
	b.expectRefusals()
	b.sees(t, "tr a", "hidden")
	s.stop()
	b.reads(t, "Not live at the moment")
	b.fill(t, "Search by label or hint", "hid")
	b.reads(t, "The server does not answer.")
	b.sees(t, button, "New token")
	b.picture(t, "list-failed")
	b.audit(t, "a list that failed")
	s.start(t, strings.TrimPrefix(s.origin, "http://"))
	b.click(t, button, "Try again")
	b.wait(t, "!document.querySelector('.notice.problem')")
	b.sees(t, "tr a", "hidden")
}

// TestMember expects that a member sees all of it, may change none of it, and is
// told why.
func TestMember(t *testing.T) {
	s := serveSite(t)
	s.run(t, "operator", "add", "member@localhost", "--role=member")
	s.mint(t, "not theirs", "full-access")
	id := s.idOf(t, "not theirs")
	b := s.signedIn(t, "member@localhost")
	b.reads(t, "in this workspace you are a member")
	b.sees(t, "tr a", "not theirs")
	wantNothingToDo := func() {
		t.Helper()
		if names := eval[string](t, b, `[...document.querySelectorAll('main button')].map((e) => e.textContent).filter((name) => /token|rotate|revoke|edit|take/i.test(name)).join()`); names != "" {
			t.Errorf("a member is offered %s", names)
		}
	}
	wantNothingToDo()
	b.picture(t, "member")
	b.audit(t, "member")
	b.goTo(t, "/settings/api-tokens?token="+id)
	b.reads(t, "Use of each ability")
	wantNothingToDo()
	b.goTo(t, "/settings/api-tokens?label=x&abilities=read")
	b.sees(t, "tr a", "not theirs")
	if eval[bool](t, b, "document.querySelector('dialog') !== null") {
		t.Error("a link opened a dialog for a member")
	}
	b.click(t, link, "Audit log")
	b.reads(t, "Minted")
}

// TestSignInAndBack comes without a session, signs in by a link in another tab of
// the same browser, and is where it wanted to go in both; then signs out.
func TestSignInAndBack(t *testing.T) {
	s := serveSite(t)
	s.mint(t, "looked for", "read")
	b := openTab(t, s.origin)
	b.expectRefusals()
	b.goTo(t, "/settings/audit-log?outcome=SUCCEEDED")
	b.reads(t, "keloa-tokens signin")
	b.picture(t, "sign-in")
	b.audit(t, "sign-in")
	link := s.signInPath(t, token.DefaultOperator)
	b.goTo(t, link)
	b.reads(t, "Minted")
	if where := eval[string](t, b, "location.pathname + location.search"); where != "/settings/audit-log?outcome=SUCCEEDED" {
		t.Errorf("sign-in led to %s", where)
	}
	b.click(t, button, "Sign out")
	b.reads(t, "keloa-tokens signin")
	b.goTo(t, link)
	b.reads(t, "This sign-in link does not work")
	b.picture(t, "sign-in-dead")
	b.audit(t, "a dead link")
	if where := eval[string](t, b, "location.search"); where != "?reason=link" {
		t.Errorf("the code stays in the address: %s", where)
	}
}

// TestSignInElsewhere has a tab that waits go on by itself.
func TestSignInElsewhere(t *testing.T) {
	s := serveSite(t)
	s.mint(t, "looked for", "read")
	waiting := openTab(t, s.origin)
	waiting.expectRefusals()
	waiting.goTo(t, "/settings/api-tokens?q=looked")
	waiting.reads(t, "keloa-tokens signin")
	other := waiting.another(t)
	other.goTo(t, s.signInPath(t, token.DefaultOperator))
	other.sees(t, "tr a", "looked for")
	waiting.sees(t, "tr a", "looked for")
	// Signed out in one tab, the other knows.
	other.expectRefusals()
	other.click(t, button, "Sign out")
	other.reads(t, "keloa-tokens signin")
	waiting.reads(t, "keloa-tokens signin")
}

// TestAuditLogPage filters and pages through the log.
func TestAuditLogPage(t *testing.T) {
	s := serveSite(t)
	for range 30 {
		s.mint(t, "one of many", "read")
	}
	b := s.signedIn(t, token.DefaultOperator)
	b.click(t, link, "Audit log")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 25")
	b.click(t, button, "Older")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 6")
	b.click(t, button, "Newer")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 25")
	b.choose(t, "Action", "operator.sign_in")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 1")
	b.choose(t, "Outcome", "REFUSED")
	b.reads(t, "No entry matches these filters.")
	b.click(t, button, "Show all entries")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 25")
	b.click(t, "tr a", "one of many")
	b.reads(t, "Latest entries")
	b.click(t, link, "All entries of this token")
	b.wait(t, "document.querySelectorAll('.audit tr.row').length === 1 && says('Of the token one of many')")
	b.sees(t, link, "Export CSV")
	if rows := eval[int](t, b, `fetch('/audit-log.csv').then((answer) => answer.text()).then((text) => text.trim().split('\r\n').length)`); rows != 32 {
		t.Errorf("the CSV has %d rows", rows)
	}
}

// TestPlanIsFull says so beside what was filled in.
func TestPlanIsFull(t *testing.T) {
	s := serveSite(t)
	s.run(t, "workspace", "set-plan", token.DefaultWorkspace, "starter")
	for range 5 {
		s.mint(t, "one of five", "read")
	}
	b := s.signedIn(t, token.DefaultOperator)
	b.reads(t, "5 of the 5 tokens of plan Starter")
	b.click(t, button, "New token")
	b.fill(t, "Label", "the sixth")
	b.click(t, button, "Mint token")
	b.reads(t, "Your plan allows 5 tokens at a time")
}

// TestRefusalsAreTranslated has the server refuse what the page lets through, in a
// language that the server does not speak.
func TestRefusalsAreTranslated(t *testing.T) {
	s := serveSite(t)
	secret := s.mint(t, "bestaat al", "read")
	s.run(t, "workspace", "set-plan", token.DefaultWorkspace, "starter")
	b := s.signedIn(t, token.DefaultOperator)
	b.goTo(t, "/settings/api-tokens?lang=nl")
	b.click(t, button, "Nieuw token")
	b.sees(t, field, "Label")
	besideLabel := func(text string) {
		t.Helper()
		b.wait(t, "find('[aria-invalid=true]') === "+found(field, "Label")+" && says("+quoted(text)+")")
	}
	for label, refusal := range map[string]string{
		"\u200b":                "Er is niets van te zien.",
		"van rechts \u202enaar": "Er staat een tab of een ander stuurteken in",
		"nieuw " + secret:       "Er staat een geheim in",
		"nieuw " + secret[14:]:  "Er staan 32 of meer letters en cijfers achter elkaar in",
	} {
		eval[any](t, b, `(() => {
			const e = `+found(field, "Label")+`
			e.value = `+quoted(label)+`
			e.dispatchEvent(new Event('input', { bubbles: true }))
		})()`)
		b.click(t, button, "Token maken")
		besideLabel(refusal)
	}
	b.picture(t, "refused-dutch")
	b.audit(t, "refused, in Dutch")
	for range 4 {
		s.mint(t, "een van vijf", "read")
	}
	b.fill(t, "Label", "het zesde")
	b.click(t, button, "Token maken")
	b.reads(t, "Uw abonnement staat 5 tokens tegelijk toe")
	b.click(t, button, "Annuleren")

	b.goTo(t, "/settings/api-tokens?lang=nl&token="+s.idOf(t, "bestaat al"))
	b.click(t, button, "Bewerken")
	b.click(t, field, "Lezen")
	b.click(t, button, "Opslaan")
	b.reads(t, "Dit is nodig.")
}

// TestAdviceIsFollowed takes away what a token has never used.
func TestAdviceIsFollowed(t *testing.T) {
	s := serveFurnished(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.click(t, button, "Take away")
	b.reads(t, "Edit old-importer")
	if kept := eval[string](t, b, `[...document.querySelectorAll('dialog [name=ability]:checked')].map((e) => e.labels[0].textContent).join()`); kept != "Read" {
		t.Errorf("ticked are %s", kept)
	}
	b.fill(t, "Label", "older-importer")
	b.click(t, button, "Save")
	b.wait(t, `[...document.querySelectorAll('tr.row')].some((row) => row.querySelector('.label').textContent === 'older-importer' && row.querySelector('.chips').textContent === 'Read')`)
}

// TestSecretOutlivesTheSession ends the session while a secret is shown.
func TestSecretOutlivesTheSession(t *testing.T) {
	s := serveSite(t)
	b := s.signedIn(t, token.DefaultOperator)
	b.expectRefusals()
	b.goTo(t, "/settings/api-tokens?label=just-in-time")
	b.click(t, button, "Mint token")
	secret := b.shownSecret(t)
	eval[any](t, b, "fetch('/sign-out', { method: 'POST', redirect: 'manual' }).then(() => undefined)")
	b.wait(t, "document.querySelector('.sign-in')")
	if b.shownSecret(t) != secret {
		t.Error("the secret went with the session")
	}
	b.click(t, field, "I have stored it")
	b.click(t, button, "Done")
	b.wait(t, "!document.querySelector('dialog')")
}
