package transport

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/ringfence/ringfence/graph/guard"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Config names the parts of the endpoint. The zero value denies every field.
type Config struct {
	// Authorize is the root-field gate: it is asked for each root field of an operation before anything is executed,
	// and refuses those it does not know. Anonymous callers are refused before it is asked. nil: every field is refused.
	Authorize func(ctx context.Context, operation ast.Operation, field string) error
	// Edge is what a request passes first (NewEdge); nil: one of Identity, Rate and Burst.
	Edge *Edge
	// Identity puts the principal into the context (identity.Authenticator.Middleware). nil: every caller is anonymous.
	Identity func(http.Handler) http.Handler

	// Pool renders a violation's pool in extensions.violations, normally as its public id; nil for one the principal of the context
	// may not see. Without it pools are left out.
	Pool func(context.Context, licensing.PoolKey) any
	// Decision renders the id of a recorded decision in extensions.decisionId. nil: it is left out.
	Decision func(int64) string

	Trusted *TrustedDocuments // documents known beforehand (LoadTrusted); nil: every document is executed

	Limits guard.Limits // the zero value: guard.DefaultLimits
	// Rate is how many requests per second a principal may make on average, an anonymous address as well; 0: no limit.
	Rate float64
	// Burst is how many may come at once; 0: one second's worth.
	Burst int

	Log *slog.Logger // nil: slog.Default
}

// New makes the handler of the GraphQL endpoint: POST and GET, one operation a request, no uploads, no batches, no
// persisted queries. It sets the request id and the security headers, and answers every error as GraphQL.
func New(schema graphql.ExecutableSchema, cfg Config) http.Handler {
	if cfg.Limits == (guard.Limits{}) {
		cfg.Limits = guard.DefaultLimits()
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	p := &presenter{pool: cfg.Pool, decision: cfg.Decision, log: cfg.Log}
	server := handler.New(schema)
	server.SetErrorPresenter(p.present)
	server.SetRecoverFunc(recovered)
	guard.Install(server, cfg.Limits)
	if cfg.Trusted != nil {
		server.Use(trusting{documents: cfg.Trusted, log: cfg.Log})
	}
	server.Use(gate{authorize: cfg.Authorize})
	server.AddTransport(overHTTP{limits: cfg.Limits, trusted: cfg.Trusted})

	return cfg.edge().Wrap(server)
}
