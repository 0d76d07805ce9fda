package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Cost is how long a policy takes to answer one case.
type Cost struct {
	Case     string
	Subjects int
	P50, P99 time.Duration
}

// Costs times each case for about the given time, one after the other, as Decide would be timed. A case without a usable answer is an
// error.
func (p *Policy) Costs(ctx context.Context, cases []Case, each time.Duration) ([]Cost, error) {
	costs := make([]Cost, 0, len(cases))
	for _, c := range cases {
		var times []time.Duration
		for begin := time.Now(); len(times) < 20 || time.Since(begin) < each; {
			start := time.Now()
			answer := p.Decide(ctx, c.Input)
			times = append(times, time.Since(start))
			if answer.Failed() {
				return nil, fmt.Errorf("%s has no usable answer", c.Name)
			}
		}
		slices.Sort(times)
		costs = append(costs, Cost{c.Name, len(c.Input.Subjects), times[len(times)/2], times[len(times)*99/100]})
	}
	return costs, nil
}

// Hot is a rule by what it takes of the decisions that were profiled.
type Hot struct {
	Rule  string // its name, the condition of a `contains` included
	At    Problem
	Share float64 // of the time, from 0 to 1
	Evals float64 // expressions evaluated per decision
}

// Profile tells which rules the cases spend their time in, dearest first, those below one hundredth left out. Tracing costs far more
// than what it traces, so only the shares mean something.
func (p *Policy) Profile(ctx context.Context, cases []Case) ([]Hot, error) {
	const rounds = 20
	trace := profiler.New()
	for range rounds {
		for _, c := range cases {
			term, err := c.Input.term()
			if err != nil {
				return nil, err
			}
			if _, err := evaluate(ctx, p.decision, term, slack*p.budget(len(c.Input.Subjects)), rego.EvalQueryTracer(trace)); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	modules, _ := p.files.parse()
	hot := map[*ast.Rule]*Hot{}
	var total int64
	for name, file := range trace.ReportByFile().Files {
		module := modules[name]
		if module == nil {
			continue
		}
		for _, line := range file.Result {
			total += line.ExprTimeNs
			rule := ruleAt(module, line.Location.Row)
			if rule == nil {
				continue
			}
			if hot[rule] == nil {
				hot[rule] = &Hot{Rule: rule.Head.Ref().String(), At: problemAt(rule.Location, "")}
			}
			hot[rule].Share += float64(line.ExprTimeNs)
			hot[rule].Evals += float64(line.NumEval) / float64(rounds*len(cases))
		}
	}
	var list []Hot
	for _, h := range hot {
		if h.Share /= float64(max(total, 1)); h.Share >= 0.01 {
			list = append(list, *h)
		}
	}
	slices.SortFunc(list, func(a, b Hot) int { return cmp.Or(cmp.Compare(b.Share, a.Share), compareProblems(a.At, b.At)) })
	return list, nil
}

// ruleAt is the rule that the line belongs to: the last that begins at or before it.
func ruleAt(module *ast.Module, row int) *ast.Rule {
	var found *ast.Rule
	for _, rule := range module.Rules {
		if rule.Location.Row <= row && (found == nil || rule.Location.Row >= found.Location.Row) {
			found = rule
		}
	}
	return found
}
