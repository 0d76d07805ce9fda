package guard

import (
	"encoding/json"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// defaultPage is the length of a Relay list for which the caller names none (design.md §2).
	defaultPage = 20
	// defaultList is taken for the length of a list that is not paged: the results of a request, the delegates of an
	// allotment.
	defaultList = 10
)

// estimate counts the field values an operation may answer with. Fragments are counted once and remembered.
type estimate struct {
	variables map[string]any
	fragments map[*ast.FragmentDefinition]int
}

// costOf estimates a validated operation. Fields under a list count once per element: a page has first or last elements,
// 20 if neither is given, however many there are in the database.
func costOf(op *ast.OperationDefinition, variables map[string]any) int {
	e := &estimate{variables: variables}
	return e.set(op.SelectionSet)
}

func (e *estimate) set(set ast.SelectionSet) int {
	total := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			total = add(total, e.field(selection))
		case *ast.InlineFragment:
			total = add(total, e.set(selection.SelectionSet))
		case *ast.FragmentSpread:
			total = add(total, e.spread(selection.Definition))
		}
	}
	return total
}

func (e *estimate) spread(f *ast.FragmentDefinition) int {
	if f == nil {
		return 0
	}
	if cost, known := e.fragments[f]; known {
		return cost
	}
	if e.fragments == nil {
		e.fragments = map[*ast.FragmentDefinition]int{}
	}
	cost := e.set(f.SelectionSet)
	e.fragments[f] = cost
	return cost
}

func (e *estimate) field(f *ast.Field) int {
	if len(f.SelectionSet) == 0 || f.Definition == nil {
		return 1
	}
	return add(1, times(e.length(f), e.set(f.SelectionSet)))
}

// length is how many times the fields below a field are answered.
func (e *estimate) length(f *ast.Field) int {
	definition := f.Definition
	if definition.Arguments.ForName("first") != nil || definition.Arguments.ForName("last") != nil {
		return max(e.page(f.Arguments, definition.Arguments), 1)
	}
	if definition.Type.Elem == nil {
		return 1
	}
	if f.ObjectDefinition != nil && strings.HasSuffix(f.ObjectDefinition.Name, "Connection") {
		return 1 // edges and nodes: the field that gave the connection was multiplied
	}
	longest := -1
	for _, a := range f.Arguments {
		if list, ok := e.value(a.Value).([]any); ok {
			longest = max(longest, len(list))
		}
	}
	if longest >= 0 {
		return min(max(longest, 1), saturated) // nodes(ids:): one per id
	}
	return defaultList
}

// page is the length a caller asks for or, if they ask for none, that of the schema; what is no number is left for the resolver to
// refuse.
func (e *estimate) page(arguments ast.ArgumentList, definitions ast.ArgumentDefinitionList) int {
	asked := -1
	for _, name := range [...]string{"first", "last"} {
		n := -1
		if a := arguments.ForName(name); a != nil {
			n = number(e.value(a.Value))
		}
		if d := definitions.ForName(name); n < 0 && d != nil && d.DefaultValue != nil {
			n = number(e.value(d.DefaultValue))
		}
		asked = max(asked, n)
	}
	if asked < 0 {
		return defaultPage
	}
	return asked
}

func (e *estimate) value(v *ast.Value) any {
	value, err := v.Value(e.variables)
	if err != nil {
		return nil
	}
	return value
}

// number gives a whole number up to saturated, or -1 for what is none.
func number(v any) int {
	var n int64
	switch v := v.(type) {
	case int64:
		n = v
	case int:
		n = int64(v)
	case json.Number:
		parsed, err := v.Int64()
		if err != nil {
			return -1
		}
		n = parsed
	default:
		return -1
	}
	return int(min(n, saturated))
}
