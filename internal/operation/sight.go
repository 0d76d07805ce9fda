package operation

import (
	"context"
	"errors"
	"maps"
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
	d := r.decision(ask, &policy.Recordable{Answer: policy.Answer{Revision: r.policy.Revision()}}, key)
	d.violations = []licensing.Violation{{Code: notFound, Message: answer.Message, Field: answer.Field}}
	return newDenial(d, answer)
}

// conceal gives the answer to a request that cannot be carried out: what is wrong with it, unless it is about something the caller
// may not see. Then it is not there, whatever else is wrong.
func (r *reading) conceal(ctx context.Context, err error) error {
	var known *fault.Error
	if !errors.As(err, &known) {
		return err
	}
	view, failed := r.policy.Visibility(ctx, r.who.facts())
	if failed == nil && view.All("license") && view.All("allotment") {
		return err
	}
	for _, t := range r.found {
		pool, failed := r.draw(ctx, t)
		if missing := asFault(failed); missing != nil {
			return missing
		}
		if failed != nil {
			return failed
		}
		if hidden := r.hides(ctx, pool, t); hidden != nil {
			return hidden
		}
	}
	return err
}

// asFault gives the fault in an error that is known to be one.
func asFault(err error) *fault.Error {
	var known *fault.Error
	errors.As(err, &known)
	return known
}

// seen gives those of some users or groups that the caller may see, by the rules of the reading side: all of them; oneself and the
// groups one is in; and for a delegate those that the nearest scope of one of their allotments names, or all if it does not
// limit them, and whoever has to do with one of their allotments already.
func (r *reading) seen(ctx context.Context, noun string, keys []int64) ([]int64, error) {
	view, err := r.policy.Visibility(ctx, r.who.facts())
	if err != nil {
		return nil, err
	}
	if view.All(noun) || len(keys) == 0 {
		return keys, nil
	}
	own, reached := ownUser, reachedUsers
	shown := view.Visible[noun][policy.ScopeSelf]
	if noun == "group" {
		own, reached, shown = ownGroups, reachedGroups, view.Visible[noun][policy.ScopeMember]
	}
	var found []int64
	if shown {
		if found, err = r.ids(ctx, own+` AND `+r.Any("t.id", 1), r.Array(keys), r.who.user); err != nil {
			return nil, err
		}
	}
	if !view.Visible[noun][policy.ScopeDelegated] || len(r.who.delegated) == 0 {
		return found, nil
	}
	delegated := slices.Collect(maps.Keys(r.who.delegated))
	more, err := r.ids(ctx, `WITH RECURSIVE mine(id) AS (
			SELECT id FROM allotments WHERE `+r.Any("id", 1)+` UNION SELECT a.id FROM allotments a JOIN mine ON a.parent_id = mine.id
		), up(id, parent_id, scoped) AS (
			SELECT a.id, a.parent_id, `+scoped+` FROM allotments a JOIN mine ON mine.id = a.id
			UNION SELECT a.id, a.parent_id, `+scoped+` FROM allotments a JOIN up ON a.id = up.parent_id WHERE NOT up.scoped
		), nearest(id) AS (SELECT id FROM up WHERE scoped OR parent_id IS NULL) `+reached+` AND `+r.Any("t.id", 2),
		r.Array(sorted(delegated)), r.Array(keys))
	return append(found, more...), err
}

// The parts of seen: what is the caller's own, and what the scopes of their allotments (the CTE nearest) and what draws on these (the
// CTE mine) reach.
const (
	scoped    = `EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = a.id)`
	ownUser   = `SELECT t.id FROM users t WHERE t.id = $2`
	ownGroups = `SELECT t.id FROM "groups" t JOIN memberships m ON m.group_id = t.id WHERE m.user_id = $2`

	reachedUsers = `SELECT t.id FROM users t WHERE (EXISTS (SELECT 1 FROM nearest n WHERE
			NOT EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = n.id)
			OR EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = n.id AND (s.kind = 'DEPARTMENT' AND s.value = t.department
				OR s.kind = 'COUNTRY' AND s.value = t.usage_location
				OR s.kind = 'GROUP' AND EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = s.group_id AND m.user_id = t.id))))
		OR EXISTS (SELECT 1 FROM seats c JOIN mine ON mine.id = c.allotment_id WHERE c.user_id = t.id))`
	reachedGroups = `SELECT t.id FROM "groups" t WHERE (EXISTS (SELECT 1 FROM nearest n WHERE
			NOT EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = n.id AND s.kind = 'GROUP')
			OR EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = n.id AND s.kind = 'GROUP' AND s.group_id = t.id))
		OR EXISTS (SELECT 1 FROM group_licenses g JOIN mine ON mine.id = g.allotment_id WHERE g.group_id = t.id))`
)

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
