package operation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// travel moves the service's time to an instant.
func (w *world) travel(to string) {
	w.Helper()
	at, err := time.Parse(time.RFC3339, to)
	if err != nil {
		w.Fatal(err)
	}
	w.Clock.Advance(at.Sub(w.Clock.Now()))
}

// volume makes a license under a contract whose anniversary is the first of July.
func (w *world) volume(quantity int) string {
	w.Helper()
	l := w.license(quantity)
	w.do("updateContract", in{"contractId": w.contract, "startsOn": "2023-07-01"})
	return l
}

// warned tells what a decision remarks on.
func warned(p payload) string {
	var codes []string
	for _, v := range p.Decision.Warnings {
		codes = append(codes, v.Code)
	}
	return strings.Join(codes, ", ")
}

// until tells how long a purchase reservation can be canceled.
func until(p payload) string {
	if p.PurchaseReservation.CancellableUntil == nil {
		return "never"
	}
	return p.PurchaseReservation.CancellableUntil.Format(time.RFC3339)
}

// The dates of WX-20, in a year to come: a token is not valid before it was made.
func TestWX20DatesOfPurchaseReservations(t *testing.T) {
	each(t, func(w *world) {
		w.travel("2030-01-10T12:00:00Z")
		l := w.volume(100)
		place := func(startsOn string) in { return in{"licenseId": l, "quantity": 10, "startsOn": startsOn} }

		w.want(w.do("placePurchaseReservation", place("2030-07-10")).PurchaseReservation.State, "PLACED")
		v := w.denied("NOT_IN_EFFECT", "placePurchaseReservation", place("2030-07-11"))
		w.want(v.Field, "startsOn")
		w.want(w.denied("NOT_IN_EFFECT", "placePurchaseReservation", place("2030-01-09")).Field, "startsOn")
		march := w.do("placePurchaseReservation", place("2030-03-10"))
		w.want(warned(march), "")
		w.want(until(march), "2030-03-07T00:00:00Z")
		w.want(warned(w.do("placePurchaseReservation", place("2030-05-10"))), "NEAR_ANNIVERSARY")
		second := w.do("placePurchaseReservation", place("2030-03-10"))

		w.travel("2030-03-06T23:59:00Z")
		canceled := w.do("cancelPurchaseReservation", in{"purchaseReservationId": second.PurchaseReservation.ID})
		w.want(canceled.PurchaseReservation.State, "CANCELED")
		w.travel("2030-03-07T00:01:00Z")
		w.want(w.denied("NOT_IN_EFFECT", "cancelPurchaseReservation", in{"purchaseReservationId": march.PurchaseReservation.ID}).Field, "purchaseReservationId")

		w.travel("2030-06-05T08:00:00Z")
		w.want(w.denied("NOT_IN_EFFECT", "placePurchaseReservation", place("2030-08-01")).Field, "licenseId")
		w.travel("2030-07-01T00:10:00Z")
		w.do("placePurchaseReservation", place("2030-08-01"))
	})
}

// The last day of a month is six months after the last day of one that is longer.
func TestMonthsAreClamped(t *testing.T) {
	each(t, func(w *world) {
		w.travel("2030-08-31T12:00:00Z")
		l := w.license(1)
		w.place(l, 1, "2031-02-28")
		w.denied("NOT_IN_EFFECT", "placePurchaseReservation", in{"licenseId": l, "quantity": 1, "startsOn": "2031-03-01"})
	})
}

// From 00:00 UTC of the day the units count, whoever looks or writes first, without a sweep; and the queue moves.
func TestUnitsCountFromTheirDayOn(t *testing.T) {
	for name, first := range map[string]func(w *world, l string, user []string){
		"read": func(w *world, l string, _ []string) { w.want(w.figures(l), "7: 3 used 0 reserved 4 left OK") },
		"list": func(w *world, _ string, _ []string) { w.ask(`{ licenses { nodes { limit } } }`, nil, nil) },
		"write": func(w *world, l string, user []string) {
			w.want(outcome(w.assign(l, user)), "ACTIVE")
			w.unassign(l, user[0])
		},
		"alone": func(w *world, l string, user []string) {
			w.want(outcome(w.assign(l, user, in{"atomic": true})), "ACTIVE")
			w.unassign(l, user[0])
		},
		"sweep": func(w *world, _ string, _ []string) { w.sweep(0) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				w.travel("2030-03-09T12:00:00Z")
				l := w.license(2)
				users := w.users(3)
				w.assign(l, users, in{"whenFull": "WAIT"})
				spare := w.users(1)
				p := w.place(l, 5, "2030-03-10").PurchaseReservation.ID
				w.travel("2030-03-09T23:59:50Z")
				w.want(w.figures(l), "2: 2 used 0 reserved 0 left FULL 1 waiting")
				w.travel("2030-03-10T00:00:01Z")
				first(w, l, spare)
				w.want(w.figures(l), "7: 3 used 0 reserved 4 left OK")
				w.want(w.stock(l), "2+5 committed")
				w.want(w.all(l, users), "ACTIVE, ACTIVE, ACTIVE")
				w.want(w.purchase(p), "5 from 2030-03-10 ACTIVE")
				w.want(w.happenings("PURCHASE_RESERVATION_ACTIVATED"), 1)
				w.sweep(time.Minute)
				w.want(w.happenings("PURCHASE_RESERVATION_ACTIVATED"), 1)
			})
		})
	}
}

// purchase reads a purchase reservation.
func (w *world) purchase(id string) string {
	w.Helper()
	var answer struct {
		Node struct {
			Quantity        int
			StartsOn, State string
			OrderNumber     *string
		}
	}
	w.ask(`query($id: ID!) { node(id: $id) { ... on PurchaseReservation { quantity startsOn state orderNumber } } }`, in{"id": id}, &answer)
	text := fmt.Sprintf("%d from %s %s", answer.Node.Quantity, answer.Node.StartsOn, answer.Node.State)
	if answer.Node.OrderNumber != nil {
		text += " " + *answer.Node.OrderNumber
	}
	return text
}

func TestAnOrderFulfills(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2)
		users := w.users(4)
		w.assign(l, users, in{"whenFull": "WAIT"})
		today := w.place(l, 1, w.day(0))
		w.want(today.License, "3: 3 used 0 reserved 0 left FULL 1 waiting")
		w.want(today.PurchaseReservation.State, "ACTIVE")
		w.want(until(today), "never")
		later := w.place(l, 1, w.day(20)).PurchaseReservation.ID

		done := w.do("fulfillPurchaseReservation", in{"purchaseReservationId": today.PurchaseReservation.ID, "orderNumber": "PO-7"})
		w.want(done.License.stock(), "3")
		w.want(w.purchase(today.PurchaseReservation.ID), "1 from "+w.day(0)+" FULFILLED PO-7")
		done = w.do("fulfillPurchaseReservation", in{"purchaseReservationId": later, "orderNumber": "PO-8"}) // the order gives the units
		w.want(done.License, "4: 4 used 0 reserved 0 left FULL")
		w.want(w.stock(l), "4")
		w.sweep(21 * 24 * time.Hour)
		w.want(w.stock(l), "4")

		for _, name := range []string{"fulfillPurchaseReservation", "cancelPurchaseReservation"} {
			input := in{"purchaseReservationId": later}
			if strings.HasPrefix(name, "f") {
				input["orderNumber"] = "PO-9"
			}
			w.fails("CONFLICT", name, input)
		}
	})
}

// When the vendor lets go of what is binding, a global administrator takes it back, and says so. Nobody loses a seat.
func TestTakingBackWhatIsBinding(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		p := w.place(l, 2, w.day(0)).PurchaseReservation.ID
		w.assign(l, w.users(3))
		input := in{"purchaseReservationId": p}
		w.denied("NOT_IN_EFFECT", "cancelPurchaseReservation", input)
		override := with(input, in{"overrideDeadline": true})
		cora := w.as("cora", "CONTRACT_MANAGER")
		w.want(cora.denied("ROLE_REQUIRED", "cancelPurchaseReservation", override).Field, "overrideDeadline")
		done := w.do("cancelPurchaseReservation", override)
		w.want(warned(done), "DEADLINE_OVERRIDDEN")
		w.want(done.License, "1: 3 used 0 reserved 0 left OVER_LIMIT 2 over")
		w.want(w.stock(l), "1")
		w.want(w.purchase(p), "2 from "+w.day(0)+" CANCELED")
	})
}

func TestPurchaseReservationsThatCannotBe(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		w.invalid("quantity", "placePurchaseReservation", in{"licenseId": l, "quantity": 0, "startsOn": w.day(1)})
		w.invalid("licenseId", "placePurchaseReservation", in{"licenseId": w.boundless(), "quantity": 1, "startsOn": w.day(1)})
		w.place(l, 1<<31-3, w.day(1))
		w.invalid("quantity", "placePurchaseReservation", in{"licenseId": l, "quantity": 3, "startsOn": w.day(1)})
		w.fails("NOT_FOUND", "placePurchaseReservation", in{"licenseId": "lic_zzz", "quantity": 3, "startsOn": w.day(1)})
		w.fails("NOT_FOUND", "cancelPurchaseReservation", in{"purchaseReservationId": "pur_zzz"})
		w.fails("NOT_FOUND", "fulfillPurchaseReservation", in{"purchaseReservationId": l, "orderNumber": "1"})
		w.fails("CONFLICT", "deleteLicense", in{"licenseId": l})
		w.as("nora", "AUDITOR").denied("READ_ONLY", "placePurchaseReservation", in{"licenseId": l, "quantity": 1, "startsOn": w.day(1)})
	})
}

// The numbers are settings.
func TestOtherDatesOfPurchaseReservations(t *testing.T) {
	each(t, func(w *world) {
		w.travel("2030-01-10T12:00:00Z")
		l := w.volume(1)
		w.denied("NOT_IN_EFFECT", "placePurchaseReservation", in{"licenseId": l, "quantity": 1, "startsOn": "2030-03-11"})
		p := w.place(l, 1, "2030-03-10")
		w.want(until(p), "2030-03-10T00:00:00Z")
		w.travel("2030-03-09T23:00:00Z")
		w.do("cancelPurchaseReservation", in{"purchaseReservationId": p.PurchaseReservation.ID})
	}, apptest.Policies(policytest.Changed(t, "data.json", `"months_ahead": 6,
      "cancel_hours": 72`, `"months_ahead": 2,
      "cancel_hours": 0`)))
}

func TestPurchaseReservationsAreListed(t *testing.T) {
	each(t, func(w *world) {
		one, two := w.license(1), w.license(1)
		w.place(one, 1, w.day(30))
		w.place(one, 2, w.day(10))
		w.place(two, 3, w.day(20))
		w.place(two, 4, w.day(0))
		list := func(where in, order string) string {
			var answer struct {
				PurchaseReservations struct {
					TotalCount int
					Nodes      []struct{ Quantity int }
				}
			}
			w.ask(`query($where: PurchaseReservationWhere, $order: PurchaseReservationOrder) {
				purchaseReservations(where: $where, orderBy: $order) { totalCount nodes { quantity license { id } } } }`,
				in{"where": where, "order": map[bool]any{true: nil, false: in{"field": order, "direction": "DESC"}}[order == ""]}, &answer)
			return fmt.Sprint(answer.PurchaseReservations.Nodes)
		}
		w.want(list(nil, ""), "[{4} {2} {3} {1}]")
		w.want(list(in{"stateIn": []string{"ACTIVE"}}, ""), "[{4}]")
		w.want(list(in{"licenseIdIn": []string{one}}, "QUANTITY"), "[{2} {1}]")
		w.want(list(in{"contractIdIn": []string{w.contract}, "startsOn": in{"since": w.day(10), "before": w.day(30)}}, "CREATED_AT"), "[{3} {2}]")
		var answer struct {
			Node struct {
				PurchaseReservations struct{ Nodes []struct{ Quantity int } }
			}
		}
		w.ask(`query($id: ID!) { node(id: $id) { ... on License { purchaseReservations(stateIn: [PLACED]) { nodes { quantity } } } } }`, in{"id": two}, &answer)
		w.want(answer.Node.PurchaseReservations.Nodes, "[{\"Quantity\":3}]")
	})
}
