package graph_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/ringfence/ringfence/graph"
)

// later are the promised names that belong to capabilities not built yet: subscriptions.
var later = []string{
	"Subscription",
}

// What is promised to clients (shared/api.graphql) is in the schema: types, fields, arguments, enum values, and nullability.
func TestSchemaKeepsPromises(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "shared", "api.graphql"))
	if err != nil {
		t.Fatalf("the promised schema lies beside the project: %v", err)
	}
	promised, err := parser.ParseSchema(&ast.Source{Name: "api.graphql", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	schema := graph.New(&graph.Resolver{}).Schema()
	for _, want := range promised.Definitions {
		if slices.Contains(later, want.Name) {
			continue
		}
		have := schema.Types[want.Name]
		if have == nil {
			t.Errorf("type %s is missing", want.Name)
			continue
		}
		for _, name := range want.Interfaces {
			if !slices.Contains(have.Interfaces, name) {
				t.Errorf("%s does not implement %s", want.Name, name)
			}
		}
		for _, value := range want.EnumValues {
			if have.EnumValues.ForName(value.Name) == nil {
				t.Errorf("%s.%s is missing", want.Name, value.Name)
			}
		}
		for _, field := range want.Fields {
			keepsField(t, want.Name, field, have.Fields.ForName(field.Name))
		}
	}
}

func keepsField(t *testing.T, owner string, want, have *ast.FieldDefinition) {
	t.Helper()
	name := owner + "." + want.Name
	if slices.Contains(later, name) {
		return
	}
	if have == nil {
		t.Errorf("%s is missing", name)
		return
	}
	if want.Type.String() != have.Type.String() {
		t.Errorf("%s is %s, promised was %s", name, have.Type, want.Type)
	}
	for _, argument := range want.Arguments {
		given := have.Arguments.ForName(argument.Name)
		if given == nil || given.Type.String() != argument.Type.String() {
			t.Errorf("%s lacks the argument %s: %s", name, argument.Name, argument.Type)
		}
	}
}
