package history

import (
	"cmp"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/operation"
)

// groupKey is what differences are gathered by.
type groupKey struct {
	direction Direction
	action    string
	was, is   string
}

// judge compares how a step was decided with how it is decided now.
func (r *replay) judge(s *step, now *operation.Outcome, missing bool) {
	r.counts.Requests++
	if s.past.Own() {
		r.counts.Requests--
		r.counts.Own++
		return // what became of it shows in the seats
	}
	if s.past.Unkept() && now.Failed == fault.InvalidInput {
		r.counts.Unknown++
		return
	}
	direction := r.direction(s, now, missing)
	if direction == Same {
		return
	}
	r.counts.Different++
	key := groupKey{direction, s.action, verdict(s.allow, s.violations), verdict(now.Allow, now.Violations)}
	d := r.groups[key]
	if d == nil {
		d = &Difference{Direction: direction, Action: s.action, Was: key.was, Is: key.is}
		r.groups[key] = d
	}
	if d.Count++; len(d.Examples) < r.Examples {
		d.Examples = append(d.Examples, Example{Decision: id.Of(id.Decision, s.id).String(), At: s.at, Principal: s.principal})
	}
}

// verdict names how something was decided: by the first reason against it, if there is one.
func verdict(allow bool, violations []licensing.Violation) string {
	switch {
	case len(violations) == 0 && allow:
		return "allowed"
	case allow:
		return "in part: " + violations[0].Code
	case len(violations) == 0:
		return "denied"
	}
	return violations[0].Code
}

// direction tells how a decision differs.
func (r *replay) direction(s *step, now *operation.Outcome, missing bool) Direction {
	switch {
	case now.Failed != "":
		return Failed
	case s.allow && !now.Allow && missing:
		return Gone
	case s.allow != now.Allow && now.Allow:
		return Looser
	case s.allow != now.Allow:
		return Stricter
	case sameViolations(s.violations, now.Violations, r.names) && (!s.allow || sameViolations(s.warnings, now.Warnings, r.names)):
		return Same // a request that was denied has no warnings that anybody is told
	case s.allow && len(s.violations) > len(now.Violations):
		return Looser
	case s.allow && len(s.violations) < len(now.Violations):
		return Stricter
	}
	return Otherwise
}

// sameViolations tells whether two lists say the same, in whatever order. The sentences are made of the rest.
func sameViolations(was, is []licensing.Violation, n *names) bool {
	if len(was) != len(is) {
		return false
	}
	a, b := slices.Clone(was), make([]licensing.Violation, len(is))
	for i, v := range is {
		if v.Pool != nil {
			pool := n.pool(*v.Pool)
			v.Pool = &pool
		}
		b[i] = v
	}
	slices.SortFunc(a, byReason)
	slices.SortFunc(b, byReason)
	return slices.EqualFunc(a, b, func(x, y licensing.Violation) bool { return byReason(x, y) == 0 })
}

func byReason(a, b licensing.Violation) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code), compareNumbers(a.Limit, b.Limit), compareNumbers(a.Used, b.Used),
		compareNumbers(a.Requested, b.Requested), compareNumbers(a.Available, b.Available), compareNumbers(a.ShortBy, b.ShortBy), comparePools(a.Pool, b.Pool))
}

// compareAbsent orders what may be absent: nothing before something, and two of something as compare says.
func compareAbsent[T any](a, b *T, compare func(a, b T) int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return compare(*a, *b)
}

func compareNumbers(a, b *int64) int { return compareAbsent(a, b, cmp.Compare[int64]) }

func comparePools(a, b *licensing.PoolKey) int {
	return compareAbsent(a, b, licensing.PoolKey.Compare)
}
