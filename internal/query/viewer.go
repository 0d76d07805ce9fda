package query

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/internal/fault"
)

// Viewer is the principal, as the API shows them to themself.
type Viewer struct {
	session *session
	facts   *facts
}

// Viewer gives who asks.
func (r *Reader) Viewer(ctx context.Context) (*Viewer, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	return &Viewer{session: s, facts: f}, nil
}

// UserName gives the name the token carries.
func (v *Viewer) UserName() string { return v.session.who.UserName }

// Roles gives the roles the token carries.
func (v *Viewer) Roles() []string { return nonNil(v.session.who.Roles) }

// User gives the principal in the directory, if the policy lets them see themself.
func (v *Viewer) User(ctx context.Context) (*User, error) {
	found, err := users.visibleByKey(ctx, v.session, []int64{v.facts.user})
	return found[v.facts.user], err
}

// Actions gives what the policy lets the principal do to at least something.
func (v *Viewer) Actions() []string {
	actions := []string{}
	for _, action := range slices.Sorted(maps.Keys(v.facts.view.Actions)) {
		if v.facts.view.Actions[action] {
			actions = append(actions, action)
		}
	}
	return actions
}

// Seats gives the principal's own seats.
func (v *Viewer) Seats(ctx context.Context, first *int, after *string, last *int, before *string, state *seat.State) (*SeatConnection, error) {
	mine := and(sqlf("t.user_id = ?", v.facts.user), inSeatState(state))
	return root(ctx, v.session, seats, list{where: mine, order: byKey}, Page{first, after, last, before})
}

// Allotments gives what the principal is a delegate of, and all below.
func (v *Viewer) Allotments(ctx context.Context, first *int, after *string, last *int, before *string) (*AllotmentConnection, error) {
	mine := in("t.id", v.facts.delegated)
	return root(ctx, v.session, allotments, list{where: mine, order: byKey}, Page{first, after, last, before})
}

// Policy is the policy that answers now, as the API shows it.
type Policy struct {
	Revision string
	Source   string
	Problems []*PolicyProblem
	LoadedAt time.Time
}

// PolicyProblem is one thing that is wrong with a policy that was refused.
type PolicyProblem struct {
	File    string
	Row     *int
	Column  *int
	Message string
}

// Policy gives the policy that answers now; POLICY_DENIED for those who may not see it.
func (r *Reader) Policy(ctx context.Context) (*Policy, error) {
	f, err := r.session(ctx).sight(ctx)
	if err != nil {
		return nil, err
	}
	if !f.view.All(kindPolicy) {
		return nil, fault.New(fault.PolicyDenied, "you may not see the policy")
	}
	p := &Policy{Revision: r.policy.Revision(), Source: "directory", LoadedAt: r.policy.LoadedAt(), Problems: []*PolicyProblem{}}
	if r.policy.Source() == "embedded" {
		p.Source = "embedded"
	}
	for _, problem := range r.policy.Problems() {
		shown := &PolicyProblem{File: problem.File, Message: problem.Message}
		if problem.Row > 0 {
			shown.Row, shown.Column = &problem.Row, &problem.Column
		}
		p.Problems = append(p.Problems, shown)
	}
	return p, nil
}
