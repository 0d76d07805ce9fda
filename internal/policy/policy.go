package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/ringfence/ringfence/internal/licensing"
)

// Limits bound what a policy may take to answer.
type Limits struct {
	Timeout time.Duration // of one evaluation; each subject adds a 250th of it; 0: DefaultTimeout
	Logger  *slog.Logger  // where the cause of an unusable answer is told; nil: slog.Default()
}

func (l Limits) orDefault() Limits {
	if l.Timeout <= 0 {
		l.Timeout = DefaultTimeout
	}
	if l.Logger == nil {
		l.Logger = slog.Default()
	}
	return l
}

// Policy is a policy that passed the gate: all a decision needs, immutable, swapped as a whole. Whoever asks several questions that
// belong together asks one Policy, so that no answer is of a mix. It is safe for concurrent use.
type Policy struct {
	files    Files
	revision string
	limits   Limits
	decision prepared
	reads    prepared
	lists    map[string]rego.PreparedPartialQuery // by type
	rows     map[string]prepared                  // likewise, row by row
	views    views
	plans    map[string]bool
	groups   []string
	terms    licensing.Terms
	guests   bool
}

// Revision is the content hash of the policy.
func (p *Policy) Revision() string { return p.revision }

// Files is the text the policy was made of. It must not be changed.
func (p *Policy) Files() Files { return p.files }

// RelevantPlans are the service plans that the settings of the policy name, as exclusive or as depending on others.
// License.Plans and Subject.HeldPlans need to carry no others. The map must not be changed.
func (p *Policy) RelevantPlans() map[string]bool { return p.plans }

// RelevantGroups are the names of the groups that the policy wants to know the members of, in order. Subject.MemberOf needs to carry no
// others. The list must not be changed.
func (p *Policy) RelevantGroups() []string { return p.groups }

// Decide answers one request. It never fails: an evaluation that is undefined, ambiguous, of the wrong shape, too slow or
// in error is a refusal with the one violation POLICY_ERROR, whose cause is logged.
func (p *Policy) Decide(ctx context.Context, in *Input) Answer {
	return p.DecideToRecord(ctx, in).Answer
}

// DecideToRecord is Decide for a caller who records what was asked.
func (p *Policy) DecideToRecord(ctx context.Context, in *Input) *Recordable {
	if len(in.Subjects) > maxSubjects {
		return &Recordable{Answer: p.fail(ctx, 0, fmt.Errorf("%d subjects, at most %d", len(in.Subjects), maxSubjects))}
	}
	term, err := in.term()
	if err != nil {
		return &Recordable{Answer: p.fail(ctx, len(in.Subjects), fmt.Errorf("args: %w", err))}
	}
	f := in.frame()
	return &Recordable{Answer: p.answer(ctx, term, &f), asked: term}
}

// DecideRecorded answers a recorded input again. The error tells that the record is not an
// input; the answer of the policy is never an error.
func (p *Policy) DecideRecorded(ctx context.Context, recorded []byte) (Answer, error) {
	term, f, err := parseInput(recorded)
	if err != nil {
		return Answer{}, err
	}
	return p.answer(ctx, term, &f), nil
}

func (p *Policy) answer(ctx context.Context, input *ast.Term, f *frame) Answer {
	answer, err := p.decide(ctx, input, f, p.budget(f.subjects))
	if err != nil {
		return p.fail(ctx, f.subjects, err)
	}
	return answer
}

func (p *Policy) decide(ctx context.Context, input *ast.Term, f *frame, budget time.Duration) (Answer, error) {
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
func (p *Policy) budget(subjects int) time.Duration {
	return p.limits.Timeout + p.limits.Timeout*time.Duration(subjects)/250
}

func (p *Policy) fail(ctx context.Context, subjects int, cause error) Answer {
	p.limits.Logger.ErrorContext(ctx, "policy gave no usable answer", "revision", p.revision, "cause", cause)
	return refusal(p.revision, "the policy gave no usable answer, so the request is denied", subjects)
}

var (
	errUndefined = errors.New("the answer is undefined")
	errAmbiguous = errors.New("more than one answer")
	errPanic     = errors.New("the evaluation panicked")
)

// evaluate runs one prepared query on a document and gives its single answer as a term.
func evaluate(ctx context.Context, query prepared, input *ast.Term, budget time.Duration, more ...rego.EvalOption) (answer *ast.Term, err error) {
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
	results, err := query.Eval(ctx, append(more,
		rego.EvalParsedInput(input.Value),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalExternalCancel(cancel),
	)...)
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
