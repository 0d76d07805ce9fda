package filter

import (
	"slices"
	"strings"
)

// Row is a row in memory. Values are strings, int64s and bools by column; one that is not there is missing. Related rows stand under
// the name of the relation.
type Row struct {
	Values  map[string]any
	Related map[string][]Row
	// Partial says that columns and related rows that are not here may be there all the same.
	Partial bool
}

// Truth is what is known about a condition.
type Truth int

// What can be known. A whole row leaves nothing unknown.
const (
	No Truth = iota
	Unknown
	Yes
)

func truth(holds bool) Truth {
	if holds {
		return Yes
	}
	return No
}

// Holds tells whether the filter holds for the row.
func Holds(f Filter, row Row) Truth {
	switch f := f.(type) {
	case constant:
		return truth(bool(f))
	case all:
		least := Yes
		for _, one := range f {
			least = min(least, Holds(one, row))
		}
		return least
	case anyOf:
		most := No
		for _, one := range f {
			most = max(most, Holds(one, row))
		}
		return most
	case not:
		return Yes - Holds(f.of, row)
	case some:
		most := No
		if row.Partial {
			most = Unknown
		}
		for _, one := range row.Related[f.relation.Name] {
			most = max(most, Holds(f.where, one))
		}
		return most
	case columns:
		return row.of(f.left, func(left any) Truth {
			return row.of(f.right, func(right any) Truth { return truth(f.op.holds(order(left, right))) })
		})
	case present:
		return row.of(f.column, func(any) Truth { return Yes })
	case compare:
		return row.of(f.column, func(v any) Truth { return truth(f.op.holds(order(v, f.value))) })
	case boolean:
		return row.of(f.column, func(v any) Truth { return truth(v == f.value) })
	case oneOf:
		return row.of(f.column, func(v any) Truth { return truth(f.has(v)) })
	case part:
		return row.of(f.column, func(v any) Truth { return truth(f.in(v)) })
	case folded:
		return row.of(f.column, func(v any) Truth {
			text, _ := v.(string)
			return truth(strings.ToLower(text) == f.text)
		})
	}
	return No
}

// of asks about a column that is there; a comparison with a missing one is false.
func (r Row) of(c *Column, ask func(v any) Truth) Truth {
	v, ok := r.Values[c.Name]
	switch {
	case ok:
		return ask(v)
	case r.Partial:
		return Unknown
	}
	return No
}

func (o oneOf) has(v any) bool {
	switch v := v.(type) {
	case string:
		_, found := slices.BinarySearch(o.texts, v)
		return found
	case int64:
		_, found := slices.BinarySearch(o.counts, v)
		return found
	}
	return false
}

func (p part) in(v any) bool {
	text, _ := v.(string)
	switch p.where {
	case Prefix:
		return strings.HasPrefix(text, p.text)
	case Suffix:
		return strings.HasSuffix(text, p.text)
	}
	return strings.Contains(text, p.text)
}

// order compares two values of the same type.
func order(a, b any) int {
	switch a := a.(type) {
	case string:
		b, _ := b.(string)
		return strings.Compare(a, b)
	case int64:
		b, _ := b.(int64)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
	case bool:
		b, _ := b.(bool)
		switch {
		case !a && b:
			return -1
		case a && !b:
			return 1
		}
	}
	return 0
}

// Joins tells whether a row leads to another by the relation.
func (r *Relation) Joins(from, to Row) bool {
	for _, pair := range r.on {
		here, ok := from.Values[pair[0].name]
		there, also := to.Values[pair[1].name]
		if !ok || !also || here != there {
			return false
		}
	}
	return true
}
