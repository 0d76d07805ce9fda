package operation_test

import "testing"

// The worked examples of semantics.md §2 to §4, in its numbers.

func TestWX9ReservedAllotmentsCarveOut(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.allot(l, 100)
		w.allot(l, 50)
		w.want(w.figures(l), "275: 0 used 150 reserved 125 left OK")
		v := w.denied("INSUFFICIENT_POOL", "createAllotment", allotment(l, 126))
		w.want([]int{*v.Requested, *v.Available, *v.ShortBy, *v.Limit}, []int{126, 125, 1, 275})
		w.want(v.Pool, l)
		w.want(v.Field, "limit")
		w.allot(l, 125)
		w.want(w.figures(l), "275: 0 used 275 reserved 0 left FULL")
	})
}

func TestWX10AGroupLargerThanItsAllotment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		a := w.allot(l, 100)
		users := w.users(120)
		g := w.group(users...)
		_, summary := w.grant(g, a)
		w.want(summary, "100 active 20 waiting 0 errors")
		w.want(w.figures(a), "100: 100 used 0 reserved 0 left FULL 20 waiting")
		w.leave(g, users[0], users[50], users[99])
		w.want(w.figures(a), "100: 100 used 0 reserved 0 left FULL 17 waiting")
		w.want(w.all(l, users[100:104]), "ACTIVE, ACTIVE, ACTIVE, WAITING 1")
		w.want(w.figures(l), "275: 0 used 100 reserved 175 left OK")
	})
}

func TestWX11ALoweredLimit(t *testing.T) {
	each(t, func(w *world) {
		a := w.allot(w.license(275), 100)
		users := w.users(117)
		g := w.group(users...)
		w.grant(g, a)
		w.limit(a, 80)
		w.want(w.figures(a), "80: 100 used 0 reserved 0 left OVER_LIMIT 20 over 17 waiting")
		w.leave(g, users[:5]...)
		w.want(w.figures(a), "80: 95 used 0 reserved 0 left OVER_LIMIT 15 over 17 waiting")
		w.leave(g, users[5:30]...)
		w.want(w.figures(a), "80: 80 used 0 reserved 0 left FULL 7 waiting")
	})
}

func TestWX12OneSeatForTwoGroups(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.allot(l, 5)
		ann := w.user()
		g1, g2 := w.group(ann), w.group(ann)
		w.grant(g1, a)
		w.grant(g2, a)
		w.want(w.figures(a), "5: 1 used 0 reserved 4 left OK")
		w.leave(g1, ann)
		w.want(w.figures(a), "5: 1 used 0 reserved 4 left OK")
		w.want(w.stands(l, ann), "ACTIVE")
		w.leave(g2, ann)
		w.want(w.figures(a), "5: 0 used 0 reserved 5 left OK")
		w.want(w.stands(l, ann), "none")
	})
}

func TestWX14EveryCapOfAChainBinds(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		emea := w.allot(l, 150, ceiling)
		uk := w.allot(emea, 60, ceiling)
		london := w.allot(uk, 25, ceiling)
		w.assign(london, w.users(10))
		w.assign(uk, w.users(50))
		w.want(w.figures(london), "25: 10 used 0 reserved 15 left OK")
		w.want(w.figures(uk), "60: 60 used 0 reserved 0 left FULL")
		w.want(w.figures(emea), "150: 60 used 0 reserved 90 left OK")
		w.want(w.figures(l), "275: 60 used 0 reserved 215 left OK")
		r := w.assign(london, w.users(1))[0]
		w.want(r, "INSUFFICIENT_POOL")
		w.want(r.Violations[0].Pool.ID, uk)
	})
}

func TestWX14AReservedPartIsGuaranteed(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		uk := w.allot(w.allot(l, 150, ceiling), 60, ceiling)
		london := w.allot(uk, 25)
		w.assign(london, w.users(10))
		w.want(tally(w.assign(uk, w.users(50))), "35 ACTIVE, 15 INSUFFICIENT_POOL")
		w.want(w.figures(uk), "60: 35 used 25 reserved 0 left FULL")
		w.want(tally(w.assign(london, w.users(16))), "15 ACTIVE, 1 INSUFFICIENT_POOL")
		w.want(w.figures(london), "25: 25 used 0 reserved 0 left FULL")
		w.want(w.figures(uk), "60: 35 used 25 reserved 0 left FULL")
	})
}
