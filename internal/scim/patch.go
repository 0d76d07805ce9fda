package scim

import (
	"maps"
	"slices"
	"strings"
)

// A PATCH as clients really send it: operations in any case, values without a path under dotted names or names with the schema's
// URN, booleans as strings, members to remove as a list of values (docs/scim.md).

// step is one operation of a PATCH.
type step struct {
	op    string // add, replace or remove
	path  string // empty: none
	value any
	given bool // whether there is a value at all
}

// steps reads the operations of a PATCH.
func steps(body object) ([]step, error) {
	if err := checkSchemas(body, urnPatch); err != nil {
		return nil, err
	}
	list, ok := get(body, "Operations").([]any)
	if !ok || len(list) == 0 {
		return nil, wrong(invalidSyntax, "Operations is a list of at least one operation")
	}
	out := make([]step, len(list))
	for i, item := range list {
		o, ok := item.(object)
		if !ok {
			return nil, wrong(invalidSyntax, "an operation is an object")
		}
		op, _ := get(o, "op").(string)
		out[i].op = strings.ToLower(op)
		if !slices.Contains([]string{"add", "replace", "remove"}, out[i].op) {
			return nil, wrong(invalidSyntax, "op is add, replace or remove")
		}
		if written := get(o, "path"); written != nil {
			if out[i].path, ok = written.(string); !ok {
				return nil, wrong(invalidPath, "a path is a string")
			}
		}
		out[i].path = strings.TrimSpace(out[i].path)
		out[i].value, out[i].given = lookup(o, "value")
		if out[i].op == "remove" && out[i].path == "" {
			return nil, wrong(noTarget, "what is to be removed needs a path")
		}
		if out[i].op != "remove" && !out[i].given {
			return nil, wrong(invalidValue, "%s needs a value", out[i].op)
		}
	}
	return out, nil
}

func lookup(o object, name string) (any, bool) {
	for key, value := range o {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

// target is what a path leads to.
type target struct {
	urn    string     // of the extension that the attribute is in; empty for the core
	name   string     // of the attribute; empty for the extension as a whole
	a      *attribute // nil in an extension that no schema describes
	filter expression // which items; nil: all
	sub    string     // a part of the attribute; empty for the whole
}

// target finds what the path of an operation leads to.
func (r *resource) target(written string) (target, error) {
	if s := r.extension(written); s != nil {
		return target{urn: s.ID}, nil
	}
	p := &parser{text: written, kind: invalidPath}
	if len(written) > maxFilter {
		return target{}, wrong(invalidPath, "a path has at most %d bytes", maxFilter)
	}
	at, err := p.path()
	if err != nil {
		return target{}, err
	}
	t := target{urn: at.urn, name: at.name, sub: at.sub}
	if at.sub == "" && p.sign('[') {
		p.kind = invalidFilter
		if t.filter, err = p.inside(']'); err != nil {
			return t, err
		}
		if p.kind = invalidPath; p.sign('.') {
			if t.sub = p.name(); t.sub == "" {
				return t, p.unexpected()
			}
		}
	}
	if p.at < len(written) {
		return t, p.unexpected()
	}
	return t, r.resolve(&t)
}

// resolve finds the definition of the attribute that a path names. Extensions that no schema describes are taken as they come.
func (r *resource) resolve(t *target) error {
	if strings.EqualFold(t.urn, r.core.ID) {
		t.urn = ""
	}
	if s := r.extension(t.urn); s != nil {
		t.urn = s.ID
	}
	list := r.attributes(t.urn)
	if list == nil {
		if t.filter != nil || t.sub != "" {
			return wrong(invalidPath, "there is no schema %.200s to tell what %.100s is", t.urn, t.name)
		}
		return nil
	}
	if t.a = find(list, t.name); t.a == nil {
		return wrong(invalidPath, "there is no attribute %.200s", path{t.urn, t.name, t.sub})
	}
	t.name = t.a.Name
	if t.a.Mutability == readOnly {
		return wrong(mutability, "%s is set by the service", t.name)
	}
	if t.filter != nil {
		if !t.a.MultiValued || t.a.Type != typeComplex {
			return wrong(invalidPath, "%s has no items to choose from", t.name)
		}
		if _, err := (items{t.a}).match(t.filter); err != nil {
			return err
		}
	}
	if t.sub == "" {
		return nil
	}
	part := t.a.sub(t.sub)
	if part == nil {
		return wrong(invalidPath, "%s has no %.100s", t.name, t.sub)
	}
	if part.Mutability == readOnly {
		return wrong(mutability, "%s.%s is set by the service", t.name, part.Name)
	}
	t.sub = part.Name
	return nil
}

// patch carries out the operations of a PATCH on a resource, all or none.
func (r *resource) patch(o object, all []step) error {
	for _, s := range all {
		if err := r.carryOut(o, s); err != nil {
			return err
		}
	}
	return nil
}

func (r *resource) carryOut(o object, s step) error {
	if s.path == "" {
		return r.spread(o, s)
	}
	if strings.EqualFold(s.path, "schemas") || strings.EqualFold(s.path, "password") { // the one follows from what there is, the other is not kept
		return nil
	}
	t, err := r.target(s.path)
	if err != nil {
		return err
	}
	if t.name == "" {
		return r.wholeExtension(o, t, s)
	}
	home := o
	if t.urn != "" {
		home, _ = o[t.urn].(object)
		if home == nil {
			home = object{}
		}
		defer func() {
			if o[t.urn] = home; len(home) == 0 {
				delete(o, t.urn)
			}
		}()
	}
	if s.op == "remove" || s.value == nil {
		return t.remove(home, s)
	}
	return t.set(home, s)
}

// spread carries out an operation without a path: each member of the value is an operation of its own, whose name may be a path.
func (r *resource) spread(o object, s step) error {
	parts, ok := s.value.(object)
	if !ok {
		return wrong(invalidValue, "an operation without a path needs an object of attributes")
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		value := parts[name]
		switch {
		case strings.EqualFold(name, "id"):
			continue // Okta sends it along
		case isIgnored(name):
			continue
		case find(r.attributes(""), name) == nil && !isURN(name) && !strings.ContainsAny(name, ".["):
			if err := checkTexts(name, value); err != nil { // what no schema has is kept as it came
				return err
			}
			if o[name] = pruned(value); o[name] == nil {
				delete(o, name)
			}
			continue
		case isURN(name) && r.extension(name) == nil && isObject(value):
			if err := r.unknownExtension(o, name, value); err != nil {
				return err
			}
			continue
		}
		if err := r.carryOut(o, step{op: s.op, path: name, value: value, given: true}); err != nil {
			return err
		}
	}
	return nil
}

func isObject(value any) bool {
	_, ok := value.(object)
	return ok
}

// unknownExtension takes over an extension that no schema describes, part by part.
func (r *resource) unknownExtension(o object, urn string, value any) error {
	if err := checkTexts(urn, value); err != nil {
		return err
	}
	home, _ := o[urn].(object)
	if home == nil {
		home = object{}
	}
	parts, _ := value.(object)
	for name, part := range parts {
		if home[name] = pruned(part); home[name] == nil {
			delete(home, name)
		}
	}
	if o[urn] = home; len(home) == 0 {
		delete(o, urn)
	}
	return nil
}

// wholeExtension carries out an operation on all of an extension.
func (r *resource) wholeExtension(o object, t target, s step) error {
	if s.op == "remove" || s.value == nil {
		delete(o, t.urn)
		return nil
	}
	parts, ok := s.value.(object)
	if !ok {
		return wrong(invalidValue, "%s is an object", t.urn)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if err := r.carryOut(o, step{op: s.op, path: t.urn + ":" + name, value: parts[name], given: true}); err != nil {
			return err
		}
	}
	return nil
}
