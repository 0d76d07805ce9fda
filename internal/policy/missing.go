package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/internal/filter"
)

// A column that is missing makes a rule fail where it is given to a variable, to a function or to a comparison under `not`: OPA
// evaluates it before (OPA #8387). Partial evaluation writes it back into the `not`, which then succeeds; nothing in what is left
// tells the two apart. So such rules are refused before, by what they were compiled to; `not` before the name of a rule of its own, or
// before `==`, says the same without two meanings.

// checkMissing reports where a list rule, or a rule that it uses, would mean two things for a column that is missing.
func checkMissing(compiler *ast.Compiler, rules []*ast.Rule) []Problem {
	var problems []Problem
	for _, rule := range rules {
		m := &missing{compiler: compiler, kind: listedKind(rule), tainted: map[ast.Var]string{}}
		ast.WalkBodies(rule, func(body ast.Body) bool {
			problems = append(problems, m.check(body)...)
			return false
		})
	}
	return problems
}

type missing struct {
	compiler *ast.Compiler
	kind     string             // of the rows of the rule; "" if it is used by several
	tainted  map[ast.Var]string // variables that have the value of a column that may be missing, with its name
}

func (m *missing) check(body ast.Body) []Problem {
	for again := true; again; {
		again = false
		for _, expr := range body {
			again = m.taint(expr) || again
		}
	}
	var problems []Problem
	for _, expr := range body {
		if !expr.Negated && !m.isRule(expr) {
			continue
		}
		ast.WalkVars(expr, func(name ast.Var) bool {
			if column := m.tainted[name]; column != "" {
				problems = append(problems, problemAt(expr.Location, fmt.Sprintf("%q may be missing, and this means two things then (OPA #8387): "+
					"write `not` before `==` or before the name of a rule that reads the column itself", column)))
			}
			return false
		})
	}
	return problems
}

// taint marks the variable that an expression gives a value; it tells whether that is new.
func (m *missing) taint(expr *ast.Expr) bool {
	if expr.Negated || !expr.IsCall() || m.isRule(expr) {
		return false
	}
	operands := expr.Operands()
	var column string
	for _, term := range operands {
		if found := m.optional(term); found != "" {
			column = found
		}
	}
	if column == "" {
		return false
	}
	added := false
	for _, term := range operands {
		if name, ok := term.Value.(ast.Var); ok && m.tainted[name] == "" && m.gives(expr, term) {
			m.tainted[name], added = column, true
		}
	}
	return added
}

// gives tells whether an expression can give a variable its value: an equality, or a builtin with a place for its result.
func (m *missing) gives(expr *ast.Expr, term *ast.Term) bool {
	if expr.Operator().Equal(ast.Equality.Ref()) {
		return true
	}
	builtin, ok := ast.BuiltinMap[expr.Operator().String()]
	operands := expr.Operands()
	return ok && len(operands) == builtin.Decl.Arity()+1 && operands[len(operands)-1] == term
}

// optional gives the name of the column a term reads, if that may be missing; what is read through a variable may be of any table.
func (m *missing) optional(term *ast.Term) string {
	if name, ok := term.Value.(ast.Var); ok {
		return m.tainted[name]
	}
	ref, ok := term.Value.(ast.Ref)
	if !ok {
		return ""
	}
	if ref.HasPrefix(ast.DefaultRootRef) {
		if len(m.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{})) > 0 {
			return ref.String()
		}
		return ""
	}
	path := ref[1:]
	table, known := filter.Find(m.kind)
	switch {
	case ref.HasPrefix(rowRef):
		path = ref[len(rowRef):]
	case ref[0].Equal(ast.InputRootDocument):
		return "" // known when a list is asked for
	default:
		known = false
	}
	if known {
		return pathEnd(table, path)
	}
	return anywhere(path)
}

// pathEnd gives the name of the column at the end of a path if it may be missing.
func pathEnd(table *filter.Table, path ast.Ref) string {
	optional := false
	for i, step := range path {
		name, _ := textOf(step)
		if column, ok := table.Column(name); ok && i == len(path)-1 && (optional || column.Nullable) {
			return name
		}
		if relation, ok := table.Relation(name); ok {
			table, optional = relation.To, optional || !relation.Many
			if optional && i == len(path)-1 {
				return name
			}
		}
	}
	return ""
}

// anywhere is pathEnd for rows of which it is not known what they are rows of.
func anywhere(path ast.Ref) string {
	if len(path) == 0 {
		return ""
	}
	name, _ := textOf(path[len(path)-1])
	if len(path) > 1 || filter.Optional(name) {
		return name
	}
	return ""
}

// isRule tells whether an expression calls a function of the policy.
func (m *missing) isRule(expr *ast.Expr) bool {
	return expr.IsCall() && strings.HasPrefix(expr.Operator().String(), "data.")
}
