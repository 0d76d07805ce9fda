package filter

import (
	"fmt"
	"strings"
)

// Describe writes a filter for people and for comparison: equal texts are equal filters.
func Describe(f Filter) string {
	switch f := f.(type) {
	case constant:
		if f {
			return "everything"
		}
		return "nothing"
	case all:
		return texts(f, " and ")
	case anyOf:
		return texts(f, " or ")
	case not:
		return "not " + Describe(f.of)
	case some:
		return fmt.Sprintf("some %s (%s)", f.relation.Name, Describe(f.where))
	case present:
		return f.column.Name + " is known"
	case compare:
		return fmt.Sprintf("%s %s %#v", f.column.Name, f.op, f.value)
	case boolean:
		return fmt.Sprintf("%s = %t", f.column.Name, f.value)
	case columns:
		return fmt.Sprintf("%s %s %s", f.left.Name, f.op, f.right.Name)
	case oneOf:
		if f.texts != nil {
			return fmt.Sprintf("%s in %q", f.column.Name, f.texts)
		}
		return fmt.Sprintf("%s in %d", f.column.Name, f.counts)
	case part:
		return fmt.Sprintf("%s %s %q", f.column.Name, [...]string{Prefix: "begins with", Suffix: "ends in", Anywhere: "has"}[f.where], f.text)
	case folded:
		return fmt.Sprintf("lower(%s) = %q", f.column.Name, f.text)
	}
	return ""
}

func texts(filters []Filter, with string) string {
	parts := make([]string, len(filters))
	for i, f := range filters {
		parts[i] = "(" + Describe(f) + ")"
	}
	return strings.Join(parts, with)
}
