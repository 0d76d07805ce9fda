package guard

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/fault"
)

// size is what a selection set comes to once its fragments are expanded.
type size struct {
	fields int // in it and below
	roots  int // directly in it
	depth  int // fields nested in one another
	levels int // selection sets nested in one another: fields, spreads and inline fragments
}

// fragment remembers the size of a fragment, so that each is measured once however often it is spread.
type fragment struct {
	definition *ast.FragmentDefinition
	size       size
	state      state
}

type state int

const (
	unmeasured state = iota
	underway
	measured
)

// measure is one pass over a parsed document. It visits every node once, needs no schema, and survives cycles.
type measure struct {
	limits    Limits
	fragments map[string]*fragment
	aliases   int
}

// checkShape refuses a document that is too large in any way validation or execution would pay for.
func checkShape(doc *ast.QueryDocument, limits Limits) *fault.Error {
	m := &measure{limits: limits, fragments: make(map[string]*fragment, len(doc.Fragments))}
	for _, f := range doc.Fragments {
		// Of two with one name validation uses the first; the document is invalid then, but not before it is walked.
		if m.fragments[f.Name] == nil {
			m.fragments[f.Name] = &fragment{definition: f}
		}
	}
	inOperations := 0
	for _, op := range doc.Operations {
		s, err := m.operation(op)
		if err != nil {
			return err
		}
		inOperations = add(inOperations, s.fields)
	}
	inFragments, err := m.all(doc.Fragments)
	if err != nil {
		return err
	}
	if err := exceeds("aliases", m.aliases, limits.Aliases); err != nil {
		return err
	}
	// Validation walks every operation and every fragment on its own, so many small chains cost as much as a long one.
	return exceeds("fields after expansion", max(inOperations, inFragments), limits.Fields)
}

func (m *measure) operation(op *ast.OperationDefinition) (size, *fault.Error) {
	if err := m.names(op.Name); err != nil {
		return size{}, err
	}
	if err := m.directives(op.Directives); err != nil {
		return size{}, err
	}
	for _, v := range op.VariableDefinitions {
		if err := m.variable(v); err != nil {
			return size{}, err
		}
	}
	s, err := m.set(op.SelectionSet)
	if err != nil {
		return size{}, err
	}
	return s, m.within(s, true)
}

// all measures every fragment, used or not, and gives the sum of their fields.
func (m *measure) all(definitions ast.FragmentDefinitionList) (int, *fault.Error) {
	fields := 0
	for _, definition := range definitions {
		f := m.fragments[definition.Name]
		if f.definition != definition {
			f = &fragment{definition: definition} // the second of one name
		}
		s, err := m.fragment(f)
		if err == nil {
			err = m.within(s, false)
		}
		if err != nil {
			return 0, err
		}
		fields = add(fields, s.fields)
	}
	return fields, nil
}

func (m *measure) within(s size, operation bool) *fault.Error {
	if err := exceeds("depth", s.depth, m.limits.Depth); err != nil {
		return err
	}
	if err := exceeds("nested selection sets", s.levels, 2*m.limits.Depth); err != nil {
		return err
	}
	if operation {
		return exceeds("root fields", s.roots, m.limits.RootFields)
	}
	return nil
}

func (m *measure) fragment(f *fragment) (size, *fault.Error) {
	switch f.state {
	case measured:
		return f.size, nil
	case underway:
		return size{}, fault.Invalid("query", "the fragment %s spreads itself", f.definition.Name)
	}
	f.state = underway
	if err := m.names(f.definition.Name, f.definition.TypeCondition); err != nil {
		return size{}, err
	}
	if err := m.directives(f.definition.Directives); err != nil {
		return size{}, err
	}
	s, err := m.set(f.definition.SelectionSet)
	if err != nil {
		return size{}, err
	}
	f.size, f.state = s, measured
	return s, nil
}

func (m *measure) set(set ast.SelectionSet) (size, *fault.Error) {
	var total size
	spreads := 0
	for _, selection := range set {
		var s size
		var err *fault.Error
		switch selection := selection.(type) {
		case *ast.Field:
			s, err = m.field(selection)
		case *ast.InlineFragment:
			spreads++
			s, err = m.inline(selection)
		case *ast.FragmentSpread:
			spreads++
			s, err = m.spread(selection)
		}
		if err != nil {
			return size{}, err
		}
		total.fields = add(total.fields, s.fields)
		total.roots = add(total.roots, s.roots)
		total.depth = max(total.depth, s.depth)
		total.levels = max(total.levels, s.levels)
	}
	return total, exceeds("fragment spreads in one selection set", spreads, m.limits.Spreads)
}

func (m *measure) field(f *ast.Field) (size, *fault.Error) {
	if f.Alias != f.Name {
		m.aliases++
	}
	if err := m.names(f.Alias, f.Name); err != nil {
		return size{}, err
	}
	if err := m.directives(f.Directives); err != nil {
		return size{}, err
	}
	if err := m.arguments(f.Arguments); err != nil {
		return size{}, err
	}
	s, err := m.set(f.SelectionSet)
	return size{fields: add(s.fields, 1), roots: 1, depth: add(s.depth, 1), levels: add(s.levels, 1)}, err
}

func (m *measure) inline(f *ast.InlineFragment) (size, *fault.Error) {
	if err := m.names(f.TypeCondition); err != nil {
		return size{}, err
	}
	if err := m.directives(f.Directives); err != nil {
		return size{}, err
	}
	s, err := m.set(f.SelectionSet)
	s.levels = add(s.levels, 1)
	return s, err
}

func (m *measure) spread(f *ast.FragmentSpread) (size, *fault.Error) {
	if err := m.names(f.Name); err != nil {
		return size{}, err
	}
	if err := m.directives(f.Directives); err != nil {
		return size{}, err
	}
	target := m.fragments[f.Name]
	if target == nil {
		return size{}, nil // validation names the missing fragment
	}
	s, err := m.fragment(target)
	s.levels = add(s.levels, 1)
	return s, err
}

func (m *measure) directives(list ast.DirectiveList) *fault.Error {
	if err := exceeds("directives in one place", len(list), m.limits.Directives); err != nil {
		return err
	}
	for _, d := range list {
		if err := m.names(d.Name); err != nil {
			return err
		}
		if err := m.arguments(d.Arguments); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) arguments(list ast.ArgumentList) *fault.Error {
	for _, a := range list {
		if err := m.names(a.Name); err != nil {
			return err
		}
		if err := m.value(a.Value, 0); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) variable(v *ast.VariableDefinition) *fault.Error {
	lists := 0
	for t := v.Type; t != nil && t.Elem != nil; t = t.Elem {
		lists++
	}
	if err := exceeds("nested list types", lists, m.limits.Depth); err != nil {
		return err
	}
	if err := m.names(v.Variable, v.Type.Name()); err != nil {
		return err
	}
	if err := m.value(v.DefaultValue, 0); err != nil {
		return err
	}
	return m.directives(v.Directives)
}

// value looks at a literal under so many lists and objects; it stops at the limit, so recursion is safe.
func (m *measure) value(v *ast.Value, depth int) *fault.Error {
	if v == nil {
		return nil
	}
	switch v.Kind {
	case ast.EnumValue, ast.Variable:
		return m.names(v.Raw)
	case ast.ListValue, ast.ObjectValue:
		if err := exceeds("nested values", depth+1, m.limits.Depth); err != nil {
			return err
		}
	}
	for _, child := range v.Children {
		if err := m.names(child.Name); err != nil {
			return err
		}
		if err := m.value(child.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) names(names ...string) *fault.Error {
	for _, name := range names {
		if err := exceeds("bytes of a name", len(name), m.limits.Name); err != nil {
			return err
		}
	}
	return nil
}
