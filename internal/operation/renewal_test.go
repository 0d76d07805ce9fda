package operation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

const day = 24 * time.Hour

// stage reads where a license stands: ACTIVE until 2030-05-01, OK.
func (w *world) stage(license string) string {
	w.Helper()
	var answer struct {
		Node struct {
			Lifecycle, State          string
			LifecycleUntil, ExpiresOn *string
		}
	}
	w.ask(`query($id: ID!) { node(id: $id) { ... on License { lifecycle lifecycleUntil expiresOn state } } }`, in{"id": license}, &answer)
	text := answer.Node.Lifecycle
	if answer.Node.LifecycleUntil != nil {
		text += " until " + *answer.Node.LifecycleUntil
	}
	return text + ", " + answer.Node.State
}

// A license goes through its stages with its contract, and nothing can be assigned when it is over; seats are kept.
func TestStagesOfALicense(t *testing.T) {
	each(t, func(w *world) {
		w.travel("2030-01-01T12:00:00Z")
		l := w.license(10)
		w.do("updateContract", in{"contractId": w.contract, "startsOn": "2030-02-01", "endsOn": "2030-06-30"})
		users := w.users(8)
		for i, step := range []struct{ at, stage, outcome string }{
			{"2030-01-31T23:00:00Z", "UPCOMING until 2030-01-31, NOT_IN_EFFECT", "NOT_IN_EFFECT"},
			{"2030-02-01T00:01:00Z", "ACTIVE until 2030-04-30, OK", "ACTIVE"},
			{"2030-05-01T00:01:00Z", "EXPIRING until 2030-06-30, OK", "ACTIVE"},
			{"2030-06-30T23:00:00Z", "EXPIRING until 2030-06-30, OK", "ACTIVE"},
			{"2030-07-01T00:01:00Z", "IN_GRACE until 2030-07-30, NOT_IN_EFFECT", "NOT_IN_EFFECT"},
			{"2030-07-31T00:01:00Z", "EXPIRED until 2030-10-28, NOT_IN_EFFECT", "NOT_IN_EFFECT"},
			{"2030-10-29T00:01:00Z", "DISABLED, NOT_IN_EFFECT", "NOT_IN_EFFECT"},
		} {
			w.travel(step.at)
			w.want(w.stage(l), step.stage)
			if step.outcome == "ACTIVE" {
				w.want(outcome(w.assign(l, users[i:i+1])), "ACTIVE")
			} else {
				w.denied(step.outcome, "assignSeats", in{"licenseId": l, "userIds": users[i : i+1]})
			}
		}
		w.want(w.count(l, "ACTIVE"), 3)

		own := w.license(10, in{"endsOn": "2031-06-30"}) // a day of its own counts before its contract's
		w.want(w.stage(own), "ACTIVE until 2031-04-30, OK")
		w.assign(own, users[:1])
		w.fails("POLICY_DENIED", "assignSeats", in{"licenseId": w.license(1, in{"startsOn": "2029-01-01"}), "userIds": users[:1]})
	})
}

// With the settings, seats are still given in grace, and stages take as many days as they say.
func TestStagesAreSettings(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2, in{"endsOn": w.day(5)})
		users := w.users(3)
		w.want(w.stage(l), "ACTIVE until "+w.day(2)+", OK")
		w.Clock.Advance(8 * day)
		w.want(w.stage(l), "IN_GRACE until "+w.day(2)+", OK")
		w.want(outcome(w.assign(l, users[:1])), "ACTIVE")
		w.Clock.Advance(3 * day)
		w.want(strings.HasPrefix(w.stage(l), "EXPIRED"), true)
		w.denied("NOT_IN_EFFECT", "assignSeats", in{"licenseId": l, "userIds": users[1:2]})
	}, apptest.Policies(policytest.Changed(t, "data.json", `"expiring_days": 60,
      "grace_days": 30,
      "expired_days": 90,
      "assign_in_grace": false`, `"expiring_days": 2, "grace_days": 5, "expired_days": 9, "assign_in_grace": true`)))
}

// Another date of the contract is a date of its licenses at once: what stood in error is tried again, and queues move.
func TestDatesOfAContractBindItsLicenses(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		own := w.license(2, in{"startsOn": w.day(-9), "endsOn": w.day(9)})
		users := w.users(4)
		g := w.group()
		w.grant(g, l)
		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(-1)})
		w.join(g, users[:3]...)
		w.want(w.all(l, users[:3]), "ERROR NOT_IN_EFFECT, ERROR NOT_IN_EFFECT, ERROR NOT_IN_EFFECT")
		w.want(outcome(w.assign(own, users[3:])), "ACTIVE")

		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(30)})
		w.want(w.all(l, users[:3]), "ACTIVE, ACTIVE, WAITING 1")
		w.do("updateContract", in{"contractId": w.contract, "startsOn": w.day(3), "endsOn": nil})
		w.leave(g, users[0])
		w.want(w.all(l, users[:3]), "none, ACTIVE, WAITING 1")
		w.sweep(4 * day) // the date comes
		w.want(w.all(l, users[:3]), "none, ACTIVE, ACTIVE")
		w.invalid("endsOn", "updateContract", in{"contractId": w.contract, "endsOn": w.day(-30)})
	})
}

// What a date of the contract put in error is tried again when it has come.
func TestADateOfAContractComes(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		users := w.users(2)
		g := w.group()
		w.grant(g, l)
		w.do("updateContract", in{"contractId": w.contract, "startsOn": w.day(2)})
		w.join(g, users...)
		w.sweep(day)
		w.want(w.all(l, users), "ERROR NOT_IN_EFFECT, ERROR NOT_IN_EFFECT")
		w.sweep(day)
		w.want(w.all(l, users), "ACTIVE, ACTIVE")
	})
}

// A contract that ends while seats are given: who is after the change is told so, who was before has a seat.
func TestContractsEndWhileSeatsAreGiven(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1000)
		users := w.users(40)
		answers := make(chan string, len(users))
		for _, user := range users {
			go func() {
				answer, err := w.client.Try(w.Context(), mutation("assignSeats"), apptest.Vars{"input": in{"licenseId": l, "userIds": []string{user}}})
				if err != nil {
					answers <- err.Error()
					return
				}
				answers <- answer.Raw
			}()
		}
		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(-1)})
		given := w.count(l, "ACTIVE")
		active, refused := 0, 0
		for range users {
			raw := <-answers
			switch {
			case strings.Contains(raw, `"ACTIVE"`):
				active++
			case strings.Contains(raw, "NOT_IN_EFFECT"):
				refused++
			default:
				w.Error(raw)
			}
		}
		w.want([]int{active, active + refused, w.count(l, "ACTIVE")}, []int{given, len(users), given})
	})
}

func TestPlanningARenewal(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		w.assign(l, w.users(6))
		w.allot(l, 2)
		p := w.do("planRenewal", in{"licenseId": l, "renewalQuantity": 5})
		w.want(*p.Check, `{"Consumed":8,"RenewalQuantity":5,"Shortfall":3}`)
		w.want([]int{*p.License.RenewalQuantity, *p.License.RenewalShortfall, p.License.Quantity}, []int{5, 3, 10})
		w.want(warned(p), "INSUFFICIENT_POOL")
		p = w.do("planRenewal", in{"licenseId": l, "renewalQuantity": 8})
		w.want(warned(p), "")
		w.want(p.Check.Shortfall, 0)
		p = w.do("planRenewal", in{"licenseId": l, "renewalQuantity": nil})
		if p.Check != nil || p.License.RenewalQuantity != nil || p.License.RenewalShortfall != nil {
			w.Errorf("nothing is planned: %+v", p.License)
		}
		w.invalid("renewalQuantity", "planRenewal", in{"licenseId": l, "renewalQuantity": -1})
		w.invalid("renewalQuantity", "planRenewal", in{"licenseId": w.boundless(), "renewalQuantity": 1})
		w.do("planRenewal", in{"licenseId": w.boundless()})
	})
}

// A renewal takes along what ends with the contract, and puts plans in force; what is below use has to be asked for.
func TestRenewingAContract(t *testing.T) {
	each(t, func(w *world) {
		less, more, follows := w.license(10, in{"endsOn": w.day(20)}), w.license(2, in{"endsOn": w.day(20)}), w.license(5)
		other := w.license(5, in{"endsOn": w.day(40)})
		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(20)})
		w.assign(less, w.users(6))
		waiting := w.users(4)
		w.assign(more, waiting, in{"whenFull": "WAIT"})
		for license, n := range map[string]int{less: 4, more: 3, other: 1} {
			w.do("planRenewal", in{"licenseId": license, "renewalQuantity": n})
		}
		input := in{"contractId": w.contract, "endsOn": w.day(385)}
		v := w.denied("INSUFFICIENT_POOL", "renewContract", input)
		w.want([]any{v.Field, *v.Limit, *v.Used, *v.ShortBy}, []any{"renewalQuantity", 4, 6, 2})
		w.invalid("endsOn", "renewContract", in{"contractId": w.contract, "endsOn": w.day(20)})

		p := w.do("renewContract", with(input, in{"allowOverLimit": true}))
		w.want(warned(p), "INSUFFICIENT_POOL")
		var renewed []string
		for _, l := range p.Licenses {
			ends := "follows"
			if l.EndsOn != nil {
				ends = *l.EndsOn
			}
			renewed = append(renewed, fmt.Sprint(l.Quantity, " ", ends, " ", *l.ExpiresOn))
		}
		until := w.day(385)
		w.want(renewed, []string{"4 " + until + " " + until, "3 " + until + " " + until, "5 follows " + until})
		w.want(w.figures(less), "4: 6 used 0 reserved 0 left OVER_LIMIT 2 over")
		w.want(w.all(more, waiting), "ACTIVE, ACTIVE, ACTIVE, WAITING 1")
		w.want(w.figures(follows), "5: 0 used 0 reserved 5 left OK")
		w.want(w.stock(other), "5")
		w.want(w.happenings("LICENSE_RENEWED"), 3)
		w.want(w.happenings("CONTRACT_RENEWED"), 1)
	})
}

// Renewed after it was over, a license gives again what stood in error; plans may stay plans.
func TestRenewingLate(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(2)})
		w.do("planRenewal", in{"licenseId": l, "renewalQuantity": 1})
		users, g := w.users(2), w.group()
		w.grant(g, l)
		w.Clock.Advance(5 * day)
		w.join(g, users...)
		w.want(w.all(l, users), "ERROR NOT_IN_EFFECT, ERROR NOT_IN_EFFECT")
		p := w.do("renewContract", in{"contractId": w.contract, "endsOn": w.day(300), "applyPlannedQuantities": false})
		w.want(w.all(l, users), "ACTIVE, ACTIVE")
		w.want(*p.Licenses[0].RenewalQuantity, 1)
		w.want(warned(p), "")

		w.fails("NOT_FOUND", "renewContract", in{"contractId": "con_zzz", "endsOn": w.day(300)})
		endless := w.do("createContract", in{"vendorId": w.vendor, "number": "EA-9", "name": "Endless"}).Contract.ID
		w.fails("CONFLICT", "renewContract", in{"contractId": endless, "endsOn": w.day(300)})
	})
}

// An overage that shrinks is covered by what a renewal brings, first of all.
func TestARenewalCoversAnOverage(t *testing.T) {
	each(t, func(w *world) {
		l := w.stretched(2, 3)
		w.do("updateContract", in{"contractId": w.contract, "endsOn": w.day(2)})
		w.assign(l, w.users(5))
		w.do("removeUnusedOverage", in{"licenseId": l})
		w.do("planRenewal", in{"licenseId": l, "renewalQuantity": 6})
		w.do("renewContract", in{"contractId": w.contract, "endsOn": w.day(300)})
		w.want(w.stock(l), "6")
		w.want(w.figures(l), "6: 5 used 0 reserved 1 left OK")
	})
}
