package query

import (
	"context"
	"maps"
	"slices"

	"github.com/ringfence/ringfence/ent/seat"
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
