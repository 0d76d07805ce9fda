package query

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
)

// gate takes policies through the gate for readings: one at a time, because that is work, and other readers have the processors too. It
// remembers what it found about the policy that was asked about last.
type gate struct{ *gateState }

type gateState struct {
	turn  chan struct{}
	about string
	found *policy.Report
}

func newGate() gate { return gate{&gateState{turn: make(chan struct{}, 1)}} }

// enter waits for one's turn; the function it gives ends it.
func (g gate) enter(ctx context.Context) (func(), error) {
	select {
	case g.turn <- struct{}{}:
		return func() { <-g.turn }, nil
	case <-ctx.Done():
		return nil, fault.Wrap(ctx.Err(), fault.Unavailable, "other policies are being looked at; try again")
	}
}

// report tells of the tests and the coverage of a policy in use.
func (g gate) report(ctx context.Context, p *policy.Policy, limits policy.Limits) (*policy.Report, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if g.about == p.Revision() {
		return g.found, nil
	}
	_, report := policy.Check(ctx, p.Files(), limits, policy.Look{Coverage: true})
	if ctx.Err() != nil {
		return nil, fault.Wrap(ctx.Err(), fault.Unavailable, "the tests of the policy took too long; try again")
	}
	g.about, g.found = p.Revision(), report
	return report, nil
}

// PolicyTest is one of a policy's own tests, as the API shows it.
type PolicyTest struct {
	Name, File      string
	Row             *int
	Passed, Skipped bool
	Output          string
}

func showTests(tests []policy.Test) []*PolicyTest {
	shown := make([]*PolicyTest, len(tests))
	for i, test := range tests {
		shown[i] = &PolicyTest{Name: test.Name, File: test.At.File, Passed: test.Passed, Skipped: test.Skipped, Output: test.Output}
		if test.At.Row > 0 {
			shown[i].Row = &test.At.Row
		}
	}
	return shown
}

// PolicyCoverage is how much of a policy its own tests run, as the API shows it.
type PolicyCoverage struct {
	Percent float64
	Files   []*PolicyFileCoverage
}

// PolicyFileCoverage is the coverage of one file.
type PolicyFileCoverage struct {
	File    string
	Percent float64
	Missed  []*PolicyLines
}

// PolicyLines are some lines of a file, both ends included.
type PolicyLines struct{ From, To int }

func showCoverage(coverage *policy.Coverage) *PolicyCoverage {
	if coverage == nil {
		return nil
	}
	shown := &PolicyCoverage{Percent: coverage.Percent, Files: make([]*PolicyFileCoverage, len(coverage.Files))}
	for i, file := range coverage.Files {
		of := &PolicyFileCoverage{File: file.File, Percent: file.Percent, Missed: []*PolicyLines{}}
		for _, lines := range file.Missed {
			of.Missed = append(of.Missed, &PolicyLines{lines.From, lines.To})
		}
		shown.Files[i] = of
	}
	return shown
}

// PolicyValidation is what there is to know about a policy before it is published, as the API shows it.
type PolicyValidation struct {
	*operation.Validation
	session *session
}

// Bounds of the recorded decisions that are looked at.
const (
	replayedUnlessSaid = 20_000
	mostReplayed       = 1_000_000
)

// ValidatePolicy looks at a policy as publishing it would; POLICY_DENIED for those who may not publish. It changes nothing.
func (r *Reader) ValidatePolicy(ctx context.Context, files []*operation.PolicyFile, since, until *time.Time, last *int) (*PolicyValidation, error) {
	s := r.session(ctx)
	f, err := s.policySight(ctx)
	if err != nil {
		return nil, err
	}
	if !f.view.Actions[policy.ActionPublishPolicy] {
		return nil, fault.New(fault.PolicyDenied, "you may not publish policies")
	}
	if last != nil && (*last < 1 || *last > mostReplayed) {
		return nil, fault.Invalid("last", "this is a whole number from 1 to %d", mostReplayed)
	}
	if since != nil && until != nil && !until.After(*since) {
		return nil, fault.Invalid("until", "the end is not after the beginning")
	}
	window := operation.Window{Since: since, Until: until}
	switch {
	case last != nil:
		window.Last = int64(*last)
	case since == nil && until == nil:
		window.Last = replayedUnlessSaid
	}
	list := make([]operation.PolicyFile, len(files))
	for i, file := range files {
		list[i] = *file
	}
	text, err := operation.PolicyFiles(list)
	if err != nil {
		return nil, err
	}
	leave, err := s.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	candidate, err := (&operation.Validator{Store: r.store, Policy: r.policy}).Examine(ctx, text, &window)
	if err != nil {
		return nil, unavailable(err)
	}
	return &PolicyValidation{&candidate.Validation, s}, nil
}

// ShowPolicyValidation makes the view of a validation out of a mutation's answer.
func (r *Reader) ShowPolicyValidation(ctx context.Context, v *operation.Validation) *PolicyValidation {
	return &PolicyValidation{v, r.session(ctx)}
}

// Problems gives why it would be refused.
func (v *PolicyValidation) Problems() []*PolicyProblem { return showProblems(v.Validation.Problems) }

// Warnings gives what does not refuse it.
func (v *PolicyValidation) Warnings() []string { return nonNil(v.Validation.Warnings) }

// Tests gives its own tests.
func (v *PolicyValidation) Tests() []*PolicyTest { return showTests(v.Validation.Tests) }

// Coverage gives how much of it its tests run; nil if it does not compile.
func (v *PolicyValidation) Coverage() *PolicyCoverage { return showCoverage(v.Validation.Coverage) }

// ExpectedFlips gives what would change, in one word, for publishing it; nil if nobody looked.
func (v *PolicyValidation) ExpectedFlips() *string {
	if v.Validation.Flips == "" {
		return nil
	}
	return &v.Validation.Flips
}

// Flips gives what it would have answered otherwise; nil if nobody looked.
func (v *PolicyValidation) Flips() *PolicyFlips {
	report := v.Replay
	if report == nil {
		return nil
	}
	shown := &PolicyFlips{
		Examined: report.Examined, Looser: report.Looser, Stricter: report.Stricter, Failed: report.Failed, Otherwise: report.Other,
	}
	for _, g := range report.Groups[:min(len(report.Groups), mostGroups)] {
		shown.Groups = append(shown.Groups, &PolicyFlipGroup{
			Direction: string(g.Direction), Rule: g.Rule, Place: g.Place, Action: g.Action, Count: g.Count, example: g.Example.Decision, session: v.session,
		})
	}
	return shown
}

// mostGroups bounds the list of groups.
const mostGroups = 100

// PolicyFlips is what a policy would have answered otherwise to recorded decisions, as the API shows it.
type PolicyFlips struct {
	Examined, Looser, Stricter, Failed, Otherwise int64
	Groups                                        []*PolicyFlipGroup
}

// PolicyFlipGroup are recorded decisions that one rule would change, as the API shows them.
type PolicyFlipGroup struct {
	Direction, Rule, Place, Action string
	Count                          int64

	example int64 // the newest decision
	session *session
}

// Example gives the newest of them, if it may be seen.
func (g *PolicyFlipGroup) Example(ctx context.Context) (*Decision, error) {
	found, err := decisions.visibleByKey(ctx, g.session, []int64{g.example})
	return found[g.example], err
}
