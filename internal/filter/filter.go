package filter

// Filter is a condition on a row. It is true or false of every row, never unknown: a comparison with a column that is missing is
// false, and its negation true. Only this package makes filters, so a column or an operator that is not allowed cannot be in one.
type Filter interface{ closed() }

type (
	constant bool
	all      []Filter // at least two, none of them a constant
	anyOf    []Filter // likewise
	not      struct{ of Filter }
	present  struct{ column *Column }
	compare  struct { // a column of texts or numbers with a value of the same type
		column *Column
		op     Op
		value  any // string or int64
	}
	boolean struct { // a column of booleans that is as said
		column *Column
		value  bool
	}
	columns struct { // two columns of the same type of the same row
		left  *Column
		op    Op
		right *Column
	}
	oneOf struct { // at least two values, in order, of the column's type
		column *Column
		texts  []string
		counts []int64
	}
	part struct { // a text that begins with, ends in or holds another that is not empty
		column *Column
		where  Part
		text   string
	}
	folded struct { // a text that is another when both are in lower case
		column *Column
		text   string
	}
	some struct { // there is a related row for which a filter holds
		relation *Relation
		where    Filter
	}
)

func (constant) closed() {}
func (all) closed()      {}
func (anyOf) closed()    {}
func (not) closed()      {}
func (present) closed()  {}
func (compare) closed()  {}
func (boolean) closed()  {}
func (columns) closed()  {}
func (oneOf) closed()    {}
func (part) closed()     {}
func (folded) closed()   {}
func (some) closed()     {}

// Nothing holds for no row, Everything for all.
var (
	Nothing    Filter = constant(false)
	Everything Filter = constant(true)
)

// Op is how two values are compared.
type Op string

// The comparisons. Texts are ordered by their bytes in UTF-8, which is the order of their code points.
const (
	Equal        Op = "="
	Unequal      Op = "<>"
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// Flip gives the comparison that says the same with its sides exchanged.
func (o Op) Flip() Op {
	switch o {
	case Less:
		return Greater
	case LessEqual:
		return GreaterEqual
	case Greater:
		return Less
	case GreaterEqual:
		return LessEqual
	}
	return o
}

// holds tells whether a comparison holds, given how its sides compare: negative, 0 or positive.
func (o Op) holds(order int) bool {
	switch o {
	case Equal:
		return order == 0
	case Unequal:
		return order != 0
	case Less:
		return order < 0
	case LessEqual:
		return order <= 0
	case Greater:
		return order > 0
	case GreaterEqual:
		return order >= 0
	}
	return false
}

// Part is where in a text another is.
type Part int

// The parts.
const (
	Prefix Part = iota
	Suffix
	Anywhere
)

// IsAll tells whether a filter holds for every row, which is to say that it need not be asked.
func IsAll(f Filter) bool { return f == Everything }

// IsNone tells whether a filter holds for no row.
func IsNone(f Filter) bool { return f == nil || f == Nothing }
