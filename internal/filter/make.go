package filter

import (
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// Value is a value to compare a column with: a string, a bool, a *big.Rat, or a Rank for what no column can hold.
type Value any

// Rank is a value of which only its place among the types matters.
type Rank int

// The types in the order in which Rego sorts them. Composite values are above all that a column can hold.
const (
	RankNull Rank = iota
	rankBool
	rankNumber
	rankText
	RankComposite
)

func rankOf(v Value) Rank {
	switch v := v.(type) {
	case bool:
		return rankBool
	case *big.Rat:
		return rankNumber
	case string:
		return rankText
	case Rank:
		return v
	}
	return RankNull
}

func (c *Column) rank() Rank {
	switch c.Type {
	case Bool:
		return rankBool
	case Count:
		return rankNumber
	}
	return rankText
}

// Storable tells whether a text can be in a database at all. A value that cannot must not come into a filter.
func Storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// Present holds when the column is not missing.
func Present(c *Column) Filter {
	if !c.Nullable {
		return Everything
	}
	return present{c}
}

// Compare holds when the column is there and compares with the value as said. Values of other types are unequal, and ordered by
// their type as Rego does it.
func Compare(c *Column, op Op, v Value) Filter {
	if here, there := c.rank(), rankOf(v); here != there {
		return when(op.holds(int(here)-int(there)), c)
	}
	switch v := v.(type) {
	case string:
		return compare{c, op, v}
	case bool:
		return compareFlag(c, op, v)
	case *big.Rat:
		return compareCount(c, op, v)
	}
	return Nothing
}

// when holds for all rows that have the column, or for none.
func when(holds bool, c *Column) Filter {
	if !holds {
		return Nothing
	}
	return Present(c)
}

func compareFlag(c *Column, op Op, v bool) Filter {
	order := func(flag bool) int {
		switch {
		case flag == v:
			return 0
		case v:
			return -1
		}
		return 1
	}
	whenTrue, whenFalse := op.holds(order(true)), op.holds(order(false))
	if whenTrue == whenFalse {
		return when(whenTrue, c)
	}
	return boolean{c, whenTrue}
}

// compareCount compares whole numbers with any number: a fraction lies between two of them.
func compareCount(c *Column, op Op, v *big.Rat) Filter {
	if !v.IsInt() {
		switch op {
		case Equal:
			return Nothing
		case Unequal:
			return Present(c)
		case Less:
			op = LessEqual
		case GreaterEqual:
			op = Greater
		}
		// Below the fraction is up to its floor.
		floor := new(big.Int).Div(v.Num(), v.Denom())
		return compareCount(c, op, new(big.Rat).SetInt(floor))
	}
	if !v.Num().IsInt64() { // beyond all that the column can hold
		return when(op.holds(-v.Sign()), c)
	}
	return compare{c, op, v.Num().Int64()}
}

// CompareColumns holds when both columns of a row are there and compare as said.
func CompareColumns(left *Column, op Op, right *Column) Filter {
	if left.rank() != right.rank() {
		if !op.holds(int(left.rank()) - int(right.rank())) {
			return Nothing
		}
		return All(Present(left), Present(right))
	}
	return columns{left, op, right}
}

// OneOf holds when the column is there and is one of the values.
func OneOf(c *Column, values ...Value) Filter {
	alternatives := make([]Filter, len(values))
	for i, v := range values {
		alternatives[i] = Compare(c, Equal, v)
	}
	return Any(alternatives...)
}

// Holding holds when the column is there and has the text in the given part. The column has to be one of texts.
func Holding(c *Column, where Part, text string) Filter {
	if text == "" {
		return Present(c)
	}
	return part{c, where, text}
}

// Folded holds when the column is there and is, in lower case, the text. The column has to be one of texts.
func Folded(c *Column, text string) Filter {
	if strings.ToLower(text) != text {
		return Nothing // no text in lower case is this one
	}
	return folded{c, text}
}

// Some holds when there is a related row for which the filter holds.
func Some(r *Relation, where Filter) Filter {
	if IsNone(where) {
		return Nothing
	}
	return some{r, where}
}

// Not holds when the filter does not.
func Not(f Filter) Filter {
	switch f := f.(type) {
	case constant:
		return !f
	case not:
		return f.of
	}
	return not{f}
}

// All holds when all of the filters do; it is Everything without any.
func All(filters ...Filter) Filter {
	var kept all
	for _, f := range filters {
		switch f := f.(type) {
		case constant:
			if !f {
				return Nothing
			}
		case all:
			kept = append(kept, f...)
		default:
			kept = append(kept, f)
		}
	}
	switch len(kept) {
	case 0:
		return Everything
	case 1:
		return kept[0]
	}
	return kept
}

// Any holds when any of the filters does; it is Nothing without any. Comparisons of a column with single values become one with a
// list, which a database finds by index however long it is.
func Any(filters ...Filter) Filter {
	var kept anyOf
	lists := map[*Column]int{} // where in kept the list of a column is
	add := func(f Filter) {
		list, ok := listOf(f)
		if !ok {
			kept = append(kept, f)
			return
		}
		at, known := lists[list.column]
		if !known {
			lists[list.column] = len(kept)
			kept = append(kept, list)
			return
		}
		before, _ := kept[at].(oneOf)
		before.texts, before.counts = append(before.texts, list.texts...), append(before.counts, list.counts...)
		kept[at] = before
	}
	for _, f := range filters {
		switch f := f.(type) {
		case constant:
			if f {
				return Everything
			}
		case anyOf:
			for _, inner := range f {
				add(inner)
			}
		default:
			add(f)
		}
	}
	for i, f := range kept {
		if list, ok := f.(oneOf); ok {
			kept[i] = list.sorted()
		}
	}
	switch len(kept) {
	case 0:
		return Nothing
	case 1:
		return kept[0]
	}
	return kept
}

// listOf gives a comparison with one value as one with a list.
func listOf(f Filter) (oneOf, bool) {
	switch f := f.(type) {
	case oneOf:
		return oneOf{f.column, slices.Clone(f.texts), slices.Clone(f.counts)}, true
	case compare:
		if f.op != Equal {
			return oneOf{}, false
		}
		if text, ok := f.value.(string); ok {
			return oneOf{column: f.column, texts: []string{text}}, true
		}
		n, _ := f.value.(int64)
		return oneOf{column: f.column, counts: []int64{n}}, true
	}
	return oneOf{}, false
}

// sorted leaves out doubles; a single value is a plain comparison.
func (o oneOf) sorted() Filter {
	slices.Sort(o.texts)
	slices.Sort(o.counts)
	o.texts, o.counts = slices.Compact(o.texts), slices.Compact(o.counts)
	switch {
	case len(o.texts) == 1:
		return compare{o.column, Equal, o.texts[0]}
	case len(o.counts) == 1:
		return compare{o.column, Equal, o.counts[0]}
	}
	return o
}
