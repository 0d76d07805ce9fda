package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/graph/generated"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// Resolver answers the root fields: mutations by a command that the runner carries out, queries by reading.
type Resolver struct {
	Runner *operation.Runner
	Reader *query.Reader
	schema *ast.Schema
}

// New makes the executable schema.
func New(r *Resolver) graphql.ExecutableSchema {
	executable := generated.NewExecutableSchema(generated.Config{Resolvers: r})
	r.schema = executable.Schema()
	return schema{ExecutableSchema: executable, reader: r.Reader}
}

// schema begins a reading for each operation, so that all of its fields share one view of what may be seen; and in a mutation
// one for each root field, because each may change what may be seen.
type schema struct {
	graphql.ExecutableSchema
	reader *query.Reader
}

// Exec executes the operation of the context.
func (s schema) Exec(ctx context.Context) graphql.ResponseHandler {
	if op := graphql.GetOperationContext(ctx); op.Operation.Operation == ast.Mutation {
		within := op.RootResolverMiddleware
		op.RootResolverMiddleware = func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
			return within(s.reader.Begin(ctx), next)
		}
	}
	respond := s.ExecutableSchema.Exec(ctx)
	// The executor hands the context of the fields to what Exec returns; the one Exec gets is for itself.
	return func(ctx context.Context) *graphql.Response { return respond(s.reader.Begin(ctx)) }
}
