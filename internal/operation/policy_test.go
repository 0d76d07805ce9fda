package operation_test

import (
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// What the policy changes without a line of Go (semantics.md §7).

// The queue goes by priority first, then by time, then by user.
func TestTheQueueGoesByPriority(t *testing.T) {
	dir := policytest.Dir(t)
	policytest.Write(t, dir, "ranks.rego", `package ringfence

priority := {index: rank |
	some index, subject in input.subjects
	rank := {"Board": 10, "Sales": 5}[object.get(subject, "department", "")]
} if input.subjects
`)
	each(t, func(w *world) {
		l := w.license(1)
		w.assign(l, w.users(1))
		plain, sales, board := w.user(), w.user(in{"department": "Sales"}), w.user(in{"department": "Board"})
		late := w.user(in{"department": "Board"})
		w.assign(l, []string{plain}, in{"whenFull": "WAIT"})
		g := w.group(sales)
		w.grant(g, l)
		w.join(g, board)
		w.join(g, late)
		everyone := []string{plain, sales, board, late}
		w.want(w.all(l, everyone), "WAITING 4, WAITING 3, WAITING 1, WAITING 2")
		w.want(*w.seat(l, board).Priority, 10.0)
		w.limit(l, 3)
		w.want(w.all(l, everyone), "WAITING 2, WAITING 1, ACTIVE, ACTIVE")
	}, apptest.Policies(dir))
}

// The members of a group that is larger than its pool are served by priority, too.
func TestAGroupIsServedByPriority(t *testing.T) {
	dir := policytest.Dir(t)
	policytest.Write(t, dir, "ranks.rego", `package ringfence

priority := {index: 1 |
	some index, subject in input.subjects
	subject.department == "Board"
} if input.subjects
`)
	each(t, func(w *world) {
		l := w.license(2)
		users := append(w.users(2), w.users(2, in{"department": "Board"})...)
		w.grant(w.group(users...), l)
		w.want(w.all(l, users), "WAITING 1, WAITING 2, ACTIVE, ACTIVE")
	}, apptest.Policies(dir))
}

func TestGuestsByPolicy(t *testing.T) {
	dir := policytest.Changed(t, "data.json", `"license_by_group": false`, `"license_by_group": true`)
	each(t, func(w *world) {
		l := w.license(2)
		_, summary := w.grant(w.group(w.user(in{"type": "GUEST"})), l)
		w.want(summary, "1 active 0 waiting 0 errors")
	}, apptest.Policies(dir))
}

// A policy that forbids lowering below use.
func TestLoweringForbidden(t *testing.T) {
	dir := policytest.Dir(t)
	policytest.Write(t, dir, "house.rego", `package ringfence

findings contains {"code": "BELOW_USE", "message": "more is in use", "field": "limit"} if {
	input.action == "updateAllotment"
	input.allotment.limit < input.pools[0].used
}
`)
	each(t, func(w *world) {
		a := w.allot(w.license(10), 5)
		w.assign(a, w.users(4))
		v := w.denied("BELOW_USE", "updateAllotment", in{"allotmentId": a, "limit": 3})
		w.want(v.Field, "limit")
		w.limit(a, 4)
	}, apptest.Policies(dir))
}

// A warning does not deny, and reaches the caller and the record.
func TestWarnings(t *testing.T) {
	dir := policytest.Dir(t)
	policytest.Write(t, dir, "house.rego", `package ringfence

findings contains {"code": "NEARLY_FULL", "message": "few are left", "effect": "warn"} if {
	input.action == "assignSeats"
	input.pools[0].available < 3
}
`)
	each(t, func(w *world) {
		l := w.license(3)
		w.want(len(w.do("assignSeats", in{"licenseId": l, "userIds": w.users(1)}).Decision.Warnings), 0)
		p := w.do("assignSeats", in{"licenseId": l, "userIds": w.users(1)})
		w.want(outcome(p.Results)+" "+p.Decision.Warnings[0].Code, "ACTIVE NEARLY_FULL")
	}, apptest.Policies(dir))
}

// A policy that breaks while it is asked denies, is recorded, and leaves the queue as it is.
func TestAPolicyThatBreaksDenies(t *testing.T) {
	dir := policytest.Dir(t)
	policytest.Write(t, dir, "house.rego", `package ringfence

findings contains {"code": 7, "message": "no code", "effect": "deny"} if {
	some subject in input.subjects
	subject.department == "Broken"
}
`)
	each(t, func(w *world) {
		l := w.license(1)
		ann, broken, next := w.user(), w.user(in{"department": "Broken"}), w.user()
		w.assign(l, []string{ann})
		e := w.denied("POLICY_ERROR", "assignSeats", in{"licenseId": l, "userIds": []string{broken}, "whenFull": "WAIT"})
		if strings.Contains(e.Message, "house.rego") {
			w.Errorf("the caller is told %q", e.Message)
		}
		w.assign(l, []string{next}, in{"whenFull": "WAIT"})
		w.change(next, in{"department": "Broken"})
		w.unassign(l, ann)
		w.want(w.stands(l, next), "WAITING 1")
		w.change(next, in{"department": "IT"})
		w.sweep(0)
		w.want(w.stands(l, next), "ACTIVE")
	}, apptest.Policies(dir))
}
