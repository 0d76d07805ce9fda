package operation_test

import (
	"fmt"
	"testing"
	"time"
)

// Shares of a license and of shares (semantics.md §2 and §3).

// WX-7, the part that needs no allocations.
func TestWX7AQuantityBelowWhatIsReserved(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.allot(l, 100)
		w.allot(l, 50, in{"name": "Sales BU"})
		w.limit(l, 120)
		w.want(w.figures(l), "120: 0 used 150 reserved 0 left OVER_LIMIT 30 over")
		w.want(outcome(w.assign(l, w.users(1))), "INSUFFICIENT_POOL")
		w.denied("INSUFFICIENT_POOL", "createAllotment", allotment(l, 1))
		w.limit(l, 151)
		w.want(w.figures(l), "151: 0 used 150 reserved 1 left OK")
	})
}

func TestOnlySubscriptionsHaveAllotmentsAndSeats(t *testing.T) {
	each(t, func(w *world) {
		for _, kind := range []string{"PERPETUAL", "STORE_APP", "CLOUD_RESOURCE"} {
			product, _ := w.product(in{"kind": kind})
			l := w.licenseOf(product, 5)
			w.denied("PRODUCT_NOT_ELIGIBLE", "createAllotment", allotment(l, 1))
			w.denied("PRODUCT_NOT_ELIGIBLE", "assignSeats", in{"licenseId": l, "userIds": w.users(1)})
			w.denied("PRODUCT_NOT_ELIGIBLE", "licenseGroup", in{"licenseId": l, "groupId": w.group()})
		}
	})
}

func TestAChildStaysWithinItsParent(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(100)
		begin, end := w.Clock.Now().UTC().Truncate(time.Second).Add(-time.Hour), w.Clock.Now().UTC().Truncate(time.Second).Add(100*time.Hour)
		a := w.allot(l, 50, in{"scope": in{"departments": []string{"Sales", "Legal"}}, "startsAt": begin, "endsAt": end})
		v := w.denied("LIMIT_EXCEEDS_PARENT", "createAllotment", allotment(a, 51))
		w.want([]int{*v.Limit, *v.Requested, *v.ShortBy}, []int{50, 51, 1})
		w.denied("LIMIT_EXCEEDS_PARENT", "createAllotment", allotment(a, 51, ceiling))
		w.denied("LIMIT_EXCEEDS_PARENT", "createAllotment", in{"parentId": a, "name": "open", "mode": "CEILING"})
		w.denied("SCOPE_EXCEEDS_PARENT", "createAllotment", allotment(a, 5, in{"scope": in{"departments": []string{"IT"}}}))
		w.denied("SCOPE_EXCEEDS_PARENT", "createAllotment", allotment(a, 5, in{"scope": in{}}))
		w.denied("NOT_IN_EFFECT", "createAllotment", allotment(a, 5, in{"endsAt": end.Add(time.Second)}))
		w.denied("NOT_IN_EFFECT", "createAllotment", allotment(a, 5, in{"startsAt": begin.Add(-time.Second)}))
		// What is left out is the parent's.
		b := w.do("createAllotment", allotment(a, 20)).Allotment
		w.want(b.Scope, struct{ Departments, Countries []string }{[]string{"Legal", "Sales"}, []string{}})
		w.want([]time.Time{b.StartsAt.UTC(), b.EndsAt.UTC()}, []time.Time{begin, end})
		w.denied("LIMIT_EXCEEDS_PARENT", "updateAllotment", in{"allotmentId": b.ID, "limit": 51})
		w.denied("SCOPE_EXCEEDS_PARENT", "updateAllotment", in{"allotmentId": b.ID, "scope": nil})
		w.denied("SCOPE_EXCEEDS_PARENT", "updateAllotment", in{"allotmentId": b.ID, "scope": in{"departments": []string{"IT"}}})
		w.denied("NOT_IN_EFFECT", "updateAllotment", in{"allotmentId": b.ID, "endsAt": end.Add(time.Hour)})
		// Nor may a parent shrink from under its children.
		w.denied("LIMIT_EXCEEDS_PARENT", "updateAllotment", in{"allotmentId": a, "limit": 19})
		w.denied("SCOPE_EXCEEDS_PARENT", "updateAllotment", in{"allotmentId": a, "scope": in{"departments": []string{"Sales"}}})
		w.denied("NOT_IN_EFFECT", "updateAllotment", in{"allotmentId": a, "endsAt": end.Add(-time.Hour)})
		w.do("updateAllotment", in{"allotmentId": b.ID, "limit": 10, "scope": in{"departments": []string{"Sales"}}})
		w.do("updateAllotment", in{"allotmentId": a, "limit": 19, "scope": in{"departments": []string{"Sales"}}})
		w.want(w.figures(a)+", "+w.figures(l), "19: 0 used 10 reserved 9 left OK, 100: 0 used 19 reserved 81 left OK")
	})
}

func TestDepth(t *testing.T) {
	each(t, func(w *world) {
		parent := w.license(10)
		for depth := 1; depth <= 8; depth++ {
			made := w.do("createAllotment", allotment(parent, 10, in{"mode": []string{"CEILING", "RESERVED"}[depth%2], "name": fmt.Sprint("level ", depth)})).Allotment
			w.want(made.Depth, depth)
			parent = made.ID
		}
		w.invalid("parentId", "createAllotment", allotment(parent, 1))
		w.want(tally(w.assign(parent, w.users(11))), "10 ACTIVE, 1 INSUFFICIENT_POOL")
	})
}

func TestRaisingALimitPromotes(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(20)
		w.allot(l, 10)
		a := w.allot(l, 2)
		g := w.group(w.users(7)...)
		w.grant(g, a)
		w.want(w.limit(a, 5), "5: 5 used 0 reserved 0 left FULL 2 waiting")
		v := w.denied("INSUFFICIENT_POOL", "updateAllotment", in{"allotmentId": a, "limit": 11})
		w.want([]int{*v.Requested, *v.Available, *v.ShortBy}, []int{6, 5, 1})
		w.want(w.limit(a, 10), "10: 7 used 0 reserved 3 left OK")
		w.want(w.figures(l), "20: 0 used 20 reserved 0 left FULL")
	})
}

// Room made above lets those below move, whichever pool of the chain bound them.
func TestRoomAboveLetsThoseBelowMove(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 10, ceiling)
		b := w.allot(a, 10, ceiling)
		w.assign(l, w.users(10))
		g := w.group(w.users(2)...)
		_, summary := w.grant(g, b)
		w.want(summary, "0 active 2 waiting 0 errors")
		w.limit(l, 11)
		w.want(w.figures(b), "10: 1 used 0 reserved 9 left OK 1 waiting")
		w.do("updateLicense", in{"licenseId": l, "overage": 1})
		w.want(w.figures(b), "10: 2 used 0 reserved 8 left OK")
		w.want(w.figures(l), "12: 12 used 0 reserved 0 left FULL")
	})
}

// Lowering never takes a seat, however it is done, and nothing is sold twice.
func TestLoweringNeverTakesSeats(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(20)
		a := w.allot(l, 10)
		w.assign(a, w.users(10))
		w.want(w.limit(a, 4), "4: 10 used 0 reserved 0 left OVER_LIMIT 6 over")
		// The license still reserves what is held: the six are not for sale.
		w.want(w.figures(l), "20: 0 used 10 reserved 10 left OK")
		w.want(tally(w.assign(l, w.users(11))), "10 ACTIVE, 1 INSUFFICIENT_POOL")
		w.want(w.limit(l, 5), "5: 10 used 10 reserved 0 left OVER_LIMIT 15 over")
		w.want(w.count(l, "ACTIVE"), 20)
	})
}

func TestDeletingAnAllotment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 5)
		w.allot(a, 2)
		w.fails("CONFLICT", "deleteAllotment", in{"allotmentId": a})
		b := w.allot(l, 3)
		w.do("deleteAllotment", in{"allotmentId": b})
		w.want(w.figures(l), "10: 0 used 5 reserved 5 left OK")
		w.fails("NOT_FOUND", "deleteAllotment", in{"allotmentId": b})
		w.invalid("releaseSeats", "deleteAllotment", in{"allotmentId": a, "moveSeatsTo": "PARENT", "releaseSeats": true})
	})
}

func TestDeletingAnAllotmentThatIsInUse(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a, b := w.allot(l, 3), w.allot(l, 3, in{"name": "B"})
		ann, others := w.user(), w.users(4)
		w.grant(w.group(append(others, ann)...), a)
		w.grant(w.group(ann), b)
		w.want(w.figures(a), "3: 3 used 0 reserved 0 left FULL 2 waiting")
		w.fails("CONFLICT", "deleteAllotment", in{"allotmentId": a})
		p := w.do("deleteAllotment", in{"allotmentId": a, "releaseSeats": true})
		w.want([]int{p.Released, p.Moved}, []int{2, 0}) // ann stays, by the other group
		w.want(w.figures(l), "10: 0 used 3 reserved 7 left OK")
		w.want(w.stands(l, ann), "ACTIVE") // by the other group
		w.want(w.count(l, "ACTIVE"), 1)
	})
}

func TestMovingSeatsToTheParent(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 3)
		users := w.users(5)
		g := w.group(users...)
		w.grant(g, a)
		direct := w.users(6)
		w.want(tally(w.assign(l, direct)), "6 ACTIVE")
		p := w.do("deleteAllotment", in{"allotmentId": a, "moveSeatsTo": "PARENT"})
		w.want(p.Moved, 3)
		w.want(p.License, "10: 10 used 0 reserved 0 left FULL 1 waiting")
		w.want(w.all(l, users), "ACTIVE, ACTIVE, ACTIVE, ACTIVE, WAITING 1")
		w.leave(g, users[0])
		w.want(w.stands(l, users[4]), "ACTIVE")
	})
}

// What waits and what is in error moves along.
func TestMovingAQueueAndErrors(t *testing.T) {
	each(t, func(w *world) {
		product, _ := w.product(in{"blockedLocations": []string{"CN"}})
		l := w.licenseOf(product, 4)
		a := w.allot(w.allot(l, 2, in{"name": "outer"}), 1)
		li, users := w.user(in{"usageLocation": "CN"}), w.users(4)
		w.assign(a, append(users, li), in{"whenFull": "WAIT"})
		w.want(w.figures(a), "1: 1 used 0 reserved 0 left FULL 3 waiting 1 errors")
		w.do("deleteAllotment", in{"allotmentId": a, "moveSeatsTo": "PARENT"})
		w.want(w.all(l, append(users, li)), "ACTIVE, ACTIVE, WAITING 1, WAITING 2, ERROR USAGE_LOCATION_NOT_ALLOWED")
		w.change(li, in{"usageLocation": "GB"})
		w.want(w.stands(l, li), "WAITING 3")
	})
}

func TestMovingSeatsToAParentWithoutRoom(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 10)
		b := w.allot(a, 5)
		w.assign(b, w.users(5))
		w.limit(b, 2)
		w.assign(a, w.users(5))
		w.limit(b, 5)
		w.limit(a, 8)
		v := w.denied("INSUFFICIENT_POOL", "deleteAllotment", in{"allotmentId": b, "moveSeatsTo": "PARENT"})
		w.want(v.Pool, a)
		w.limit(a, 10)
		w.want(w.do("deleteAllotment", in{"allotmentId": b, "moveSeatsTo": "PARENT"}).Moved, 5)
		w.want(w.figures(a), "10: 10 used 0 reserved 0 left FULL")
	})
}

// A cap draws on its parent's units, so moving up takes none.
func TestMovingSeatsOutOfACap(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(5)
		a := w.allot(l, 3, ceiling)
		w.grant(w.group(w.users(4)...), a)
		w.want(w.figures(l), "5: 3 used 0 reserved 2 left OK")
		w.do("deleteAllotment", in{"allotmentId": a, "moveSeatsTo": "PARENT"})
		w.want(w.figures(l), "5: 4 used 0 reserved 1 left OK")
	})
}

func TestDatesOfAnAllotment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		now := w.Clock.Now().UTC()
		a := w.allot(l, 5, in{"startsAt": now.Add(time.Hour), "endsAt": now.Add(3 * time.Hour)})
		users := w.users(3)
		v := w.denied("NOT_IN_EFFECT", "assignSeats", in{"allotmentId": a, "userIds": users[:1]})
		w.want(v.Pool, a)
		w.want(w.figures(a), "5: 0 used 0 reserved 5 left NOT_IN_EFFECT")
		w.denied("NOT_IN_EFFECT", "licenseGroup", in{"allotmentId": a, "groupId": w.group()})
		w.Clock.Advance(2 * time.Hour)
		w.want(outcome(w.assign(a, users[:1])), "ACTIVE")
		g := w.group(users[1])
		w.grant(g, a)
		w.Clock.Advance(2 * time.Hour)
		w.denied("NOT_IN_EFFECT", "assignSeats", in{"allotmentId": a, "userIds": users[2:]})
		w.join(g, users[2])
		w.want(w.all(l, users), "ACTIVE, ACTIVE, ERROR NOT_IN_EFFECT") // nobody loses a seat, nobody gets one
		w.do("updateAllotment", in{"allotmentId": a, "endsAt": nil})
		w.want(w.stands(l, users[2]), "ACTIVE")
	})
}

func TestDatesOfALicense(t *testing.T) {
	each(t, func(w *world) {
		day := func(days int) string { return w.Clock.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
		l := w.license(10, in{"startsOn": day(2), "endsOn": day(3)})
		a := w.allot(l, 5)
		ann, bob := w.user(), w.user()
		w.denied("NOT_IN_EFFECT", "assignSeats", in{"allotmentId": a, "userIds": []string{ann}})
		w.Clock.Advance(48 * time.Hour)
		w.want(outcome(w.assign(a, []string{ann})), "ACTIVE")
		w.Clock.Advance(24 * time.Hour) // the last day counts
		g := w.group(bob)
		w.grant(g, l)
		w.want(w.stands(l, bob), "ACTIVE")
		w.Clock.Advance(24 * time.Hour)
		cyd := w.user()
		w.join(g, cyd)
		w.want(w.all(l, []string{ann, bob, cyd}), "ACTIVE, ACTIVE, ERROR NOT_IN_EFFECT")
		w.do("updateLicense", in{"licenseId": l, "endsOn": nil})
		w.want(w.stands(l, cyd), "ACTIVE")
	})
}

// What waits or failed because of a date is served when the day comes, without anybody asking.
func TestADateComes(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 5)
		ann := w.user()
		g := w.group()
		w.grant(g, a)
		w.do("updateAllotment", in{"allotmentId": a, "startsAt": w.Clock.Now().UTC().Add(2 * time.Hour)})
		w.join(g, ann)
		w.want(w.stands(l, ann), "ERROR NOT_IN_EFFECT")
		w.sweep(time.Hour)
		w.want(w.stands(l, ann), "ERROR NOT_IN_EFFECT")
		w.sweep(2 * time.Hour)
		w.want(w.stands(l, ann), "ACTIVE")
	})
}

// A date that is left out, or cleared, is that of the share above.
func TestDatesComeFromAbove(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 5)
		b := w.allot(a, 2)
		w.do("updateAllotment", in{"allotmentId": a, "endsAt": w.Clock.Now().UTC().Add(time.Hour)})
		w.want(outcome(w.assign(b, w.users(1))), "ACTIVE")
		w.Clock.Advance(2 * time.Hour)
		w.denied("NOT_IN_EFFECT", "assignSeats", in{"allotmentId": b, "userIds": w.users(1)})
		w.want(w.figures(b), "2: 1 used 0 reserved 1 left NOT_IN_EFFECT")
	})
}

// Widening a scope lets those in who were passed over; narrowing it throws nobody out.
func TestChangingAScope(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 5, in{"scope": in{"departments": []string{"Sales"}}})
		ann, bob := w.user(in{"department": "Sales"}), w.user(in{"department": "IT"})
		w.grant(w.group(ann, bob), a)
		w.want(w.all(l, []string{ann, bob}), "ACTIVE, none")
		w.do("updateAllotment", in{"allotmentId": a, "scope": in{"departments": []string{"IT"}}})
		w.sweep(0)
		w.want(w.all(l, []string{ann, bob}), "ACTIVE, ACTIVE")
	})
}
