package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/keloa/apitokens/auditsink"
	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/auditentry"
	"github.com/keloa/apitokens/ent/keyset"
	"github.com/keloa/apitokens/ent/predicate"
)

// ErrNotFound is returned for an entry that is not there or not to be seen.
var ErrNotFound = errors.New("no such audit entry")

// newestFirst is the only order of the log: ids follow time.
var newestFirst = keyset.Order{List: "audit", Desc: true}

// Entry is an event that was recorded.
type Entry struct {
	auditsink.Event

	Seq *int64 // nil until it is sealed
}

// Cursor returns the place of the entry in a list.
func (e Entry) Cursor() keyset.Cursor {
	return keyset.NewCursor(newestFirst, keyset.Key{ID: e.ID})
}

// Filter narrows a list. What is nil narrows nothing.
type Filter struct {
	Actions  []string // any of these; an empty list that is not nil lets nothing through
	ActorID  *uuid.UUID
	TargetID *uuid.UUID
	Since    *time.Time // at or after
	Until    *time.Time // before
	Outcome  *auditsink.Outcome
}

// Query asks for a page of one workspace's entries.
type Query struct {
	keyset.Request

	Workspace uuid.UUID
	TestOnly  bool // only what concerns test-mode tokens
	Filter    Filter
	Count     bool // count all that the filter lets through, which costs
}

// Page is some entries, newest first.
type Page struct {
	Entries              []Entry
	HasNext, HasPrevious bool
	Total                *int // nil if it was not asked for
}

// List returns a page of entries, in one query, and one more if a count is
// asked for. An argument that makes no sense is a [*keyset.ArgumentError].
func (j *Journal) List(ctx context.Context, q Query) (Page, error) {
	window, err := q.Window(newestFirst)
	if err != nil {
		return Page{}, err
	}
	where := append(q.Filter.predicates(), visible(q.Workspace, q.TestOnly))
	rows, err := j.db.Client().AuditEntry.Query().
		Where(where...).
		Where(window.Where).
		Order(window.Order).
		Limit(window.Limit()).
		All(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("list audit entries: %w", err)
	}
	var page Page
	rows, page.HasNext, page.HasPrevious = keyset.Cut(window, rows)
	page.Entries = make([]Entry, len(rows))
	for i, row := range rows {
		page.Entries[i] = decode(row)
	}
	if q.Count {
		total, err := j.db.Client().AuditEntry.Query().Where(where...).Count(ctx)
		if err != nil {
			return Page{}, fmt.Errorf("count audit entries: %w", err)
		}
		page.Total = &total
	}
	return page, nil
}

// Get returns one entry of a workspace. What is not there, what belongs to
// another workspace and, with testOnly, what does not concern a test-mode token
// is [ErrNotFound].
func (j *Journal) Get(ctx context.Context, workspace uuid.UUID, testOnly bool, id uuid.UUID) (Entry, error) {
	row, err := j.db.Client().AuditEntry.Query().
		Where(visible(workspace, testOnly), auditentry.ID(id)).
		Only(ctx)
	if ent.IsNotFound(err) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("get audit entry %s: %w", id, err)
	}
	return decode(row), nil
}

// decode reads an entry. One whose record cannot be read any more says that, as a
// stub does in a sink: it is not to keep people from all others.
func decode(row *ent.AuditEntry) Entry {
	event, err := auditsink.ParseCanonical(row.Record)
	if err != nil {
		event = auditsink.StubEvent(auditsink.Event{
			ID: row.ID, At: row.At, Workspace: auditsink.Workspace{ID: row.WorkspaceID}, Action: row.Action,
		})
		event.ID = row.ID
	}
	event.Test = row.Test
	return Entry{event, row.Seq}
}

// visible is what can be seen at all: the wall between workspaces, and between
// the modes for a test-mode token.
func visible(workspace uuid.UUID, testOnly bool) predicate.AuditEntry {
	inside := auditentry.WorkspaceID(workspace)
	if testOnly {
		return auditentry.And(inside, auditentry.Test(true))
	}
	return inside
}

func (f Filter) predicates() []predicate.AuditEntry {
	var all []predicate.AuditEntry
	if f.Actions != nil {
		all = append(all, auditentry.ActionIn(f.Actions...))
	}
	if f.ActorID != nil {
		all = append(all, auditentry.ActorID(*f.ActorID))
	}
	if f.TargetID != nil {
		all = append(all, auditentry.TargetID(*f.TargetID))
	}
	if f.Since != nil {
		all = append(all, auditentry.AtGTE(f.Since.UTC()))
	}
	if f.Until != nil {
		all = append(all, auditentry.AtLT(f.Until.UTC()))
	}
	if f.Outcome != nil {
		all = append(all, auditentry.OutcomeEQ(*f.Outcome))
	}
	return all
}
