package operation_test

import "testing"

// Plans that exclude each other or need another (semantics.md §4): never resolved silently, the intent stays and is retried.

func (w *world) mailboxes() (e1, e3 string) {
	standard, _ := w.product(nil, "EXCHANGE_S_STANDARD")
	enterprise, _ := w.product(nil, "EXCHANGE_S_ENTERPRISE")
	return w.licenseOf(standard, 5), w.licenseOf(enterprise, 5)
}

func TestPlansThatExcludeEachOther(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.mailboxes()
		ann := w.user()
		w.assign(e1, []string{ann})
		w.want(outcome(w.assign(e3, []string{ann})), "ERROR MUTUALLY_EXCLUSIVE")
		w.want(w.stands(e3, ann), "ERROR MUTUALLY_EXCLUSIVE")
		w.want(w.figures(e3), "5: 0 used 0 reserved 5 left OK 1 errors")
		w.want(w.do("retrySeats", in{"licenseId": e3}).Summary, "0 active 0 waiting 1 errors")
		w.unassign(e1, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "none ACTIVE")
		w.want(w.figures(e3), "5: 1 used 0 reserved 4 left OK")
	})
}

func TestPlansThatExcludeEachOtherThroughGroups(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.mailboxes()
		ann, bob := w.user(), w.user()
		g1, g3 := w.group(ann, bob), w.group()
		w.grant(g1, e1)
		w.grant(g3, e3)
		w.join(g3, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ACTIVE ERROR MUTUALLY_EXCLUSIVE")
		w.leave(g1, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "none ACTIVE")
		w.join(g1, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ERROR MUTUALLY_EXCLUSIVE ACTIVE")
		w.leave(g1, ann)
		w.want(w.figures(e1), "5: 1 used 0 reserved 4 left OK")
	})
}

// Switching the plan off on one side ends the conflict.
func TestASwitchedOffPlanExcludesNothing(t *testing.T) {
	each(t, func(w *world) {
		standard, plans := w.product(nil, "EXCHANGE_S_STANDARD", "TEAMS1")
		enterprise, _ := w.product(nil, "EXCHANGE_S_ENTERPRISE")
		e1, e3 := w.licenseOf(standard, 5), w.licenseOf(enterprise, 5)
		ann, bob := w.user(), w.user()
		w.assign(e1, []string{ann}, in{"disabledPlanIds": []string{plans["EXCHANGE_S_STANDARD"]}})
		w.want(outcome(w.assign(e3, []string{ann})), "ACTIVE")
		g := w.group(bob)
		gl, _ := w.grant(g, e1)
		w.want(outcome(w.assign(e3, []string{bob})), "ERROR MUTUALLY_EXCLUSIVE")
		w.do("updateGroupLicense", in{"groupLicenseId": gl, "disabledPlanIds": []string{plans["EXCHANGE_S_STANDARD"]}})
		w.want(w.stands(e3, bob), "ACTIVE")
	})
}

func TestAPlanThatNeedsAnother(t *testing.T) {
	each(t, func(w *world) {
		phone, _ := w.product(nil, "MCOEV")
		teams, _ := w.product(nil, "TEAMS1")
		p, base := w.licenseOf(phone, 5), w.licenseOf(teams, 5)
		ann := w.user()
		w.want(outcome(w.assign(p, []string{ann})), "ERROR MISSING_DEPENDENCY")
		w.assign(base, []string{ann})
		w.want(w.stands(p, ann), "ACTIVE")
	})
}

// Within one all-or-nothing group the needed plan comes along.
func TestNeededPlansComeTogether(t *testing.T) {
	each(t, func(w *world) {
		phone, _ := w.product(nil, "MCOEV")
		teams, _ := w.product(nil, "TEAMS1")
		p, base := w.licenseOf(phone, 5), w.licenseOf(teams, 5)
		g := w.group()
		w.grant(g, p)
		w.grant(g, base)
		ann := w.user()
		w.join(g, ann)
		w.want(w.stands(p, ann)+" "+w.stands(base, ann), "ACTIVE ACTIVE")
	})
}

// Licenses of one group that exclude each other are in error together.
func TestAGroupWhoseLicensesExcludeEachOther(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.mailboxes()
		g := w.group()
		w.grant(g, e1)
		gl, _ := w.grant(g, e3)
		ann := w.user()
		w.join(g, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ERROR MUTUALLY_EXCLUSIVE ERROR MUTUALLY_EXCLUSIVE")
		w.do("unlicenseGroup", in{"groupLicenseId": gl})
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ACTIVE none")
	})
}

// An error keeps no unit: it is released when what was held comes to stand in error, and others get it.
func TestAnErrorHoldsNoUnit(t *testing.T) {
	each(t, func(w *world) {
		barred, _ := w.product(in{"blockedLocations": []string{"CN"}})
		l := w.licenseOf(barred, 1)
		li, ann := w.user(in{"usageLocation": "CN"}), w.user()
		g := w.group(li, ann)
		_, summary := w.grant(g, l)
		w.want(summary, "1 active 0 waiting 1 errors")
		w.want(w.all(l, []string{li, ann}), "ERROR USAGE_LOCATION_NOT_ALLOWED, ACTIVE")
		w.change(li, in{"usageLocation": "FR"})
		w.want(w.stands(l, li), "WAITING 1")
		w.leave(g, ann)
		w.want(w.stands(l, li), "ACTIVE")
	})
}

// A product can be barred from a country, and let in again.
func TestAProductIsLetInAgain(t *testing.T) {
	each(t, func(w *world) {
		product, _ := w.product(in{"blockedLocations": []string{"CN", "RU"}})
		l := w.licenseOf(product, 5)
		li := w.user(in{"usageLocation": "CN"})
		w.want(outcome(w.assign(l, []string{li})), "ERROR USAGE_LOCATION_NOT_ALLOWED")
		w.do("updateProduct", in{"productId": product, "blockedLocations": []string{"RU"}})
		w.want(w.do("retrySeats", in{"licenseId": l}).Summary, "1 active 0 waiting 0 errors")
		w.want(w.stands(l, li), "ACTIVE")
	})
}

// A second reason that would switch on what excludes another is in error by itself: the seat stays as it is.
func TestAReasonThatConflictsLeavesTheSeat(t *testing.T) {
	each(t, func(w *world) {
		standard, _ := w.product(nil, "EXCHANGE_S_STANDARD")
		enterprise, plans := w.product(nil, "EXCHANGE_S_ENTERPRISE", "TEAMS1")
		e1, e3 := w.licenseOf(standard, 5), w.licenseOf(enterprise, 5)
		ann := w.user()
		w.assign(e1, []string{ann})
		g := w.group(ann)
		w.grant(g, e3, in{"disabledPlanIds": []string{plans["EXCHANGE_S_ENTERPRISE"]}})
		w.want(w.stands(e3, ann), "ACTIVE")
		w.want(outcome(w.assign(e3, []string{ann})), "ACTIVE MUTUALLY_EXCLUSIVE")
		s := w.seat(e3, ann)
		w.want([]string{s.State, s.Violations[0].Code, s.Reasons[0].State, s.Reasons[1].State}, []string{"ACTIVE", "MUTUALLY_EXCLUSIVE", "SERVED", "ERROR"})
		w.want(s.DisabledPlans, []struct{ Name string }{{"EXCHANGE_S_ENTERPRISE"}})
		// When the conflict goes, the second reason stands by and its plans come on.
		w.unassign(e1, ann)
		s = w.seat(e3, ann)
		w.want([]any{s.Reasons[1].State, len(s.Violations), len(s.DisabledPlans)}, []any{"STANDBY", 0, 0})
		w.leave(g, ann)
		w.want(w.stands(e3, ann), "ACTIVE")
	})
}

// If what conflicts is all that is left, the seat is in error.
func TestAConflictingReasonDoesNotTakeOver(t *testing.T) {
	each(t, func(w *world) {
		standard, _ := w.product(nil, "EXCHANGE_S_STANDARD")
		enterprise, plans := w.product(nil, "EXCHANGE_S_ENTERPRISE")
		e1, e3 := w.licenseOf(standard, 5), w.licenseOf(enterprise, 5)
		ann := w.user()
		w.assign(e1, []string{ann})
		g := w.group(ann)
		w.grant(g, e3, in{"disabledPlanIds": []string{plans["EXCHANGE_S_ENTERPRISE"]}})
		w.assign(e3, []string{ann})
		w.leave(g, ann)
		w.want(w.stands(e3, ann), "ERROR MUTUALLY_EXCLUSIVE")
		w.want(w.figures(e3), "5: 0 used 0 reserved 5 left OK 1 errors")
		w.unassign(e1, ann)
		w.want(w.stands(e3, ann), "ACTIVE")
	})
}

// Switching a plan on is checked like an assignment.
func TestSwitchingAPlanOnIsChecked(t *testing.T) {
	each(t, func(w *world) {
		standard, _ := w.product(nil, "EXCHANGE_S_STANDARD")
		enterprise, plans := w.product(nil, "EXCHANGE_S_ENTERPRISE")
		e1, e3 := w.licenseOf(standard, 5), w.licenseOf(enterprise, 5)
		ann, bob := w.user(), w.user()
		w.assign(e1, []string{ann})
		gl, _ := w.grant(w.group(ann, bob), e3, in{"disabledPlanIds": []string{plans["EXCHANGE_S_ENTERPRISE"]}})
		p := w.do("updateGroupLicense", in{"groupLicenseId": gl, "disabledPlanIds": []string{}})
		w.want(p.Summary, "1 active 0 waiting 1 errors")
		w.want(w.all(e3, []string{ann, bob}), "ERROR MUTUALLY_EXCLUSIVE, ACTIVE")
		w.do("updateGroupLicense", in{"groupLicenseId": gl, "disabledPlanIds": []string{plans["EXCHANGE_S_ENTERPRISE"]}})
		w.want(w.all(e3, []string{ann, bob}), "ACTIVE, ACTIVE")
	})
}
