package operation_test

import "testing"

func TestWX17SwapWithTooFewUnits(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(100), w.license(38)
		users := w.users(40)
		g := w.group(users...)
		gl, _ := w.grant(g, e1)
		p := w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3})
		w.want(p.Summary, "38 active 2 waiting 0 errors")
		w.want(w.figures(e1), "100: 2 used 0 reserved 98 left OK")
		w.want(w.figures(e3), "38: 38 used 0 reserved 0 left FULL 2 waiting")
		w.want(w.stands(e1, users[39])+" "+w.stands(e3, users[39]), "ACTIVE WAITING 2")
		// Somebody new gets the new license alone.
		zoe := w.user()
		w.join(g, zoe)
		w.want(w.stands(e1, zoe)+" "+w.stands(e3, zoe), "none WAITING 3")
		// The old seat leaves when the new one comes, and the old group license with the last of them.
		w.limit(e3, 39)
		w.want(w.figures(e1), "100: 1 used 0 reserved 99 left OK")
		w.fails("CONFLICT", "swapGroupLicense", in{"groupLicenseId": gl, "licenseId": w.license(5)})
		w.limit(e3, 41)
		w.want(w.figures(e1), "100: 0 used 0 reserved 100 left OK")
		w.want(w.figures(e3), "41: 41 used 0 reserved 0 left FULL")
		w.fails("NOT_FOUND", "unlicenseGroup", in{"groupLicenseId": gl})
		w.do("deleteLicense", in{"licenseId": e1})
	})
}

// A swap makes room in the old license, and whoever waits there gets it in the same transaction.
func TestASwapPromotesWhoWaitedForTheOld(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(2), w.license(10)
		ann, bob, cyd := w.user(), w.user(), w.user()
		g := w.group(ann, bob)
		gl, _ := w.grant(g, e1)
		w.assign(e1, []string{cyd}, in{"whenFull": "WAIT"})
		w.want(w.stands(e1, cyd), "WAITING 1")
		w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3})
		w.want(w.all(e1, []string{ann, bob, cyd})+" "+w.all(e3, []string{ann, bob, cyd}), "none, none, ACTIVE ACTIVE, ACTIVE, none")
	})
}

// What excludes each other can still be swapped: the old seat goes as the new one comes.
func TestSwapOfPlansThatExcludeEachOther(t *testing.T) {
	each(t, func(w *world) {
		standard, _ := w.product(nil, "EXCHANGE_S_STANDARD")
		enterprise, _ := w.product(nil, "EXCHANGE_S_ENTERPRISE")
		e1, e3 := w.licenseOf(standard, 5), w.licenseOf(enterprise, 1)
		users := w.users(2)
		g := w.group(users...)
		gl, _ := w.grant(g, e1)
		p := w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3})
		w.want(p.Summary, "1 active 1 waiting 0 errors")
		w.want(w.all(e1, users)+" "+w.all(e3, users), "none, ACTIVE ACTIVE, WAITING 1")
		w.leave(g, users[0])
		w.want(w.all(e1, users)+" "+w.all(e3, users), "none, none none, ACTIVE")
	})
}

// Leaving the group in the middle of a swap ends both.
func TestLeavingInTheMiddleOfASwap(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(5), w.license(0)
		ann := w.user()
		g := w.group(ann)
		gl, _ := w.grant(g, e1)
		next := w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3}).GroupLicense.ID
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ACTIVE WAITING 1")
		w.leave(g, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "none none")
		w.fails("NOT_FOUND", "unlicenseGroup", in{"groupLicenseId": gl})
		w.do("unlicenseGroup", in{"groupLicenseId": next})
	})
}

// Giving a swap up gives back what was swapped.
func TestASwapGivenUp(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(5), w.license(1)
		users := w.users(2)
		g := w.group(users...)
		gl, _ := w.grant(g, e1)
		next := w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3}).GroupLicense.ID
		w.do("unlicenseGroup", in{"groupLicenseId": next})
		w.sweep(0)
		w.want(w.all(e1, users)+" "+w.all(e3, users), "ACTIVE, ACTIVE none, none")
		w.do("unlicenseGroup", in{"groupLicenseId": gl})
		w.want(w.all(e1, users), "none, none")
	})
}

// A seat that has another reason stays where that reason is.
func TestASwapTakesOnlyWhatTheGroupGave(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(5), w.license(5)
		ann := w.user()
		g := w.group(ann)
		gl, _ := w.grant(g, e1)
		w.assign(e1, []string{ann})
		w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3})
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "ACTIVE ACTIVE")
		w.unassign(e1, ann)
		w.want(w.stands(e1, ann)+" "+w.stands(e3, ann), "none ACTIVE")
	})
}

// A swap keeps the group's exclusions, and stays within allotments when told to.
func TestASwapKeepsExclusions(t *testing.T) {
	each(t, func(w *world) {
		e1, e3 := w.license(5), w.license(5)
		a := w.allot(e3, 3)
		ann, bob := w.user(), w.user()
		g := w.group(ann, bob)
		gl, _ := w.grant(g, e1)
		w.do("excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{bob}})
		w.do("swapGroupLicense", in{"groupLicenseId": gl, "allotmentId": a})
		w.want(w.all(e3, []string{ann, bob}), "ACTIVE, none")
		w.want(w.figures(a), "3: 1 used 0 reserved 2 left OK")
		w.fails("CONFLICT", "licenseGroup", in{"groupId": g, "licenseId": e3})
	})
}
