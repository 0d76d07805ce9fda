package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/graph/scalar"
	"github.com/ringfence/ringfence/internal/fault"
)

// conditions looks whether JSON fits the input types of the API's schema, for what takes conditions without being GraphQL.
type conditions struct{ schema *ast.Schema }

// check answers INVALID_INPUT that names the field unless the text is a value of the input type.
func (c conditions) check(inputType string, text json.RawMessage) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil || value == nil || decoder.More() {
		return fault.Invalid("where", "where is a JSON object of conditions, as the API takes them: %s", inputType)
	}
	return c.value(ast.NamedType(inputType, nil), value, "where")
}

func (c conditions) value(kind *ast.Type, value any, field string) error {
	switch {
	case value == nil && kind.NonNull:
		return fault.Invalid(field, "%s may not be null", field)
	case value == nil:
		return nil
	case kind.Elem != nil:
		list, ok := value.([]any)
		if !ok {
			return fault.Invalid(field, "%s is a list", field)
		}
		for i, item := range list {
			if err := c.value(kind.Elem, item, field+"."+strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	}
	definition := c.schema.Types[kind.NamedType]
	switch definition.Kind {
	case ast.InputObject:
		return c.object(definition, value, field)
	case ast.Enum:
		word, ok := value.(string)
		if !ok || definition.EnumValues.ForName(word) == nil {
			return fault.Invalid(field, "%s is one of %s", field, strings.Join(words(definition), ", "))
		}
		return nil
	}
	if !fits(definition.Name, value) {
		return fault.Invalid(field, "%s is no value of type %s", field, definition.Name)
	}
	return nil
}

func (c conditions) object(definition *ast.Definition, value any, field string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fault.Invalid(field, "%s is an object", field)
	}
	for name, inner := range object {
		known := definition.Fields.ForName(name)
		if known == nil {
			return fault.Invalid(field, "there is no condition %s; there are %s", name, strings.Join(fields(definition), ", "))
		}
		if err := c.value(known.Type, inner, field+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func words(enum *ast.Definition) []string {
	var list []string
	for _, value := range enum.EnumValues {
		list = append(list, value.Name)
	}
	return list
}

func fields(input *ast.Definition) []string {
	var list []string
	for _, field := range input.Fields {
		list = append(list, field.Name)
	}
	slices.Sort(list)
	return list
}

// fits tells whether a value is one of a scalar.
func fits(scalarType string, value any) bool {
	var err error
	switch scalarType {
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "Int":
		_, err = scalar.UnmarshalInt(value)
	case "Date":
		_, err = scalar.UnmarshalDate(value)
	case "Time":
		_, err = scalar.UnmarshalTime(value)
	case "Decimal":
		_, err = scalar.UnmarshalDecimal(value)
	default: // String and ID
		text, ok := value.(string)
		return ok && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
	}
	return err == nil
}
