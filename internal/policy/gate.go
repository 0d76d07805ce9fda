package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Build takes files through the gate; see Check. The problems are empty exactly if the policy may answer.
func Build(ctx context.Context, files Files, limits Limits) (*Policy, []Problem) {
	p, report := Check(ctx, files, limits, Look{})
	return p, report.Problems
}

// running bounds how many gates work at a time. One that was given up cannot be stopped while it compiles, and a directory that is
// saved again and again must not start another each time.
var running = make(chan struct{}, 4)

// Check takes files through the gate: bounds of size and depth, parse, strict compile against the schema of the input, words that
// can never match, the shape of the answers, lists that can be translated, the house rules, and the policy's own tests. It tells everything it can find at once.
// The policy is nil if there are problems. Whatever the files say, Check comes back soon after the deadline.
func Check(ctx context.Context, files Files, limits Limits, look Look) (*Policy, *Report) {
	if look.Deadline <= 0 {
		look.Deadline = DefaultGate
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, look.Deadline)
	defer cancel()
	late := func() (*Policy, *Report) {
		message := fmt.Sprintf("the policy and its tests take longer than %v to check", look.Deadline)
		if parent.Err() != nil {
			message = "the check was given up"
		}
		return nil, &Report{Revision: files.Revision(), Problems: []Problem{{Message: message}}}
	}
	select {
	case running <- struct{}{}:
	case <-ctx.Done():
		return late()
	}
	type outcome struct {
		policy *Policy
		report *Report
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-running }()
		g := &gate{files: files, limits: limits.orDefault(), look: look, report: &Report{Revision: files.Revision()}}
		done <- outcome{g.pass(ctx), g.report}
	}()
	select {
	case o := <-done:
		return o.policy, o.report
	case <-ctx.Done():
	}
	select { // what was stopped in time still tells which test it was
	case o := <-done:
		return o.policy, o.report
	case <-time.After(graceAfterDeadline):
		return late()
	}
}

// graceAfterDeadline is how long the gate is waited for once it has been told to stop.
const graceAfterDeadline = 500 * time.Millisecond

// gate is one passage of one policy.
type gate struct {
	files    Files
	limits   Limits
	look     Look
	document map[string]any
	modules  map[string]*ast.Module
	compiler *ast.Compiler // of the policy without its tests; nil until it compiled

	mu     sync.Mutex // of the report, while stages run side by side
	report *Report
}

// stage runs one step and notes how long it took; a panic of the compiler is a problem of the policy.
func (g *gate) stage(name string, run func() []Problem) {
	start := time.Now()
	g.mu.Lock()
	index := len(g.report.Took)
	g.report.Took = append(g.report.Took, Stage{Name: name})
	g.mu.Unlock()
	problems := guarded(name, run)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.report.Took[index].Took = time.Since(start)
	g.report.Problems = append(g.report.Problems, problems...)
}

func guarded(name string, run func() []Problem) (problems []Problem) {
	defer func() {
		if r := recover(); r != nil {
			problems = []Problem{{Message: fmt.Sprintf("the policy cannot be checked: %s: %v", name, r)}}
		}
	}()
	return run()
}

// refused tells whether there is a problem so far, and puts the problems in order.
func (g *gate) refused() bool {
	slices.SortFunc(g.report.Problems, compareProblems)
	g.report.Problems = slices.Compact(g.report.Problems)
	return len(g.report.Problems) > 0
}

// pass goes through the stages. Each waits for what it needs and no longer, so that an author sees as much as can be seen.
func (g *gate) pass(ctx context.Context) *Policy {
	g.stage("bounds", g.files.checkBounds)
	if g.refused() {
		return nil
	}
	g.stage("parse", g.parse)
	if g.refused() {
		return nil
	}
	if g.look.Format {
		g.stage("format", g.files.checkFormat)
	}
	p := &Policy{files: g.files, revision: g.report.Revision, limits: g.limits}
	g.stage("vocabulary", g.checkVocabulary)
	g.stage("settings", func() []Problem { return p.readSettings(g.document) })
	var beside sync.WaitGroup
	beside.Go(func() { g.stage("tests", func() []Problem { return g.runTests(ctx) }) })
	g.stage("compile", func() []Problem { return g.compile(ctx, p) })
	if g.compiler != nil {
		beside.Go(func() { g.stage("lists", func() []Problem { return checkLists(ctx, p, g.compiler) }) })
		beside.Go(func() { g.stage("house rules", func() []Problem { return checkHouse(ctx, p, g.document, g.compiler) }) })
	}
	beside.Wait()
	if g.refused() {
		return nil
	}
	return p
}

func (g *gate) parse() []Problem {
	var problems, more []Problem
	g.document, problems = g.files.document()
	g.modules, more = g.files.parse()
	return append(problems, more...)
}

func (g *gate) checkVocabulary() []Problem {
	vocabulary, err := newVocabulary(inputSchema, g.document)
	if err != nil {
		return problemsOf(err)
	}
	return vocabulary.check(g.modules)
}

// compile makes the policy's queries. What it knows of the types of their answers must be what decode will accept.
func (g *gate) compile(ctx context.Context, p *Policy) []Problem {
	store := inmem.NewFromObjectWithOpts(g.document, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	compiler, err := compile(ctx, withoutTests(g.modules), store)
	if err != nil {
		return problemsOf(err)
	}
	if problems := append(checkShape(compiler), checkListRules(compiler)...); len(problems) > 0 {
		return problems
	}
	if p.decision, err = prepare(ctx, decisionQuery, compiler, store); err != nil {
		return problemsOf(err)
	}
	if p.reads, err = prepare(ctx, readQuery, compiler, store); err != nil {
		return problemsOf(err)
	}
	if p.lists, p.rows, err = prepareLists(ctx, compiler, store); err != nil {
		return problemsOf(err)
	}
	g.compiler = compiler
	return nil
}
