package graph

import (
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
