package guard

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/internal/fault"
)

// checkValues looks at variables as they came, before gqlparser recurses into them: depth, text, numbers of any type.
func checkValues(variables map[string]any, limits Limits) *fault.Error {
	for name, value := range variables {
		if err := checkValue(value, 0, limits); err != nil {
			return inVariable(name, value, err)
		}
	}
	return nil
}

func checkValue(value any, depth int, limits Limits) *fault.Error {
	if err := exceeds("nested values in a variable", depth, limits.VariableDepth); err != nil {
		return err
	}
	switch value := value.(type) {
	case string:
		return checkText(value)
	case json.Number:
		return checkNumber(value)
	case []any:
		for i, item := range value {
			if err := checkValue(item, depth+1, limits); err != nil {
				return under(strconv.Itoa(i), err)
			}
		}
	case map[string]any:
		for name, item := range value {
			if err := checkText(name); err != nil {
				return err
			}
			if err := checkValue(item, depth+1, limits); err != nil {
				return under(name, err)
			}
		}
	}
	return nil
}

// checkNumber refuses a number that is too large or too small for a float: nobody means it, and it costs an exact decimal
// as many digits as its exponent says.
func checkNumber(number json.Number) *fault.Error {
	f, err := number.Float64()
	mantissa, _, _ := strings.Cut(strings.ToLower(number.String()), "e")
	if err != nil || f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return fault.Invalid("", "the number is out of range")
	}
	return nil
}

// checkText refuses text no database could store: bytes that are not UTF-8, and the character NUL.
func checkText(text string) *fault.Error {
	if !utf8.ValidString(text) {
		return fault.Invalid("", "the text is not valid UTF-8")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return fault.Invalid("", "the text contains the character NUL")
	}
	return nil
}

// under prefixes the field an error is about; the path is built on the way out, so that good values cost nothing.
func under(name string, err *fault.Error) *fault.Error {
	switch {
	case err.Code != fault.InvalidInput:
	case err.Field == "":
		err.Field = name
	default:
		err.Field = name + "." + err.Field
	}
	return err
}

// inVariable names the field as the operations do: inside an input object the variable that carries it does not count.
func inVariable(name string, value any, err *fault.Error) *fault.Error {
	if _, object := value.(map[string]any); object && err.Field != "" {
		return err
	}
	return under(name, err)
}

// coercion checks declared variables against their types where gqlparser is more lenient than the GraphQL specification:
// it takes text for a number, a number for text, 64 bits for an Int, and any case for an enum.
type coercion struct{ schema *ast.Schema }

func (c coercion) check(op *ast.OperationDefinition, variables map[string]any) *fault.Error {
	for _, definition := range op.VariableDefinitions {
		value := variables[definition.Variable]
		if err := c.value(definition.Type, value); err != nil {
			return inVariable(definition.Variable, value, err)
		}
	}
	return nil
}

func (c coercion) value(t *ast.Type, value any) *fault.Error {
	if value == nil {
		return nil
	}
	if t.Elem != nil {
		return c.list(t.Elem, value)
	}
	definition := c.schema.Types[t.NamedType]
	if definition == nil {
		return nil
	}
	switch definition.Kind {
	case ast.InputObject:
		return c.object(definition, value)
	case ast.Enum:
		name, ok := value.(string)
		if !ok || definition.EnumValues.ForName(name) == nil {
			return fault.Invalid("", "the value is not one of %s", definition.Name)
		}
	case ast.Scalar:
		if !fitsScalar(definition.Name, value) {
			return fault.Invalid("", "the value is not a valid %s", definition.Name)
		}
	}
	return nil
}

func (c coercion) list(element *ast.Type, value any) *fault.Error {
	items, ok := value.([]any)
	if !ok {
		// Of a single value gqlparser made a list of the value's own Go type.
		if single := reflect.ValueOf(value); single.Kind() == reflect.Slice && single.Len() == 1 {
			value = single.Index(0).Interface()
		}
		return c.value(element, value)
	}
	for i, item := range items {
		if err := c.value(element, item); err != nil {
			return under(strconv.Itoa(i), err)
		}
	}
	return nil
}

func (c coercion) object(definition *ast.Definition, value any) *fault.Error {
	object, ok := value.(map[string]any)
	if !ok {
		return fault.Invalid("", "the value is not an object")
	}
	for name, item := range object {
		field := definition.Fields.ForName(name)
		if field == nil {
			continue // __typename; gqlparser refused all others
		}
		if err := c.value(field.Type, item); err != nil {
			return under(name, err)
		}
	}
	return nil
}

// fitsScalar tells whether a value is one of a built-in scalar; custom scalars check their own.
func fitsScalar(scalar string, value any) bool {
	_, isText := value.(string)
	switch scalar {
	case "Int":
		return isInt(value)
	case "Float", "Boolean":
		return !isText // gqlparser checked the rest
	case "String":
		return isText
	case "ID":
		number, isNumber := value.(json.Number)
		if !isNumber {
			return true
		}
		_, err := number.Int64()
		return err == nil
	default:
		return true
	}
}

// isInt tells whether a value is an Int of the specification: whole, in 32 bits.
func isInt(value any) bool {
	switch value := value.(type) {
	case int64:
		return value >= math.MinInt32 && value <= math.MaxInt32
	case json.Number:
		_, err := strconv.ParseInt(value.String(), 10, 32)
		return err == nil
	default:
		return false
	}
}
