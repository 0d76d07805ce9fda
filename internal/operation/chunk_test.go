package operation_test

import (
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/operation"
)

// Groups larger than one transaction are worked through in parts; the payload tells how many members are left, and the sweep goes
// on, on whatever replica. These tests do not run beside others, because they change how large a part is.

func inParts(t *testing.T, n int64, run func(w *world)) {
	t.Helper()
	defer operation.SetChunk(n)()
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		w := &world{Service: s, T: t}
		w.actor = actor{w, s.Admin()}
		run(w)
		w.audit()
	})
}

// pending counts group licenses that are not worked through.
func (w *world) pending() int {
	w.Helper()
	var answer struct {
		Groups struct {
			Nodes []struct {
				GroupLicenses struct{ Nodes []struct{ Summary summary } }
			}
		}
	}
	w.ask(`{ groups { nodes { groupLicenses { nodes { summary { pending } } } } } }`, nil, &answer)
	n := 0
	for _, group := range answer.Groups.Nodes {
		for _, license := range group.GroupLicenses.Nodes {
			n += min(1, license.Summary.Pending)
		}
	}
	return n
}

func TestALargeGroupInParts(t *testing.T) {
	inParts(t, 3, func(w *world) {
		l := w.license(8)
		users := w.users(10)
		g := w.group(users...)
		p := w.do("licenseGroup", in{"groupId": g, "licenseId": l})
		w.want(p.Summary, "3 active 0 waiting 0 errors")
		w.want(p.Summary.Pending, 7)
		w.sweep(0)
		w.want(w.pending(), 0)
		w.want(w.figures(l), "8: 8 used 0 reserved 0 left FULL 2 waiting")
		w.want(w.all(l, users[:8]), "ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE")
		end := w.do("unlicenseGroup", in{"groupLicenseId": p.GroupLicense.ID})
		w.want(end.Released, 3)
		w.sweep(0)
		w.want(w.figures(l), "8: 0 used 0 reserved 8 left OK")
		w.do("deleteGroup", in{"groupId": g})
	})
}

// Who leaves or joins in the middle is served rightly, and a dry run tells of all at once.
func TestALargeGroupThatChangesMeanwhile(t *testing.T) {
	inParts(t, 2, func(w *world) {
		l := w.license(10)
		users := w.users(6)
		g := w.group(users...)
		dry := w.do("licenseGroup", in{"groupId": g, "licenseId": l, "dryRun": true})
		w.want(dry.Summary, "6 active 0 waiting 0 errors")
		w.grant(g, l)
		w.leave(g, users[0], users[5])
		late := w.user()
		w.join(g, late)
		w.sweep(0)
		w.want(w.all(l, append(users, late)), "none, ACTIVE, ACTIVE, ACTIVE, ACTIVE, none, ACTIVE")
		w.want(w.figures(l), "10: 5 used 0 reserved 5 left OK")
	})
}

func TestALargeSwapInParts(t *testing.T) {
	inParts(t, 2, func(w *world) {
		e1, e3 := w.license(10), w.license(4)
		users := w.users(5)
		gl, _ := w.grant(w.group(users...), e1)
		w.sweep(0)
		w.want(w.figures(e1), "10: 5 used 0 reserved 5 left OK")
		p := w.do("swapGroupLicense", in{"groupLicenseId": gl, "licenseId": e3})
		w.want([]any{p.Summary.Active, p.Summary.Pending}, []any{2, 3})
		w.sweep(0)
		w.want(w.figures(e1)+", "+w.figures(e3), "10: 1 used 0 reserved 9 left OK, 4: 4 used 0 reserved 0 left FULL 1 waiting")
		w.limit(e3, 5)
		w.want(w.figures(e1), "10: 0 used 0 reserved 10 left OK")
		w.fails("NOT_FOUND", "unlicenseGroup", in{"groupLicenseId": gl})
	})
}

// Nobody is licensed unless everyone fits, however many they are: that takes one transaction.
func TestALargeGroupAllOrNobody(t *testing.T) {
	inParts(t, 2, func(w *world) {
		l := w.license(5)
		g := w.group(w.users(6)...)
		w.denied("INSUFFICIENT_POOL", "licenseGroup", in{"groupId": g, "licenseId": l, "whenFull": "DENY_ALL"})
		w.limit(l, 6)
		_, summary := w.grant(g, l, in{"whenFull": "DENY_ALL"})
		w.want(summary, "6 active 0 waiting 0 errors")
	})
}
