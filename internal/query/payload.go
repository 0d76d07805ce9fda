package query

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/licensing"
)

// What a mutation answers with is shown to whoever was allowed to do it, without asking again whether it may be seen, because
// the rows of a dry run are in no table; masks hold, and everything nested is read like everything else. A nil row stays nil.

// ShowVendor makes the view of a vendor out of a mutation's answer.
func (r *Reader) ShowVendor(ctx context.Context, row *ent.Vendor) (*Vendor, error) {
	return showOne(ctx, r.session(ctx), vendors, row)
}

// ShowProduct makes the view of a product out of a mutation's answer.
func (r *Reader) ShowProduct(ctx context.Context, row *ent.Product) (*Product, error) {
	return showOne(ctx, r.session(ctx), products, row)
}

// ShowContract makes the view of a contract out of a mutation's answer.
func (r *Reader) ShowContract(ctx context.Context, row *ent.Contract) (*Contract, error) {
	return showOne(ctx, r.session(ctx), contracts, row)
}

// ShowLicense makes the view of a license out of a mutation's answer.
func (r *Reader) ShowLicense(ctx context.Context, row *ent.License) (*License, error) {
	return showOne(ctx, r.session(ctx), licenses, row)
}

// ShowAllotment makes the view of an allotment out of a mutation's answer.
func (r *Reader) ShowAllotment(ctx context.Context, row *ent.Allotment) (*Allotment, error) {
	return showOne(ctx, r.session(ctx), allotments, row)
}

// ShowAllocation makes the view of an allocation out of a mutation's answer.
func (r *Reader) ShowAllocation(ctx context.Context, row *ent.Allocation) (*Allocation, error) {
	return showOne(ctx, r.session(ctx), allocations, row)
}

// ShowDeployments makes the views of deployments out of a mutation's answer.
func (r *Reader) ShowDeployments(ctx context.Context, rows []*ent.Deployment) ([]*Deployment, error) {
	return deployments.show(ctx, r.session(ctx), rows)
}

// ShowGroup makes the view of a group out of a mutation's answer.
func (r *Reader) ShowGroup(ctx context.Context, row *ent.Group) (*Group, error) {
	return showOne(ctx, r.session(ctx), groups, row)
}

// ShowGroupLicense makes the view of a group license out of a mutation's answer.
func (r *Reader) ShowGroupLicense(ctx context.Context, row *ent.GroupLicense) (*GroupLicense, error) {
	return showOne(ctx, r.session(ctx), groupLicenses, row)
}

// ShowDecision makes the view of a decision out of a mutation's answer.
func (r *Reader) ShowDecision(ctx context.Context, row *ent.Decision) (*Decision, error) {
	return showOne(ctx, r.session(ctx), decisions, row)
}

// ShowUsers makes the views of users out of a mutation's answer.
func (r *Reader) ShowUsers(ctx context.Context, rows []*ent.User) ([]*User, error) {
	return users.show(ctx, r.session(ctx), rows)
}

// ShowGroups makes the views of groups out of a mutation's answer.
func (r *Reader) ShowGroups(ctx context.Context, rows []*ent.Group) ([]*Group, error) {
	return groups.show(ctx, r.session(ctx), rows)
}

// SeatResult is what became of one user of a request, as the API shows it.
type SeatResult struct {
	User       *User
	Seat       *Seat
	Violations []*Violation
}

// Outcome is what became of one user of a request, out of a mutation's answer.
type Outcome struct {
	User       *ent.User
	Seat       *ent.Seat
	Violations []licensing.Violation
}

// ShowResults makes the views of outcomes, all users and all seats together.
func (r *Reader) ShowResults(ctx context.Context, outcomes []Outcome) ([]*SeatResult, error) {
	s := r.session(ctx)
	people, err := s.knownPeople(ctx, outcomes)
	if err != nil {
		return nil, err
	}
	var held []*ent.Seat
	told := map[int][]licensing.Violation{}
	for i, outcome := range outcomes {
		if outcome.Seat != nil {
			held = append(held, outcome.Seat)
		}
		told[i] = outcome.Violations
	}
	shownUsers, err := users.show(ctx, s, people)
	if err != nil {
		return nil, err
	}
	shownSeats, err := seats.show(ctx, s, held)
	if err != nil {
		return nil, err
	}
	violations, err := explain(ctx, s, told)
	if err != nil {
		return nil, err
	}
	out := make([]*SeatResult, len(outcomes))
	for i, outcome := range outcomes {
		out[i] = &SeatResult{User: shownUsers[i], Violations: violations[i]}
		if outcome.Seat != nil {
			out[i].Seat, shownSeats = shownSeats[0], shownSeats[1:]
		}
	}
	return out, nil
}

// knownPeople gives the users of outcomes. Of who may not be seen, nothing is left but the id that was asked about, as of who is
// not there. Who got a seat is seen with it.
func (s *session) knownPeople(ctx context.Context, outcomes []Outcome) ([]*ent.User, error) {
	f, err := s.glance(ctx)
	if err != nil {
		return nil, err
	}
	people := make([]*ent.User, len(outcomes))
	var doubtful []int64
	for i, outcome := range outcomes {
		people[i] = outcome.User
		if outcome.Seat == nil {
			doubtful = append(doubtful, outcome.User.ID)
		}
	}
	if f.view.All(kindUser) || len(doubtful) == 0 {
		return people, nil
	}
	seen, err := users.visibleByKey(ctx, s, doubtful)
	if err != nil {
		return nil, err
	}
	for i, outcome := range outcomes {
		if outcome.Seat == nil && seen[outcome.User.ID] == nil {
			people[i] = &ent.User{ID: outcome.User.ID}
		}
	}
	return people, nil
}
