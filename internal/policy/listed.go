package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ringfence/ringfence/internal/filter"
)

// What may be seen of a type is the rule data.ringfence.listed.TYPE over input.row, which stands for one row. It is never asked row by
// row: all but the row is known, so what is left of the rule is a condition, and the database has it before it looks for anything.

// lists are the conditions for one principal, or for all with the same roles. They are worked out as they are asked for.
type lists struct {
	policy *Policy
	// anybody has what holds whoever of the directory the principal is; nil for itself. What is all there is to see needs no more.
	anybody *lists
	input   *ast.Term

	mu     sync.Mutex
	byKind map[string]filter.Filter
}

func newLists(p *Policy, who Principal, anybody *lists) *lists {
	return &lists{policy: p, anybody: anybody, input: who.reader(), byKind: map[string]filter.Filter{}}
}

func (l *lists) filter(kind string) filter.Filter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.byKind[kind]; f != nil {
		return f
	}
	if l.anybody != nil && filter.IsAll(l.anybody.filter(kind)) {
		l.byKind[kind] = filter.Everything
		return filter.Everything
	}
	unknown := rowUnknown
	if l.anybody == nil {
		unknown = directoryUnknown
	}
	// The answer is kept for all who ask, so it does not end with the request of the first.
	f, err := l.policy.list(context.Background(), kind, l.input, unknown, 4*l.policy.limits.Timeout)
	if err != nil {
		// The gate has seen it translated for others; this once nothing is shown, and the next request asks again.
		l.policy.limits.Logger.Error("policy gave no usable list", "type", kind, "revision", l.policy.revision, "cause", err)
		return filter.Nothing
	}
	l.byKind[kind] = f
	return f
}

// What partial evaluation leaves open: the row; the row and what the directory says of the principal; or all of the principal.
var (
	rowUnknown       = []*ast.Term{ast.NewTerm(rowRef)}
	directoryUnknown = append(principalRefs("allotments", "delegate_of", "licenses", "name", "reach", "user_id"), rowUnknown...)
	anyoneUnknown    = []*ast.Term{ast.NewTerm(rowRef), ast.NewTerm(ast.MustParseRef("input.principal"))}
)

func principalRefs(names ...string) []*ast.Term {
	refs := make([]*ast.Term, len(names))
	for i, name := range names {
		refs[i] = ast.NewTerm(ast.MustParseRef("input.principal." + name))
	}
	return refs
}

// list gives the condition on the rows of one type.
func (p *Policy) list(ctx context.Context, kind string, input *ast.Term, unknown []*ast.Term, budget time.Duration) (f filter.Filter, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = filter.Nothing, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	query, ok := p.lists[kind]
	if !ok {
		return filter.Nothing, nil
	}
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(budget, cancel.Cancel)
	defer timer.Stop()
	answers, err := query.Partial(ctx,
		rego.EvalParsedInput(input.Value),
		rego.EvalParsedUnknowns(unknown),
		rego.EvalPartialNamespace(partialNamespace),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalExternalCancel(cancel),
	)
	if err != nil {
		return filter.Nothing, err
	}
	return translate(kind, answers, len(unknown) > 1)
}

// Shows tells by the rule itself whether one row of a type is listed for the principal. The service never asks so; it is what the
// translation is held against.
func (p *Policy) Shows(ctx context.Context, who Principal, kind string, row filter.Row) (bool, error) {
	return p.shows(ctx, kind, who, row, 4*p.limits.Timeout)
}

func (p *Policy) shows(ctx context.Context, kind string, who Principal, row filter.Row, budget time.Duration) (bool, error) {
	table, ok := filter.Find(kind)
	if !ok {
		return false, nil
	}
	answer, err := evaluate(ctx, p.rows[kind], who.rowReader(rowTerm(table, row)), budget)
	if errors.Is(err, errUndefined) {
		return false, nil
	}
	return err == nil && answer.Equal(ast.BooleanTerm(true)), err
}

// prepareLists makes the questions about each type ready: what is left of the rule, and the rule for one row.
func prepareLists(ctx context.Context, compiler *ast.Compiler, store storage.Store) (lists map[string]rego.PreparedPartialQuery, rows map[string]prepared, err error) {
	lists, rows = map[string]rego.PreparedPartialQuery{}, map[string]prepared{}
	for _, kind := range filter.Kinds() {
		lists[kind], err = rego.New(
			rego.Query("data.ringfence.listed."+kind+" == true"),
			rego.Compiler(compiler),
			rego.Store(store),
			rego.SetRegoVersion(ast.RegoV1),
			rego.StrictBuiltinErrors(true),
		).PrepareForPartial(ctx)
		if err == nil {
			rows[kind], err = prepare(ctx, "data.ringfence.listed."+kind, compiler, store)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return lists, rows, nil
}
