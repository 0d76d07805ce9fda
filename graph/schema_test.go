package graph

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/graph/generated"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

func schemaOf(t *testing.T) *ast.Schema {
	t.Helper()
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}

// Every root field is registered with the gate, and nothing else is.
func TestEveryRootFieldIsRegistered(t *testing.T) {
	s := schemaOf(t)
	if s.Subscription != nil {
		t.Error("the gate knows no subscriptions")
	}
	for _, root := range []struct {
		object     *ast.Definition
		registered map[string]bool
	}{{s.Query, reads}, {s.Mutation, operations}} {
		fields := map[string]bool{}
		for _, field := range root.object.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			fields[field.Name] = true
			if !root.registered[field.Name] {
				t.Errorf("%s.%s is not registered", root.object.Name, field.Name)
			}
		}
		for name := range root.registered {
			if !fields[name] {
				t.Errorf("%s.%s is registered and does not exist", root.object.Name, name)
			}
		}
	}
}

func TestGate(t *testing.T) {
	signedIn := identity.WithPrincipal(t.Context(), &identity.Principal{UserName: "ann"})
	for _, c := range []struct {
		name      string
		anonymous bool
		operation ast.Operation
		field     string
		want      fault.Code
	}{
		{"a read", false, ast.Query, "viewer", ""},
		{"an operation", false, ast.Mutation, "createVendor", ""},
		{"a read, anonymous", true, ast.Query, "viewer", fault.Unauthenticated},
		{"an operation, anonymous", true, ast.Mutation, "createVendor", fault.Unauthenticated},
		{"unknown", false, ast.Query, "secrets", fault.PolicyDenied},
		{"an operation as a read", false, ast.Query, "createVendor", fault.PolicyDenied},
		{"a read as an operation", false, ast.Mutation, "viewer", fault.PolicyDenied},
		{"a subscription", false, ast.Subscription, "viewer", fault.PolicyDenied},
	} {
		ctx := signedIn
		if c.anonymous {
			ctx = t.Context()
		}
		if got := fault.CodeOf(Authorize(ctx, c.operation, c.field)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The schema documents every type, field, argument, enum value and input.
func TestEverythingIsDescribed(t *testing.T) {
	s := schemaOf(t)
	demand := func(description string, path ...string) {
		if len(strings.TrimSpace(description)) < 3 {
			t.Errorf("%s has no description", strings.Join(path, "."))
		}
	}
	for name, definition := range s.Types {
		if definition.BuiltIn || strings.HasPrefix(name, "__") {
			continue
		}
		demand(definition.Description, name)
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			demand(field.Description, name, field.Name)
			for _, argument := range field.Arguments {
				demand(argument.Description, name, field.Name, argument.Name)
			}
		}
		for _, value := range definition.EnumValues {
			demand(value.Description, name, value.Name)
		}
	}
}

// Every mutation takes one input with dryRun and idempotencyKey, and answers with decision and dryRun.
func TestEveryMutationHasItsParts(t *testing.T) {
	s := schemaOf(t)
	for _, field := range s.Mutation.Fields {
		input := field.Arguments.ForName("input")
		if input == nil || len(field.Arguments) != 1 || !input.Type.NonNull {
			t.Errorf("%s does not take one input", field.Name)
			continue
		}
		in, out := s.Types[input.Type.Name()], s.Types[field.Type.Name()]
		for definition, names := range map[*ast.Definition][]string{in: {"dryRun", "idempotencyKey"}, out: {"dryRun", "decision"}} {
			for _, name := range names {
				if definition.Fields.ForName(name) == nil {
					t.Errorf("%s has no %s", definition.Name, name)
				}
			}
		}
	}
}
