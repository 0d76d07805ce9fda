package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// runTests runs the policy's own tests, which are in the files that end in _test.rego, and reports those that do not pass, where
// they stand. Two run at a time, so that decisions have the other processors.
func (g *gate) runTests(ctx context.Context) []Problem {
	if len(g.modules) == len(withoutTests(g.modules)) && !g.look.Coverage {
		return nil
	}
	var coverage *cover.Cover
	if g.look.Coverage {
		coverage = cover.New()
	}
	results, err := runTests(ctx, g.modules, g.document, g.look, coverage)
	if err != nil {
		return problemsOf(err)
	}
	var problems []Problem
	var tests []Test
	for _, r := range results {
		tests = append(tests, testOf(r))
		if r.Pass() || r.Skip {
			continue
		}
		message := fmt.Sprintf("the test %s fails", r.Name)
		switch {
		case topdown.IsCancel(r.Error):
			message = fmt.Sprintf("the test %s takes too long", r.Name)
		case r.Error != nil:
			message = fmt.Sprintf("the test %s has no answer: %v", r.Name, r.Error)
		}
		problems = append(problems, problemAt(r.Location, message))
	}
	slices.SortFunc(tests, func(a, b Test) int { return cmp.Or(cmp.Compare(a.Name, b.Name), compareProblems(a.At, b.At)) })
	if ctx.Err() != nil {
		problems = append(problems, Problem{Message: fmt.Sprintf("the tests take longer than the %v a policy has to pass", g.look.Deadline)})
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.report.Tests = tests
	if coverage != nil {
		g.report.Coverage = coverageOf(coverage.Report(withoutTests(g.modules)))
	}
	return problems
}

// runTests runs the tests of the modules whose full name matches; the coverage may be nil. One test may take half the time of the gate.
func runTests(ctx context.Context, modules map[string]*ast.Module, document map[string]any, look Look, coverage *cover.Cover) ([]*tester.Result, error) {
	store := inmem.NewFromObjectWithOpts(document, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	var results []*tester.Result
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		compiler, err := newCompiler(ctx, store, txn)
		if err != nil {
			return err
		}
		runner := tester.NewRunner().
			SetCompiler(compiler.WithEnablePrintStatements(true)).
			SetStore(store).
			SetModules(modules).
			SetDefaultRegoVersion(ast.RegoV1).
			RaiseBuiltinErrors(true).
			SetParallel(2).
			SetTimeout(look.Deadline / 2).
			Filter(look.Run)
		if coverage != nil {
			// One pass is enough: the other two only tell why a line was not run.
			runner = runner.SetCoverageQueryTracer(coverage).SetCoverageRuns(nil)
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

func testOf(r *tester.Result) Test {
	return Test{
		Name: r.Package + "." + r.Name, At: problemAt(r.Location, ""), Passed: r.Pass(), Skipped: r.Skip, Took: r.Duration,
		Output: strings.TrimRight(string(r.Output), "\n"),
	}
}

func coverageOf(report cover.Report) *Coverage {
	c := &Coverage{}
	covered, missed := 0, 0
	for name, file := range report.Files {
		if strings.HasSuffix(name, testSuffix) || name == "" {
			continue
		}
		covered, missed = covered+file.CoveredLines, missed+file.NotCoveredLines
		of := FileCoverage{File: name, Percent: file.Coverage}
		for _, lines := range file.NotCovered {
			of.Missed = addRange(of.Missed, Range{lines.Start.Row, lines.End.Row})
		}
		c.Files = append(c.Files, of)
	}
	if covered+missed > 0 {
		c.Percent = 100 * float64(covered) / float64(covered+missed)
	}
	slices.SortFunc(c.Files, func(a, b FileCoverage) int { return cmp.Compare(a.File, b.File) })
	return c
}

// addRange adds lines that come after those before, or touch the last of them.
func addRange(ranges []Range, r Range) []Range {
	if n := len(ranges); n > 0 && r.From <= ranges[n-1].To+1 {
		ranges[n-1].To = max(ranges[n-1].To, r.To)
		return ranges
	}
	return append(ranges, r)
}
