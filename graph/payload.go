package graph

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/query"
)

// outcomes hands the results of a command to the reading side, which shows them.
func outcomes(results []*operation.SeatResult) []query.Outcome {
	out := make([]query.Outcome, len(results))
	for i, result := range results {
		out[i] = query.Outcome(*result)
	}
	return out
}

// summary is a command's summary as the API shows it; nil stays nil.
func summary(s *operation.SeatSummary) *query.SeatSummary {
	if s == nil {
		return nil
	}
	out := &query.SeatSummary{Active: s.Active, Waiting: s.Waiting, Errors: s.Errors, Pending: s.Pending}
	for _, skipped := range s.Skipped {
		out.Skipped = append(out.Skipped, query.SkippedMembers(skipped))
	}
	return out
}

// steps hands the plan of a command to the reading side, which shows its licenses.
func (r *Resolver) steps(ctx context.Context, plan []operation.OverageStep) ([]*query.OverageStep, error) {
	rows := make([]*ent.License, len(plan))
	for i, step := range plan {
		rows[i] = step.License
	}
	licenses, err := r.Reader.ShowLicenses(ctx, rows)
	if err != nil {
		return nil, err
	}
	out := make([]*query.OverageStep, len(plan))
	for i, step := range plan {
		out[i] = &query.OverageStep{
			License: licenses[i], OverageBefore: step.OverageBefore, OverageAfter: step.OverageAfter, Removed: step.Removed, LimitAfter: step.LimitAfter,
		}
	}
	return out, nil
}
