package operation_test

import (
	"fmt"
	"testing"
	"time"
)

// deploy records deployments of the vendor of the fixture and gives the id of the first.
func (w *world) deploy(product string, users, installs int, more ...in) string {
	w.Helper()
	p := w.do("recordDeployments", with(in{"source": "scan", "deployments": []in{{
		"vendor": "Microsoft", "product": product, "users": users, "installs": installs,
	}}}, more...))
	return p.Deployments[0].ID
}

// track allocates units of a license to a deployment; a quantity of 0 is unlimited.
func (w *world) track(license, deployment string, quantity int, more ...in) string {
	w.Helper()
	terms := in{"quantity": quantity}
	if quantity == 0 {
		terms = in{"unlimited": true}
	}
	return w.do("createAllocation", with(in{"licenseId": license, "type": "TRACK_DEPLOYMENT", "deploymentId": deployment}, append([]in{terms}, more...)...)).Allocation.ID
}

func reservation(license, name string, quantity int) in {
	return in{"licenseId": license, "type": "CUSTOM_RESERVATION", "name": name, "quantity": quantity}
}

// WX-1 and WX-6: what allocations take out of a license, and that nothing is taken that is not there.
func TestAllocationsDrawOnTheLicense(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.track(l, w.deploy("Office", 90, 0), 100)
		p := w.do("createAllocation", reservation(l, "Sales BU", 50))
		w.want(p.Allocation.License, "275: 0 used 150 reserved 125 left OK") // what is left is told before and after saving
		w.want(w.figures(l), "275: 0 used 150 reserved 125 left OK")

		v := w.denied("INSUFFICIENT_POOL", "createAllocation", reservation(l, "Too much", 126))
		w.want([]any{*v.Requested, *v.Available, *v.ShortBy, v.Field}, []any{126, 125, 1, "quantity"})
		w.want(w.figures(l), "275: 0 used 150 reserved 125 left OK")

		dry := w.do("createAllocation", with(reservation(l, "The rest", 125), in{"dryRun": true}))
		w.want(dry.Allocation.License, "275: 0 used 275 reserved 0 left FULL")
		w.want(w.figures(l), "275: 0 used 150 reserved 125 left OK")
		w.do("createAllocation", reservation(l, "The rest", 125))
		w.want(w.figures(l), "275: 0 used 275 reserved 0 left FULL")
	})
}

// WX-7: a quantity may be lowered below what is allocated; nothing is taken away.
func TestQuantityBelowAllocations(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(275)
		w.track(l, w.deploy("Office", 90, 0), 100)
		w.do("createAllocation", reservation(l, "Sales BU", 50))
		w.limit(l, 120)
		w.want(w.figures(l), "120: 0 used 150 reserved 0 left OVER_LIMIT 30 over")
		w.denied("INSUFFICIENT_POOL", "createAllocation", reservation(l, "more", 1))
	})
}

// An unlimited allocation takes nothing, whatever is in use.
func TestUnlimitedAllocationTakesNothing(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.track(l, w.deploy("Office", 90, 0), 0)
		w.want(w.figures(l), "10: 0 used 0 reserved 10 left OK")
		w.do("updateAllocation", in{"allocationId": a, "quantity": 4})
		w.want(w.figures(l), "10: 0 used 4 reserved 6 left OK")
		w.do("updateAllocation", in{"allocationId": a, "unlimited": true})
		w.want(w.figures(l), "10: 0 used 0 reserved 10 left OK")
		b := w.boundless()
		w.track(b, w.deploy("Visio", 7, 0), 1000)
		w.want(w.figures(b), "unlimited: 0 used 1000 reserved any left OK")
	})
}

// What an allocation gives back, or a license gets, moves the queue in the same transaction.
func TestAllocationsMoveTheQueue(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		a := w.do("createAllocation", reservation(l, "Sales BU", 8)).Allocation.ID
		group := w.group(w.users(5)...)
		_, s := w.grant(group, l)
		w.want(s, "2 active 3 waiting 0 errors")
		w.do("updateAllocation", in{"allocationId": a, "quantity": 7})
		w.want(w.figures(l), "10: 3 used 7 reserved 0 left FULL 2 waiting")
		if v := w.denied("INSUFFICIENT_POOL", "updateAllocation", in{"allocationId": a, "quantity": 8}); *v.Requested != 1 || *v.ShortBy != 1 {
			t.Errorf("raised by 1 with nothing left: %+v", v)
		}
		p := w.do("deleteAllocation", in{"allocationId": a})
		w.want(p.License, "10: 5 used 0 reserved 5 left OK")
		w.want(p.DeletedID, a)
	})
}

// One license tracks many deployments, and one deployment is tracked by many licenses.
func TestManyToMany(t *testing.T) {
	each(t, func(w *world) {
		one, other := w.license(50), w.license(50)
		office, visio := w.deploy("Office", 60, 3), w.deploy("Visio", 5, 5)
		w.track(one, office, 30)
		w.track(one, visio, 5, in{"metric": "INSTALLS", "costCenter": "4711", "notes": "first floor"})
		w.track(other, office, 30)
		var answer struct {
			License    struct{ Allocations struct{ Nodes []allocation } }
			Deployment struct {
				Users, Installs int
				Allocations     struct {
					TotalCount int
					Nodes      []allocation
				}
			}
		}
		w.ask(`query($l: ID!, $d: ID!) { license: node(id: $l) { ... on License { allocations { nodes { `+allocationTerms+` } } } }
			deployment: node(id: $d) { ... on Deployment { users installs allocations { totalCount nodes { `+allocationTerms+` } } } } }`,
			in{"l": one, "d": office}, &answer)
		w.want(fmt.Sprint(answer.License.Allocations.Nodes), "[Office 30 USERS Visio 5 INSTALLS 4711]")
		w.want(answer.Deployment.Allocations.TotalCount, 2)
		w.want(fmt.Sprint(answer.Deployment.Allocations.Nodes, answer.Deployment.Users, answer.Deployment.Installs), "[Office 30 USERS Office 30 USERS] 60 3")
	})
}

// Wrong input is told by the field it is in, and changes nothing.
func TestAllocationInput(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		d := w.deploy("Office", 60, 3)
		other := w.do("createVendor", in{"name": "Adobe"}).Vendor.ID
		good := in{"licenseId": l, "type": "TRACK_DEPLOYMENT", "deploymentId": d, "quantity": 1}
		for field, more := range map[string]in{
			"quantity":     {"quantity": -1},
			"unlimited":    {"type": "CUSTOM_RESERVATION", "deploymentId": nil, "name": "x", "quantity": nil, "unlimited": true},
			"name":         {"type": "CUSTOM_RESERVATION", "deploymentId": nil},
			"deploymentId": {"deploymentId": nil},
			"costCenter":   {"costCenter": string(make([]byte, 3))},
		} {
			w.invalid(field, "createAllocation", with(good, more))
		}
		w.invalid("quantity", "createAllocation", with(good, in{"unlimited": true}))
		w.invalid("deploymentId", "createAllocation", with(good, in{"vendorId": other}))
		w.invalid("deploymentId", "createAllocation", with(good, in{"type": "CUSTOM_RESERVATION", "name": "x"}))
		w.fails("NOT_FOUND", "createAllocation", with(good, in{"deploymentId": "dep_zz"}))
		w.fails("NOT_FOUND", "createAllocation", with(good, in{"licenseId": "lic_zz"}))
		w.fails("NOT_FOUND", "deleteAllocation", in{"allocationId": "alc_zz"})
		a := w.do("createAllocation", with(good, in{"externalId": "A-1"})).Allocation.ID
		w.fails("CONFLICT", "createAllocation", with(good, in{"externalId": "A-1"}))
		w.invalid("quantity", "updateAllocation", in{"allocationId": a, "quantity": 1, "unlimited": true})
		w.fails("CONFLICT", "deleteLicense", in{"licenseId": l})
		w.want(w.figures(l), "10: 0 used 1 reserved 9 left OK")
	})
}

// A retry with the same key finds the first answer.
func TestAllocationTwice(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		input := with(reservation(l, "Sales", 4), in{"idempotencyKey": "k"})
		first, again := w.do("createAllocation", input), w.do("createAllocation", input)
		w.want(first.Allocation.ID, again.Allocation.ID)
		w.want(w.figures(l), "10: 0 used 4 reserved 6 left OK")
	})
}

// A contract manager edits allocations and deployments; whoever may not see them is told that they are not there.
func TestWhoAllocates(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		d := w.deploy("Office", 60, 3)
		a := w.track(l, d, 1)
		manager := w.as("carla", "CONTRACT_MANAGER")
		b := manager.do("createAllocation", in{"licenseId": l, "type": "TRACK_DEPLOYMENT", "deploymentId": d, "quantity": 2}).Allocation.ID
		manager.do("updateAllocation", in{"allocationId": b, "quantity": 3})
		manager.do("deleteAllocation", in{"allocationId": b})
		manager.do("recordDeployments", in{"source": "hand", "deployments": []in{{"vendor": "Microsoft", "product": "Word", "users": 1}}})

		delegate := w.user(in{"userName": "dora"})
		w.allot(l, 2, in{"delegateUserIds": []string{delegate}})
		for _, who := range []actor{w.as("aud", "AUDITOR"), w.as("ana", "ANALYST"), w.as("dora"), w.as("nobody")} {
			for name, input := range map[string]in{
				"createAllocation":  {"licenseId": l, "type": "TRACK_DEPLOYMENT", "deploymentId": d, "quantity": 2},
				"updateAllocation":  {"allocationId": a, "quantity": 2},
				"deleteAllocation":  {"allocationId": a},
				"recordDeployments": {"source": "x", "deployments": []in{}},
			} {
				who.fails("POLICY_DENIED", name, input)
			}
		}
		const counts = `query($a: ID!, $d: ID!) { allocations { totalCount } deployments { totalCount } a: node(id: $a) { id } d: node(id: $d) { id }
			licenses { nodes { allocations { totalCount } } } vendors { nodes { deployments { totalCount } } } }`
		see := func(who actor) string {
			var answer any
			who.ask(counts, in{"a": a, "d": d}, &answer)
			return text(answer)
		}
		all := see(w.actor)
		for _, who := range []actor{w.as("aud", "AUDITOR"), w.as("ana", "ANALYST"), manager} {
			w.want(see(who), all)
		}
		w.want(see(w.as("dora")), `{"a":null,"allocations":{"totalCount":0},"d":null,"deployments":{"totalCount":0},`+
			`"licenses":{"nodes":[{"allocations":{"totalCount":0}}]},"vendors":{"nodes":[{"deployments":{"totalCount":0}}]}}`)
		w.want(see(w.as("nobody")), `{"a":null,"allocations":{"totalCount":0},"d":null,"deployments":{"totalCount":0},`+
			`"licenses":{"nodes":[]},"vendors":{"nodes":[{"deployments":{"totalCount":0}}]}}`)
	})
}

// Collectors tell what they see; the latest observation says what is, and each change is kept.
func TestRecordDeployments(t *testing.T) {
	each(t, func(w *world) {
		noon := w.Clock.Now().UTC().Truncate(time.Second)
		seen := func(at time.Time, users int, more ...in) payload {
			return w.do("recordDeployments", with(in{"source": "scan", "observedAt": at.Format(time.RFC3339), "deployments": []in{
				{"vendor": "Adobe", "product": "Acrobat", "users": users, "installs": 2 * users},
			}}, more...))
		}
		p := seen(noon.Add(-2*time.Hour), 40)
		w.want([]int{p.Created, p.Changed}, []int{1, 0})
		d := p.Deployments[0].ID
		p = seen(noon.Add(-time.Hour), 52)
		w.want([]any{p.Created, p.Changed, p.Deployments[0].ID}, []any{0, 1, d})
		p = seen(noon, 52) // nothing new
		w.want([]int{p.Created, p.Changed}, []int{0, 0})
		p = seen(noon.Add(-90*time.Minute), 45) // came late
		w.want([]int{p.Created, p.Changed, p.Deployments[0].Users}, []int{0, 0, 52})
		p = w.do("recordDeployments", in{"source": "other", "deployments": []in{{"vendor": " ADOBE ", "product": "acrobat", "users": 50}}, "dryRun": true})
		w.want([]any{p.Changed, p.Deployments[0].ID, p.Deployments[0].Users}, []any{1, d, 50})

		var answer struct {
			Node struct {
				Users, Installs int
				Observations    struct {
					Nodes []struct {
						Users   int
						Current bool
					}
				}
			}
		}
		w.ask(`query($d: ID!) { node(id: $d) { ... on Deployment { users installs observations { nodes { users current } } } } }`, in{"d": d}, &answer)
		w.want(fmt.Sprint(answer.Node), "{52 104 {[{40 true} {52 true} {45 false} {52 false}]}}")

		w.do("recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Adobe", "product": "Photoshop", "users": 3}}, "complete": true})
		w.ask(`query($d: ID!) { node(id: $d) { ... on Deployment { users installs observations { nodes { users current } } } } }`, in{"d": d}, &answer)
		w.want([]int{answer.Node.Users, answer.Node.Installs}, []int{0, 0})

		w.invalid("observedAt", "recordDeployments", in{"source": "scan", "observedAt": noon.Add(time.Hour).Format(time.RFC3339), "deployments": []in{}})
		w.invalid("deployments.1.product", "recordDeployments", in{"source": "scan", "deployments": []in{
			{"vendor": "Adobe", "product": "Acrobat"}, {"vendor": "adobe", "product": "ACROBAT "},
		}})
		w.invalid("deployments.0.users", "recordDeployments", in{"source": "scan", "deployments": []in{{"vendor": "Adobe", "product": "Acrobat", "users": -1}}})
		w.invalid("source", "recordDeployments", in{"source": " ", "deployments": []in{}})
	})
}
