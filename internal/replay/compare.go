package replay

import (
	"context"
	"maps"
	"slices"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// Direction is what kind of difference it is.
type Direction string

// The directions, the most dangerous first. A request for several subjects, or for more than a pool has, is looser as soon as one of them
// gets what nobody got before.
const (
	Looser   Direction = "LOOSER"   // what was denied would be allowed
	Failing  Direction = "FAILED"   // the candidate has no usable answer, so it denies
	Stricter Direction = "STRICTER" // what was allowed would be denied
	Other    Direction = "OTHER"    // the same verdict, with other reasons, warnings, ceilings or priorities
)

// rank orders directions.
func (d Direction) rank() int { return slices.Index([]Direction{Looser, Failing, Stricter, Other}, d) }

// Rules of a difference that are neither a grant nor the code of a finding.
const (
	RuleCeiling  = "ceiling"  // how high pools may be filled
	RulePriority = "priority" // who is served first
	RuleGrants   = "grants"   // nothing grants any more, or something did and is not recorded
)

// Difference is how two policies answer one question otherwise.
type Difference struct {
	Direction Direction
	Rule      string // the grant, or the code of the finding, that makes the difference; or one of the Rule constants
	Grant     bool   // Rule is a grant
	Before    Outcome
	After     Outcome
}

// Outcome is an answer as far as two answers differ in it.
type Outcome struct {
	Allow      bool                  `json:"allow"`
	Grants     []string              `json:"grants,omitempty"`
	Violations []licensing.Violation `json:"violations,omitempty"`
	Warnings   []licensing.Violation `json:"warnings,omitempty"`
	Unenforced []licensing.Violation `json:"unenforced,omitempty"`
	// Subject is the first subject that is answered otherwise, by its place in the question; nil if there is none.
	Subject *SubjectOutcome `json:"subject,omitempty"`
}

// SubjectOutcome is an answer about one subject.
type SubjectOutcome struct {
	Index    int                   `json:"index"`
	Denials  []licensing.Violation `json:"denials,omitempty"`
	Errors   []licensing.Violation `json:"errors,omitempty"`
	Warnings []licensing.Violation `json:"warnings,omitempty"`
	Priority float64               `json:"priority,omitempty"`
}

// Compare tells how a candidate answers a question otherwise than it was answered; false, if it does not.
func Compare(q *policy.Question, live, candidate *policy.Answer) (Difference, bool) {
	return diff(q, &before{Answer: *live}, candidate)
}

// roleRequired is what a request is refused with, before anything is looked at, by whom the policy offers no such action.
var roleRequired = []licensing.Violation{{Code: licensing.RoleRequired, Message: "no role permits this"}}

// ask puts a question to a policy as the service does: what the policy offers the principal for nothing at all is refused outright.
// What the service does by itself is not offered to anybody.
func ask(ctx context.Context, p *policy.Policy, q *policy.Question) policy.Answer {
	answer := p.Answer(ctx, q)
	if !answer.Allow {
		return answer
	}
	who := q.Principal()
	if who.System {
		return answer
	}
	if view, err := p.Visibility(ctx, who); err != nil || !view.Actions[q.Action()] {
		answer.Allow, answer.Violations = false, roleRequired
	}
	return answer
}

// diff compares two answers. Sentences are not compared: to say the same in other words is no other answer.
func diff(q *policy.Question, was *before, after *policy.Answer) (Difference, bool) {
	d := Difference{Before: outcome(&was.Answer), After: outcome(after)}
	switch {
	case after.Failed() && !was.Failed():
		d.Direction, d.Rule = Failing, licensing.PolicyError
	case was.Allow != after.Allow:
		d.verdict(&was.Answer, after)
	case !after.Allow && !same(was.Violations, after.Violations):
		d.Direction, d.Rule = Other, firstNew(was.Violations, after.Violations)
	case !after.Allow || was.partial: // for the same reasons; or allowed, and no more is recorded of what the policy said
		return d, false
	case d.subjects(was.Subjects, after.Subjects):
	case d.ceilings(q, was.Ceilings, after.Ceilings):
	case !same(was.Warnings, after.Warnings):
		d.Direction, d.Rule = Other, firstNew(was.Warnings, after.Warnings)
	case !same(d.Before.Unenforced, d.After.Unenforced):
		d.Direction, d.Rule = Other, firstNew(d.Before.Unenforced, d.After.Unenforced)
	default:
		return d, false
	}
	return d, true
}

func outcome(a *policy.Answer) Outcome {
	return Outcome{Allow: a.Allow, Grants: a.Grants, Violations: a.Violations, Warnings: a.Warnings, Unenforced: a.Unenforced()}
}

// verdict says what turned a verdict on the whole request: a grant that came or went, or else a finding.
func (d *Difference) verdict(was, after *policy.Answer) {
	granted, refused := after, was
	d.Direction = Looser
	if was.Allow {
		d.Direction, granted, refused = Stricter, was, after
	}
	switch {
	case len(refused.Grants) == 0 && len(granted.Grants) > 0:
		d.Rule, d.Grant = granted.Grants[0], true
	case len(refused.Violations) > 0:
		d.Rule = refused.Violations[0].Code
	default:
		d.Rule = RuleGrants
	}
}

// subjects compares what is said of the subjects. One that is served now and was not before is what counts most, then one that is not
// served any more.
func (d *Difference) subjects(was, after []policy.SubjectAnswer) bool {
	if len(was) != len(after) {
		return false
	}
	for i := range was {
		direction, rule := subject(&was[i], &after[i])
		if direction == "" || d.Direction != "" && direction.rank() >= d.Direction.rank() {
			continue
		}
		d.Direction, d.Rule = direction, rule
		d.Before.Subject, d.After.Subject = subjectOutcome(i, &was[i]), subjectOutcome(i, &after[i])
	}
	return d.Direction != ""
}

func subject(was, after *policy.SubjectAnswer) (Direction, string) {
	served, serves := len(was.Denials)+len(was.Errors) == 0, len(after.Denials)+len(after.Errors) == 0
	switch {
	case serves && !served:
		return Looser, append(slices.Clone(was.Denials), was.Errors...)[0].Code
	case served && !serves:
		return Stricter, append(slices.Clone(after.Denials), after.Errors...)[0].Code
	case !same(was.Denials, after.Denials):
		return Other, firstNew(was.Denials, after.Denials)
	case !same(was.Errors, after.Errors):
		return Other, firstNew(was.Errors, after.Errors)
	case !same(was.Warnings, after.Warnings):
		return Other, firstNew(was.Warnings, after.Warnings)
	case was.Priority != after.Priority:
		return Other, RulePriority
	}
	return "", ""
}

func subjectOutcome(index int, s *policy.SubjectAnswer) *SubjectOutcome {
	return &SubjectOutcome{Index: index, Denials: s.Denials, Errors: s.Errors, Warnings: s.Warnings, Priority: s.Priority}
}

// ceilings compares how high pools may be filled, and whether that decides if what was asked for is to be had.
func (d *Difference) ceilings(q *policy.Question, was, after map[licensing.PoolKey]int64) bool {
	if maps.Equal(was, after) {
		return false
	}
	d.Direction, d.Rule = Other, RuleCeiling
	switch fitted, fits := q.Fits(was), q.Fits(after); {
	case fits && !fitted:
		d.Direction = Looser
	case fitted && !fits:
		d.Direction = Stricter
	}
	return true
}

// same tells whether two lists say the same, in whatever order.
func same(a, b []licensing.Violation) bool { return len(missing(a, b)) == 0 && len(missing(b, a)) == 0 }

// missing are those of a list that another has not.
func missing(from, in []licensing.Violation) []licensing.Violation {
	var list []licensing.Violation
	for i := range from {
		wanted := from[i].Claim()
		if !slices.ContainsFunc(in, func(v licensing.Violation) bool { return v.Claim() == wanted }) {
			list = append(list, from[i])
		}
	}
	return list
}

// firstNew is the code that makes two lists differ: of what is said now and was not, or else of what is not said any more.
func firstNew(was, after []licensing.Violation) string {
	if list := missing(after, was); len(list) > 0 {
		return list[0].Code
	}
	return missing(was, after)[0].Code
}
