package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/graph/guard"
	"github.com/ringfence/ringfence/internal/fault"
)

const allowedMethods = "GET, POST, OPTIONS"

// overHTTP is GraphQL over HTTP, one answer a request. gqlgen's own transports fail 6 of the 61 audits of graphql-http
// and echo the body in their errors.
type overHTTP struct {
	limits  guard.Limits
	trusted *TrustedDocuments
}

var _ graphql.Transport = overHTTP{}

// Supports takes every request: what is wrong with a method or a header is said here.
func (overHTTP) Supports(*http.Request) bool { return true }

// Do answers one request.
func (t overHTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	mediaType, acceptable := negotiate(r)
	if !acceptable {
		writeFault(w, r, http.StatusNotAcceptable,
			fault.New(fault.InvalidInput, "answers are %s or %s", graphqlJSON, plainJSON))
		return
	}
	// Also for an answer to a panic outside of any resolver, which gqlgen writes itself.
	w.Header()["Content-Type"] = contentTypes[mediaType]
	if r.Method == http.MethodOptions {
		w.Header().Del("Content-Type")
		w.Header().Set("Allow", allowedMethods)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	start := graphql.Now()
	params, problem := t.read(w, r)
	if problem != nil {
		writeFault(w, r, problem.status, problem.fault)
		return
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}

	ctx, cancel := context.WithTimeout(r.Context(), t.limits.Deadline)
	defer cancel()
	t.execute(ctx, w, r, exec, params, mediaType)
}

func (t overHTTP) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refused) {
	switch r.Method {
	case http.MethodPost:
		return t.readPOST(w, r)
	case http.MethodGet:
		return t.readGET(r)
	default:
		w.Header().Set("Allow", allowedMethods)
		return nil, &refused{http.StatusMethodNotAllowed, fault.New(fault.InvalidInput, "the method must be POST or GET")}
	}
}

func (t overHTTP) execute(
	ctx context.Context, w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, params *graphql.RawParams, mediaType string,
) {
	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		writeRefusal(w, exec.DispatchError(graphql.WithOperationContext(ctx, op), errs), mediaType)
		return
	}
	switch kind := op.Operation.Operation; {
	case kind == ast.Subscription:
		writeFault(w, r, http.StatusBadRequest, fault.Invalid("query", "a subscription has more than one answer; this endpoint gives one"))
		return
	case kind != ast.Query && r.Method == http.MethodGet:
		w.Header().Set("Allow", http.MethodPost)
		writeFault(w, r, http.StatusMethodNotAllowed, fault.Invalid("query", "GET is for queries only; use POST"))
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // gqlgen's answer to a context that is over before it begins
		err := ctx.Err()
		if err == nil {
			err = errors.New("the executor gave no answer")
		}
		writeRefusal(w, exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)}), mediaType)
		return
	}
	write(w, http.StatusOK, response)
}
