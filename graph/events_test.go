package graph

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
)

func TestAStreamAnswers(t *testing.T) {
	eachLive(t, func(t *testing.T, l *live) {
		_, header := l.reader(t, "watcher")
		await(t, func() bool { return l.sealedAll(t) })
		s, _ := l.ask(t, header, mediaStream, watchAudit)
		awaitSubscriptions(t, 1)
		minted, _ := l.reader(t, "first")
		s.want(`event: next data: {"data":{"auditEntryAdded":{"action":"developers.api_token.mint","targetLabel":"first"}}}`)
		l.revoke(t, minted)
		s.want(`event: next data: {"data":{"auditEntryAdded":{"action":"developers.api_token.revoke","targetLabel":"first"}}}`)
		s.close()
		awaitNothingOpen(t, l)
	})
}

// TestAStreamOutlastsARequest has a stream open for longer than the server lets
// requests take.
func TestAStreamOutlastsARequest(t *testing.T) {
	const deadline = 500 * time.Millisecond
	l := openLiveWithin(t, sqliteEnv(t), deadline)
	_, header := l.reader(t, "watcher")
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	awaitSubscriptions(t, 1)
	<-time.After(deadline + deadline/2)
	minted, _ := l.reader(t, "first")
	l.use(t, minted.ID)
	s.want(`event: next data: {"data":{"apiTokenUsed":{"label":"first"}}}`)
}

// TestHowAnOperationIsAnswered has each kind of operation meet each way of
// accepting answers.
func TestHowAnOperationIsAnswered(t *testing.T) {
	l := oneLive(t)
	_, header := l.reader(t, "watcher")
	const both = mediaGraphQL + ", " + mediaStream
	for _, c := range []struct {
		accept, query string
		status        int
		code          Code
		events        []string // nil if the answer is no stream
	}{
		{mediaStream, `{__typename}`, 200, "", []string{`event: next data: {"data":{"__typename":"Query"}}`, "event: complete data:", ""}},
		{mediaStream + ";q=0", `{__typename}`, 406, CodeBadUserInput, nil},
		{"text/*", `{__typename}`, 406, CodeBadUserInput, nil},
		{both, `{__typename}`, 200, "", nil},
		{both, `{nothing}`, 400, CodeBadUserInput, nil},
		{mediaGraphQL, watchAudit, 406, CodeBadUserInput, nil},
		{"*/*", watchAudit, 406, CodeBadUserInput, nil},
	} {
		s, got := l.ask(t, header, c.accept, c.query)
		if got.status != c.status || got.code() != c.code || (s != nil) != (c.events != nil) {
			t.Errorf("%s as %s: got %d %s", c.query, c.accept, got.status, got.code())
			continue
		}
		if s != nil {
			s.want(c.events...)
		}
	}
	for accept, query := range map[string]string{mediaStream: `{nothing}`, both: `subscription {apiTokenUsed(ids: ["x"]) {id}}`} {
		s, _ := l.ask(t, header, accept, query)
		if got := s.hear(); !strings.HasPrefix(got, `event: next data: {"errors":[{`) || !strings.Contains(got, `"code":"BAD_USER_INPUT"`) {
			t.Errorf("%s as %s: got %s", query, accept, got)
		}
		s.want("event: complete data:", "")
	}
	for _, header := range []string{"Bearer x", ""} {
		if _, got := l.ask(t, header, mediaStream, watchAudit); got.status != 401 || got.code() != CodeUnauthenticated {
			t.Errorf("by nobody, with %q: got %d %s", header, got.status, got.code())
		}
	}
	awaitNothingOpen(t, l)
}

func TestGETStreamsAndChangesNothing(t *testing.T) {
	l := oneLive(t)
	minted, secret := l.Mint(t, "admin", ability.FullAccess)
	get := func(query string) (status int, media string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"?query="+url.QueryEscape(query), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Accept": {mediaStream}, "Authorization": {"Bearer " + secret.Reveal()}}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode, response.Header.Get("Content-Type")
	}
	if status, media := get(watchUsed); status != http.StatusOK || !strings.HasPrefix(media, mediaStream) {
		t.Errorf("got %d %s", status, media)
	}
	status, _ := get(`mutation {revokeToken(input: {id: "` + minted.ID.String() + `"}) {token {id}}}`)
	if status != http.StatusMethodNotAllowed {
		t.Errorf("a mutation: got %d", status)
	}
	if _, err := l.Service.Authenticate(t.Context(), secret, token.Origin{}); err != nil {
		t.Error(err)
	}
}

// TestAStreamThatRevokesItself is answered, once.
func TestAStreamThatRevokesItself(t *testing.T) {
	l := oneLive(t)
	minted, secret := l.Mint(t, "admin", ability.FullAccess)
	header := "Bearer " + secret.Reveal()
	other, _ := l.ask(t, header, mediaStream, watchUsed)
	awaitSubscriptions(t, 1)
	s, _ := l.ask(t, header, mediaStream, `mutation {revokeToken(input: {id: "`+minted.ID.String()+`"}) {token {state}}}`)
	s.want(`event: next data: {"data":{"revokeToken":{"token":{"state":"REVOKED"}}}}`, "event: complete data:", "")
	other.wantUnauthenticated()
}

func TestAnIdleStreamSaysThatItIsAlive(t *testing.T) {
	l := oneLive(t)
	l.streams.ping = 20 * time.Millisecond
	_, header := l.reader(t, "watcher")
	s, _ := l.ask(t, header, mediaStream, watchUsed)
	for comments := 0; comments < 5; {
		if !s.lines.Scan() {
			t.Fatal("the stream ended")
		}
		if s.lines.Text() == ":" {
			comments++
		}
	}
}
