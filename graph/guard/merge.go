package guard

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"

	"github.com/ringfence/ringfence/internal/fault"
)

// maxMergeVisits bounds the fields the rule below visits. Only fields selected on an interface and on many of its types at
// every level come near it.
const maxMergeVisits = 100_000

// overlappingFieldsCanBeMerged is the specification's rule "Field Selection Merging". gqlparser's own compares every pair
// of fields with one name, which is seconds for some thousands of them. Here fields that must agree are grouped, and each
// is compared with the first of its group, because agreeing is an equivalence: first for the type of the answer over all
// fields of a name, then for name and arguments over those that can apply to one object.
func overlappingFieldsCanBeMerged(observers *core.Events, addError core.AddErrFunc) {
	signatures := map[*ast.Field]string{}
	observers.OnOperation(func(walker *core.Walker, op *ast.OperationDefinition) {
		m := &merger{schema: walker.Schema, signatures: signatures, addError: addError}
		root := []ast.SelectionSet{op.SelectionSet}
		m.types(root)
		if !m.ended {
			m.names(root)
		}
	})
}

type merger struct {
	schema     *ast.Schema
	signatures map[*ast.Field]string
	addError   core.AddErrFunc
	visits     int
	ended      bool // a conflict was found, or there were too many visits
}

// types checks that all fields of one response name answer with one type, here and below.
func (m *merger) types(sets []ast.SelectionSet) {
	for _, fields := range m.collect(sets) {
		for _, f := range fields[1:] {
			if m.typesConflict(fields[0], f) {
				m.conflict(fields[0], f, "they return conflicting types")
			}
		}
		if m.ended {
			return
		}
		m.types(below(fields))
	}
}

// names checks that all fields of one response name that can apply to one object are the same field with the same
// arguments, here and below.
func (m *merger) names(sets []ast.SelectionSet) {
	for _, fields := range m.collect(sets) {
		for _, together := range applyTogether(fields) {
			for _, f := range together[1:] {
				if m.signature(f) != m.signature(together[0]) {
					m.conflict(together[0], f, "they are different fields or have differing arguments")
				}
			}
			if m.ended {
				return
			}
			m.names(below(together))
		}
	}
}

// collect groups the fields of merged selection sets by response name, in the order of the document, through fragments.
func (m *merger) collect(sets []ast.SelectionSet) [][]*ast.Field {
	var groups [][]*ast.Field
	index := map[string]int{}
	spread := map[*ast.FragmentDefinition]bool{}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		if m.visits += len(set); m.visits > maxMergeVisits {
			m.giveUp()
			return
		}
		for _, selection := range set {
			switch selection := selection.(type) {
			case *ast.Field:
				i, known := index[selection.Alias]
				if !known {
					i = len(groups)
					index[selection.Alias] = i
					groups = append(groups, nil)
				}
				groups[i] = append(groups[i], selection)
			case *ast.InlineFragment:
				walk(selection.SelectionSet)
			case *ast.FragmentSpread:
				if f := selection.Definition; f != nil && !spread[f] {
					spread[f] = true
					walk(f.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		walk(set)
	}
	return groups
}

// applyTogether splits fields of one response name into those that can apply to one object: for each object type, its
// own and those of interfaces and unions.
func applyTogether(fields []*ast.Field) [][]*ast.Field {
	if len(fields) == 1 {
		return [][]*ast.Field{fields}
	}
	var anywhere []*ast.Field
	var types []*ast.Definition
	of := map[*ast.Definition][]*ast.Field{}
	for _, f := range fields {
		parent := f.ObjectDefinition
		if parent == nil || parent.Kind != ast.Object {
			anywhere = append(anywhere, f)
			continue
		}
		if of[parent] == nil {
			types = append(types, parent)
		}
		of[parent] = append(of[parent], f)
	}
	if len(types) == 0 {
		return [][]*ast.Field{anywhere}
	}
	groups := make([][]*ast.Field, len(types))
	for i, t := range types {
		groups[i] = slices.Concat(anywhere, of[t])
	}
	return groups
}

func below(fields []*ast.Field) []ast.SelectionSet {
	var sets []ast.SelectionSet
	for _, f := range fields {
		if len(f.SelectionSet) > 0 {
			sets = append(sets, f.SelectionSet)
		}
	}
	return sets
}

// typesConflict tells whether two fields cannot answer under one name. Of composite types only what is below is compared. A
// field the type does not have is another rule's error.
func (m *merger) typesConflict(a, b *ast.Field) bool {
	if a.Definition == nil || b.Definition == nil {
		return false
	}
	s, t := a.Definition.Type, b.Definition.Type
	for {
		if s.NonNull != t.NonNull || (s.Elem == nil) != (t.Elem == nil) {
			return true
		}
		if s.Elem == nil {
			break
		}
		s, t = s.Elem, t.Elem
	}
	leaf := func(name string) bool {
		d := m.schema.Types[name]
		return d != nil && d.IsLeafType()
	}
	return s.NamedType != t.NamedType && (leaf(s.NamedType) || leaf(t.NamedType))
}

// signature writes a field's name and arguments so that two fields are the same exactly if their signatures are. It is
// made once per field: fragments may bring one field with a long argument to thousands of places.
func (m *merger) signature(f *ast.Field) string {
	if len(f.Arguments) == 0 {
		return f.Name
	}
	s, known := m.signatures[f]
	if !known {
		var b strings.Builder
		b.WriteString(f.Name)
		arguments := slices.Clone(f.Arguments)
		slices.SortStableFunc(arguments, func(x, y *ast.Argument) int { return strings.Compare(x.Name, y.Name) })
		for _, a := range arguments {
			b.WriteByte(' ')
			b.WriteString(a.Name)
			b.WriteByte(':')
			writeValue(&b, a.Value)
		}
		s = b.String()
		m.signatures[f] = s
	}
	return s
}

// writeValue writes a literal; the order of an object's fields does not count.
func writeValue(b *strings.Builder, v *ast.Value) {
	if v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		// A block string is the same value as a plain one, but gqlparser tells them apart, and so do we.
		b.WriteByte(byte('a' + v.Kind))
		b.WriteString(v.String())
		return
	}
	children := v.Children
	if v.Kind == ast.ObjectValue {
		children = slices.Clone(children)
		slices.SortStableFunc(children, func(x, y *ast.ChildValue) int { return strings.Compare(x.Name, y.Name) })
	}
	b.WriteByte("[{"[v.Kind-ast.ListValue])
	for _, child := range children {
		b.WriteString(child.Name)
		b.WriteByte(':')
		writeValue(b, child.Value)
		b.WriteByte(',')
	}
	b.WriteByte(']')
}

// conflict reports the first conflict; the others of an operation would mostly be the same mistake again.
func (m *merger) conflict(a, b *ast.Field, because string) {
	if m.ended {
		return
	}
	m.ended = true
	m.addError(
		core.Message(`Fields %q conflict because %s. Use different aliases on the fields to fetch both if this was intentional.`,
			a.Alias, because),
		core.At(a.Position), core.At(b.Position))
}

func (m *merger) giveUp() {
	if m.ended {
		return
	}
	m.ended = true
	tooMany := fault.New(fault.TooComplex, "the request is too complex: fields to merge more than %d", maxMergeVisits)
	m.addError(func(err *gqlerror.Error) { err.Err, err.Message = tooMany, tooMany.Message })
}
