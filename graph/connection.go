package graph

import (
	"github.com/keloa/apitokens/auditsink/journal"
	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/graph/generated"
	"github.com/keloa/apitokens/token"
)

func apiTokenConnection(page token.Page, order token.Order) *generated.APITokenConnection {
	c := &generated.APITokenConnection{
		Edges:      make([]*generated.APITokenEdge, len(page.Tokens)),
		Nodes:      page.Tokens,
		TotalCount: orZero(page.Total),
	}
	for i, t := range page.Tokens {
		c.Edges[i] = &generated.APITokenEdge{Node: t, Cursor: order.Cursor(t)}
	}
	c.PageInfo = pageInfo(page.HasNext, page.HasPrevious, c.Edges, func(e *generated.APITokenEdge) keyset.Cursor { return e.Cursor })
	return c
}

func auditEntryConnection(page journal.Page) *generated.AuditEntryConnection {
	c := &generated.AuditEntryConnection{
		Edges:      make([]*generated.AuditEntryEdge, len(page.Entries)),
		Nodes:      pointers(page.Entries),
		TotalCount: orZero(page.Total),
	}
	for i, e := range c.Nodes {
		c.Edges[i] = &generated.AuditEntryEdge{Node: e, Cursor: e.Cursor()}
	}
	c.PageInfo = pageInfo(page.HasNext, page.HasPrevious, c.Edges, func(e *generated.AuditEntryEdge) keyset.Cursor { return e.Cursor })
	return c
}

func pageInfo[E any](next, previous bool, edges []E, cursor func(E) keyset.Cursor) *generated.PageInfo {
	info := &generated.PageInfo{HasNextPage: next, HasPreviousPage: previous}
	if len(edges) > 0 {
		first, last := cursor(edges[0]), cursor(edges[len(edges)-1])
		info.StartCursor, info.EndCursor = &first, &last
	}
	return info
}
