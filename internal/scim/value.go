package scim

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object. Numbers in it are json.Number, so that they are given back as they came.
type object = map[string]any

// maxNesting is how deep a value may be.
const maxNesting = 12

// decode reads one JSON object and nothing after it.
func decode(body []byte) (object, error) {
	if !utf8.Valid(body) {
		return nil, wrong(invalidSyntax, "the body is not UTF-8")
	}
	if depth(body) > maxNesting {
		return nil, wrong(invalidSyntax, "the body has more than %d levels", maxNesting)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, wrong(invalidSyntax, "the body is no JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, wrong(invalidSyntax, "something follows the body's JSON")
	}
	o, ok := value.(object)
	if !ok {
		return nil, wrong(invalidSyntax, "the body is no JSON object")
	}
	return o, nil
}

// depth is how deep brackets are nested in JSON.
func depth(body []byte) int {
	deepest, now, inText := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == '{' || c == '['):
			now++
			deepest = max(deepest, now)
		case !inText && (c == '}' || c == ']'):
			now--
		}
	}
	return deepest
}

// get finds a member of an object by its name, without regard to case, as SCIM has it.
func get(o object, name string) any {
	if value, ok := o[name]; ok {
		return value
	}
	for key, value := range o {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// checkSchemas refuses a body that does not say it is what it is taken for.
func checkSchemas(body object, urn string) error {
	list, ok := get(body, "schemas").([]any)
	if !ok || len(list) == 0 {
		return wrong(invalidSyntax, "the attribute schemas is missing")
	}
	found := false
	for _, item := range list {
		name, ok := item.(string)
		if !ok {
			return wrong(invalidSyntax, "schemas is a list of URNs")
		}
		found = found || strings.EqualFold(name, urn)
	}
	if !found {
		return wrong(invalidSyntax, "schemas does not have %s", urn)
	}
	return nil
}

// ignored are members of a resource that a client may send and that are not its to set, or not to be kept.
var ignored = []string{"schemas", "id", "meta", "groups", "password"}

func isIgnored(name string) bool {
	for _, other := range ignored {
		if strings.EqualFold(name, other) {
			return true
		}
	}
	return false
}

// known gives what a client sent in the form in which it is kept: names as the schemas write them, values of the types they have,
// nothing that is null or empty. Cleared are the names of what was sent as null or empty. What no schema has is kept as it came.
func (r *resource) known(sent object) (kept object, cleared map[string]bool, err error) {
	kept, cleared = object{}, map[string]bool{}
	for name, value := range sent {
		if isIgnored(name) {
			continue
		}
		if err = checkTexts("the name of an attribute", name); err == nil {
			name, value, err = r.knownOne(name, value)
		}
		if err != nil {
			return nil, nil, err
		}
		if _, twice := kept[name]; twice {
			return nil, nil, wrong(invalidSyntax, "%s is there twice", name)
		}
		if value == nil {
			cleared[name] = true
			continue
		}
		kept[name] = value
	}
	return kept, cleared, nil
}

func (r *resource) knownOne(name string, value any) (string, any, error) {
	if s := r.extension(name); s != nil {
		value, err := coerce(&attribute{Name: s.ID, Type: typeComplex, SubAttributes: s.Attributes}, value)
		return s.ID, value, err
	}
	if isURN(name) {
		if _, ok := value.(object); !ok && value != nil {
			return "", nil, wrong(invalidValue, "%.200s is not an object", name)
		}
		return name, pruned(value), checkTexts(name, value)
	}
	a := find(r.attributes(""), name)
	if a == nil {
		return name, pruned(value), checkTexts(name, value)
	}
	value, err := coerce(a, value)
	return a.Name, value, err
}

func isURN(name string) bool { return len(name) > 4 && strings.EqualFold(name[:4], "urn:") }

// pruned is nil for what is no value: null, and what has nothing in it.
func pruned(value any) any {
	switch value := value.(type) {
	case []any:
		if len(value) == 0 {
			return nil
		}
	case object:
		if len(value) == 0 {
			return nil
		}
	}
	return value
}

// coerce gives a value of an attribute in the form in which it is kept, nil if it is none.
func coerce(a *attribute, value any) (any, error) {
	if value = pruned(value); value == nil {
		return nil, nil
	}
	if !a.MultiValued {
		return coerceOne(a, value)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var kept []any
	primary := 0
	for _, item := range list {
		item, err := coerceOne(a, item)
		if err != nil {
			return nil, err
		}
		if item == nil {
			continue
		}
		if isPrimary(item) {
			primary++
		}
		kept = append(kept, item)
	}
	if primary > 1 {
		return nil, wrong(invalidValue, "%s has more than one primary value", a.Name)
	}
	return pruned(kept), nil
}

func isPrimary(item any) bool {
	o, ok := item.(object)
	return ok && o["primary"] == true
}

func coerceOne(a *attribute, value any) (any, error) {
	switch a.Type {
	case typeComplex:
		return coerceParts(a, value)
	case typeBoolean:
		if value == nil {
			return nil, nil
		}
		is, ok := asBool(value)
		if !ok {
			return nil, wrong(invalidValue, "%s is true or false", a.Name)
		}
		return is, nil
	}
	if value == nil {
		return nil, nil
	}
	written, ok := value.(string)
	if !ok {
		return nil, wrong(invalidValue, "%s is a string", a.Name)
	}
	if a.Type == typeTime {
		if _, err := time.Parse(time.RFC3339, written); err != nil {
			return nil, wrong(invalidValue, "%s is a date and time", a.Name)
		}
	}
	return written, checkTexts(a.Name, written)
}

// coerceParts reads an attribute that has parts. Who sends only a value, or a list of one (Entra, for the manager), means the part
// value, and the one.
func coerceParts(a *attribute, value any) (any, error) {
	if list, ok := value.([]any); ok && len(list) == 1 && !a.MultiValued {
		value = list[0]
	}
	if value == nil {
		return nil, nil
	}
	if written, ok := value.(string); ok && a.sub("value") != nil {
		if written == "" {
			return nil, nil
		}
		value = object{"value": written}
	}
	sent, ok := value.(object)
	if !ok {
		return nil, wrong(invalidValue, "%s is an object", a.Name)
	}
	kept := object{}
	for name, part := range sent {
		definition := a.sub(name)
		var err error
		if definition == nil {
			part, err = pruned(part), checkTexts(name, part)
		} else {
			name = definition.Name
			part, err = coerce(definition, part)
		}
		if err != nil {
			return nil, err
		}
		if _, twice := kept[name]; twice {
			return nil, wrong(invalidSyntax, "%s.%s is there twice", a.Name, name)
		}
		if part != nil {
			kept[name] = part
		}
	}
	return pruned(kept), nil
}

// checkTexts refuses text that no database could keep or nobody could read.
func checkTexts(name string, value any) error {
	switch value := value.(type) {
	case string:
		if strings.ContainsFunc(value, isControl) {
			return wrong(invalidValue, "%.200s has characters that cannot be shown", name)
		}
	case []any:
		for _, item := range value {
			if err := checkTexts(name, item); err != nil {
				return err
			}
		}
	case object:
		for key, part := range value {
			if err := checkTexts(key, key); err != nil {
				return err
			}
			if err := checkTexts(key, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied is a deep copy of a JSON value.
func copied(value any) any {
	switch value := value.(type) {
	case object:
		out := make(object, len(value))
		for key, part := range value {
			out[key] = copied(part)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = copied(item)
		}
		return out
	}
	return value
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
