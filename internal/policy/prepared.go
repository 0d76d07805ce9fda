package policy

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// prepared is a query that is ready to be asked, with the settings at hand.
type prepared struct {
	rego.PreparedEvalQuery
	settled settled
}

// Eval asks the query. The settings are not read out of the store again.
func (p prepared) Eval(ctx context.Context, options ...rego.EvalOption) (rego.ResultSet, error) {
	return p.PreparedEvalQuery.Eval(ctx, append(options, rego.EvalBaseCache(p.settled))...)
}

// settled is the document data of one revision, which never changes. OPA takes it for what it has read before: reading it out of the
// store costs a path, a lookup and a cache entry for each place, again in each decision.
type settled struct{ document ast.Object }

// Get finds a place in the document; nil sends OPA to the store. The whole document is left to it, because rules are part of that.
func (s settled) Get(ref ast.Ref) ast.Value {
	if s.document == nil || len(ref) < 2 {
		return nil
	}
	value, err := s.document.Find(ref[1:])
	if err != nil {
		return nil
	}
	return value
}

// Put keeps nothing: what is not in the document is nowhere.
func (settled) Put(ast.Ref, ast.Value) {}
