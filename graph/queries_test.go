package graph

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
)

// TestListsAskTheDatabaseLittle counts the queries of a page: one for the page,
// one for what belongs to its rows, one for the count, if that is asked for, and
// one to check the caller again.
func TestListsAskTheDatabaseLittle(t *testing.T) {
	const recheck = 1
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWorld(t, db)
		var queries atomic.Int64
		db.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				queries.Add(1)
				return next.Query(ctx, q)
			})
		}))
		for tokens := range 4 {
			mint := fmt.Sprintf(`mutation {mintToken(input: {label: "t%d", abilities: [READ, MANAGE_WEBHOOKS]}) {token {id}}}`, tokens)
			got := post(t, w.handler, w.people["admin"], mint, nil)
			rotate := fmt.Sprintf(`mutation {rotateToken(input: {id: "%s"}) {secret}}`, random["id"].FindString(got.text))
			if got := post(t, w.handler, w.people["admin"], rotate, nil); len(got.Errors) > 0 {
				t.Fatal(got.text)
			}
			for query, want := range map[string]int64{
				`{apiTokens {nodes {label state abilities mintedBy {name}} edges {node {abilities}}}}`:                                                                2,
				`{apiTokens {nodes {abilities} ...Count}} fragment Count on ApiTokenConnection {totalCount}`:                                                          3,
				`{apiTokens {nodes {abilities} totalCount @include(if: false)}}`:                                                                                      2,
				`{apiTokens {nodes {abilityUsage {ability lastUsedAt} usage(since: "2026-11-20T00:00:00Z") {start requests}} edges {node {abilityUsage {ability}}}}}`: 4,
				`{apiTokens {nodes {advice {code} rotatedFrom {abilities} rotatedTo {rotatedFrom {abilities advice {code}}}}}}`:                                       2 + 3 + 2 + 2 + 2 + 3,
				`{auditEntries {nodes {action actor {name} changes} edges {cursor}}}`:                                                                                 1,
				`{auditEntries {nodes {action} totalCount}}`:                                                                                                          2,
			} {
				queries.Store(0)
				if got := post(t, w.handler, w.people["admin"], query, nil); len(got.Errors) > 0 {
					t.Fatal(got.text)
				}
				if got := queries.Load() - recheck; got != want {
					t.Errorf("%d tokens: %s made %d queries, want %d", tokens+1, query, got, want)
				}
			}
		}
	})
}
