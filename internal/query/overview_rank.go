package query

import (
	"cmp"
	"context"
	"slices"
)

// ranked is an item of a list that is ordered here and not by the database, because what orders it is worked out here. The key is
// unique, and decides between equals.
type ranked struct {
	value float64
	key   int64
	at    int32
}

// ranking is an order of ranked items: by value and key, or by key alone.
func ranking(name string, byValue bool, direction OrderDirection) order {
	o := order{name: name, descending: direction == descending}
	if byValue {
		o.terms = []term{{kind: fraction, descending: o.descending}}
	}
	return o
}

// compare says which of two items comes first.
func (o *order) compare(a, b ranked) int {
	c := cmp.Compare(a.key, b.key)
	if len(o.terms) > 0 {
		c = cmp.Or(cmp.Compare(a.value, b.value), c)
	}
	if o.descending {
		return -c
	}
	return c
}

// place is where an item stands in its order, as cursors tell it.
func (o *order) place(item ranked) place {
	p := place{key: item.key}
	if len(o.terms) > 0 {
		p.values = []any{item.value}
	}
	return p
}

// rankedAt is the item a cursor points to.
func (o *order) rankedAt(cursor, field string) (*ranked, error) {
	if cursor == "" {
		return nil, nil
	}
	p, err := placeOf(cursor, field, *o)
	if err != nil {
		return nil, err
	}
	at := &ranked{key: p.key}
	if len(p.values) > 0 {
		at.value, _ = p.values[0].(float64)
	}
	return at, nil
}

// leaf gives the items of a page and one more, if there is one, the way read does: backward from the end.
func leaf(items []ranked, o order, w window) ([]ranked, error) {
	after, err := o.rankedAt(w.after, "after")
	if err != nil {
		return nil, err
	}
	before, err := o.rankedAt(w.before, "before")
	if err != nil {
		return nil, err
	}
	compare := o.compare
	if w.backward {
		compare = func(a, b ranked) int { return o.compare(b, a) }
	}
	// Only as many as are wanted are kept in order while all go by: most are not among them.
	best := make([]ranked, 0, min(w.size+1, len(items)))
	for _, item := range items {
		if after != nil && o.compare(item, *after) <= 0 || before != nil && o.compare(item, *before) >= 0 {
			continue
		}
		if len(best) > w.size {
			if compare(item, best[w.size]) >= 0 {
				continue
			}
			best = best[:w.size]
		}
		at, _ := slices.BinarySearchFunc(best, item, compare)
		best = slices.Insert(best, at, item)
	}
	return best, nil
}

// bind makes a connection of a page of ranked items.
func bind[V any](items []ranked, o order, w window, view func(item ranked) V, total int) (*Connection[V], []V) {
	places := make([]place, len(items))
	views := map[int64]V{}
	var shown []V
	for i, item := range items {
		places[i] = o.place(item)
		if i < w.size {
			v := view(item)
			views[item.key] = v
			shown = append(shown, v)
		}
	}
	c := connect(places, views, o, w)
	c.count = func(context.Context) (int64, error) { return int64(total), nil }
	return c, shown
}
