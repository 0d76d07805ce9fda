package operation

import (
	"context"
	"errors"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// What one may not see answers like what does not exist (semantics.md §8), in the answer and in the record of it: one's own
// decisions can be read, and an idempotency key used twice would tell as well.

// notFound is the code of the violation in the record of a request that named what is not there or may not be seen.
const notFound = string(fault.NotFound)

// absent is the denial of a request that names something that is not there, or that the caller may not see. The record has
// neither the pool nor its figures.
func (r *reading) absent(action string, key requestKey, answer *fault.Error) *denial {
	ask := &policy.Input{Now: r.Now(), Action: action, Principal: r.who.facts()}
	d := r.decision(ask, &policy.Answer{Revision: r.policy.Revision()}, key)
	d.violations = []licensing.Violation{{Code: notFound, Message: answer.Message, Field: answer.Field}}
	return newDenial(d, answer)
}

// asFault gives the fault in an error that is known to be one.
func asFault(err error) *fault.Error {
	var known *fault.Error
	errors.As(err, &known)
	return known
}

// seesGroup tells whether the caller may see a group: all of them, those they are in, and for a delegate those that the nearest
// scope of one of their allotments names, or all if it names none. The reading side lists by the same rule.
func (r *reading) seesGroup(ctx context.Context, group int64) (bool, error) {
	view, err := r.policy.Visibility(ctx, r.who.facts())
	if err != nil || view.All("group") {
		return err == nil, err
	}
	if view.Visible["group"][policy.ScopeMember] {
		own, err := r.ids(ctx, `SELECT group_id FROM memberships WHERE group_id = $1 AND user_id = $2`, group, r.who.user)
		if err != nil || len(own) > 0 {
			return err == nil, err
		}
	}
	if !view.Visible["group"][policy.ScopeDelegated] || len(r.who.delegated) == 0 {
		return false, nil
	}
	return r.reachesGroup(ctx, group)
}

func (r *reading) reachesGroup(ctx context.Context, group int64) (bool, error) {
	delegated := make([]int64, 0, len(r.who.delegated))
	for key := range r.who.delegated {
		delegated = append(delegated, key)
	}
	scoped := `EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = a.id)`
	found, err := r.ids(ctx, `WITH RECURSIVE mine(id) AS (
			SELECT id FROM allotments WHERE `+r.Any("id", 1)+` UNION SELECT a.id FROM allotments a JOIN mine ON a.parent_id = mine.id
		), up(id, parent_id, scoped) AS (
			SELECT a.id, a.parent_id, `+scoped+` FROM allotments a JOIN mine ON mine.id = a.id
			UNION SELECT a.id, a.parent_id, `+scoped+` FROM allotments a JOIN up ON a.id = up.parent_id WHERE NOT up.scoped
		) SELECT up.id FROM up WHERE (up.scoped OR up.parent_id IS NULL) AND (
			EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = up.id AND s.group_id = $2)
			OR NOT EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = up.id AND s.kind = 'GROUP'))
		UNION SELECT g.allotment_id FROM group_licenses g JOIN mine ON mine.id = g.allotment_id WHERE g.group_id = $2`,
		r.Array(sorted(delegated)), group)
	return len(found) > 0, err
}

// seesUser tells whether the caller may know of a user in the line of a pool: whoever sees all users, and a delegate those who are
// in the scope of the nearest allotment that has one.
func (r *reading) seesUser(ctx context.Context, pool *licensing.Pool, u *user) bool {
	if !r.mayBeHidden(ctx, pool) {
		return true
	}
	for _, p := range pool.Line() {
		scope := r.facts.scopes[p.Key.Allotment]
		if scope.Empty() {
			continue
		}
		return slices.Contains(scope.Departments, u.department) || slices.Contains(scope.Countries, u.location) ||
			slices.ContainsFunc(u.groups, func(group int64) bool { return slices.Contains(scope.Groups, group) })
	}
	return true
}

// seesSeats tells whether the caller may see every seat.
func (r *reading) seesSeats(ctx context.Context) bool {
	view, err := r.policy.Visibility(ctx, r.who.facts())
	return err == nil && view.All("seat")
}
