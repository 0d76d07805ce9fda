package transport

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// gate stands before the root fields: an operation is executed only if every one of them is let through. Introspection
// is for those who are signed in; only __typename is for everyone, so that anybody can see that the endpoint answers.
type gate struct {
	authorize func(ctx context.Context, operation ast.Operation, field string) error
}

var _ graphql.OperationContextMutator = gate{}

func (gate) ExtensionName() string { return "Gate" }

func (gate) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses the operation for the first root field that may not be executed.
func (g gate) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	signedIn := identity.FromContext(ctx) != nil
	op.DisableIntrospection = !signedIn
	var refused *gqlerror.Error
	eachRoot(op.Operation.SelectionSet, func(f *ast.Field) bool {
		if err := g.check(ctx, signedIn, op.Operation.Operation, f.Name); err != nil {
			refused = &gqlerror.Error{Err: err, Message: "refused", Path: ast.Path{ast.PathName(f.Alias)}}
		}
		return refused == nil
	})
	return refused
}

func (g gate) check(ctx context.Context, signedIn bool, operation ast.Operation, field string) error {
	switch {
	case field == "__typename":
		return nil
	case !signedIn:
		return fault.New(fault.Unauthenticated, "sign in first")
	case field == "__schema" || field == "__type":
		return nil
	case g.authorize == nil:
		return fault.New(fault.PolicyDenied, "this field is not open to anyone")
	default:
		return g.authorize(ctx, operation, field)
	}
}

// eachRoot calls f for every root field, through fragments, whether or not skip or include leave it out, until f gives
// false. The guard has bounded how many there are.
func eachRoot(set ast.SelectionSet, f func(*ast.Field) bool) bool {
	for _, selection := range set {
		more := true
		switch selection := selection.(type) {
		case *ast.Field:
			more = f(selection)
		case *ast.InlineFragment:
			more = eachRoot(selection.SelectionSet, f)
		case *ast.FragmentSpread:
			more = eachRoot(selection.Definition.SelectionSet, f)
		}
		if !more {
			return false
		}
	}
	return true
}
