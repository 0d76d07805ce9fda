package query

import (
	"context"
	stdsql "database/sql"

	"github.com/ringfence/ringfence/internal/fault"
)

// link is a field of a view that shows one other row.
type link[V, E any] struct {
	field  string
	key    func(V) int64 // 0: none
	loaded func(V) E     // the row, if the answer of a mutation brought it along; nil if it never does
}

// reference shows the row a non-null field points to. Whoever sees a row sees what it cannot be without.
func reference[P, E, V any](ctx context.Context, f *family[P], of P, n *noun[*E, *V], l link[P, *E]) (*V, error) {
	view, err := follow(ctx, f, of, n, l, false)
	if err == nil && view == nil {
		// It was removed since the row that points to it was read.
		return nil, fault.Missing("", "thing any more")
	}
	return view, err
}

// optional shows the row a nullable field points to, if it may be seen.
func optional[P, E, V any](ctx context.Context, f *family[P], of P, n *noun[*E, *V], l link[P, *E]) (*V, error) {
	return follow(ctx, f, of, n, l, true)
}

func follow[P, E, V any](ctx context.Context, f *family[P], of P, n *noun[*E, *V], l link[P, *E], scoped bool) (*V, error) {
	all, err := together(ctx, f, l.field, func(ctx context.Context, members []P) (map[int64]*V, error) {
		var keys []int64
		var loaded []*E
		for _, member := range members {
			if row := l.edge(member); row != nil {
				loaded = append(loaded, row)
			} else {
				keys = append(keys, l.key(member))
			}
		}
		if scoped {
			return n.visibleByKey(ctx, f.session, keys, loaded...)
		}
		return n.byKey(ctx, f.session, keys, loaded...)
	})
	if err != nil {
		return nil, err
	}
	if row := l.edge(of); row != nil {
		return all[n.key(row)], nil
	}
	return all[l.key(of)], nil
}

func (l *link[V, E]) edge(of V) (none E) {
	if l.loaded == nil {
		return none
	}
	return l.loaded(of)
}

// pair is a row and one of the rows that belong to it.
type pair struct{ owner, key int64 }

// pairs runs a statement that gives pairs, in order.
func (s *session) pairs(ctx context.Context, statement condition) ([]pair, error) {
	var all []pair
	err := s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var p pair
		err := rows.Scan(&p.owner, &p.key)
		all = append(all, p)
		return err
	})
	return all, err
}

// gather loads the second rows of pairs, those that may be seen if scoped, and lists them by owner in the order of the pairs.
func gather[E, V any](ctx context.Context, s *session, n *noun[E, V], pairs []pair, scoped bool) (map[int64][]V, error) {
	keys := make([]int64, len(pairs))
	for i, p := range pairs {
		keys[i] = p.key
	}
	load := n.byKey
	if scoped {
		load = n.visibleByKey
	}
	views, err := load(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	out := map[int64][]V{}
	for _, p := range pairs {
		if view, ok := views[p.key]; ok {
			out[p.owner] = append(out[p.owner], view)
		}
	}
	return out, nil
}
