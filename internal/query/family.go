package query

import (
	"context"
	"sync"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
)

// family is the set of views that one statement produced. When a nested field of one of them is asked for, it is loaded for all
// of them at once: siblings are answered alike, so the number of statements grows with the depth of a document and not
// with its lists, and nothing has to wait for a batch to fill.
type family[V any] struct {
	*session
	facts   *facts
	members []V

	mu    sync.Mutex
	loads map[any]*loading
}

type loading struct {
	once  sync.Once
	value any
	err   error
}

// together runs load on the first call with a key, and gives every later call the same answer. The key is the field with
// its arguments.
func together[V, R any](ctx context.Context, f *family[V], key any, load func(ctx context.Context, members []V) (R, error)) (R, error) {
	f.mu.Lock()
	if f.loads == nil {
		f.loads = map[any]*loading{}
	}
	l := f.loads[key]
	if l == nil {
		l = &loading{}
		f.loads[key] = l
	}
	f.mu.Unlock()
	l.once.Do(func() { l.value, l.err = load(ctx, f.members) })
	value, _ := l.value.(R)
	return value, l.err
}

// noun is one kind of row and how to look at it: E is the row, V its view.
type noun[E, V any] struct {
	kind  string // as the policy calls it; empty for rows that are seen with what they belong to
	table string
	find  func(ctx context.Context, client *ent.Client, where func(*sql.Selector)) ([]E, error)
	key   func(E) int64
	view  func(row E, f *family[V]) V
}

// show makes views of rows, as one family.
func (n *noun[E, V]) show(ctx context.Context, s *session, rows []E) ([]V, error) {
	f, err := s.glance(ctx)
	if err != nil {
		return nil, err
	}
	kin := &family[V]{session: s, facts: f, members: make([]V, len(rows))}
	for i, row := range rows {
		kin.members[i] = n.view(row, kin)
	}
	return kin.members, nil
}

// showOne makes the view of one row; nil stays nil.
func showOne[E, V any](ctx context.Context, s *session, n *noun[*E, *V], row *E) (*V, error) {
	if row == nil {
		return nil, nil
	}
	views, err := n.show(ctx, s, []*E{row})
	if err != nil {
		return nil, err
	}
	return views[0], nil
}

// byKey loads rows that are already known to be visible, and gives their views by key.
func (n *noun[E, V]) byKey(ctx context.Context, s *session, keys []int64, loaded ...E) (map[int64]V, error) {
	return n.load(ctx, s, keys, nil, loaded)
}

// visibleByKey loads those of the rows that may be seen.
func (n *noun[E, V]) visibleByKey(ctx context.Context, s *session, keys []int64, loaded ...E) (map[int64]V, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	return n.load(ctx, s, keys, s.visible(f, n.kind, n.table), loaded)
}

func (n *noun[E, V]) load(ctx context.Context, s *session, keys []int64, where condition, rows []E) (map[int64]V, error) {
	if wanted := distinct(keys); len(wanted) > 0 {
		found, err := n.find(ctx, s.client, s.selecting(and(in(n.table+".id", wanted), where)))
		if err != nil {
			return nil, unavailable(err)
		}
		rows = append(rows[:len(rows):len(rows)], found...)
	}
	views, err := n.show(ctx, s, rows)
	if err != nil {
		return nil, err
	}
	byKey := make(map[int64]V, len(views))
	for i, row := range rows {
		byKey[n.key(row)] = views[i]
	}
	return byKey, nil
}

// distinct leaves out doubles and 0, which is the key of nothing.
func distinct(keys []int64) []int64 {
	seen := make(map[int64]bool, len(keys))
	out := make([]int64, 0, len(keys))
	for _, key := range keys {
		if key != 0 && !seen[key] {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

// selecting hands a condition to ent.
func (s *session) selecting(c condition) func(*sql.Selector) {
	return func(selector *sql.Selector) {
		selector.Where(sql.P(func(to *sql.Builder) {
			c(&builder{
				dialect: s.dialect,
				put:     func(text string) { to.WriteString(text) },
				bind:    func(arg any) { to.Arg(arg) },
			})
		}))
	}
}
