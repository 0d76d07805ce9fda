package query

import (
	"context"
	"strings"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/replay"
)

// replayWithin is how long a replay may take over the API, so that its answer is there before the request's time is over.
const replayWithin = 7 * time.Second

// Replay is what a candidate would have answered otherwise, as the API shows it.
type Replay struct {
	*replay.Report
	session *session
}

// ReplayGroup are the decisions that one rule would change in one action, as the API shows them.
type ReplayGroup struct {
	Direction, Rule, Place, Action string
	Count                          int64
	Example                        *ReplayExample
}

// ReplayExample is one decision that would change, as the API shows it.
type ReplayExample struct {
	At            time.Time
	Principal     string
	Action        string
	Before, After *PolicyOutcome

	decision int64
	session  *session
}

// ReplayPolicy puts recorded decisions to a candidate, given as files or as a revision that is kept. POLICY_DENIED for those who may not
// see the policy and all decisions. It changes nothing.
func (r *Reader) ReplayPolicy(ctx context.Context, files []*operation.PolicyFile, revision *string, since, until *time.Time, last *int) (*Replay, error) {
	s := r.session(ctx)
	f, err := s.policySight(ctx)
	if err != nil {
		return nil, err
	}
	if !f.view.All(kindDecision) {
		return nil, fault.New(fault.PolicyDenied, "you may not see all decisions")
	}
	c := replay.Config{Store: r.store, Known: []*policy.Policy{s.policy}, Since: since, Until: until, Within: replayWithin}
	if err := period(&c, last); err != nil {
		return nil, err
	}
	text, err := r.candidate(ctx, files, revision)
	if err != nil {
		return nil, err
	}
	leave, err := s.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if c.Candidate, err = r.sound(ctx, text); err != nil {
		return nil, err
	}
	report, err := replay.Run(ctx, c)
	if err != nil {
		return nil, unavailable(err)
	}
	return &Replay{report, s}, nil
}

func period(c *replay.Config, last *int) error {
	if last != nil && (*last < 1 || *last > mostReplayed) {
		return fault.Invalid("last", "this is a whole number from 1 to %d", mostReplayed)
	}
	if c.Since != nil && c.Until != nil && !c.Until.After(*c.Since) {
		return fault.Invalid("until", "the end is not after the beginning")
	}
	switch {
	case last != nil:
		c.Last = int64(*last)
	case c.Since == nil && c.Until == nil:
		c.Last = replayedUnlessSaid
	}
	return nil
}

// candidate gives the text of the policy that is meant.
func (r *Reader) candidate(ctx context.Context, files []*operation.PolicyFile, revision *string) (policy.Files, error) {
	if (files == nil) == (revision == nil) {
		return nil, fault.Invalid("files", "give either files or a revision")
	}
	if revision != nil {
		text, err := replay.Files(ctx, r.store, *revision)
		if err == nil && text == nil {
			err = fault.Missing("revision", "revision that is kept")
		}
		return text, unavailable(err)
	}
	list := make([]operation.PolicyFile, len(files))
	for i, file := range files {
		list[i] = *file
	}
	return operation.PolicyFiles(list)
}

// sound takes a policy through the gate; INVALID_INPUT tells its first problems.
func (r *Reader) sound(ctx context.Context, files policy.Files) (*policy.Policy, error) {
	p, problems := policy.Build(ctx, files, r.policy.Limits())
	if ctx.Err() != nil {
		return nil, unavailable(ctx.Err())
	}
	if len(problems) == 0 {
		return p, nil
	}
	lines := make([]string, 0, 3)
	for _, problem := range problems[:min(len(problems), cap(lines))] {
		lines = append(lines, strings.TrimPrefix(problem.String(), ": "))
	}
	return nil, fault.Invalid("files", "the policy is refused: %s", strings.Join(lines, "; "))
}

// Otherwise gives how many have the same verdict with other reasons.
func (r *Replay) Otherwise() int64 { return r.Other }

// From gives the time of the oldest decision that was examined, nil if none was.
func (r *Replay) From() *time.Time { return when(r.Report.From) }

// To gives the time of the newest.
func (r *Replay) To() *time.Time { return when(r.Report.To) }

func when(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// Groups gives the differences by what makes them.
func (r *Replay) Groups(ctx context.Context) ([]*ReplayGroup, error) {
	f, err := r.session.glance(ctx)
	if err != nil {
		return nil, err
	}
	groups := r.Report.Groups[:min(len(r.Report.Groups), mostGroups)]
	outcomes := make([]replay.Outcome, 0, 2*len(groups))
	for _, g := range groups {
		outcomes = append(outcomes, g.Example.Before, g.Example.After)
	}
	views, err := showOutcomes(ctx, r.session, outcomes)
	if err != nil {
		return nil, err
	}
	shown := make([]*ReplayGroup, len(groups))
	for i, g := range groups {
		shown[i] = &ReplayGroup{
			Direction: string(g.Direction), Rule: g.Rule, Place: g.Place, Action: g.Action, Count: g.Count,
			Example: &ReplayExample{
				At: g.Example.At, Principal: f.nameOf(g.Example.Principal), Action: g.Example.Action, Before: views[2*i], After: views[2*i+1],
				decision: g.Example.Decision, session: r.session,
			},
		}
	}
	return shown, nil
}

// nameOf gives the name of who asked, empty if it is masked.
func (f *facts) nameOf(name string) string {
	if f.view.Masks(kindDecision, "principal") {
		return ""
	}
	return name
}

// Decision gives the decision as it is recorded, if it may be seen.
func (e *ReplayExample) Decision(ctx context.Context) (*Decision, error) {
	found, err := decisions.visibleByKey(ctx, e.session, []int64{e.decision})
	return found[e.decision], err
}
