package operation_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// Direct requests for seats (semantics.md §4).

func TestWX18TheLastUnitAmongFifty(t *testing.T) {
	each(t, func(w *world) {
		a := w.allot(w.license(3), 1)
		users := w.users(50)
		var wait sync.WaitGroup
		told := make([]string, len(users))
		for i, user := range users {
			wait.Go(func() {
				answer, err := w.client.Try(w.Context(), mutation("assignSeats"), apptest.Vars{"input": in{"allotmentId": a, "userIds": []string{user}}})
				if err != nil {
					told[i] = err.Error()
					return
				}
				told[i] = answer.Raw
			})
		}
		wait.Wait()
		active, denied := 0, 0
		for _, answer := range told {
			active += strings.Count(answer, `"state":"ACTIVE"`)
			denied += min(1, strings.Count(answer, `"INSUFFICIENT_POOL"`))
		}
		w.want([]int{active, denied}, []int{1, 49})
		w.want(w.figures(a), "1: 1 used 0 reserved 0 left FULL")
	})
}

// The same on three replicas of one database, and with users who would rather wait.
func TestWX18OnThreeReplicas(t *testing.T) {
	t.Parallel()
	for _, whenFull := range []string{"DENY", "WAIT"} {
		t.Run(whenFull, func(t *testing.T) {
			services := apptest.Replicas(t, 3)
			w := &world{Service: services[0], T: t}
			w.actor = actor{w, services[0].Admin()}
			l := w.license(1)
			users := w.users(50)
			var wait sync.WaitGroup
			for i, user := range users {
				client := services[i%len(services)].Admin()
				wait.Go(func() {
					_, err := client.Try(w.Context(), mutation("assignSeats"), apptest.Vars{"input": in{"licenseId": l, "userIds": []string{user}, "whenFull": whenFull}})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			want := map[string]string{"DENY": "1: 1 used 0 reserved 0 left FULL", "WAIT": "1: 1 used 0 reserved 0 left FULL 49 waiting"}
			w.want(w.figures(l), want[whenFull])
			w.want(w.count(l, "ACTIVE"), 1)
			w.audit()
		})
	}
}

func TestWX18sASoftLimit(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		w.assign(l, w.users(10))
		p := w.do("assignSeats", in{"licenseId": l, "userIds": w.users(1)})
		w.want(outcome(p.Results), "ACTIVE")
		w.want(p.Decision.Warnings[0].Code, "OVER_LIMIT_GRANTED")
		w.want(w.figures(l), "10: 11 used 0 reserved 0 left OVER_LIMIT 1 over")
		w.want(outcome(w.assign(l, w.users(1))), "INSUFFICIENT_POOL")
		hundred := w.license(100)
		w.want(tally(w.assign(hundred, w.users(110))), "105 ACTIVE, 5 INSUFFICIENT_POOL")
		w.want(w.figures(hundred), "100: 105 used 0 reserved 0 left OVER_LIMIT 5 over")
	}, apptest.Policies(policytest.Dir(t, policytest.SoftLimit)))
}

// A soft limit below a reservation: the parent's own units pay for it, never the same unit twice.
func TestASoftLimitInsideAReservation(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(20)
		a := w.allot(l, 10)
		w.want(tally(w.assign(a, w.users(12))), "11 ACTIVE, 1 INSUFFICIENT_POOL")
		w.want(w.figures(l), "20: 0 used 11 reserved 9 left OK")
		g := w.group(w.users(3)...)
		_, summary := w.grant(g, a)
		w.want(summary, "0 active 3 waiting 0 errors")
	}, apptest.Policies(policytest.Dir(t, policytest.SoftLimit)))
}

// A country is barred by a file, and let in again by removing it; no line of Go changes.
func TestACountryBarredByAFile(t *testing.T) {
	dir := policytest.Dir(t, policytest.Barred)
	each(t, func(w *world) {
		l := w.license(10)
		kim, ann := w.user(in{"usageLocation": "KP"}), w.user(in{"usageLocation": "GB"})
		w.want(outcome(w.assign(l, []string{kim, ann})), "COUNTRY_BARRED, ACTIVE")
		g := w.group(kim)
		_, summary := w.grant(g, l)
		w.want(summary, "0 active 0 waiting 0 errors COUNTRY_BARRED:1")
		w.denied("COUNTRY_BARRED", "assignSeats", in{"licenseId": l, "userIds": []string{kim}, "atomic": true})
	}, apptest.Policies(dir))
}

func TestEachUserGetsTheirOwnResultInOrder(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		users := w.users(2)
		off := w.user(in{"enabled": false})
		more := w.users(2)
		p := w.do("assignSeats", in{"licenseId": l, "userIds": []string{users[0], off, users[1], more[0], users[0]}})
		w.want(outcome(p.Results), "ACTIVE, USER_DISABLED, ACTIVE, INSUFFICIENT_POOL, ACTIVE")
		for i, id := range []string{users[0], off, users[1], more[0], users[0]} {
			w.want(p.Results[i].User.ID, id)
		}
		w.want(p.Results[1].Violations[0].Field, "userIds.1")
		w.want(p.Decision.Allow, true)
		w.want(len(p.Decision.Violations), 2)
		p = w.do("assignSeats", in{"licenseId": l, "userIds": more})
		w.want(p.Decision.Allow, false)
		w.want(w.count(l, "ACTIVE"), 2)
	})
}

func TestAtomic(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		users := w.users(3)
		v := w.denied("INSUFFICIENT_POOL", "assignSeats", in{"licenseId": l, "userIds": users, "atomic": true})
		w.want(v.Field, "userIds.2")
		w.want([]int{*v.Limit, *v.Available, *v.ShortBy}, []int{2, 0, 1})
		w.want(w.count(l, "ACTIVE"), 0)
		w.denied("USER_DISABLED", "assignSeats", in{"licenseId": l, "userIds": []string{users[0], w.user(in{"enabled": false})}, "atomic": true})
		w.denied("INSUFFICIENT_POOL", "assignSeats", in{"licenseId": l, "userIds": users, "whenFull": "DENY_ALL"})
		w.want(w.figures(l), "2: 0 used 0 reserved 2 left OK")
		w.want(outcome(w.assign(l, users[:2], in{"atomic": true})), "ACTIVE, ACTIVE")
		// Atomic and waiting: nobody is refused, so all are taken.
		w.want(outcome(w.assign(l, users[1:], in{"atomic": true, "whenFull": "WAIT"})), "ACTIVE, WAITING")
	})
}

func TestAtomicWithAnError(t *testing.T) {
	each(t, func(w *world) {
		barred, _ := w.product(in{"blockedLocations": []string{"CN"}})
		l := w.licenseOf(barred, 5)
		users := []string{w.user(), w.user(in{"usageLocation": "CN"})}
		w.denied("USAGE_LOCATION_NOT_ALLOWED", "assignSeats", in{"licenseId": l, "userIds": users, "atomic": true})
		w.want(w.all(l, users), "none, none")
	})
}

func TestWaitingInOrder(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		holder := w.user()
		w.assign(l, []string{holder})
		early, late := w.users(2), w.users(2)
		// In one request by the order of ids, whatever order they are named in; over requests by time.
		w.assign(l, []string{late[1], late[0]}, in{"whenFull": "WAIT"})
		w.Clock.Advance(time.Minute)
		w.assign(l, early, in{"whenFull": "WAIT"})
		w.want(w.all(l, append(late, early...)), "WAITING 1, WAITING 2, WAITING 3, WAITING 4")
		w.want(*w.seat(l, early[0]).Priority, 0.0)
		w.unassign(l, holder)
		w.want(w.all(l, append(late, early...)), "ACTIVE, WAITING 1, WAITING 2, WAITING 3")
		// Who gives up leaves the queue.
		w.unassign(l, late[1])
		w.want(w.all(l, append(late, early...)), "ACTIVE, none, WAITING 1, WAITING 2")
	})
}

// Nobody gets past a queue: a request that rather would not wait is denied while others do.
func TestNobodyGetsPastAQueue(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		w.assign(l, w.users(2))
		w.assign(l, w.users(2), in{"whenFull": "WAIT"})
		w.limit(l, 1)
		w.want(outcome(w.assign(l, w.users(1))), "INSUFFICIENT_POOL")
		w.limit(l, 3)
		w.want(w.figures(l), "3: 3 used 0 reserved 0 left FULL 1 waiting")
		w.want(outcome(w.assign(l, w.users(1))), "INSUFFICIENT_POOL")
		w.limit(l, 5)
		w.want(w.figures(l), "5: 4 used 0 reserved 1 left OK")
	})
}

// A request first lets the queue have what is its own, and may be denied for that.
func TestARequestLetsTheQueuePass(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		a := w.allot(l, 1)
		holder, waiter := w.users(1), w.users(1)
		w.assign(a, append(holder, waiter...), in{"whenFull": "WAIT"})
		w.do("updateAllotment", in{"allotmentId": a, "startsAt": w.Clock.Now().UTC().Add(time.Hour)})
		w.unassign(a, holder...)
		w.want(w.stands(l, waiter[0]), "WAITING 1") // nothing can be given before the hour has come
		w.Clock.Advance(2 * time.Hour)
		w.want(outcome(w.assign(a, w.users(1))), "INSUFFICIENT_POOL")
		w.want(w.stands(l, waiter[0]), "ACTIVE")
	})
}

func TestAssigningTwiceIsOnce(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(3)
		a, b := w.allot(l, 1), w.allot(l, 1, in{"name": "B"})
		ann := w.user()
		w.want(outcome(w.assign(a, []string{ann, ann})), "ACTIVE, ACTIVE")
		w.want(outcome(w.assign(b, []string{ann})), "ACTIVE") // it says from where, and b is not charged
		w.want(w.seat(l, ann).Allotment.ID, a)
		w.want(w.figures(l), "3: 0 used 2 reserved 1 left OK")
		w.want(outcome(w.unassign(b, ann)), "NOT_ASSIGNED_HERE")
		w.want(outcome(w.unassign(a, ann)), "")
		w.want(outcome(w.unassign(a, ann)), "")
		w.want(w.stands(l, ann), "none")
	})
}

// A queue position is one's own in each pool, and a seat can wait in several.
func TestWaitingInTwoQueues(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a, b := w.allot(l, 1), w.allot(l, 1, in{"name": "B"})
		ann, bob, cyd := w.user(), w.user(), w.user()
		w.assign(a, []string{bob})
		w.assign(b, []string{cyd})
		w.grant(w.group(ann), a)
		w.grant(w.group(ann), b)
		w.want(w.figures(a)+", "+w.figures(b), "1: 1 used 0 reserved 0 left FULL 1 waiting, 1: 1 used 0 reserved 0 left FULL 1 waiting")
		w.unassign(b, cyd)
		w.want(w.stands(l, ann), "ACTIVE")
		w.want(w.seat(l, ann).Allotment.ID, b)
		w.want(w.figures(a)+", "+w.figures(b), "1: 1 used 0 reserved 0 left FULL, 1: 1 used 0 reserved 0 left FULL")
	})
}

func TestUnlimitedLicensesNeverRunOut(t *testing.T) {
	each(t, func(w *world) {
		l := w.boundless()
		a := w.allot(l, 2)
		c := w.do("createAllotment", in{"licenseId": l, "name": "open", "mode": "CEILING"}).Allotment.ID
		w.want(tally(w.assign(l, w.users(150))), "150 ACTIVE")
		w.want(tally(w.assign(a, w.users(3))), "2 ACTIVE, 1 INSUFFICIENT_POOL")
		w.want(tally(w.assign(c, w.users(3))), "3 ACTIVE")
		w.want(w.figures(l), "unlimited: 153 used 2 reserved any left OK")
		w.want(w.figures(c), "unlimited: 3 used 0 reserved any left OK")
		m := w.license(1)
		w.assign(m, w.users(3), in{"whenFull": "WAIT"})
		w.do("updateLicense", in{"licenseId": m, "unlimitedQuantity": true})
		w.want(w.figures(m), "unlimited: 3 used 0 reserved any left OK")
		v := w.limit(l, 100)
		w.want(fmt.Sprint(v), "100: 153 used 2 reserved 0 left OVER_LIMIT 55 over")
	})
}
