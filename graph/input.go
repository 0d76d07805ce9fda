package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/ringfence/ringfence/internal/fault"
)

// inputOf checks the input of a mutation that comes as JSON, exactly as one that comes as a variable of the mutation itself. Errors:
// INVALID_INPUT with the field action or input, or the path to what is wrong in it.
func (r *Resolver) inputOf(action string, input json.RawMessage) (json.RawMessage, error) {
	mutation := r.schema.Mutation.Fields.ForName(action)
	if mutation == nil || !operations[action] {
		return nil, fault.Invalid("action", "there is no action %.100q", action)
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(input))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fault.Invalid("input", "this is no input of %s", action)
	}
	kind := mutation.Arguments[0].Type
	variable := &ast.VariableDefinition{Variable: "input", Type: kind, Definition: r.schema.Types[kind.Name()]}
	operation := &ast.OperationDefinition{Operation: ast.Mutation, VariableDefinitions: ast.VariableDefinitionList{variable}}
	checked, err := validator.VariableValues(r.schema, operation, map[string]any{"input": value})
	if err != nil {
		return nil, wrongInput(err)
	}
	return json.Marshal(checked["input"])
}

// wrongInput names the place of what is wrong in an input.
func wrongInput(err error) error {
	field, message := "input", "this is no input of it"
	var at *gqlerror.Error
	if errors.As(err, &at) {
		message = at.Message
		for i, step := range at.Path {
			if i > 1 { // after variable and input
				field = strings.TrimPrefix(field+"."+fmt.Sprint(step), "input.")
			}
		}
	}
	return fault.Invalid(field, "%s", message)
}
