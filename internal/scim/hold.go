package scim

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/query"
)

// holds tells whether a filter holds for an item of an attribute, by the same rules as a search (query/match.go). A part that no
// schema has has no value.
func holds(filter expression, a *attribute, item object) bool {
	switch e := filter.(type) {
	case both:
		return holds(e.left, a, item) && holds(e.right, a, item)
	case either:
		return holds(e.left, a, item) || holds(e.right, a, item)
	case not:
		return !holds(e.inner, a, item)
	case comparison:
		part := a.sub(e.path.name)
		if part == nil || e.path.sub != "" || e.path.urn != "" {
			return false
		}
		return compares(part, e, item[part.Name])
	}
	return false
}

// compares tells whether a value compares as a filter says; what is absent is only unequal.
func compares(a *attribute, c comparison, value any) bool {
	absent := value == nil || value == ""
	switch {
	case c.operator == query.Present:
		return !absent
	case c.value == nil:
		return absent == (c.operator == query.Equal)
	case c.operator == query.Unequal:
		return !compares(a, comparison{c.path, query.Equal, c.value}, value)
	case absent:
		return false
	}
	if a.Type == typeBoolean {
		is, ok := asBool(value)
		wanted, also := asBool(c.value)
		return ok && also && c.operator == query.Equal && is == wanted
	}
	if a.Type == typeTime {
		return comparesTime(c, value)
	}
	have, ok := plainText(value)
	want, also := plainText(c.value)
	if !ok || !also {
		return false
	}
	if !a.CaseExact {
		have, want = strings.ToLower(have), strings.ToLower(want)
	}
	return comparesText(c.operator, have, want)
}

func plainText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	}
	return "", false
}

func comparesText(operator query.Operator, have, want string) bool {
	switch operator {
	case query.Equal:
		return have == want
	case query.Contains:
		return strings.Contains(have, want)
	case query.StartsWith:
		return strings.HasPrefix(have, want)
	case query.EndsWith:
		return strings.HasSuffix(have, want)
	case query.Greater:
		return have > want
	case query.GreaterEqual:
		return have >= want
	case query.Less:
		return have < want
	case query.LessEqual:
		return have <= want
	case query.Unequal, query.Present:
	}
	return false
}

func comparesTime(c comparison, value any) bool {
	have, _ := value.(string)
	want, _ := c.value.(string)
	a, err := time.Parse(time.RFC3339, have)
	b, also := time.Parse(time.RFC3339, want)
	if err != nil || also != nil {
		return false
	}
	order := a.Compare(b)
	switch c.operator {
	case query.Equal:
		return order == 0
	case query.Greater:
		return order > 0
	case query.GreaterEqual:
		return order >= 0
	case query.Less:
		return order < 0
	case query.LessEqual:
		return order <= 0
	default:
		return false
	}
}
