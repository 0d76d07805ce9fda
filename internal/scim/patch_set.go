package scim

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/query"
)

// set adds or replaces.
func (t *target) set(home object, s step) error {
	switch {
	case t.a == nil:
		if err := checkTexts(t.name, s.value); err != nil {
			return err
		}
		home[t.name] = s.value
		return nil
	case t.filter != nil || t.a.MultiValued && t.sub != "":
		return t.setItems(home, s)
	case t.sub != "":
		parts, _ := home[t.name].(object)
		if parts == nil {
			parts = object{}
		}
		value, err := coerce(t.a.sub(t.sub), s.value)
		if err != nil {
			return err
		}
		if parts[t.sub] = value; value == nil {
			delete(parts, t.sub)
		}
		home[t.name] = parts
		return nil
	}
	value, err := coerce(t.a, s.value)
	if err != nil {
		return err
	}
	switch {
	case value == nil && s.op == "add":
	case value == nil:
		return t.remove(home, s)
	case t.a.MultiValued && s.op == "add":
		list, _ := home[t.name].([]any)
		more, _ := value.([]any)
		home[t.name] = appended(list, more)
	case t.a.Type == typeComplex && !t.a.MultiValued:
		parts, _ := home[t.name].(object)
		if parts == nil {
			parts = object{}
		}
		changed, _ := value.(object)
		maps.Copy(parts, changed)
		home[t.name] = parts
	default:
		home[t.name] = value
	}
	return nil
}

// appended adds items that are not there yet. A new primary one is the only one.
func appended(list, more []any) []any {
	for _, item := range more {
		if slices.ContainsFunc(list, func(old any) bool { return equal(old, item) }) {
			continue
		}
		if isPrimary(item) {
			onlyPrimary(list, nil)
		}
		list = append(list, item)
	}
	return list
}

// onlyPrimary takes the mark of the primary item from all but one.
func onlyPrimary(list []any, but object) {
	for _, item := range list {
		if entry, ok := item.(object); ok && isPrimary(entry) && (but == nil || !equal(entry, but)) {
			entry["primary"] = false
		}
	}
}

// setItems changes the items that a path chooses, or a part of each. Where there is none, one is made as the filter describes it:
// an e-mail address for work is added by replacing its value (Entra). What the filter cannot describe is no target.
func (t *target) setItems(home object, s step) error {
	list, _ := home[t.name].([]any)
	found := false
	for i, item := range list {
		entry, ok := item.(object)
		if !ok || !t.chooses(entry) {
			continue
		}
		found = true
		changed, err := t.changed(entry, s)
		if err != nil {
			return err
		}
		if isPrimary(changed) {
			onlyPrimary(slices.Delete(slices.Clone(list), i, i+1), nil)
		}
		list[i] = changed
	}
	if !found {
		fresh, ok := t.described(s.op)
		if !ok {
			return wrong(noTarget, "%s has no such item", t.name)
		}
		changed, err := t.changed(fresh, s)
		if err != nil {
			return err
		}
		list = appended(list, []any{changed})
	}
	home[t.name] = list
	return nil
}

// changed is an item with a new value, or with a new value of one of its parts.
func (t *target) changed(entry object, s step) (object, error) {
	out := object{}
	if t.sub != "" {
		maps.Copy(out, entry)
		value, err := coerce(t.a.sub(t.sub), s.value)
		if err != nil {
			return nil, err
		}
		if out[t.sub] = value; value == nil {
			delete(out, t.sub)
		}
		return out, nil
	}
	value, err := coerceParts(t.a, s.value)
	if err != nil {
		return nil, err
	}
	parts, ok := value.(object)
	if !ok {
		return nil, wrong(invalidValue, "an item of %s is an object", t.name)
	}
	if s.op == "add" {
		maps.Copy(out, entry)
	} else if fixed, ok := described(t.filter, t.a); ok {
		maps.Copy(out, fixed)
	}
	maps.Copy(out, parts)
	return out, nil
}

// described is the item that a filter describes, if there can be one: what is to be added always can; what is to be replaced must be
// of a type that the schema knows, or the primary one.
func (t *target) described(op string) (object, bool) {
	if t.filter == nil {
		return object{}, true
	}
	entry, ok := described(t.filter, t.a)
	if !ok || op == "add" {
		return entry, ok
	}
	if kind, is := entry["type"].(string); is {
		types := t.a.sub("type").CanonicalValues
		return entry, types == nil || slices.ContainsFunc(types, func(known string) bool { return strings.EqualFold(known, kind) })
	}
	return entry, isPrimary(entry)
}

// described gives the one item for which a filter of equalities holds.
func described(filter expression, a *attribute) (object, bool) {
	switch e := filter.(type) {
	case both:
		left, ok := described(e.left, a)
		right, also := described(e.right, a)
		if ok && also {
			maps.Copy(left, right)
		}
		return left, ok && also
	case comparison:
		if e.operator != query.Equal || e.value == nil {
			return nil, false
		}
		part := a.sub(e.path.name)
		value, err := coerce(part, e.value)
		return object{part.Name: value}, err == nil
	}
	return nil, false
}

// remove takes away an attribute, items of it, or a part.
func (t *target) remove(home object, s step) error {
	if t.a != nil && t.a.Required && t.sub == "" {
		return wrong(mutability, "%s cannot be without a value", t.name)
	}
	listed, named := s.value.([]any)
	switch {
	case t.filter == nil && t.sub == "" && named && s.op == "remove" && t.a != nil && t.a.MultiValued:
		return t.removeListed(home, listed)
	case t.a != nil && t.a.MultiValued && (t.filter != nil || t.sub != ""):
		return t.removeItems(home)
	case t.sub != "":
		parts, _ := home[t.name].(object)
		if delete(parts, t.sub); len(parts) == 0 {
			delete(home, t.name)
		}
		return nil
	}
	delete(home, t.name)
	return nil
}

// removeListed removes the items that are like one of a list: with all that it says.
func (t *target) removeListed(home object, listed []any) error {
	value, err := coerce(t.a, listed)
	if err != nil {
		return err
	}
	gone, _ := value.([]any)
	list, _ := home[t.name].([]any)
	t.keep(home, slices.DeleteFunc(slices.Clone(list), func(item any) bool {
		return slices.ContainsFunc(gone, func(like any) bool { return isLike(item, like) })
	}))
	return nil
}

func isLike(item, like any) bool {
	entry, ok := item.(object)
	parts, also := like.(object)
	if !ok || !also {
		return equal(item, like)
	}
	for name, value := range parts {
		if !equal(entry[name], value) {
			return false
		}
	}
	return true
}

func (t *target) removeItems(home object) error {
	list, _ := home[t.name].([]any)
	var left []any
	for _, item := range list {
		entry, ok := item.(object)
		if !ok || !t.chooses(entry) {
			left = append(left, item)
			continue
		}
		if t.sub == "" {
			continue
		}
		entry = maps.Clone(entry)
		if delete(entry, t.sub); len(entry) > 0 && t.sub != "value" {
			left = append(left, entry)
		}
	}
	t.keep(home, left)
	return nil
}

func (t *target) keep(home object, list []any) {
	if home[t.name] = list; len(list) == 0 {
		delete(home, t.name)
	}
}

// chooses tells whether an item is one that the path is about.
func (t *target) chooses(entry object) bool {
	return t.filter == nil || holds(t.filter, t.a, entry)
}
