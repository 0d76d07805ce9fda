package query

import (
	"context"
	stdsql "database/sql"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ringfence/ringfence/internal/store"
)

// list is what a connection shows: rows of a table called t, or several tables, of which `key` is the row's key. With
// a parent, there is one list for each of the parents.
type list struct {
	from    string
	key     string
	parent  string
	parents []int64
	where   condition
	order   order
}

// read gives the pages, by parent; a list without parents is under 0. Each page holds one place more than asked for, if there is
// one, to tell whether there is more.
func (s *session) read(ctx context.Context, l list, w window) (map[int64][]place, error) {
	where, err := l.within(w)
	if err != nil {
		return nil, err
	}
	pages := map[int64][]place{}
	scan := func(rows *stdsql.Rows) error {
		var parent int64
		at, err := scanPlace(rows, &parent, l.order.terms)
		pages[parent] = append(pages[parent], at)
		return err
	}
	return pages, s.rows(ctx, l.statement(where, w), scan)
}

func (l *list) statement(where condition, w window) condition {
	return func(b *builder) {
		if l.parent == "" || len(l.parents) == 1 {
			// One list needs no window: an index that has the order stops after the page.
			owner := "0"
			if l.parent != "" {
				owner, where = l.parent, and(sqlf(l.parent+" = ?", l.parents[0]), where)
			}
			b.put("SELECT " + owner)
			l.columns(b)
			b.write(" FROM "+l.from+" WHERE ? ORDER BY ", where)
			l.ordering(b, w.backward)
			b.write(" LIMIT ?", w.size+1)
			return
		}
		b.put("SELECT x.owner, x.k")
		for i := range l.order.terms {
			b.put(", x.o" + strconv.Itoa(i))
		}
		b.put(" FROM (SELECT " + l.parent + " AS owner")
		l.columns(b)
		b.put(", ROW_NUMBER() OVER (PARTITION BY " + l.parent + " ORDER BY ")
		l.ordering(b, w.backward)
		b.write(") AS n FROM "+l.from+" WHERE ?) AS x WHERE x.n <= ? ORDER BY x.owner, x.n", and(in(l.parent, l.parents), where), w.size+1)
	}
}

func (l *list) columns(b *builder) {
	b.put(", " + l.key + " AS k")
	for i, t := range l.order.terms {
		b.put(", ")
		t.expression(b)
		b.put(" AS o" + strconv.Itoa(i))
	}
}

func (l *list) ordering(b *builder, backward bool) {
	for _, t := range l.order.terms {
		t.expression(b)
		b.put(direction(t.descending != backward) + ", ")
	}
	b.put(l.key + direction(l.order.descending != backward))
}

func direction(down bool) string {
	if down {
		return " DESC"
	}
	return " ASC"
}

// within adds the cursors to the conditions of the list.
func (l *list) within(w window) (condition, error) {
	where := []condition{l.where}
	for _, edge := range []struct {
		cursor, field string
		beyond        bool
	}{{w.after, "after", true}, {w.before, "before", false}} {
		if edge.cursor == "" {
			continue
		}
		p, err := placeOf(edge.cursor, edge.field, l.order)
		if err != nil {
			return nil, err
		}
		where = append(where, l.past(p, edge.beyond))
	}
	return and(where...), nil
}

// past holds for what stands after a place (or before it): an earlier term decides, or all are equal and the next one does.
func (l *list) past(p place, after bool) condition {
	alternatives := make([]condition, 0, len(l.order.terms)+1)
	var equal []condition
	for i, t := range l.order.terms {
		step := sqlf("? "+comparison(after != t.descending)+" ?", t.expression, p.values[i])
		alternatives = append(alternatives, and(append(slices.Clone(equal), step)...))
		equal = append(equal, sqlf("? = ?", t.expression, p.values[i]))
	}
	step := sqlf(l.key+" "+comparison(after != l.order.descending)+" ?", p.key)
	return or(append(alternatives, and(append(equal, step)...))...)
}

func comparison(greater bool) string {
	if greater {
		return ">"
	}
	return "<"
}

func scanPlace(rows *stdsql.Rows, parent *int64, terms []term) (place, error) {
	p := place{values: make([]any, len(terms))}
	targets := []any{parent, &p.key}
	for _, t := range terms {
		targets = append(targets, t.kind.target())
	}
	err := rows.Scan(targets...)
	for i := range terms {
		switch v := targets[i+2].(type) {
		case *int64:
			p.values[i] = *v
		case *float64:
			p.values[i] = *v
		case *store.Time:
			p.values[i] = v.Time
		case *string:
			p.values[i] = *v
		}
	}
	return p, err
}

func (k termKind) target() any {
	switch k {
	case number:
		return new(int64)
	case fraction:
		return new(float64)
	case instant:
		return new(store.Time)
	}
	return new(string)
}

// counter gives how long the lists are, counting on the first call only, for all parents in one statement.
func (s *session) counter(l list) func(ctx context.Context, parent int64) (int64, error) {
	var once sync.Once
	var counts map[int64]int64
	var failure error
	return func(ctx context.Context, parent int64) (int64, error) {
		once.Do(func() { counts, failure = s.count(ctx, l) })
		return counts[parent], failure
	}
}

func (s *session) count(ctx context.Context, l list) (map[int64]int64, error) {
	statement := sqlf("SELECT 0, COUNT(*) FROM "+l.from+" WHERE ?", and(l.where))
	if l.parent != "" {
		statement = sqlf("SELECT "+l.parent+", COUNT(*) FROM "+l.from+" WHERE ? GROUP BY "+l.parent, and(in(l.parent, l.parents), l.where))
	}
	counts := map[int64]int64{}
	return counts, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var parent, n int64
		err := rows.Scan(&parent, &n)
		counts[parent] = n
		return err
	})
}

// connections reads the pages of a list, the rows on them in one statement, and gives a connection for each parent.
func connections[E, V any](ctx context.Context, s *session, n *noun[E, V], l list, p window) (map[int64]*Connection[V], error) {
	pages, err := s.read(ctx, l, p)
	if err != nil {
		return nil, err
	}
	var keys []int64
	for _, page := range pages {
		for _, at := range page[:min(len(page), p.size)] {
			keys = append(keys, at.key)
		}
	}
	slices.Sort(keys)
	views, err := n.byKey(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	count := s.counter(l)
	out := map[int64]*Connection[V]{}
	for _, parent := range l.owners() {
		c := connect(pages[parent], views, l.order, p)
		c.count = func(ctx context.Context) (int64, error) { return count(ctx, parent) }
		out[parent] = c
	}
	return out, nil
}

func (l *list) owners() []int64 {
	if l.parent == "" {
		return []int64{0}
	}
	return l.parents
}

func connect[V any](page []place, views map[int64]V, o order, w window) *Connection[V] {
	more := len(page) > w.size
	page = page[:min(len(page), w.size)]
	if w.backward {
		page = slices.Clone(page)
		slices.Reverse(page)
	}
	c := &Connection[V]{Edges: make([]*Edge[V], 0, len(page)), PageInfo: &PageInfo{}}
	for _, at := range page {
		// A row that was removed between the two statements is left out.
		if view, ok := views[at.key]; ok {
			c.Edges = append(c.Edges, &Edge[V]{Node: view, Cursor: at.cursor(o)})
		}
	}
	c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = more, w.after != ""
	if w.backward {
		c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = w.before != "", more
	}
	if len(c.Edges) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[len(c.Edges)-1].Cursor
	}
	return c
}

// root reads the one connection of a list without parents.
func root[E, V any](ctx context.Context, s *session, n *noun[E, V], l list, p Page) (*Connection[V], error) {
	w, err := s.window(p)
	if err != nil {
		return nil, err
	}
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l.from, l.key, l.where = n.table+" AS t", "t.id", and(s.visible(f, n.kind, "t"), l.where)
	all, err := connections(ctx, s, n, l, w)
	return all[0], err
}

// nested describes one connection field of a view.
type nested[V any] struct {
	field  any // the field and its arguments other than the page; comparable
	parent string
	owner  func(V) int64
	from   string // "" for the noun's own table
	key    string // "t.id" unless given
	where  condition
	within func(members []V) condition // narrows the search to what an index finds; changes no answer
	order  order
	all    bool // without the condition for what may be seen, which `where` has already
}

type nestedKey struct {
	field  any
	window window
}

// below reads a connection field of all views of a family and gives that of one.
func below[P, E, V any](ctx context.Context, f *family[P], of P, n *noun[E, V], d nested[P], p Page) (*Connection[V], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	all, err := together(ctx, f, nestedKey{d.field, w}, func(ctx context.Context, members []P) (map[int64]*Connection[V], error) {
		l := list{from: d.from, key: d.key, parent: d.parent, where: d.where, order: d.order}
		for _, member := range members {
			l.parents = append(l.parents, d.owner(member))
		}
		l.parents = distinct(l.parents)
		if l.from == "" {
			l.from = n.table + " AS t"
		}
		if l.key == "" {
			l.key = "t.id"
		}
		if d.within != nil {
			l.where = and(d.within(members), l.where)
		}
		if l.order.name == "" {
			l.order = byKey
		}
		if !d.all {
			l.where = and(f.visible(f.facts, n.kind, "t"), l.where)
		}
		return connections(ctx, f.session, n, l, w)
	})
	if err != nil {
		return nil, err
	}
	if c := all[d.owner(of)]; c != nil {
		return c, nil
	}
	return empty[V](), nil
}

func empty[V any]() *Connection[V] {
	return &Connection[V]{Edges: []*Edge[V]{}, PageInfo: &PageInfo{}, count: func(context.Context) (int64, error) { return 0, nil }}
}

// keyed is the name of a field with one optional argument, for keys of together.
func keyed(name string, arguments ...string) string {
	return name + "\x00" + strings.Join(arguments, "\x00")
}
