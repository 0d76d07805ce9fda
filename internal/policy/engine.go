package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ringfence/ringfence/policies"
)

// DefaultTimeout is how long one evaluation may take before it denies.
const DefaultTimeout = 50 * time.Millisecond

// Config says where the policies are and how long an evaluation may take.
type Config struct {
	Dir     string           // directory of the policies; empty: the embedded default policy
	Timeout time.Duration    // of one evaluation; each subject adds a 250th of it; 0: DefaultTimeout
	Logger  *slog.Logger     // nil: slog.Default()
	Now     func() time.Time // nil: time.Now; only LoadedAt reads it
}

// Engine answers decisions from the policy that passed the gate last. It is safe for concurrent use: an evaluation sees
// one revision from beginning to end.
type Engine struct {
	dir     string
	tree    fs.FS
	timeout time.Duration
	log     *slog.Logger
	now     func() time.Time

	current atomic.Pointer[live]

	reload   sync.Mutex // one gate at a time; never held by a decision
	mu       sync.Mutex
	problems []Problem // of the last attempt to load

	stops    []context.CancelFunc // of the running watchers, under mu
	watchers sync.WaitGroup
}

// New loads the policies and refuses to start without a sound one: the error is then a *RefusedError with every problem
// by file, row and column.
func New(ctx context.Context, c Config) (*Engine, error) {
	e := &Engine{dir: c.Dir, tree: policies.FS, timeout: c.Timeout, log: c.Logger, now: c.Now}
	if c.Dir != "" {
		e.tree = os.DirFS(c.Dir)
	}
	if e.timeout <= 0 {
		e.timeout = DefaultTimeout
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.now == nil {
		e.now = time.Now
	}
	if err := e.Reload(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Reload reads the directory again and takes it into use if it passes the gate. Otherwise the last good policy keeps
// answering, Problems tells what is wrong, and the error is a *RefusedError.
func (e *Engine) Reload(ctx context.Context) error {
	e.reload.Lock()
	defer e.reload.Unlock()

	s, err := readSource(e.tree)
	if err != nil {
		return e.refuse("", []Problem{{File: e.Source(), Message: err.Error()}})
	}
	if last := e.current.Load(); last != nil && last.revision == s.revision {
		e.setProblems(nil)
		return nil
	}
	next, problems := build(ctx, s, e.now(), e.timeout)
	if len(problems) > 0 {
		return e.refuse(s.revision, problems)
	}
	e.current.Store(next)
	e.setProblems(nil)
	e.log.InfoContext(ctx, "policy in use", "revision", next.revision, "source", e.Source())
	return nil
}

func (e *Engine) refuse(revision string, problems []Problem) error {
	e.setProblems(problems)
	return &RefusedError{Revision: revision, Problems: problems}
}

func (e *Engine) setProblems(problems []Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.problems = problems
}

// Problems tells why the last attempt to load was refused; empty when the directory is what answers.
func (e *Engine) Problems() []Problem {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Problem(nil), e.problems...)
}

// Revision is the content hash of the policy that answers now.
func (e *Engine) Revision() string { return e.current.Load().revision }

// LoadedAt is when the policy that answers now was taken into use.
func (e *Engine) LoadedAt() time.Time { return e.current.Load().loadedAt }

// Source names where the policies come from: the directory as configured, or "embedded".
func (e *Engine) Source() string {
	if e.dir == "" {
		return "embedded"
	}
	return e.dir
}

// RelevantPlans are the service plans that the settings of the policy name, as exclusive or as depending on others.
// License.Plans and Subject.HeldPlans need to carry no others. The map must not be changed.
func (e *Engine) RelevantPlans() map[string]bool { return e.current.Load().plans }

// Decide answers one request. It never fails: an evaluation that is undefined, ambiguous, of the wrong shape, too slow or
// in error is a refusal with the one violation POLICY_ERROR, whose cause is logged.
func (e *Engine) Decide(ctx context.Context, in *Input) Answer {
	return e.DecideToRecord(ctx, in).Answer
}

// DecideToRecord is Decide for a caller who records what was asked.
func (e *Engine) DecideToRecord(ctx context.Context, in *Input) *Recordable {
	p := e.current.Load()
	if len(in.Subjects) > maxSubjects {
		return &Recordable{Answer: e.fail(ctx, p, 0, fmt.Errorf("%d subjects, at most %d", len(in.Subjects), maxSubjects))}
	}
	term, err := in.term()
	if err != nil {
		return &Recordable{Answer: e.fail(ctx, p, len(in.Subjects), fmt.Errorf("args: %w", err))}
	}
	f := in.frame()
	return &Recordable{Answer: e.decide(ctx, p, term, &f), asked: term}
}

// DecideRecorded answers a recorded input again, with the policy in use now. The error tells that the record is not an
// input; the answer of the policy is never an error.
func (e *Engine) DecideRecorded(ctx context.Context, recorded []byte) (Answer, error) {
	term, f, err := parseInput(recorded)
	if err != nil {
		return Answer{}, err
	}
	return e.decide(ctx, e.current.Load(), term, &f), nil
}

func (e *Engine) decide(ctx context.Context, p *live, input *ast.Term, f *frame) Answer {
	answer, err := p.decide(ctx, input, f, e.budget(f.subjects))
	if err != nil {
		return e.fail(ctx, p, f.subjects, err)
	}
	return answer
}

func (p *live) decide(ctx context.Context, input *ast.Term, f *frame, budget time.Duration) (Answer, error) {
	term, err := evaluate(ctx, p.decision, input, budget)
	if topdown.IsCancel(err) {
		// Wall time passes for a machine that stalls, too. A policy that is really slow is slow again.
		term, err = evaluate(ctx, p.decision, input, budget)
	}
	if err != nil {
		return Answer{}, err
	}
	answer, err := decode(term, f)
	answer.Revision = p.revision
	return answer, err
}

// budget grows with the batch, because a sound policy needs some microseconds for each subject: 10,000 of them take
// longer than the whole time of a small request.
func (e *Engine) budget(subjects int) time.Duration {
	return e.timeout + e.timeout*time.Duration(subjects)/250
}

func (e *Engine) fail(ctx context.Context, p *live, subjects int, cause error) Answer {
	e.log.ErrorContext(ctx, "policy gave no usable answer", "revision", p.revision, "cause", cause)
	return refusal(p.revision, "the policy gave no usable answer, so the request is denied", subjects)
}

var (
	errUndefined = errors.New("the answer is undefined")
	errAmbiguous = errors.New("more than one answer")
	errPanic     = errors.New("the evaluation panicked")
)

// evaluate runs one prepared query on a document and gives its single answer as a term.
func evaluate(ctx context.Context, query rego.PreparedEvalQuery, input *ast.Term, budget time.Duration) (answer *ast.Term, err error) {
	defer func() {
		if r := recover(); r != nil {
			answer, err = nil, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(budget, cancel.Cancel)
	defer timer.Stop()
	results, err := query.Eval(ctx,
		rego.EvalParsedInput(input.Value),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalExternalCancel(cancel),
	)
	if err != nil {
		return nil, err
	}
	return single(results)
}

// single gives the one value of the one expression of the one result.
func single(results rego.ResultSet) (*ast.Term, error) {
	switch {
	case len(results) == 0:
		return nil, errUndefined
	case len(results) > 1 || len(results[0].Expressions) != 1:
		return nil, errAmbiguous
	}
	term, ok := results[0].Expressions[0].Value.(*ast.Term)
	if !ok || term == nil {
		return nil, errUndefined
	}
	return term, nil
}

// tiers are the roles that a principal's tier is chosen from, highest first.
var tiers = [...]string{"GLOBAL_ADMIN", "LICENSE_ADMIN", "CONTRACT_MANAGER", "AUDITOR", "ANALYST", "POLICY_AUTHOR", "PROVISIONER"}
