package policy

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/filter"
)

// operand is what a term stands for: a row, a column of one, or a value.
type operand struct {
	row     *element
	column  *filter.Column // of row
	lower   bool           // the column in lower case
	value   filter.Value
	term    *ast.Term // the value as it was written
	unknown bool      // a value that only the principal decides
}

// someday is a condition of which nothing is known: it is neither true of all rows nor of none.
var someday = filter.Present(&filter.Column{Name: "unknown", Nullable: true})

// errUnbound says that a variable has no meaning yet.
var errUnbound = errors.New("a variable without a meaning")

type unbound struct{ untranslatable }

func (u *unbound) Is(target error) bool { return target == errUnbound }

func isUnbound(err error) bool { return errors.Is(err, errUnbound) }

// operand finds out what a term stands for.
func (s *scope) operand(term *ast.Term, expr *ast.Expr) (operand, error) {
	switch value := term.Value.(type) {
	case ast.Var:
		if o, ok := s.vars[value]; ok {
			return o, nil
		}
		return operand{}, &unbound{untranslatable{whereIs(expr, term), "this depends on something that is not known; compare columns with values"}}
	case ast.Ref:
		return s.ref(value, term, expr)
	case ast.Call:
		return s.lower(value, term, expr)
	}
	if s.anybody && !term.IsGround() && !s.rowIn(term) {
		return operand{unknown: true}, nil
	}
	if !term.IsGround() || !isConstant(term) {
		return operand{}, s.refuse(expr, "a value that is made of a row cannot be translated; compare columns with values")
	}
	v, err := s.constant(term, expr)
	return operand{value: v, term: term}, err
}

// isConstant tells whether nothing in a term is to be evaluated.
func isConstant(term *ast.Term) bool {
	constant := true
	ast.WalkTerms(term, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.Ref, ast.Var, ast.Call, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			constant = false
		}
		return !constant
	})
	return constant
}

// constant gives a value as filters know it.
func (s *scope) constant(term *ast.Term, expr *ast.Expr) (filter.Value, error) {
	switch value := term.Value.(type) {
	case ast.Boolean:
		return bool(value), nil
	case ast.String:
		if !filter.Storable(string(value)) {
			return nil, s.refuse(expr, "a text with a zero character is in no column")
		}
		return string(value), nil
	case ast.Number:
		return s.number(string(value), expr)
	case ast.Null:
		return filter.RankNull, nil
	}
	return filter.RankComposite, nil
}

// mostDigits bounds a number: its exact value is worked out, and no column holds more.
const mostDigits = 60

func (s *scope) number(text string, expr *ast.Expr) (filter.Value, error) {
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	power, err := strconv.Atoi(strings.TrimPrefix(exponent, "+"))
	if exponent == "" {
		power, err = 0, nil
	}
	n, ok := new(big.Rat).SetString(digits)
	if err != nil || !ok || len(digits) > mostDigits || power > mostDigits || power < -mostDigits {
		return nil, s.refuse(expr, fmt.Sprintf("a number of more than %d digits is in no column", mostDigits))
	}
	factor := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(power, -power))), nil))
	if power < 0 {
		return n.Quo(n, factor), nil
	}
	return n.Mul(n, factor), nil
}

// values gives the members of a list or set.
func (s *scope) values(term *ast.Term, expr *ast.Expr) ([]filter.Value, error) {
	var values []filter.Value
	var failure error
	add := func(item *ast.Term) {
		value, err := s.constant(item, expr)
		values, failure = append(values, value), orElse(failure, err)
	}
	switch list := term.Value.(type) {
	case *ast.Array:
		list.Foreach(add)
	case ast.Set:
		list.Foreach(add)
	case ast.Object:
		list.Foreach(func(_, value *ast.Term) { add(value) })
	default:
		return nil, nil // nothing is in what is no list
	}
	return values, failure
}

// lower understands lower(column) and nothing else.
func (s *scope) lower(call ast.Call, term *ast.Term, expr *ast.Expr) (operand, error) {
	if s.anybody && !s.rowIn(term) {
		return operand{unknown: true}, nil
	}
	if len(call) == 2 && call[0].String() == "lower" {
		o, err := s.operand(call[1], expr)
		if err != nil || o.column != nil && o.column.Type == filter.Text {
			o.lower = true
			return o, err
		}
	}
	return operand{}, s.refuse(expr, fmt.Sprintf("%s of a row cannot be translated", plain(call[0].String())))
}

// ref follows a reference from the row, or from a variable that stands for one.
func (s *scope) ref(ref ast.Ref, term *ast.Term, expr *ast.Expr) (operand, error) {
	from, rest, err := s.start(ref, term, expr)
	if err != nil || from.unknown {
		return from, err
	}
	at := from
	for len(rest) > 0 {
		name, ok := textOf(rest[0])
		if !ok || at.column != nil {
			return operand{}, s.refuse(expr, fmt.Sprintf("%s names no column of %s", term, s.kind))
		}
		if column, ok := at.row.table.Column(name); ok {
			at.column = column
			rest = rest[1:]
			continue
		}
		relation, ok := at.row.table.Relation(name)
		if !ok {
			return operand{}, s.refuse(expr, fmt.Sprintf("%s has no column %q; it has %s", at.row.table.Kind(), name,
				strings.Join(append(at.row.table.Columns(), at.row.table.Relations()...), ", ")))
		}
		if !relation.Many {
			at.row = at.row.row(relation, "")
			rest = rest[1:]
			continue
		}
		if at.row, err = s.numbered(at.row, relation, rest[1:], expr); err != nil {
			return operand{}, err
		}
		rest = rest[2:]
	}
	return at, nil
}

// start gives what a reference begins at.
func (s *scope) start(ref ast.Ref, term *ast.Term, expr *ast.Expr) (from operand, rest ast.Ref, err error) {
	switch {
	case ref.HasPrefix(rowRef):
		return operand{row: s.root}, ref[len(rowRef):], nil
	case s.anybody && !s.rowIn(term):
		return operand{unknown: true}, nil, nil
	}
	if name, ok := ref[0].Value.(ast.Var); ok && !ref[0].Equal(ast.DefaultRootDocument) && !ref[0].Equal(ast.InputRootDocument) {
		o, err := s.operand(ref[0], expr)
		if err != nil || o.unknown {
			return o, nil, err
		}
		if o.row == nil {
			return operand{}, nil, s.refuse(expr, fmt.Sprintf("%s is no row", name))
		}
		return o, ref[1:], nil
	}
	if ref.HasPrefix(ast.DefaultRootRef) {
		return operand{}, nil, s.refuse(expr, plain("data.")+" that depends on the row cannot be translated")
	}
	return operand{}, nil, s.refuse(expr, fmt.Sprintf("%s is not known for a list", ref))
}

// numbered gives a row of a relation to many, which is named by a variable.
func (s *scope) numbered(from *element, relation *filter.Relation, rest ast.Ref, expr *ast.Expr) (*element, error) {
	if len(rest) == 0 {
		return nil, s.refuse(expr, fmt.Sprintf("%s are many rows; write `some one in input.row.%s`", relation.Name, relation.Name))
	}
	index, ok := rest[0].Value.(ast.Var)
	if _, bound := s.vars[index]; !ok || bound {
		return nil, s.refuse(expr, fmt.Sprintf("the rows of %s have no numbers; write `some one in input.row.%s`", relation.Name, relation.Name))
	}
	row := from.row(relation, index)
	if known := s.index[index]; known != nil && known != row {
		return nil, s.refuse(expr, "the rows of a relation have no numbers")
	}
	s.index[index] = row
	return row, nil
}

var rowRef = ast.MustParseRef("input.row")

// rowIn tells whether anything about the row is in an expression or a term, also by way of a variable.
func (s *scope) rowIn(x any) bool {
	found := false
	ast.WalkTerms(x, func(term *ast.Term) bool {
		switch value := term.Value.(type) {
		case ast.Ref:
			found = found || value.HasPrefix(rowRef)
		case ast.Var:
			if o, ok := s.vars[value]; ok {
				found = found || o.row != nil
			}
		}
		return found
	})
	return found
}

// supportName is how support has a rule of partial evaluation; "" for anything else.
func supportName(ref ast.Ref) string {
	if len(ref) < 3 || !ref.HasPrefix(ast.Ref{ast.DefaultRootDocument, ast.StringTerm(partialNamespace)}) {
		return ""
	}
	return ref.String()
}

func (t *translation) refuse(expr *ast.Expr, message string) error {
	return &untranslatable{whereIs(expr, nil), "listed." + t.kind + ": " + message}
}

// whereIs is where an expression stands. Partial evaluation makes some that stand nowhere; then a part of it tells.
func whereIs(expr *ast.Expr, term *ast.Term) *ast.Location {
	if expr.Location != nil && expr.Location.File != "" {
		return expr.Location
	}
	if term != nil && term.Location != nil && term.Location.File != "" {
		return term.Location
	}
	var at *ast.Location
	ast.WalkTerms(expr, func(t *ast.Term) bool {
		if at == nil && t.Location != nil && t.Location.File != "" {
			at = t.Location
		}
		return at != nil
	})
	return at
}
