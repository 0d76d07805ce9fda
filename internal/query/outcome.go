package query

import (
	"context"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/replay"
)

// PolicyOutcome is one of two answers that differ, as the API shows it.
type PolicyOutcome struct {
	Allow      bool
	Grants     []string
	Violations []*Violation
	Warnings   []*Violation
	Unenforced []*UnenforcedFinding
	Subject    *PolicySubjectOutcome
}

// PolicySubjectOutcome is what an answer says about one subject, as the API shows it.
type PolicySubjectOutcome struct {
	Index    int
	Denials  []*Violation
	Errors   []*Violation
	Warnings []*Violation
	Priority float64
}

// UnenforcedFinding is a finding that is only tried, as the API shows it.
type UnenforcedFinding struct {
	Finding  *Violation
	Subjects int64
}

// said is a part of an outcome, by the outcome's place in a list.
type said struct {
	outcome int
	part    string
}

// showOutcomes makes views of outcomes, whose violations are one family: what is nested in them is read for all at once.
func showOutcomes(ctx context.Context, s *session, list []replay.Outcome) ([]*PolicyOutcome, error) {
	told := map[said][]licensing.Violation{}
	for i := range list {
		o := &list[i]
		told[said{i, "violations"}], told[said{i, "warnings"}], told[said{i, "unenforced"}] = o.Violations, o.Warnings, o.Unenforced
		if o.Subject != nil {
			told[said{i, "denials"}], told[said{i, "errors"}], told[said{i, "cautions"}] = o.Subject.Denials, o.Subject.Errors, o.Subject.Warnings
		}
	}
	views, err := explain(ctx, s, told)
	if err != nil {
		return nil, err
	}
	shown := make([]*PolicyOutcome, len(list))
	for i := range list {
		o := &list[i]
		shown[i] = &PolicyOutcome{
			Allow: o.Allow, Grants: nonNil(o.Grants), Violations: nonNil(views[said{i, "violations"}]), Warnings: nonNil(views[said{i, "warnings"}]),
			Unenforced: unenforced(views[said{i, "unenforced"}]),
		}
		if o.Subject != nil {
			shown[i].Subject = &PolicySubjectOutcome{
				Index: o.Subject.Index, Priority: o.Subject.Priority, Denials: nonNil(views[said{i, "denials"}]),
				Errors: nonNil(views[said{i, "errors"}]), Warnings: nonNil(views[said{i, "cautions"}]),
			}
		}
	}
	return shown, nil
}

// unenforced gives those of some findings that are only tried.
func unenforced(list []*Violation) []*UnenforcedFinding {
	found := []*UnenforcedFinding{}
	for _, v := range list {
		if v.Effect == licensing.EffectDryRun {
			found = append(found, &UnenforcedFinding{Finding: v, Subjects: v.Subjects})
		}
	}
	return found
}

// enforced gives those that are told to the caller.
func enforced(list []*Violation) []*Violation {
	found := []*Violation{}
	for _, v := range list {
		if v.Effect != licensing.EffectDryRun {
			found = append(found, v)
		}
	}
	return found
}
