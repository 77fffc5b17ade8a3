package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/tokentest"
	"github.com/keloa/apitokens/token/usage"
)

// TestNoSubscriptionShowsAnotherWorkspace has a stranger follow what happens, over
// both transports: all of it, some of it, and what is another workspace's by its
// id. There something happens each time before it does in the stranger's own.
func TestNoSubscriptionShowsAnotherWorkspace(t *testing.T) {
	tokentest.Each(t, func(t *testing.T, e *tokentest.Env) {
		s := openSite(t, e, "http", nil)
		defer startSealing(t, s)()
		k := newStranger(t, s)
		own, _ := s.mint(t, "watched", ability.Read)
		const used, entry = `{id label}`, `{targetId targetLabel actor {id name}}`
		queries := []string{
			`subscription {anyUsed: apiTokenUsed ` + used + `}`,
			`subscription {ownUsed: apiTokenUsed(ids: ["` + own.ID.String() + `"]) ` + used + `}`,
			`subscription {theirs: apiTokenUsed(ids: ["` + k.token.ID.String() + `"]) ` + used + `}`,
			`subscription {anyEntry: auditEntryAdded ` + entry + `}`,
			`subscription {someEntries: auditEntryAdded(filter: {actions: ["developers.api_token.update"]}) ` + entry + `}`,
			`subscription {theirs: auditEntryAdded(filter: {targetId: "` + k.token.ID.String() + `"}) ` + entry + `}`,
			`subscription {theirs: auditEntryAdded(filter: {actorId: "` + k.ana.Actor.ID.String() + `"}) ` + entry + `}`,
		}
		for transport, follow := range map[string]func(*testing.T, []string, *transcript){"WebSocket": k.followSocket, "SSE": k.followStreams} {
			heard := &transcript{}
			follow(t, queries, heard)
			// When they have begun to listen, they do not say; but then they hear of
			// all that happens.
			round := 0
			await(t, func() bool {
				round++
				k.happen(t, k.ana, k.token, fmt.Sprintf("unmistakable %d", round))
				k.happen(t, s.Owner, own, fmt.Sprintf("watched %d", round))
				return !slices.ContainsFunc([]string{"anyUsed", "ownUsed", "anyEntry", "someEntries"}, func(name string) bool {
					return strings.Count(heard.String(), `"`+name+`":{`) < 3
				})
			})
			for _, mark := range append(k.marks, `"theirs":{`, "UNAUTHENTICATED", "INTERNAL") {
				if strings.Contains(heard.String(), mark) {
					t.Errorf("%s: heard %q in\n%s", transport, mark, heard)
				}
			}
		}
	})
}

// happen has a token be used, and then named anew.
func (k *stranger) happen(t *testing.T, by token.Caller, of *ent.Token, label string) {
	t.Helper()
	k.Usage.Mark(usage.Mark{Token: of.ID, Requests: 1, At: k.Now()})
	_, err := k.Service.Update(t.Context(), by, token.UpdateInput{ID: of.ID, Label: &label})
	if err := errors.Join(err, k.Usage.Flush(t.Context()), k.Usage.Publish(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// followSocket writes down what comes of subscriptions over one WebSocket.
func (k *stranger) followSocket(t *testing.T, queries []string, heard *transcript) {
	t.Helper()
	conn, _ := k.introduce(t, initAs(k.secret))
	for i, query := range queries {
		payload, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
		message := fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":%s}`, i, payload)
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	k.writeDown(t, heard, func() (string, error) {
		_, text, err := conn.Read(t.Context())
		return string(text), err
	}, func() { _ = conn.CloseNow() })
}

// followStreams does so over an event stream for each.
func (k *stranger) followStreams(t *testing.T, queries []string, heard *transcript) {
	t.Helper()
	for _, query := range queries {
		body, _ := json.Marshal(map[string]string{"query": query}) // a map of strings is JSON
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(stop)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.public+graphQLPath, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Accept": {"text/event-stream"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + k.secret}}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(response.Body)
		k.writeDown(t, heard, func() (string, error) { return lines.ReadString('\n') }, func() { stop(); _ = response.Body.Close() })
	}
}

// writeDown keeps what is heard until the test ends.
func (k *stranger) writeDown(t *testing.T, heard *transcript, hear func() (string, error), stop func()) {
	t.Helper()
	var listening sync.WaitGroup
	listening.Go(func() {
		for {
			text, err := hear()
			_, _ = heard.Write([]byte(text + "\n"))
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { stop(); listening.Wait() })
}
