package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
)

// TestPublishedMistakes tries what went wrong with tokens elsewhere, over HTTP and
// as whoever would try it. Packages test the same more closely where it is decided.
func TestPublishedMistakes(t *testing.T) {
	for name, try := range map[string]func(*testing.T, *site){
		"a token that mints a broader token":                    mintsBroader,
		"an ability check that depends on how a token is shown": checksByPresentation,
		"an owner id trusted from the request":                  trustsOwner,
		"a filter that becomes an oracle for hashes":            filtersByHash,
		"a reroll that extends an expiry":                       extendsExpiry,
		"a prefix split on an underscore":                       splitsPrefix,
		"a spoofed forwarded address":                           believesForwarded,
	} {
		t.Run(name, func(t *testing.T) { oneSite(t, try) })
	}
}

// query asks with a secret, or as the owner in a session, and returns the answer.
func (s *site) query(t *testing.T, credentials, query string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"query": query}) // text is JSON
	return s.ask(t, string(body), credentials).body
}

// wantCode expects an answer to be an error with that code.
func wantCode(t *testing.T, what, answer, code string) {
	t.Helper()
	if !strings.Contains(answer, `"code":"`+code+`"`) {
		t.Errorf("%s: %s, want %s", what, answer, code)
	}
}

func mintsBroader(t *testing.T, s *site) {
	almost, secret := s.mint(t, "almost", ability.Read, ability.WriteContacts, ability.WriteConversations, ability.ManageWebhooks)
	full, _ := s.mint(t, "full", ability.FullAccess)
	_, tester := s.mintInput(t, token.MintInput{Label: "test", Mode: enttoken.ModeTEST, Abilities: []ability.Ability{ability.FullAccess}})
	before := s.Client().Token.Query().CountX(t.Context())
	for _, c := range []struct{ secret, query, code string }{
		{secret, `mutation {mintToken(input: {label: "x", abilities: [READ]}) {secret}}`, "FORBIDDEN"},
		{secret, `mutation {mintToken(input: {label: "x", abilities: [FULL_ACCESS]}) {secret}}`, "FORBIDDEN"},
		{secret, fmt.Sprintf(`mutation {rotateToken(input: {id: "%s"}) {secret}}`, full.ID), "FORBIDDEN"},
		{secret, fmt.Sprintf(`mutation {updateToken(input: {id: "%s", abilities: [FULL_ACCESS]}) {token {id}}}`, almost.ID), "FORBIDDEN"},
		{tester, `mutation {mintToken(input: {label: "x", abilities: [READ], mode: LIVE}) {secret}}`, "FORBIDDEN"},
		{tester, fmt.Sprintf(`mutation {rotateToken(input: {id: "%s"}) {secret}}`, full.ID), "NOT_FOUND"},
	} {
		wantCode(t, c.query, s.query(t, "Authorization: Bearer "+c.secret, c.query), c.code)
	}
	wantCode(t, "an owner who widens", s.query(t, s.session(t),
		fmt.Sprintf(`mutation {updateToken(input: {id: "%s", abilities: [READ, FULL_ACCESS]}) {token {id}}}`, almost.ID)), "BAD_USER_INPUT")
	if n := s.Client().Token.Query().CountX(t.Context()); n != before {
		t.Errorf("there are %d tokens, and were %d", n, before)
	}
}

func checksByPresentation(t *testing.T, s *site) {
	_, secret := s.mint(t, "reader", ability.Read)
	const mint = `mutation {mintToken(input: {label: "x", abilities: [READ]}) {secret}}`
	for _, shown := range []string{"Authorization: Bearer ", "Authorization: bearer ", "authorization: BEARER "} {
		wantCode(t, shown, s.query(t, shown+secret, mint), "FORBIDDEN")
		if a := s.do(t, "GET", s.internal+"/forward-auth?ability=full_access", "", shown+secret); a.status != http.StatusForbidden {
			t.Errorf("forward-auth, %s: %d", shown, a.status)
		}
	}
	body, _ := json.Marshal(map[string]string{"query": mint})
	if a := s.ask(t, string(body), "Authorization: Bearer "+secret, "Accept: text/event-stream"); strings.Contains(a.body, "keloa_pk_") {
		t.Errorf("as a stream: %s", a.body)
	}
	if a := s.introspect(t, "token="+secret); !strings.Contains(a.body, `"scope":"read"`) {
		t.Errorf("introspection: %s", a.body)
	}
	// Where it must not be shown at all, no ability helps.
	_, full := s.mint(t, "full", ability.FullAccess)
	name, _, _ := strings.Cut(strings.TrimPrefix(s.session(t), "Cookie: "), "=")
	for _, shown := range []string{"Cookie: " + name + "=" + full, "X-Api-Key: " + full, "Authorization: Token " + full} {
		wantCode(t, shown[:12], s.query(t, shown, mint), "UNAUTHENTICATED")
	}
	if n := s.Client().Token.Query().CountX(t.Context()); n != 2 {
		t.Errorf("there are %d tokens, want the 2 of the test", n)
	}
}

func trustsOwner(t *testing.T, s *site) {
	stranger := s.Stranger(t)
	_, secret := s.mint(t, "full", ability.FullAccess)
	for _, field := range []string{"workspaceId", "workspace", "ownerId", "owner", "mintedBy"} {
		query := fmt.Sprintf(`mutation {mintToken(input: {label: "x", abilities: [READ], %s: "%s"}) {secret}}`, field, stranger.Workspace.ID)
		if a := s.query(t, "Authorization: Bearer "+secret, query); strings.Contains(a, "keloa_pk_") || !strings.Contains(a, `"errors"`) {
			t.Errorf("%s: %s", field, a)
		}
	}
	body, _ := json.Marshal(map[string]string{"query": `{viewer {workspace {slug}}}`})
	a := s.ask(t, string(body), "Authorization: Bearer "+secret, "X-Keloa-Workspace: "+stranger.Workspace.Slug, "X-Workspace-Id: "+stranger.Workspace.ID.String())
	if !strings.Contains(a.body, `"slug":"default"`) {
		t.Errorf("with a workspace in headers: %s", a.body)
	}
	if n := s.Client().Token.Query().Where(enttoken.WorkspaceID(stranger.Workspace.ID)).CountX(t.Context()); n != 0 {
		t.Errorf("%d tokens were made in another workspace", n)
	}
}

func filtersByHash(t *testing.T, s *site) {
	_, secret := s.mint(t, "zapier", ability.Read)
	parsed, err := bearer.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	hash := parsed.Hash()
	body := secret[len("keloa_pk_live_"):]
	owner := s.session(t)
	for _, field := range []string{"labelContains", "search"} {
		for _, text := range []string{
			hex.EncodeToString(hash[:]), hex.EncodeToString(hash[:2]), base64.StdEncoding.EncodeToString(hash[:]),
			string([]rune(body)[:8]), body[20:28], body[27:], "%", "_______", "zapier%", `" OR 1=1 --`,
		} {
			quoted, _ := json.Marshal(text)
			answer := s.query(t, owner, fmt.Sprintf(`{apiTokens(filter: {%s: %s}) {nodes {label}}}`, field, quoted))
			if strings.Contains(answer, "zapier") {
				t.Errorf("%s found it by %q", field, text)
			}
		}
	}
	for _, query := range []string{
		`{apiTokens(filter: {secretHash: "x"}) {nodes {id}}}`, `{apiTokens(orderBy: {field: SECRET_HASH}) {nodes {id}}}`,
		`{apiTokens(filter: {hash: "x"}) {nodes {id}}}`, `{apiTokens {nodes {secretHash}}}`, `{apiTokens {nodes {idempotencyKey}}}`,
	} {
		if answer := s.query(t, owner, query); !strings.Contains(answer, `"errors"`) {
			t.Errorf("%s: %s", query, answer)
		}
	}
}

func extendsExpiry(t *testing.T, s *site) {
	at := s.Now().Add(time.Hour)
	made, secret := s.mintInput(t, token.MintInput{Label: "x", Mode: enttoken.ModeLIVE, Abilities: []ability.Ability{ability.FullAccess}, ExpiresAt: &at})
	bearer := "Authorization: Bearer " + secret
	for range 3 {
		s.query(t, bearer, fmt.Sprintf(`mutation {rotateToken(input: {id: "%s", graceSeconds: 86400}) {token {id}}}`, made.ID))
	}
	if n := s.Client().Token.Query().Where(enttoken.ExpiresAt(at)).CountX(t.Context()); n != 4 {
		t.Fatalf("%d tokens expire with the first, want all 4", n)
	}
	s.Advance(time.Hour)
	wantCode(t, "after its expiry", s.query(t, bearer, `{apiTokens {nodes {id}}}`), "UNAUTHENTICATED")
	if n := s.Client().Token.Query().Where(enttoken.RevokedAtIsNil(), enttoken.ExpiresAtGT(s.Now())).CountX(t.Context()); n != 0 {
		t.Errorf("%d tokens outlive it", n)
	}
}

func splitsPrefix(t *testing.T, s *site) {
	_, secret := s.mint(t, "x", ability.Read)
	body := secret[len("keloa_pk_live_"):]
	for _, text := range []string{
		"keloa_pk_live__" + body[1:], "keloa_pk_live_x_" + body, "keloa_pk_" + body, "keloa__pk_live_" + body, "pk_live_" + body,
		body, "x_keloa_pk_live_" + body, "keloa_pk_test_" + body, "keloa_pk_live_" + body[:16] + "_" + body[17:], secret + "_", "_" + secret,
	} {
		if a := s.do(t, "GET", s.internal+"/forward-auth", "", "Authorization: Bearer "+text); a.status != http.StatusUnauthorized {
			t.Errorf("%s is taken for the secret: %d", strings.ReplaceAll(text, body, "…"), a.status)
		}
	}
}

func believesForwarded(t *testing.T, s *site) {
	made, secret := s.mint(t, "x", ability.Read)
	headers := []string{
		"Authorization: Bearer " + secret, "X-Forwarded-For: 192.0.2.66", "X-Real-Ip: 192.0.2.66", "Forwarded: for=192.0.2.66",
		"True-Client-Ip: 192.0.2.66", "Cf-Connecting-Ip: 192.0.2.66", "X-Client-Ip: 192.0.2.66",
	}
	wantViewer(t, s.ask(t, whoAmI, headers...), "x")
	body, _ := json.Marshal(map[string]string{"query": `mutation {mintToken(input: {label: "x", abilities: [READ]}) {secret}}`})
	wantCode(t, "a mint", s.ask(t, string(body), headers...).body, "FORBIDDEN")
	if err := s.Usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used := s.Client().Token.GetX(t.Context(), made.ID); used.LastUsedIP == nil || *used.LastUsedIP != "127.0.0.1" {
		t.Errorf("it was last used from %v", used.LastUsedIP)
	}
	for _, row := range s.Client().AuditEntry.Query().AllX(t.Context()) {
		if strings.Contains(string(row.Record), "192.0.2.66") {
			t.Errorf("the audit log believes it: %s", row.Record)
		}
	}
}
