package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Place is where something stands in the files of a policy. Text is the source, the first line of it where it has several.
type Place struct {
	File string
	Row  int
	Rule string // the name of the rule, as other rules call it
	Text string
}

// String gives file:row.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Row) }

// Fact is something a rule read: a part of the input ("principal.delegate_here", "pools[1].limit"), a setting
// ("data.settings.…") or what another rule made of them ("kind"). Value is JSON; it is empty for what is not there.
type Fact struct {
	Path  string
	Value string
}

// String gives "path = value".
func (f Fact) String() string {
	if f.Value == "" {
		return f.Path + " is not there"
	}
	return f.Path + " = " + f.Value
}

// GrantReason is a rule that granted a request.
type GrantReason struct {
	Name string
	Place
	Facts []Fact
}

// FindingReason is a finding with the rule that made it. Subject is the index of the subject it is about, -1 for the whole request.
type FindingReason struct {
	licensing.Violation
	Effect  string
	Subject int
	Place
	Facts []Fact
}

// NearMiss is a rule that did not grant, with the first of its conditions that failed.
type NearMiss struct {
	Name   string
	Place         // the rule
	Failed Place  // the condition
	Facts  []Fact // what the condition read
	lacks  int    // how many of its conditions do not hold
}

// PoolFigures are the figures of one pool of the chain, as the policy saw them. A nil limit is unlimited.
type PoolFigures struct {
	Key              licensing.PoolKey
	Name             string
	Limit, Available *int64
	Used, Reserved   int64
	Requested        int64
	Draws            bool
}

// Explanation says why a policy answered as it did. It holds parts of the input: who may not see that may not see them either.
type Explanation struct {
	Revision   string
	Answer     Answer
	Grants     []GrantReason
	Findings   []FindingReason
	NearMisses []NearMiss // only when nothing granted: each grant the nearest first
	Pools      []PoolFigures
}

// Explainer answers recorded inputs once more and watches how the answers come about. That takes about a millisecond, so it
// is for people who ask and never for a decision. It is safe for concurrent use.
type Explainer struct {
	revision string
	compiler *ast.Compiler
	store    storage.Store
	settings ast.Value
	bodies   map[string]conditions
	query    prepared
	budget   time.Duration
}

// NewExplainer prepares the files of a policy, without its tests: they passed the gate when it was taken into use. An error says
// that this program cannot evaluate them any more.
func NewExplainer(ctx context.Context, files Files) (*Explainer, error) {
	document, problems := files.document()
	modules, more := files.parse()
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, &RefusedError{Revision: files.Revision(), Problems: problems}
	}
	modules = withoutTests(modules)
	store := inmem.NewFromObjectWithOpts(document, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	compiler, err := compile(ctx, modules, store)
	if err != nil {
		return nil, &RefusedError{Revision: files.Revision(), Problems: problemsOf(err)}
	}
	e := &Explainer{revision: files.Revision(), compiler: compiler, store: store, bodies: conditionsOf(modules), budget: slack * DefaultTimeout}
	if e.settings, err = ast.InterfaceToValue(document); err != nil {
		return nil, err
	}
	e.query, err = prepare(ctx, decisionQuery, compiler, store)
	return e, err
}

// Revision is the content hash of the policy that explains.
func (e *Explainer) Revision() string { return e.revision }

// Explain answers a recorded input and says why. An error tells that the record is no input, or that the policy gives no usable
// answer to it.
func (e *Explainer) Explain(ctx context.Context, recorded []byte) (*Explanation, error) {
	input, f, err := parseInput(recorded)
	if err != nil {
		return nil, err
	}
	watch := newWatch(ctx, e, input.Value)
	term, err := e.evaluate(ctx, input, watch)
	if err != nil {
		return nil, err
	}
	answer, err := decode(term, &f)
	if err != nil {
		return nil, err
	}
	answer.Revision = e.revision
	out := &Explanation{Revision: e.revision, Answer: answer, Pools: figuresOf(input.Value, &f)}
	if err := watch.explain(term, &f, out); err != nil {
		return nil, err
	}
	return out, nil
}

// evaluate asks without the index and without leaving early, so that every rule is entered and every condition tried.
func (e *Explainer) evaluate(ctx context.Context, input *ast.Term, tracer topdown.QueryTracer) (answer *ast.Term, err error) {
	defer func() {
		if r := recover(); r != nil {
			answer, err = nil, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(e.budget, cancel.Cancel)
	defer timer.Stop()
	results, err := e.query.Eval(ctx, rego.EvalParsedInput(input.Value), rego.EvalMetrics(metrics.NoOp()), rego.EvalExternalCancel(cancel),
		rego.EvalQueryTracer(tracer), rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false))
	if err != nil {
		return nil, err
	}
	return single(results)
}

// holds asks a few expressions of a rule on their own. Those that need a variable of another hold as far as anyone can tell.
func (w *watch) holds(body ast.Body) bool {
	found := false
	err := storage.Txn(w.ctx, w.store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		query := topdown.NewQuery(body).WithCompiler(w.compiler).WithStore(w.store).WithTransaction(txn).WithInput(ast.NewTerm(w.input))
		return query.Iter(w.ctx, func(topdown.QueryResult) error {
			found = true
			return nil
		})
	})
	return found || err != nil
}

// figuresOf reads the pools of a recorded input.
func figuresOf(input ast.Value, f *frame) []PoolFigures {
	document, _ := input.(ast.Object)
	chain, ok := array(document, kPools)
	if !ok {
		return nil
	}
	figures := make([]PoolFigures, 0, chain.Len())
	for i := range chain.Len() {
		pool, ok := objectOf(chain.Elem(i))
		if !ok {
			continue
		}
		name, _ := textOf(pool.Get(kName))
		draws, _ := valueOf(pool.Get(kDraws)).(ast.Boolean)
		figures = append(figures, PoolFigures{
			Key: f.pools[i].key, Name: name, Limit: f.pools[i].limit, Available: wholeOf(pool.Get(kAvailable)), Used: orZero(wholeOf(pool.Get(kUsed))),
			Reserved: orZero(wholeOf(pool.Get(kReserved))), Requested: orZero(wholeOf(pool.Get(kRequested))), Draws: bool(draws),
		})
	}
	return figures
}

func valueOf(term *ast.Term) ast.Value {
	if term == nil {
		return nil
	}
	return term.Value
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
