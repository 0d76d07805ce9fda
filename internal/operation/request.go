package operation

import (
	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Request is the part every command has.
type Request struct {
	// DryRun answers with the same payload and changes nothing; only the decision is recorded.
	DryRun *bool
	// IdempotencyKey makes a retry by the same principal return the first answer. At most 200 characters.
	IdempotencyKey *string
}

func (r *Request) request() *Request { return r }

func (r *Request) dry() bool { return r.DryRun != nil && *r.DryRun }

// Reply is the part every payload has.
type Reply struct {
	Decision *ent.Decision
	DryRun   bool
}

func (r *Reply) reply() *Reply { return r }

// SeatResult is what became of one user of a request: a seat, or the violations that stood against it.
type SeatResult struct {
	User       *ent.User
	Seat       *ent.Seat
	Violations []licensing.Violation
}

// SeatSummary counts what became of the members of a group. Pending is not 0 while members are still worked through in the
// background; Skipped are members that get no seat at all, by violation code.
type SeatSummary struct {
	Active  int64
	Waiting int64
	Errors  int64
	Pending int64
	Skipped []SkippedMembers
}

// SkippedMembers counts members that a group license does not serve, for one reason.
type SkippedMembers struct {
	Code  string
	Count int64
}

// ScopeInput is whom an allotment may serve: users in any of the groups, departments or countries. Empty is everyone.
type ScopeInput struct {
	GroupIDs    []id.ID
	Departments []string
	Countries   []string
}
