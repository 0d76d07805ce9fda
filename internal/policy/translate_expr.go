package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/filter"
)

// operators are the comparisons that have a counterpart in a database.
var operators = map[string]filter.Op{
	"eq": filter.Equal, "equal": filter.Equal, "neq": filter.Unequal, "lt": filter.Less, "lte": filter.LessEqual,
	"gt": filter.Greater, "gte": filter.GreaterEqual,
}

var parts = map[string]filter.Part{"startswith": filter.Prefix, "endswith": filter.Suffix, "contains": filter.Anywhere}

const memberOperator = "internal.member_2"

// expr adds what one expression says.
func (s *scope) expr(expr *ast.Expr) error {
	if s.left--; s.left < 0 {
		return s.refuse(expr, fmt.Sprintf("listed.%s has more than %d conditions", s.kind, mostConditions))
	}
	if len(expr.With) > 0 {
		return s.refuse(expr, "`with` cannot be used on a row")
	}
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		return s.truth(terms, expr)
	case []*ast.Term:
		return s.call(expr)
	}
	return s.refuse(expr, "`every` over rows cannot be translated; say with `not` of which rows there must be none")
}

// truth adds that a term is neither undefined nor false.
func (s *scope) truth(term *ast.Term, expr *ast.Expr) error {
	if ref, ok := term.Value.(ast.Ref); ok {
		if rules := s.support[supportName(ref)]; rules != nil {
			return s.rules(rules, nil, expr)
		}
	}
	o, err := s.operand(term, expr)
	if err != nil {
		return err
	}
	switch {
	case o.column == nil && o.row != nil: // that the row exists is said by its being here
	case o.column != nil && o.column.Type == filter.Bool && !o.lower:
		o.row.add(filter.Compare(o.column, filter.Equal, true))
	case o.column != nil:
		o.row.add(filter.Present(o.column))
	case o.unknown:
		s.root.unsure = true
	case o.value == false:
		s.root.add(filter.Nothing)
	}
	return nil
}

func (s *scope) call(expr *ast.Expr) error {
	name := expr.Operator().String()
	if rules := s.support[supportName(expr.Operator())]; rules != nil {
		return s.rules(rules, expr.Operands(), expr)
	}
	operands := expr.Operands()
	if op, ok := operators[name]; ok && len(operands) == 2 {
		return s.compare(op, operands[0], operands[1], expr)
	}
	if where, ok := parts[name]; ok && len(operands) == 2 {
		return s.part(where, operands[0], operands[1], expr)
	}
	if name == memberOperator && len(operands) == 2 {
		return s.member(operands[0], operands[1], expr)
	}
	if s.anybody && !s.rowIn(expr) {
		s.guess(operands)
		return nil
	}
	if name == "lower" && len(operands) == 2 { // its result in a variable, or held against a value
		o, err := s.lower(ast.Call{expr.OperatorTerm(), operands[0]}, operands[0], expr)
		if err != nil {
			return err
		}
		return s.equal(o, operands[1], expr)
	}
	return s.refuse(expr, fmt.Sprintf("%s of a row cannot be translated; compare with == != < <= > >= in startswith endswith contains", plain(name)))
}

// guess takes a call that only the principal decides for true, and its result for anything.
func (s *scope) guess(operands []*ast.Term) {
	s.root.unsure = true
	for _, term := range operands {
		if name, ok := term.Value.(ast.Var); ok {
			if _, known := s.vars[name]; !known {
				s.vars[name] = operand{unknown: true}
			}
		}
	}
}

// equal adds that a term is what is known already.
func (s *scope) equal(o operand, term *ast.Term, expr *ast.Expr) error {
	other, err := s.operand(term, expr)
	if name, ok := term.Value.(ast.Var); ok && isUnbound(err) {
		return s.bind(name, o, expr)
	}
	if err != nil {
		return err
	}
	return s.compareOperands(filter.Equal, o, other, expr)
}

// plain is how an author writes a function.
func plain(name string) string {
	if strings.HasPrefix(name, "data.") {
		return "a rule with a default, an else or a value"
	}
	return name
}

// compare adds a comparison, or the meaning of a variable.
func (s *scope) compare(op filter.Op, left, right *ast.Term, expr *ast.Expr) error {
	a, errA := s.operand(left, expr)
	b, errB := s.operand(right, expr)
	if op == filter.Equal && (errA == nil) != (errB == nil) {
		if name, ok := left.Value.(ast.Var); ok && isUnbound(errA) && errB == nil {
			return s.bind(name, b, expr)
		}
		if name, ok := right.Value.(ast.Var); ok && isUnbound(errB) && errA == nil {
			return s.bind(name, a, expr)
		}
	}
	if err := orElse(errA, errB); err != nil {
		return err
	}
	return s.compareOperands(op, a, b, expr)
}

func (s *scope) compareOperands(op filter.Op, a, b operand, expr *ast.Expr) error {
	if a.column == nil {
		a, b, op = b, a, op.Flip()
	}
	switch {
	case a.row == nil && b.row == nil: // two values: a rule was given them as arguments
		s.constants(a, op, b)
		return nil
	case a.column == nil || b.column == nil && b.row != nil:
		return s.refuse(expr, "a row cannot be compared as a whole; compare its columns")
	case b.unknown:
		a.row.add(filter.All(filter.Present(a.column), someday))
		return nil
	case b.column == nil:
		return s.with(a, op, b.value, expr)
	case a.row != b.row || a.lower || b.lower:
		return s.refuse(expr, "only columns of the same row can be compared with each other")
	}
	a.row.add(filter.CompareColumns(a.column, op, b.column))
	return nil
}

// with adds the comparison of a column with a value.
func (s *scope) with(a operand, op filter.Op, value filter.Value, expr *ast.Expr) error {
	if !a.lower {
		a.row.add(filter.Compare(a.column, op, value))
		return nil
	}
	text, ok := value.(string)
	switch {
	case op != filter.Equal && op != filter.Unequal:
		return s.refuse(expr, "texts in lower case can only be equal or unequal")
	case !ok && op == filter.Equal:
		a.row.add(filter.Nothing)
	case !ok:
		a.row.add(filter.Present(a.column))
	case op == filter.Equal:
		a.row.add(filter.Folded(a.column, text))
	default:
		a.row.add(filter.All(filter.Present(a.column), filter.Not(filter.Folded(a.column, text))))
	}
	return nil
}

// constants compares two values. Only a rule that partial evaluation made can be given some.
func (s *scope) constants(a operand, op filter.Op, b operand) {
	if a.unknown || b.unknown {
		s.root.unsure = true
		return
	}
	order := ast.Compare(a.term.Value, b.term.Value)
	holds := map[filter.Op]bool{
		filter.Equal: order == 0, filter.Unequal: order != 0, filter.Less: order < 0, filter.LessEqual: order <= 0,
		filter.Greater: order > 0, filter.GreaterEqual: order >= 0,
	}[op]
	if !holds {
		s.root.add(filter.Nothing)
	}
}

// bind gives a variable its meaning. That it has one says that the column is there.
func (s *scope) bind(name ast.Var, o operand, expr *ast.Expr) error {
	if s.index[name] != nil {
		return s.refuse(expr, "the rows of a relation have no numbers")
	}
	if o.column != nil {
		o.row.add(filter.Present(o.column))
	}
	s.vars[name] = o
	return nil
}

// member adds that a column is one of a list of values.
func (s *scope) member(left, right *ast.Term, expr *ast.Expr) error {
	o, err := s.operand(left, expr)
	if err != nil {
		return err
	}
	list, err := s.operand(right, expr)
	switch {
	case err != nil:
		return err
	case o.row == nil && list.row == nil && s.anybody:
		s.root.unsure = true
		return nil
	case o.column == nil || list.row != nil:
		return s.refuse(expr, "`in` tells whether a column is among known values; for related rows write `some one in input.row.…`")
	case list.unknown:
		o.row.add(filter.All(filter.Present(o.column), someday))
		return nil
	}
	values, err := s.values(list.term, expr)
	if err != nil {
		return err
	}
	if !o.lower {
		o.row.add(filter.OneOf(o.column, values...))
		return nil
	}
	alternatives := make([]filter.Filter, 0, len(values))
	for _, value := range values {
		if text, ok := value.(string); ok {
			alternatives = append(alternatives, filter.Folded(o.column, text))
		}
	}
	o.row.add(filter.Any(alternatives...))
	return nil
}

// part adds that a text has another in it.
func (s *scope) part(where filter.Part, left, right *ast.Term, expr *ast.Expr) error {
	o, err := s.operand(left, expr)
	if err != nil {
		return err
	}
	text, err := s.operand(right, expr)
	switch value, ok := text.value.(string); {
	case err != nil:
		return err
	case o.row == nil && text.row == nil && s.anybody:
		s.root.unsure = true
		return nil
	case o.column == nil || o.column.Type != filter.Text || o.lower:
		return s.refuse(expr, "only a column of texts can be searched for one")
	case text.unknown:
		o.row.add(filter.All(filter.Present(o.column), someday))
	case !ok:
		return s.refuse(expr, "a text can only be searched for a known text")
	default:
		o.row.add(filter.Holding(o.column, where, value))
	}
	return nil
}

// rules adds that one of the rules holds that partial evaluation made.
func (s *scope) rules(rules []*ast.Rule, given []*ast.Term, expr *ast.Expr) error {
	arguments := map[ast.Var]operand{}
	var bodies []ast.Body
	for _, rule := range rules {
		if rule.Default || rule.Else != nil || rule.Head.Value == nil || !rule.Head.Value.Equal(ast.BooleanTerm(true)) || len(rule.Head.Args) != len(given) {
			return s.refuse(expr, plain("data.")+" that depends on the row cannot be translated")
		}
		for i, parameter := range rule.Head.Args {
			name, ok := parameter.Value.(ast.Var)
			o, err := s.operand(given[i], expr)
			if err != nil {
				return err
			}
			if !ok {
				return s.refuse(expr, "a function of rows takes rows and values by name")
			}
			arguments[name] = o
		}
		bodies = append(bodies, rule.Body)
	}
	place, f, err := s.any(bodies, arguments, expr)
	if err != nil {
		return err
	}
	place.add(f)
	return nil
}
