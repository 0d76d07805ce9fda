package operation

import (
	"context"
	"errors"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/sight"
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
	if r.seesAll(ctx, "license") && r.seesAll(ctx, "allotment") {
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
		if hidden := r.hides(ctx, pool, t).tell(); hidden != nil {
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

// listed gives the condition on the rows of a type that the caller may see, by the rules of the reading side. What the directory says of
// them is read only if it matters.
func (r *reading) listed(ctx context.Context, kind string) (filter.Filter, error) {
	who := r.who.facts()
	if outright, ok := r.policy.Outright(ctx, who); ok && outright.All(kind) {
		return filter.Everything, nil
	}
	var err error
	if who.Reach, err = r.served(ctx); err != nil {
		return filter.Nothing, err
	}
	view, err := r.policy.Visibility(ctx, who)
	if err != nil {
		return filter.Nothing, nil //nolint:nilerr // what the policy cannot tell is not seen, and the engine has logged it
	}
	return view.Listed(kind), nil
}

// seesAll tells whether the caller may see everything of a type. If that cannot be told, they may not.
func (r *reading) seesAll(ctx context.Context, kind string) bool {
	listed, err := r.listed(ctx, kind)
	return err == nil && filter.IsAll(listed)
}

// served gives whom the caller's allotments may serve. It is read once; and not at all for a delegate whose allotments are all below
// licenses that are locked, of which everything is known.
func (r *reading) served(ctx context.Context) (policy.Reach, error) {
	if len(r.who.delegated) == 0 {
		return policy.Reach{}, nil
	}
	if r.who.reach == nil {
		reach, ok := r.reachInBook()
		if !ok {
			var err error
			if reach, err = sight.Reach(ctx, r.database(), r.who.user); err != nil {
				return policy.Reach{}, err
			}
		}
		r.who.reach = &reach
	}
	return *r.who.reach, nil
}

func (r *reading) database() sight.Database {
	return sight.Database{Dialect: r.Dialect(), Query: r.Query}
}

// reachInBook is served out of the locked pools; not ok if an allotment of the caller is not among them.
func (r *reading) reachInBook() (policy.Reach, bool) {
	known := 0
	var of sight.Collector
	for key, pool := range r.book.Pools {
		if r.who.delegated[key.Allotment] {
			known++
		}
		if key.IsLicense() || !r.delegateAbove(pool) {
			continue
		}
		of.Allotment(key.Allotment, key.License)
		for _, above := range pool.Line() {
			if scope := r.facts.scopes[above.Key.Allotment]; !scope.Empty() || above.Parent == nil || above.Parent.Key.IsLicense() {
				of.Scope(scope)
				break
			}
		}
	}
	return of.Reach(), known == len(r.who.delegated)
}

// seen gives those of some rows of a type that the caller may see.
func (r *reading) seen(ctx context.Context, kind string, keys []int64) ([]int64, error) {
	listed, err := r.listed(ctx, kind)
	if err != nil || filter.IsAll(listed) {
		return keys, err
	}
	return sight.Seen(ctx, r.database(), kind, listed, keys)
}

// unseen tells what a request about something the caller may not see is answered with; nil that they may see it. It is asked only
// when it matters: of a request that is allowed never.
type unseen func() *fault.Error

func (u unseen) tell() *fault.Error {
	if u == nil {
		return nil
	}
	return u()
}

// or gives what either tells.
func (u unseen) or(other unseen) unseen {
	return func() *fault.Error {
		if hidden := u.tell(); hidden != nil {
			return hidden
		}
		return other.tell()
	}
}

// hidesRow tells whether the caller may not see a row; missing is the answer then.
func (r *reading) hidesRow(ctx context.Context, kind string, key int64, missing *fault.Error) unseen {
	return func() *fault.Error {
		if seen, err := r.seen(ctx, kind, []int64{key}); err != nil || len(seen) == 0 {
			return missing
		}
		return nil
	}
}

// seesUser tells whether the caller may know of a user in the line of a pool: whoever sees all users, and otherwise whoever is listed
// the user, who has to be in the scope of the nearest allotment that has one, too.
func (r *reading) seesUser(ctx context.Context, pool *licensing.Pool, u *user) bool {
	if !r.mayBeHidden(ctx, pool) {
		return true
	}
	for _, p := range pool.Line() {
		scope := r.facts.scopes[p.Key.Allotment]
		if scope.Empty() {
			continue
		}
		return scopeHas(scope, u) && r.isListed(ctx, u)
	}
	return true
}

func scopeHas(scope policy.Scope, u *user) bool {
	return slices.Contains(scope.Departments, u.department) || slices.Contains(scope.Countries, u.location) ||
		slices.ContainsFunc(u.groups, func(group int64) bool { return slices.Contains(scope.Groups, group) })
}

// isListed tells whether the caller is listed a user. The database is asked if what is known of the user does not tell.
func (r *reading) isListed(ctx context.Context, u *user) bool {
	listed, err := r.listed(ctx, "user")
	if err != nil {
		return false
	}
	row := filter.Row{Partial: true, Values: map[string]any{"id": u.id, "department": u.department, "usage_location": u.location}, Related: map[string][]filter.Row{}}
	for _, group := range u.groups {
		row.Related["memberships"] = append(row.Related["memberships"], filter.Row{Partial: true, Values: map[string]any{"group_id": group, "user_id": u.id}})
	}
	switch filter.Holds(listed, row) {
	case filter.Yes:
		return true
	case filter.No:
		return false
	case filter.Unknown:
	}
	seen, err := sight.Seen(ctx, r.database(), "user", listed, []int64{u.id})
	return err == nil && len(seen) == 1
}

// seesSeats tells whether the caller may see every seat.
func (r *reading) seesSeats(ctx context.Context) bool { return r.seesAll(ctx, "seat") }
