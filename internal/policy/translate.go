package policy

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/ringfence/ringfence/internal/filter"
)

// OPA's own translation to SQL is not used: it drops conditions that it does not know, and its conditions are not exact where a
// column is NULL. This one knows a closed list of expressions, and what is not in it is an error with its place.

// mostConditions and mostDepth bound a filter: SQLite takes no deeper expression than 1,000, and nobody reads a longer one.
const (
	mostConditions = 2_000
	mostDepth      = 24
)

// partialNamespace is the package of the rules that partial evaluation makes of what it could not write in one line.
const partialNamespace = "partial"

// untranslatable says why a list rule is no condition of a database, and where.
type untranslatable struct {
	at      *ast.Location
	message string
}

func (u *untranslatable) Error() string { return problemAt(u.at, u.message).String() }

// translation turns what is left of a list rule, when all but the row is known, into a filter.
type translation struct {
	kind    string
	table   *filter.Table
	support map[string][]*ast.Rule // the rules of partialNamespace by name
	// anybody says that the principal is not known either: what depends on it is taken to be now true and now false.
	anybody bool
	left    int // expressions that may still be translated
	depth   int
}

// translate gives the filter for the answers to partial evaluation. Any of the queries is enough.
func translate(kind string, answers *rego.PartialQueries, anybody bool) (filter.Filter, error) {
	table, ok := filter.Find(kind)
	if !ok {
		return filter.Nothing, &untranslatable{message: fmt.Sprintf("there is no type %q", kind)}
	}
	t := &translation{kind: kind, table: table, support: map[string][]*ast.Rule{}, anybody: anybody, left: mostConditions}
	for _, module := range answers.Support {
		for _, rule := range module.Rules {
			name := module.Package.Path.String() + "." + rule.Head.Ref().String()
			t.support[name] = append(t.support[name], rule)
		}
	}
	var alternatives []filter.Filter
	for _, query := range answers.Queries {
		s := &scope{translation: t, root: &element{table: table}, vars: map[ast.Var]operand{}, index: map[ast.Var]*element{}}
		if err := s.body(query); err != nil {
			return filter.Nothing, err
		}
		alternatives = append(alternatives, s.root.filter())
	}
	return filter.Any(alternatives...), nil
}

// scope is one conjunction: the rows it speaks about, and what its variables stand for.
type scope struct {
	*translation
	root  *element
	vars  map[ast.Var]operand
	index map[ast.Var]*element // variables that number the rows of a relation
}

// element is one of the rows that a conjunction speaks about: the row itself, or one that a relation leads to.
type element struct {
	table      *filter.Table
	relation   *filter.Relation // nil for the row itself
	index      ast.Var          // "" for the only row of a relation
	rows       []*element
	conditions []filter.Filter
	unsure     bool     // whether something holds that only the principal decides
	mirrors    *element // the row of the surrounding conjunction that this one is
}

func (e *element) add(f filter.Filter) { e.conditions = append(e.conditions, f) }

// row gives the row that a relation leads to from here. Rows with the same index are the same.
func (e *element) row(relation *filter.Relation, index ast.Var) *element {
	for _, known := range e.rows {
		if known.relation == relation && known.index == index {
			return known
		}
	}
	next := &element{table: relation.To, relation: relation, index: index}
	e.rows = append(e.rows, next)
	return next
}

// filter is the condition on the row, and that the rows it leads to exist. Those of a surrounding conjunction exist already.
func (e *element) filter() filter.Filter {
	all := slices.Clone(e.conditions)
	for _, row := range e.rows {
		if row.mirrors == nil {
			all = append(all, filter.Some(row.relation, row.filter()))
		}
	}
	if e.unsure {
		all = append(all, someday)
	}
	return filter.All(all...)
}

// body adds the conditions of a conjunction. What gives a variable its meaning may stand after its use, and a `not` is about rows that
// the rest of the conjunction finds.
func (s *scope) body(body ast.Body) error {
	var pending, negated []*ast.Expr
	for _, expr := range body {
		if expr.Negated {
			negated = append(negated, expr)
		} else {
			pending = append(pending, expr)
		}
	}
	for len(pending) > 0 {
		var later []*ast.Expr
		var first error
		for _, expr := range pending {
			err := s.expr(expr)
			if isUnbound(err) {
				later = append(later, expr)
				first = orElse(first, err)
				continue
			}
			if err != nil {
				return err
			}
		}
		if len(later) == len(pending) {
			return first
		}
		pending = later
	}
	for _, expr := range negated {
		if err := s.not(expr); err != nil {
			return err
		}
	}
	return nil
}

func orElse(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// not adds that an expression does not hold.
func (s *scope) not(expr *ast.Expr) error {
	positive := expr.Copy()
	positive.Negated = false
	place, f, err := s.any([]ast.Body{ast.NewBody(positive)}, nil, expr)
	if err != nil {
		return err
	}
	place.add(filter.Not(f))
	return nil
}

// any gives the condition that one of some conjunctions holds, and the row it is about: a row of this conjunction that all of them are
// about. arguments are what the variables of the conjunctions stand for.
func (s *scope) any(bodies []ast.Body, arguments map[ast.Var]operand, at *ast.Expr) (*element, filter.Filter, error) {
	if s.depth++; s.depth > mostDepth {
		return nil, nil, s.refuse(at, "this is nested too deeply")
	}
	defer func() { s.depth-- }()
	var place *element
	var alternatives []filter.Filter
	for _, body := range bodies {
		inner := s.fork(arguments)
		if err := inner.body(body); err != nil {
			return nil, nil, err
		}
		about, ok := inner.root.about()
		if !ok || about != nil && place != nil && about.mirrors != place {
			return nil, nil, s.refuse(at, "this speaks about several rows at once; compare the columns of one row with values")
		}
		f := filter.Everything
		if inner.root.unsure {
			f = someday
		}
		if about != nil {
			place, f = about.mirrors, about.filter()
		}
		alternatives = append(alternatives, f)
	}
	if place == nil {
		place = s.root
	}
	return place, filter.Any(alternatives...), nil
}

// fork begins a conjunction inside this one, in which the same rows are known but nothing is said about them yet.
func (s *scope) fork(arguments map[ast.Var]operand) *scope {
	mirror := map[*element]*element{}
	inner := &scope{translation: s.translation, root: s.root.mirror(mirror), vars: map[ast.Var]operand{}, index: map[ast.Var]*element{}}
	known := s.vars
	if arguments != nil {
		known = arguments // the body of a rule does not know the variables of its caller
	}
	for name, o := range known {
		if o.row != nil {
			o.row = mirror[o.row]
		}
		inner.vars[name] = o
	}
	for name, row := range s.index {
		if arguments == nil {
			inner.index[name] = mirror[row]
		}
	}
	return inner
}

func (e *element) mirror(seen map[*element]*element) *element {
	m := &element{table: e.table, relation: e.relation, index: e.index, mirrors: e}
	seen[e] = m
	for _, row := range e.rows {
		m.rows = append(m.rows, row.mirror(seen))
	}
	return m
}

// about gives the one known row that something is said about, nil if nothing is; not ok if there are several.
func (e *element) about() (row *element, ok bool) {
	if len(e.conditions) > 0 || slices.ContainsFunc(e.rows, func(row *element) bool { return row.mirrors == nil }) {
		row = e
	}
	for _, next := range e.rows {
		if next.mirrors == nil {
			continue
		}
		deeper, ok := next.about()
		if !ok || deeper != nil && row != nil {
			return nil, false
		}
		if deeper != nil {
			row = deeper
		}
	}
	return row, true
}
