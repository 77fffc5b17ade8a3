// Package keyset turns the arguments of a Relay connection into a page of rows
// found by key: the page after a million rows costs what the first one costs,
// and no row is lost or doubled when others come and go.
//
// Nulls stand where both databases put them: first in ascending order, last in
// descending.
package keyset

import (
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
)

// How many rows a page has.
const (
	DefaultSize = 20
	MaxSize     = 100
)

// Request is the arguments of a Relay connection. First and After walk forward,
// Last and Before walk back.
type Request struct {
	First, Last   *int
	After, Before *Cursor
}

// ArgumentError says which argument is wrong and why.
type ArgumentError struct {
	Field  string // "first", "after", "last", "before"
	Reason string
}

func (e *ArgumentError) Error() string { return e.Field + ": " + e.Reason }

// Kind is what a column holds.
type Kind uint8

// The kinds of column that rows can be sorted by.
const (
	IDs     Kind = iota // none: the order is by id alone
	Texts               // never null
	Moments             // may be null
)

// Order is what rows are sorted by: a column, and the id where that is equal.
type Order struct {
	// List names what is sorted, so that a cursor of another list is refused.
	List   string
	Column string // empty for the id alone
	Kind   Kind
	Desc   bool
}

// fits reports whether value can stand in the order's column.
func (o Order) fits(value any) bool {
	switch value.(type) {
	case nil:
		return o.Kind != Texts
	case string:
		return o.Kind == Texts
	case time.Time:
		return o.Kind == Moments
	}
	return false
}

// Key is where a row stands in an order.
type Key struct {
	// Value is what the row has in the order's column: a string, a time or
	// nil.
	Value any
	ID    uuid.UUID
}

// Window is the part of a table that a page shows.
type Window struct {
	order         Order
	after, before *Key
	size          int
	backward      bool
}

// Window checks the arguments and returns the window they ask for.
func (r Request) Window(o Order) (Window, error) {
	w := Window{order: o, size: DefaultSize}
	if r.First != nil && r.Last != nil {
		return w, &ArgumentError{"last", "cannot be combined with first"}
	}
	for _, size := range []struct {
		field string
		n     *int
	}{{"first", r.First}, {"last", r.Last}} {
		if size.n == nil {
			continue
		}
		if *size.n < 1 || *size.n > MaxSize {
			return w, &ArgumentError{size.field, fmt.Sprintf("must be 1 to %d", MaxSize)}
		}
		w.size = *size.n
		w.backward = size.field == "last"
	}
	var err error
	if w.after, err = r.After.place("after", o); err != nil {
		return w, err
	}
	w.before, err = r.Before.place("before", o)
	return w, err
}

// Limit is how many rows to read: one more than the page shows, which tells
// whether there is another page.
func (w Window) Limit() int { return w.size + 1 }

// Where narrows a query to the rows between the cursors.
func (w Window) Where(s *sql.Selector) {
	if w.after != nil {
		s.Where(w.order.beyond(s, *w.after, w.order.Desc))
	}
	if w.before != nil {
		s.Where(w.order.beyond(s, *w.before, !w.order.Desc))
	}
}

// Order sorts a query. A page that walks back is read back to front, and
// [Cut] turns it round.
func (w Window) Order(s *sql.Selector) {
	direction := sql.Asc
	if w.order.Desc != w.backward {
		direction = sql.Desc
	}
	if w.order.Column != "" {
		s.OrderBy(direction(s.C(w.order.Column)))
	}
	s.OrderBy(direction(s.C("id")))
}

// beyond is the rows that follow key, or in a descending walk precede it.
func (o Order) beyond(s *sql.Selector, key Key, desc bool) *sql.Predicate {
	compare, reach := sql.GT, sql.GTE
	if desc {
		compare, reach = sql.LT, sql.LTE
	}
	id := compare(s.C("id"), key.ID)
	if o.Column == "" {
		return id
	}
	column := s.C(o.Column)
	switch {
	case key.Value == nil && desc:
		return sql.And(sql.IsNull(column), id)
	case key.Value == nil:
		return sql.Or(sql.NotNull(column), sql.And(sql.IsNull(column), id))
	}
	// The first condition follows from the second. It is there because an
	// index is read as a range for it, and from the start for an OR.
	beyond := sql.And(
		reach(column, key.Value),
		sql.Or(compare(column, key.Value), sql.And(sql.EQ(column, key.Value), id)),
	)
	if desc && o.Kind == Moments {
		return sql.Or(beyond, sql.IsNull(column))
	}
	return beyond
}

// Cut returns the rows that the page shows, in the order that was asked for,
// and whether there are rows after and before them. Rows holds what a query
// with the window's Where, Order and Limit found.
func Cut[T any](w Window, rows []T) (page []T, next, previous bool) {
	more := len(rows) > w.size
	if more {
		rows = rows[:w.size]
	}
	if w.backward {
		slices.Reverse(rows)
		return rows, w.before != nil, more
	}
	return rows, more, w.after != nil
}

// Time makes a nullable column's value a [Key] value.
func Time(t *time.Time) any {
	if t == nil {
		return nil
	}
	return *t
}
