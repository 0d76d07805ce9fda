package operation_test

import (
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app"
)

// What a group gives, and to whom (semantics.md §4).

func TestWX15AllOrNothing(t *testing.T) {
	each(t, func(w *world) {
		e5, ems := w.license(10), w.license(0)
		ann := w.user()
		g := w.group(ann)
		_, first := w.grant(g, e5)
		w.want(first, "1 active 0 waiting 0 errors") // nothing else is granted yet
		bob := w.user()
		w.grant(g, ems)
		w.join(g, bob)
		w.want(w.all(e5, []string{ann, bob}), "ACTIVE, WAITING 1")
		w.want(w.all(ems, []string{ann, bob}), "WAITING 1, WAITING 2")
		w.want(w.figures(e5), "10: 1 used 0 reserved 9 left OK 1 waiting")
		v := w.seat(e5, bob).Violations[0]
		w.want([]string{v.Code, v.Pool.ID}, []string{"INSUFFICIENT_POOL", ems})
		w.limit(ems, 2)
		w.want(w.all(e5, []string{ann, bob})+" "+w.all(ems, []string{ann, bob}), "ACTIVE, ACTIVE ACTIVE, ACTIVE")
	})
}

func TestAllOrNothingCanBeTurnedOff(t *testing.T) {
	each(t, func(w *world) {
		e5, ems := w.license(10), w.license(0)
		g := w.group(w.user())
		w.grant(g, e5, in{"allOrNothing": false})
		gl, _ := w.grant(g, ems)
		bob := w.user()
		w.join(g, bob)
		w.want(w.stands(e5, bob)+" "+w.stands(ems, bob), "ACTIVE WAITING 2")
		w.do("updateGroupLicense", in{"groupLicenseId": gl, "allOrNothing": false})
		w.limit(ems, 2)
		w.want(w.stands(ems, bob), "ACTIVE")
	})
}

// An error stands against the whole set as well.
func TestAllOrNothingWithAnError(t *testing.T) {
	each(t, func(w *world) {
		barred, _ := w.product(in{"blockedLocations": []string{"CN"}})
		e5, ems := w.license(10), w.licenseOf(barred, 10)
		g := w.group()
		w.grant(g, e5)
		w.grant(g, ems)
		li := w.user(in{"usageLocation": "CN"})
		w.join(g, li)
		w.want(w.stands(e5, li)+" "+w.stands(ems, li), "ERROR USAGE_LOCATION_NOT_ALLOWED ERROR USAGE_LOCATION_NOT_ALLOWED")
		w.want(w.figures(e5), "10: 0 used 0 reserved 10 left OK 1 errors")
		w.change(li, in{"usageLocation": "GB"})
		w.want(w.stands(e5, li)+" "+w.stands(ems, li), "ACTIVE ACTIVE")
	})
}

func TestWX16DisabledPlansAreTheIntersection(t *testing.T) {
	each(t, func(w *world) {
		product, plans := w.product(nil, "Yammer", "Stream", "Forms")
		l := w.licenseOf(product, 5)
		ann := w.user()
		g1, g2 := w.group(ann), w.group(ann)
		w.grant(g1, l, in{"disabledPlanIds": []string{plans["Yammer"], plans["Stream"]}})
		gl, _ := w.grant(g2, l, in{"disabledPlanIds": []string{plans["Stream"], plans["Forms"]}})
		w.want(w.seat(l, ann).DisabledPlans, []struct{ Name string }{{"Stream"}})
		w.do("updateGroupLicense", in{"groupLicenseId": gl, "disabledPlanIds": []string{}})
		w.want(w.seat(l, ann).DisabledPlans, []struct{ Name string }{})
		w.leave(g2, ann)
		w.want(w.seat(l, ann).DisabledPlans, []struct{ Name string }{{"Stream"}, {"Yammer"}})
		w.assign(l, []string{ann}, in{"disabledPlanIds": []string{plans["Yammer"]}})
		w.want(w.seat(l, ann).DisabledPlans, []struct{ Name string }{{"Yammer"}})
	})
}

func TestDirectAndGroupReasons(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(5)
		a, b := w.allot(l, 2), w.allot(l, 2, in{"name": "B"})
		ann := w.user()
		g := w.group(ann)
		w.assign(a, []string{ann})
		w.grant(g, b)
		w.want(w.figures(a)+" "+w.figures(b), "2: 1 used 0 reserved 1 left OK 2: 0 used 0 reserved 2 left OK")
		// What is direct goes without touching the rest: the group's reason takes over.
		w.want(outcome(w.unassign(l, ann)), "ACTIVE")
		w.want(w.figures(a)+" "+w.figures(b), "2: 0 used 0 reserved 2 left OK 2: 1 used 0 reserved 1 left OK")
		// What came from a group cannot be removed on the user.
		w.want(outcome(w.unassign(l, ann)), "ACTIVE ASSIGNED_BY_GROUP")
		w.want(w.stands(l, ann), "ACTIVE")
		w.leave(g, ann)
		w.want(w.stands(l, ann), "none")
	})
}

// The next oldest reason whose pool has room takes over without a gap; if none has, the user waits.
func TestHandOver(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a, b, c := w.allot(l, 1), w.allot(l, 1, in{"name": "B"}), w.allot(l, 1, in{"name": "C"})
		ann, bob := w.user(), w.user()
		ga, gb, gc := w.group(ann), w.group(ann), w.group(ann)
		w.grant(ga, a)
		w.assign(b, []string{bob})
		w.grant(gb, b)
		w.grant(gc, c)
		w.want(w.seat(l, ann).Allotment.ID, a)
		w.leave(ga, ann) // b is older but full
		w.want(w.seat(l, ann).Allotment.ID, c)
		w.want(w.figures(a)+" "+w.figures(c), "1: 0 used 0 reserved 1 left OK 1: 1 used 0 reserved 0 left FULL")
		w.leave(gc, ann)
		w.want(w.stands(l, ann), "WAITING 1")
		w.want(w.figures(b), "1: 1 used 0 reserved 0 left FULL 1 waiting")
		w.unassign(b, bob)
		w.want(w.stands(l, ann), "ACTIVE")
		w.leave(gb, ann)
		w.want(w.stands(l, ann), "none")
	})
}

func TestExclusions(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		ann, bob := w.user(), w.user()
		g := w.group(ann, bob)
		gl, summary := w.grant(g, l)
		w.want(summary, "1 active 1 waiting 0 errors")
		p := w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{ann}, "note": "on leave"})
		w.want(p.Summary, "1 active 0 waiting 0 errors")
		w.want(w.all(l, []string{ann, bob}), "none, ACTIVE")
		p = w.do("includeInGroupLicense", in{"groupLicenseId": gl, "userIds": []string{ann}})
		w.want(p.Summary, "1 active 1 waiting 0 errors")
		w.want(w.all(l, []string{ann, bob}), "WAITING 1, ACTIVE")
	})
}

func TestAnExclusionEnds(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		ann, bob := w.user(), w.user()
		g := w.group(ann, bob)
		gl, _ := w.grant(g, l)
		ends := w.Clock.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
		w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{ann}, "endsAt": ends})
		w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{bob}})
		w.sweep(47 * time.Hour)
		w.want(w.all(l, []string{ann, bob}), "none, none")
		w.sweep(2 * time.Hour)
		w.want(w.all(l, []string{ann, bob}), "ACTIVE, none")
		w.invalid("endsAt", "excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{ann}, "endsAt": ends})
	})
}

func TestOnlyDirectMembersUnlessNestedAreIncluded(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		ann, bob, cyd := w.user(), w.user(), w.user()
		top, middle, low := w.group(ann), w.group(bob), w.group(cyd)
		w.nest(top, middle)
		w.nest(middle, low)
		gl, summary := w.grant(top, l)
		w.want(summary, "1 active 0 waiting 0 errors")
		summary = w.do("updateGroupLicense", in{"groupLicenseId": gl, "includeNested": true}).Summary
		w.want(summary, "3 active 0 waiting 0 errors")
		dan := w.user()
		w.join(low, dan)
		w.want(w.stands(l, dan), "ACTIVE")
		w.do("removeGroupMembers", in{"groupId": middle, "memberGroupIds": []string{low}})
		w.want(w.all(l, []string{ann, bob, cyd, dan}), "ACTIVE, ACTIVE, none, none")
		w.nest(middle, low)
		w.want(w.all(l, []string{ann, bob, cyd, dan}), "ACTIVE, ACTIVE, ACTIVE, ACTIVE")
		w.do("deleteGroup", in{"groupId": middle})
		w.want(w.all(l, []string{ann, bob, cyd, dan}), "ACTIVE, none, none, none")
		w.nest(top, low)
		w.do("updateGroupLicense", in{"groupLicenseId": gl, "includeNested": false})
		w.want(w.all(l, []string{ann, bob, cyd, dan}), "ACTIVE, none, none, none")
	})
}

func TestGroupsInACircle(t *testing.T) {
	each(t, func(w *world) {
		a, b, c := w.group(), w.group(), w.group()
		w.nest(a, b)
		w.nest(b, c)
		w.invalid("memberGroupIds.0", "addGroupMembers", in{"groupId": c, "memberGroupIds": []string{a}})
		w.invalid("memberGroupIds.0", "addGroupMembers", in{"groupId": a, "memberGroupIds": []string{a}})
		w.nest(a, c) // two ways down are no circle
		l, ann := w.license(1), w.user()
		w.grant(a, l, in{"includeNested": true})
		w.join(c, ann)
		w.do("removeGroupMembers", in{"groupId": a, "memberGroupIds": []string{c}})
		w.want(w.stands(l, ann), "ACTIVE") // by the other way
		w.do("removeGroupMembers", in{"groupId": b, "memberGroupIds": []string{c}})
		w.want(w.stands(l, ann), "none")
	})
}

func TestGuestsNeedTheirOwnAssignment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(5)
		guest := w.user(in{"type": "GUEST"})
		g := w.group(guest, w.user())
		gl, summary := w.grant(g, l)
		w.want(summary, "1 active 0 waiting 0 errors GUEST_NOT_ALLOWED:1")
		w.want(w.stands(l, guest), "none")
		w.change(guest, in{"type": "MEMBER"})
		w.want(w.stands(l, guest), "ACTIVE")
		other := w.user(in{"type": "GUEST"})
		w.join(g, other)
		w.want(w.stands(l, other), "none")
		w.want(outcome(w.assign(l, []string{other})), "ACTIVE")
		w.do("unlicenseGroup", in{"groupLicenseId": gl})
		w.want(w.all(l, []string{guest, other}), "none, ACTIVE")
	})
}

func TestUsageLocationIsTheDefaultWhenMissing(t *testing.T) {
	each(t, func(w *world) {
		product, _ := w.product(in{"blockedLocations": []string{"CN"}})
		l := w.licenseOf(product, 5)
		nowhere, here := w.user(), w.user(in{"usageLocation": "GB"})
		w.want(outcome(w.assign(l, []string{nowhere, here})), "ERROR USAGE_LOCATION_NOT_ALLOWED, ACTIVE")
		w.want(w.figures(l), "5: 1 used 0 reserved 4 left OK 1 errors")
		w.change(nowhere, in{"usageLocation": "DE"})
		w.want(w.stands(l, nowhere), "ACTIVE")
	}, func(c *app.Config) { c.DefaultLocation = "CN" })
}

func TestDenyAll(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		users := w.users(3)
		g := w.group(users...)
		v := w.denied("INSUFFICIENT_POOL", "licenseGroup", in{"groupId": g, "licenseId": l, "whenFull": "DENY_ALL"})
		w.want(*v.ShortBy, 1)
		w.want(w.figures(l), "2: 0 used 0 reserved 2 left OK")
		w.limit(l, 3)
		_, summary := w.grant(g, l, in{"whenFull": "DENY_ALL"})
		w.want(summary, "3 active 0 waiting 0 errors")
	})
}

func TestAGroupWithLicensesCannotBeDeleted(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		g := w.group(w.user())
		gl, _ := w.grant(g, l)
		w.fails("CONFLICT", "deleteGroup", in{"groupId": g})
		w.fails("CONFLICT", "licenseGroup", in{"groupId": g, "licenseId": l})
		w.want(w.do("unlicenseGroup", in{"groupLicenseId": gl}).Released, 1)
		w.do("deleteGroup", in{"groupId": g})
		w.fails("NOT_FOUND", "unlicenseGroup", in{"groupLicenseId": gl})
	})
}
