package export

import (
	"context"
	"strconv"

	"github.com/ringfence/ringfence/internal/query"
)

// poolKinds are who may use what: allotments, group licenses and seats.
var poolKinds = []*kind{
	{
		name: "allotments", about: "shares of licenses", input: "AllotmentWhere",
		columns: []string{
			"ringfence id", "vendor", "contract number", "product", "license", "allotment", "parent", "depth", "mode", "limit", "used", "reserved", "available",
			"over by", "state", "waiting", "errors", "starts at", "ends at", "created at",
		},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.AllotmentWhere) (*query.AllotmentConnection, error) {
				return j.reader.Allotments(ctx, p, w, nil)
			}, j.allotment)
		},
	},
	{
		name: "group-licenses", about: "what members of groups get, and whether there are units for all", input: "CapacityWhere",
		columns: []string{
			"ringfence id", "group", "vendor", "contract number", "product", "license", "allotment", "disabled plans", "include nested", "all or nothing", "when full",
			"active", "waiting", "errors", "pending", "unique members", "seats held", "seats available", "shortfall", "next units on", "next units", "suggestion",
			"suggested units", "created at",
		},
		write: func(ctx context.Context, j *job) error { return walk(ctx, j, j.reader.Capacity, j.groupLicense) },
	},
	{
		name: "seats", about: "who holds, awaits or fails to hold what",
		columns: []string{
			"ringfence id", "vendor", "contract number", "product", "license", "allotment", "user name", "user external id", "department", "cost center", "state",
			"since", "waiting since", "position", "priority", "violations", "disabled plans", "created at",
		},
		write: func(ctx context.Context, j *job) error { return walk(ctx, j, j.reader.Seats, j.seat) },
	},
}

func (j *job) allotment(ctx context.Context, a *query.Allotment) error {
	license, err := a.License(ctx)
	if err != nil {
		return err
	}
	what, err := articleOf(ctx, license)
	if err != nil {
		return err
	}
	parent, err := a.Parent(ctx)
	if err != nil {
		return err
	}
	state, err := a.State(ctx)
	if err != nil {
		return err
	}
	var above cell
	if parent != nil {
		above = named(parent.ID())
	}
	return j.row(named(a.ID()), word(what.vendor), word(what.contract), word(what.product), named(license.ID()), word(a.Name), above, number(int64(a.Depth)),
		plain(a.Mode), maybeNumber(a.Limit()), number(a.Used), number(a.Reserved), maybeNumber(a.Available()), number(a.OverBy()), plain(state),
		number(a.WaitingCount()), number(a.ErrorCount()), maybeInstant(a.StartsAt), maybeInstant(a.EndsAt), instant(a.CreatedAt))
}

// share names an allotment that may be seen; nothing if there is none.
func share(a *query.Allotment) cell {
	if a == nil {
		return cell{}
	}
	return named(a.ID())
}

func planNames(plans []*query.ServicePlan) cell {
	names := make([]string, len(plans))
	for i, plan := range plans {
		names[i] = plan.Name
	}
	return list(names)
}

func (j *job) groupLicense(ctx context.Context, g *query.GroupLicense) error {
	group, err := g.Group(ctx)
	if err != nil {
		return err
	}
	license, err := g.License(ctx)
	if err != nil {
		return err
	}
	what, err := articleOf(ctx, license)
	if err != nil {
		return err
	}
	allotment, err := g.Allotment(ctx)
	if err != nil {
		return err
	}
	plans, err := g.DisabledPlans(ctx)
	if err != nil {
		return err
	}
	summary, err := g.Summary(ctx)
	if err != nil {
		return err
	}
	capacity, err := g.Capacity(ctx)
	if err != nil {
		return err
	}
	return j.row(named(g.ID()), word(group.Name), word(what.vendor), word(what.contract), word(what.product), named(license.ID()), share(allotment), planNames(plans),
		boolean(g.IncludeNested), boolean(g.AllOrNothing), plain(g.WhenFull), number(summary.Active), number(summary.Waiting), number(summary.Errors),
		number(summary.Pending), number(capacity.UniqueMembers), number(capacity.SeatsHeld), maybeNumber(capacity.SeatsAvailable), number(capacity.Shortfall),
		maybePlain(capacity.NextUnitsOn), maybeNumber(capacity.NextUnits), plain(capacity.Suggestion), number(capacity.SuggestedUnits), instant(g.CreatedAt))
}

func (j *job) seat(ctx context.Context, s *query.Seat) error {
	license, err := s.License(ctx)
	if err != nil {
		return err
	}
	what, err := articleOf(ctx, license)
	if err != nil {
		return err
	}
	allotment, err := s.Allotment(ctx)
	if err != nil {
		return err
	}
	user, err := s.User(ctx)
	if err != nil {
		return err
	}
	queue, err := queueOf(ctx, s)
	if err != nil {
		return err
	}
	violations, err := s.Violations(ctx)
	if err != nil {
		return err
	}
	plans, err := s.DisabledPlans(ctx)
	if err != nil {
		return err
	}
	codes := make([]string, len(violations))
	for i, v := range violations {
		codes[i] = v.Code
	}
	return j.row(named(s.ID()), word(what.vendor), word(what.contract), word(what.product), named(license.ID()), share(allotment), maybe(user.UserName()),
		maybe(user.ExternalID()), maybe(user.Department()), maybe(user.CostCenter()), plain(s.State), instant(s.Since), queue.since, queue.position,
		queue.priority, list(codes), planNames(plans), instant(s.CreatedAt))
}

// place is where a seat stands in a queue; nothing for one that does not wait.
type place struct{ since, position, priority cell }

func queueOf(ctx context.Context, s *query.Seat) (at place, err error) {
	since, err := s.WaitingSince(ctx)
	if err != nil || since == nil {
		return at, err
	}
	position, err := s.Position(ctx)
	if err != nil {
		return at, err
	}
	priority, err := s.Priority(ctx)
	if err != nil {
		return at, err
	}
	at.since, at.position = instant(*since), maybeNumber(position)
	if priority != nil {
		at.priority = cell{strconv.FormatFloat(*priority, 'f', -1, 64), *priority}
	}
	return at, nil
}
