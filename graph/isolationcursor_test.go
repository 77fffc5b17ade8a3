package graph

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/token/usage"
)

// TestACursorOfAnotherWorkspaceIsOnlyAPlace walks each connection in each of its
// orders, both ways, from cursors that were given in another workspace. They must
// do what cursors do that were never given, of the same place: tell what is before
// it and after it in the asker's own workspace, by as many queries.
func TestACursorOfAnotherWorkspaceIsOnlyAPlace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWorld(t, db)
		interleave(t, w)
		var queries atomic.Int64
		db.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				queries.Add(1)
				return next.Query(ctx, q)
			})
		}))
		asked := 0
		ask := func(as, query string) (string, int64) {
			asked++
			queries.Store(0)
			got := post(t, w.handler, w.people[as], query, nil)
			if len(got.Errors) > 0 {
				t.Fatalf("%s: %s", query, got.text)
			}
			return got.text, queries.Load()
		}
		schema := newSchema(w.tokens).Schema()
		for _, f := range schema.Query.Fields {
			if f.Arguments.ForName("after") == nil {
				continue
			}
			for _, order := range orders(t, schema, f) {
				given, _ := ask("admin", fmt.Sprintf(`{%s(%s first: 100) {edges {cursor}}}`, f.Name, order))
				for _, cursor := range random["cursor"].FindAllString(given, -1) {
					for _, side := range []string{"first: 2, after", "last: 2, before", "first: 100, after", "last: 100, before"} {
						query := func(cursor string) string {
							return fmt.Sprintf(`{%s(%s %s: %q) {edges {cursor node {id}} pageInfo {hasNextPage hasPreviousPage startCursor endCursor} totalCount}}`, f.Name, order, side, cursor)
						}
						theirs, cost := ask("stranger", query(cursor))
						nobodys, fake := ask("stranger", query(beside(t, cursor)))
						if theirs != nobodys || cost != fake {
							t.Errorf("%s: in %d queries\n%s\nand from beside it in %d\n%s", query(cursor), cost, theirs, fake, nobodys)
						}
						if strings.Contains(theirs, cursor) {
							t.Errorf("%s: shows the cursor: %s", query(cursor), theirs)
						}
					}
				}
			}
		}
		if asked < 200 {
			t.Errorf("asked only %d questions: the walk is broken", asked)
		}
	})
}

// interleave has two workspaces hold tokens that come between each other in every
// order.
func interleave(t *testing.T, w *world) {
	t.Helper()
	for i := range 6 {
		as := []string{"stranger", "admin"}[i%2]
		expires := ""
		if i < 4 {
			expires = fmt.Sprintf(`, expiresAt: "2030-01-0%dT00:00:00Z"`, 5-i)
		}
		got := post(t, w.handler, w.people[as], fmt.Sprintf(`mutation {mintToken(input: {label: "%c", abilities: [READ]%s}) {token {id}}}`, 'a'+i, expires), nil)
		if i > 1 {
			at := time.Date(2026, 11, 23, 9, 0, 10-i, 0, time.UTC)
			w.usage.Mark(usage.Mark{Token: uuid.MustParse(random["id"].FindString(got.text)), Requests: 1, At: at})
		}
	}
	if err := w.usage.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// orders are the ways in which a connection can be sorted, as arguments.
func orders(t *testing.T, schema *ast.Schema, f *ast.FieldDefinition) []string {
	t.Helper()
	by := f.Arguments.ForName("orderBy")
	if by == nil {
		return []string{""}
	}
	var all []string
	for _, field := range schema.Types[schema.Types[by.Type.Name()].Fields.ForName("field").Type.Name()].EnumValues {
		for _, direction := range []string{"ASC", "DESC"} {
			all = append(all, fmt.Sprintf("orderBy: {field: %s, direction: %s}", field.Name, direction))
		}
	}
	return all
}

// beside is a cursor of the same place that was never given: the id in it is
// another, and nothing comes between the two.
func beside(t *testing.T, cursor string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	id := bytes.IndexByte(raw, 0) + 2 // after the kind of the value
	raw[id+15] ^= 1
	return base64.RawURLEncoding.EncodeToString(raw)
}
