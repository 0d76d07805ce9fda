package scim

import (
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/query"
)

// nothing is a condition that never holds.
var nothing = query.AnyOf{}

// matching translates a filter into a condition of the reading side. What no schema has cannot be asked for.
func (r *resource) matching(filter string) (query.Match, error) {
	if strings.TrimSpace(filter) == "" {
		return nil, nil
	}
	e, err := parseFilter(filter)
	if err != nil {
		return nil, err
	}
	return r.match(e)
}

func (r *resource) match(e expression) (query.Match, error) {
	switch e := e.(type) {
	case both:
		return joined(e.left, e.right, r.match, func(a, b query.Match) query.Match { return query.AllOf{a, b} })
	case either:
		return joined(e.left, e.right, r.match, func(a, b query.Match) query.Match { return query.AnyOf{a, b} })
	case not:
		inner, err := r.match(e.inner)
		return query.NoneOf{Match: inner}, err
	case having:
		a, _, err := r.searched(e.path)
		if err != nil {
			return nil, err
		}
		if !a.MultiValued || a.Type != typeComplex {
			return nil, wrong(invalidFilter, "%s has no items to choose from", e.path)
		}
		inner, err := items{a}.match(e.inner)
		return query.HasItem{Attribute: a.Name, Match: inner}, err
	case comparison:
		return r.compare(e)
	}
	return nil, wrong(invalidFilter, "the filter is not understood")
}

func joined(left, right expression, match func(expression) (query.Match, error), join func(a, b query.Match) query.Match) (query.Match, error) {
	a, err := match(left)
	if err != nil {
		return nil, err
	}
	b, err := match(right)
	return join(a, b), err
}

// searched gives the definition of an attribute of a filter, and the name under which it can be searched. Entra names attributes of
// the extension without its URN.
func (r *resource) searched(p path) (*attribute, string, error) {
	if a := find(r.attributes(p.urn), p.name); a != nil {
		if s := r.extension(p.urn); s != nil {
			return a, s.ID + ":" + a.Name, nil
		}
		return a, a.Name, nil
	}
	for _, s := range r.extensions {
		if a := find(s.Attributes, p.name); a != nil && p.urn == "" {
			return a, s.ID + ":" + a.Name, nil
		}
	}
	return nil, "", wrong(invalidFilter, "there is no attribute %s", p)
}

func (r *resource) compare(c comparison) (query.Match, error) {
	a, name, err := r.searched(c.path)
	if err != nil {
		return nil, err
	}
	switch {
	case a.MultiValued && a.Type == typeComplex:
		if c.path.sub == "" && c.operator == query.Present {
			return query.HasItem{Attribute: a.Name}, nil
		}
		c.path = path{name: c.path.sub}
		if c.path.name == "" {
			c.path.name = "value"
		}
		inner, err := items{a}.match(c)
		return query.HasItem{Attribute: a.Name, Match: inner}, err
	case a.MultiValued: // schemas
		inner, err := compared(text("value", ""), "value", c)
		return query.HasItem{Attribute: a.Name, Match: inner}, err
	case a.Type == typeComplex:
		return compareParts(a, name, c)
	case c.path.sub != "":
		return nil, wrong(invalidFilter, "there is no attribute %s", c.path)
	}
	return compared(a, name, c)
}

// compareParts compares a part of a single attribute that has parts; its value if none is named.
func compareParts(a *attribute, name string, c comparison) (query.Match, error) {
	if c.path.sub == "" && c.operator == query.Present {
		var some query.AnyOf
		for _, part := range a.SubAttributes {
			some = append(some, query.Compare{Attribute: name + "." + part.Name, Operator: query.Present})
		}
		return some, nil
	}
	part := a.sub(c.path.sub)
	if c.path.sub == "" {
		part = a.sub("value")
	}
	if part == nil {
		return nil, wrong(invalidFilter, "there is no attribute %s", c.path)
	}
	return compared(part, name+"."+part.Name, c)
}

// items are the items of an attribute, in which the names of a filter are those of their parts.
type items struct{ of *attribute }

func (i items) match(e expression) (query.Match, error) {
	switch e := e.(type) {
	case both:
		return joined(e.left, e.right, i.match, func(a, b query.Match) query.Match { return query.AllOf{a, b} })
	case either:
		return joined(e.left, e.right, i.match, func(a, b query.Match) query.Match { return query.AnyOf{a, b} })
	case not:
		inner, err := i.match(e.inner)
		return query.NoneOf{Match: inner}, err
	case comparison:
		part := i.of.sub(e.path.name)
		if part == nil || e.path.sub != "" || e.path.urn != "" {
			return nil, wrong(invalidFilter, "%s has no %s", i.of.Name, e.path)
		}
		return compared(part, part.Name, e)
	}
	return nil, wrong(invalidFilter, "items have no items")
}

// compared is the condition on one value, with what the client wrote as a value of the attribute's type.
func compared(a *attribute, name string, c comparison) (query.Match, error) {
	if c.operator == query.Present {
		return query.Compare{Attribute: name, Operator: query.Present}, nil
	}
	if c.value == nil && c.operator == query.Equal { // null is no value
		return query.NoneOf{Match: query.Compare{Attribute: name, Operator: query.Present}}, nil
	}
	if c.value == nil && c.operator == query.Unequal {
		return query.Compare{Attribute: name, Operator: query.Present}, nil
	}
	value, err := valueFor(a, name, c)
	if err != nil {
		return nil, err
	}
	if key, is := value.(id.ID); is && key == (id.ID{}) { // what is no id is nobody's
		if c.operator == query.Unequal {
			return query.NoneOf{Match: nothing}, nil
		}
		return nothing, nil
	}
	return query.Compare{Attribute: name, Operator: c.operator, Value: value}, nil
}

// isKey tells whether the values of an attribute are ids of ours: its own, and the values of members and groups, which no client
// makes up.
func isKey(a *attribute, name string) bool {
	return name == "id" || name == "value" && a.Mutability != "readWrite"
}

// valueFor reads the value of a comparison as the attribute's type has it.
func valueFor(a *attribute, name string, c comparison) (any, error) {
	mismatch := wrong(invalidFilter, "%s does not compare by %s with such a value", c.path, c.operator)
	switch a.Type {
	case typeBoolean:
		is, ok := asBool(c.value)
		if !ok || c.operator != query.Equal && c.operator != query.Unequal {
			return nil, mismatch
		}
		return is, nil
	case typeTime:
		written, _ := c.value.(string)
		at, err := time.Parse(time.RFC3339, written)
		if err != nil || c.operator == query.Contains || c.operator == query.StartsWith || c.operator == query.EndsWith {
			return nil, mismatch
		}
		return at, nil
	}
	written, ok := c.value.(string)
	if !ok {
		return nil, mismatch
	}
	if isKey(a, name) {
		if c.operator != query.Equal && c.operator != query.Unequal {
			return nil, mismatch
		}
		key, _ := id.Parse(written)
		return key, nil
	}
	return written, nil
}

// asBool reads a boolean, also as Entra writes it: "True" and "False".
func asBool(value any) (is, ok bool) {
	switch value := value.(type) {
	case bool:
		return value, true
	case string:
		return strings.EqualFold(value, "true"), strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	}
	return false, false
}
