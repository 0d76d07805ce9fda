package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// testTimeout bounds one test of a policy.
const testTimeout = 5 * time.Second

// runTests runs the policy's own tests, which are the files that end in _test.rego. The tracer may be nil.
func runTests(ctx context.Context, modules map[string]*ast.Module, document map[string]any, tracer topdown.QueryTracer) ([]*tester.Result, error) {
	store := inmem.NewFromObjectWithOpts(document, inmem.OptRoundTripOnWrite(false))
	var results []*tester.Result
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		compiler, err := newCompiler(ctx, store, txn)
		if err != nil {
			return err
		}
		runner := tester.NewRunner().
			SetCompiler(compiler).
			SetStore(store).
			SetModules(modules).
			SetDefaultRegoVersion(ast.RegoV1).
			RaiseBuiltinErrors(true).
			SetTimeout(testTimeout)
		if tracer != nil {
			runner = runner.SetCoverageQueryTracer(tracer)
		}
		finished, err := runner.RunTests(ctx, txn)
		if err != nil {
			return err
		}
		for result := range finished {
			results = append(results, result)
		}
		return nil
	})
	return results, err
}

// checkTests reports the tests that do not pass, where they stand.
func checkTests(ctx context.Context, modules map[string]*ast.Module, document map[string]any) []Problem {
	if len(modules) == len(withoutTests(modules)) {
		return nil
	}
	results, err := runTests(ctx, modules, document, nil)
	if err != nil {
		return problemsOf(err)
	}
	var problems []Problem
	for _, r := range results {
		if r.Pass() || r.Skip {
			continue
		}
		message := fmt.Sprintf("the test %s fails", r.Name)
		if r.Error != nil {
			message = fmt.Sprintf("%s: %v", message, r.Error)
		}
		problems = append(problems, problemAt(r.Location, message))
	}
	slices.SortFunc(problems, compareProblems)
	return problems
}

// slack is how many times the time of a decision the gate grants: it asks once, on a machine that may be busy starting, and a sound
// policy must not be refused for that.
const slack = 20

// checkHouse asks the policy what no sound policy may get wrong: a request that means nothing, by nobody, must be
// answered in the agreed shape and must not be granted.
func checkHouse(ctx context.Context, p *Policy) []Problem {
	budget := slack * p.limits.Timeout
	nobody := &Input{Action: "nothing"}
	term, err := nobody.term()
	if err != nil {
		return problemsOf(err)
	}
	answer, err := p.decide(ctx, term, &frame{}, budget)
	if err != nil {
		return []Problem{{Message: fmt.Sprintf("an unknown action by an unknown user has no usable answer: %v", err)}}
	}
	if answer.Allow {
		return []Problem{{Message: "an unknown action by an unknown user is granted"}}
	}
	if _, err := p.view(ctx, Principal{}, budget); err != nil {
		return []Problem{{Message: fmt.Sprintf("what an unknown user may see has no usable answer: %v", err)}}
	}
	return nil
}
