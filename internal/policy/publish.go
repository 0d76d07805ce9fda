package policy

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Limits are those of the policies that the engine builds.
func (e *Engine) Limits() Limits { return e.limits }

// ReadOnly tells whether the policy belongs to whoever deploys the service, as a directory or a bundle, so that nothing is published
// over it.
func (e *Engine) ReadOnly() bool {
	kind := e.Kind()
	return kind == SourceDirectory || kind == SourceBundle
}

// Adopt takes a published policy into use that has passed the gate already.
func (e *Engine) Adopt(ctx context.Context, p *Policy) {
	e.reload.Lock()
	defer e.reload.Unlock()
	since := e.now()
	if last := e.current.Load(); last.revision == p.revision {
		since = last.loadedAt
	}
	e.current.Store(&inUse{p, SourcePublished, since})
	e.setProblems(nil)
	e.log.InfoContext(ctx, "policy in use", "revision", p.revision, "source", SourcePublished)
}

// Blame notes why what should answer does not, for Problems to tell.
func (e *Engine) Blame(problems []Problem) { e.setProblems(problems) }

// The actions by which a policy is replaced over the API.
const (
	ActionPublishPolicy  = "publishPolicy"
	ActionRollbackPolicy = "rollbackPolicy"
)

// LocksOut tells why a policy, once published, could not be replaced again over the API: a global administrator must be allowed to publish
// and to go back. A policy that is not published but deployed may leave both out.
func (p *Policy) LocksOut(ctx context.Context) []Problem {
	admin := Principal{Name: "a global administrator", Roles: []string{tiers[0]}}
	view, err := p.Visibility(ctx, admin)
	var problems []Problem
	for _, action := range []string{ActionPublishPolicy, ActionRollbackPolicy} {
		answer := p.Decide(ctx, &Input{Now: time.Unix(0, 0), Action: action, Principal: admin})
		if err != nil || !answer.Allow || !view.Actions[action] || !view.All("policy") {
			problems = append(problems, Problem{Message: fmt.Sprintf("nobody could replace this policy: it must let the role %s do %s, list it among the actions, and see the policy",
				tiers[0], action)})
		}
	}
	return problems
}

// How a decision's time is measured and compared. It is a warning, so that a machine that is busy refuses nothing.
const (
	dearerRounds = 15
	dearerTimes  = 3
)

// Dearer tells if the typical requests take several times as long as by another policy, measured side by side; empty if they do not.
func (p *Policy) Dearer(ctx context.Context, than *Policy) string {
	mine, theirs := time.Duration(0), time.Duration(0)
	for _, c := range Typical() {
		a, b := make([]time.Duration, dearerRounds), make([]time.Duration, dearerRounds)
		for i := range dearerRounds {
			a[i], b[i] = p.timed(ctx, c.Input), than.timed(ctx, c.Input)
		}
		slices.Sort(a)
		slices.Sort(b)
		mine, theirs = mine+a[dearerRounds/2], theirs+b[dearerRounds/2]
	}
	if mine < dearerTimes*theirs {
		return ""
	}
	return fmt.Sprintf("decisions take %.1f times as long as by the policy that answers now", float64(mine)/float64(theirs))
}

func (p *Policy) timed(ctx context.Context, in *Input) time.Duration {
	began := time.Now()
	p.Decide(ctx, in)
	return time.Since(began)
}
