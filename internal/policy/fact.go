package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// look finds out what expressions of a rule read at one moment of an evaluation.
type look struct {
	*watch
	event   *topdown.Event
	attempt *attempt
	stands  map[ast.Var]ast.Ref // what a variable was read from
	facts   []Fact
}

// composite is an object within the input with where it stands.
type composite struct {
	path  ast.Ref
	value ast.Object
}

// compositesOf lists the objects that rules take into variables: pools, subjects, renewals, and the scopes in them.
func compositesOf(input ast.Value) []composite {
	var found []composite
	var walk func(path ast.Ref, value ast.Value)
	walk = func(path ast.Ref, value ast.Value) {
		switch v := value.(type) {
		case ast.Object:
			if len(path) > 1 {
				found = append(found, composite{path, v})
			}
			v.Foreach(func(key, inner *ast.Term) { walk(path.Append(key), inner.Value) })
		case *ast.Array:
			for i := range v.Len() {
				walk(path.Append(ast.InternedTerm(i)), v.Elem(i).Value)
			}
		}
	}
	walk(ast.Ref{ast.InputRootDocument}, input)
	return found
}

func (w *watch) look(event *topdown.Event, a *attempt) *look {
	l := &look{watch: w, event: event, attempt: a, stands: map[ast.Var]ast.Ref{}}
	for _, expr := range a.rule.Body {
		if expr.Negated || !expr.IsEquality() {
			continue
		}
		left, right := expr.Operand(0), expr.Operand(1)
		if v, ok := left.Value.(ast.Var); ok {
			if ref, ok := right.Value.(ast.Ref); ok {
				l.stands[v] = ref
			}
		}
	}
	return l
}

// read notes what one expression reads.
func (l *look) read(expr *ast.Expr) {
	terms, ok := expr.Terms.([]*ast.Term)
	if !ok {
		if term, ok := expr.Terms.(*ast.Term); ok {
			l.term(term)
		}
		return
	}
	if len(terms) >= 3 && terms[0].String() == "object.get" {
		if key, ok := terms[2].Value.(ast.String); ok {
			l.ref(ast.Ref{terms[1], ast.NewTerm(key)})
			return
		}
	}
	for _, term := range terms[1:] {
		l.term(term)
	}
}

func (l *look) term(term *ast.Term) {
	switch v := term.Value.(type) {
	case ast.Ref:
		l.ref(v)
	case ast.Var:
		l.ref(ast.Ref{term})
	}
}

// ref notes what a reference leads to, if that is small enough to be told.
func (l *look) ref(ref ast.Ref) {
	path, ok := l.resolve(ref, 0)
	if !ok {
		return
	}
	head, _ := path[0].Value.(ast.Var)
	switch head {
	case ast.InputRootDocument.Value:
		l.note(nameOfPath(path[1:]), find(l.input, path[1:]))
	case ast.DefaultRootDocument.Value:
		l.data(path)
	}
}

// resolve gives a reference from the input or the data on, without variables.
func (l *look) resolve(ref ast.Ref, depth int) (ast.Ref, bool) {
	if depth > maxNesting || len(ref) == 0 {
		return nil, false
	}
	head, ok := ref[0].Value.(ast.Var)
	if !ok {
		return nil, false
	}
	rest := make(ast.Ref, 0, len(ref))
	for _, term := range ref[1:] {
		value := l.event.Plug(term)
		if !value.IsGround() {
			return l.place(ref, depth)
		}
		rest = append(rest, value)
	}
	if head.Equal(ast.InputRootDocument.Value) || head.Equal(ast.DefaultRootDocument.Value) {
		return append(ast.Ref{ref[0]}, rest...), true
	}
	if from, known := l.stands[head]; known {
		if path, ok := l.resolve(from, depth+1); ok && (path[0].Value.Compare(ast.InputRootDocument.Value) == 0 || !l.madeByRule(path)) {
			return append(path, rest...), true
		}
	}
	object, ok := l.event.Plug(ref[0]).Value.(ast.Object)
	if !ok {
		return l.place(ref, depth)
	}
	for _, c := range l.named {
		if c.value.Compare(object) == 0 {
			return append(append(ast.Ref{}, c.path...), rest...), true
		}
	}
	return nil, false
}

// place gives the reference behind a lone variable.
func (l *look) place(ref ast.Ref, depth int) (ast.Ref, bool) {
	if head, ok := ref[0].Value.(ast.Var); ok && len(ref) == 1 {
		if from, known := l.stands[head]; known {
			return l.resolve(from, depth+1)
		}
	}
	return nil, false
}

func (l *look) madeByRule(path ast.Ref) bool {
	rule, _ := l.virtual(path)
	return rule != nil
}

// virtual splits a path into the rule it leads to and what is read of its value; nil if it leads into the data.
func (l *look) virtual(path ast.Ref) (rule, rest ast.Ref) {
	for n := 2; n <= len(path); n++ {
		if len(l.compiler.GetRulesExact(path[:n])) > 0 {
			return path[:n], path[n:]
		}
	}
	return nil, nil
}

func (l *look) data(path ast.Ref) {
	rule, rest := l.virtual(path)
	if rule == nil {
		l.note(path.String(), find(l.settings, path[1:]))
		return
	}
	name := strings.TrimPrefix(rule.String(), l.attempt.home+".") + nameOfPath(rest)
	h := l.helpers[rule.String()]
	switch {
	case h == nil:
	case h.set && len(rest) == 0:
		l.note(name, ast.NewSet(termsOfValues(h.items)...))
	case !h.set:
		l.note(name, find(h.value, rest))
	}
	if h != nil && (!h.set || len(rest) == 0) { // an element of a set has reasons of its own
		l.facts = join(l.facts, h.facts)
	}
}

func termsOfValues(values []ast.Value) []*ast.Term {
	terms := make([]*ast.Term, len(values))
	for i, value := range values {
		terms[i] = ast.NewTerm(value)
	}
	return terms
}

// mostTold bounds how long the value of a fact may be, in bytes; more is for those who read the whole input.
const mostTold = 200

func (l *look) note(path string, value ast.Value) {
	fact := Fact{Path: path}
	switch v := value.(type) {
	case nil:
	case ast.Object:
		if v.Len() > 3 { // a pool or a subject as a whole is no fact
			return
		}
		fact.Value = tell(value)
	default:
		fact.Value = tell(value)
	}
	if len(fact.Value) <= mostTold {
		l.facts = join(l.facts, []Fact{fact})
	}
}

// tell writes a value as JSON; a set is a list in order.
func tell(value ast.Value) string {
	if set, ok := value.(ast.Set); ok {
		value = set.Sorted()
	}
	return string(appendJSON(nil, ast.NewTerm(value)))
}

func find(value ast.Value, path ast.Ref) ast.Value {
	if value == nil {
		return nil
	}
	found, err := value.Find(path)
	if err != nil {
		return nil
	}
	return found
}

// nameOfPath writes a path within the input: pools[1].limit.
func nameOfPath(path ast.Ref) string {
	var b strings.Builder
	for _, term := range path {
		key, ok := term.Value.(ast.String)
		switch {
		case !ok:
			b.WriteString("[" + term.String() + "]")
		case ast.IsVarCompatibleString(string(key)):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(key))
		default:
			b.WriteString("[" + term.String() + "]")
		}
	}
	return b.String()
}

func sameValue(a, b ast.Value) bool { return a != nil && b != nil && a.Compare(b) == 0 }
