package guard

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/ringfence/ringfence/internal/fault"
)

// Guard checks each request on its way through gqlgen's executor: the document before it is validated, the variables before
// and after they are coerced, the cost before anything is executed, and the number of errors before they are sent.
type Guard struct {
	limits    Limits
	documents *Documents
	schema    *ast.Schema
}

var (
	_ graphql.OperationParameterMutator = (*Guard)(nil)
	_ graphql.OperationContextMutator   = (*Guard)(nil)
	_ graphql.ResponseInterceptor       = (*Guard)(nil)
)

// Install puts a guard with these limits before the executor of a server, as its first extension. The server's parser,
// validation rules and document cache are the guard's from then on.
func Install(server *handler.Server, limits Limits) {
	g := &Guard{limits: limits, documents: NewDocuments(limits.CacheBytes)}
	server.SetParserTokenLimit(limits.Tokens)
	server.SetQueryCache(g.documents)
	server.SetValidationRulesFn(validationRules)
	server.SetDisableSuggestion(true)
	server.Use(g)
}

// ExtensionName names the guard in gqlgen's errors.
func (g *Guard) ExtensionName() string { return "Guard" }

// Validate takes the schema; gqlgen calls it when the guard is installed.
func (g *Guard) Validate(schema graphql.ExecutableSchema) error {
	g.schema = schema.Schema()
	return nil
}

// MutateOperationParameters refuses a document or variables that are too large to look at further. A document that passed once
// and is still kept is not looked at again. Codes: TOO_COMPLEX, INVALID_INPUT.
func (g *Guard) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if err := exceeds("bytes of a name", len(params.OperationName), g.limits.Name); err != nil {
		return refusal(err)
	}
	if err := checkValues(params.Variables, g.limits); err != nil {
		return refusal(err)
	}
	if _, passed := g.documents.Get(ctx, params.Query); passed {
		return nil
	}
	return g.checkDocument(params.Query)
}

func (g *Guard) checkDocument(text string) *gqlerror.Error {
	if strings.TrimSpace(text) == "" {
		return refusal(fault.Invalid("query", "the request has no query"))
	}
	if err := exceeds("bytes", len(text), g.limits.Bytes); err != nil {
		return refusal(err)
	}
	if !utf8.ValidString(text) {
		return refusal(fault.Invalid("query", "the document is not valid UTF-8"))
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, g.limits.Tokens)
	if err != nil {
		return g.unparsed(err)
	}
	if err := checkShape(doc, g.limits); err != nil {
		return refusal(err)
	}
	return nil
}

// unparsed tells a document that is too long or too deep for the parser from one with a mistake.
func (g *Guard) unparsed(err error) *gqlerror.Error {
	mistake, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return refusal(fault.Wrap(err, fault.InvalidInput, "the document does not parse"))
	}
	switch {
	case strings.HasPrefix(mistake.Message, "exceeded token limit"):
		return refusal(fault.New(fault.TooComplex, "the request is too complex: more than %d tokens", g.limits.Tokens))
	case strings.HasPrefix(mistake.Message, "exceeded maximum nesting depth"):
		return refusal(fault.New(fault.TooComplex, "the request is too complex: depth more than %d, the limit is %d",
			parser.MaxNestingDepth, g.limits.Depth))
	default:
		return refusal(fault.Invalid("query", "the document does not parse: %s", mistake.Message), mistake.Locations...)
	}
}

// MutateOperationContext refuses coerced variables the specification does not allow, and an operation whose answer could be
// too large. Codes: INVALID_INPUT with the field, TOO_COMPLEX.
func (g *Guard) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if err := (coercion{g.schema}).check(op.Operation, op.Variables); err != nil {
		return refusal(err)
	}
	if err := exceeds("cost", costOf(op.Operation, op.Variables), g.limits.Cost); err != nil {
		return refusal(err)
	}
	return nil
}

// InterceptResponse cuts the errors of an answer: thousands of aliases of one wrong field must not become megabytes.
func (g *Guard) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && len(response.Errors) > g.limits.Errors {
		response.Errors = response.Errors[:g.limits.Errors]
	}
	return response
}
