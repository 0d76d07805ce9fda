package operation_test

import (
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// What a delegate may do, and to whom (semantics.md §3).

// emea is a license with EMEA > UK > London, each with a delegate of its own, and an allotment of somebody else's beside them.
type emea struct {
	license, emea, uk, london, apac      string
	sales                                string // a group
	forEMEA, forUK, forLondon, elsewhere actor
}

func (w *world) emea() emea {
	w.Helper()
	e := emea{license: w.license(275), sales: w.group()}
	delegate := func(name string) in {
		return in{"delegateUserIds": []string{w.user(in{"userName": name})}, "name": name}
	}
	e.emea = w.allot(e.license, 150, delegate("dora"), in{"scope": in{"departments": []string{"Sales"}, "countries": []string{"GB"}}})
	e.uk = w.allot(e.emea, 60, delegate("ursula"))
	e.london = w.allot(e.uk, 25, delegate("lea"), ceiling)
	e.apac = w.allot(e.license, 50, delegate("arun"))
	e.forEMEA, e.forUK, e.forLondon, e.elsewhere = w.as("dora"), w.as("ursula"), w.as("lea"), w.as("arun")
	return e
}

func TestWhoMayAssignFromAnAllotment(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		user := w.user(in{"department": "Sales"})
		input := in{"allotmentId": e.uk, "userIds": []string{user}}
		for _, who := range []actor{w.actor, e.forEMEA, e.forUK, w.as("liam", "LICENSE_ADMIN")} {
			w.want(outcome(who.do("assignSeats", input).Results), "ACTIVE")
			w.want(outcome(who.do("unassignSeats", input).Results), "")
		}
		// One below, one beside and people without anything cannot see it: for them it is not there.
		for _, who := range []actor{e.forLondon, e.elsewhere} {
			who.fails("NOT_FOUND", "assignSeats", input)
		}
		w.as("pat").denied("ROLE_REQUIRED", "assignSeats", input)
		w.as("cora", "CONTRACT_MANAGER").denied("ROLE_REQUIRED", "assignSeats", input)
		w.as("aisha", "AUDITOR").denied("READ_ONLY", "assignSeats", input)
		w.as("noel", "ANALYST").denied("READ_ONLY", "assignSeats", input)
		// The license as a whole is not delegated, although its name may be known.
		e.forUK.denied("NOT_DELEGATED", "assignSeats", in{"licenseId": e.license, "userIds": []string{user}})
		w.want(w.stands(e.license, user), "none")
	})
}

func TestADelegateMayNotChangeTheAllotment(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		for _, change := range []in{{"limit": 70}, {"scope": in{}}, {"delegateUserIds": []string{}}, {"name": "mine"}, {"endsAt": nil}} {
			e.forUK.denied("ROLE_REQUIRED", "updateAllotment", with(in{"allotmentId": e.uk}, change))
		}
		e.forUK.denied("ROLE_REQUIRED", "createAllotment", allotment(e.uk, 1))
		e.forUK.denied("ROLE_REQUIRED", "deleteAllotment", in{"allotmentId": e.uk})
		e.forUK.denied("ROLE_REQUIRED", "updateLicense", in{"licenseId": e.license, "quantity": 1000})
		e.forUK.denied("ROLE_REQUIRED", "addGroupMembers", in{"groupId": e.sales, "userIds": w.users(1)})
	})
}

// Delegates delegate if the policy lets them: a setting, not code.
func TestDelegatesWhoMayDelegate(t *testing.T) {
	dir := policytest.Changed(t, "data.json", `"subdelegate": false`, `"subdelegate": true`)
	each(t, func(w *world) {
		e := w.emea()
		leeds := e.forUK.do("createAllotment", allotment(e.uk, 5, in{"name": "Leeds"})).Allotment.ID
		w.want(e.forUK.do("updateAllotment", in{"allotmentId": leeds, "limit": 6}).Allotment.Limit, 6)
		e.forUK.denied("NOT_DELEGATED", "updateAllotment", in{"allotmentId": e.uk, "limit": 70})
		e.forUK.denied("LIMIT_EXCEEDS_PARENT", "createAllotment", allotment(e.uk, 61))
		e.forUK.denied("SCOPE_EXCEEDS_PARENT", "createAllotment", allotment(e.uk, 5, in{"scope": in{"departments": []string{"IT"}}}))
		e.forLondon.fails("NOT_FOUND", "createAllotment", allotment(e.uk, 1))
		e.elsewhere.fails("NOT_FOUND", "deleteAllotment", in{"allotmentId": leeds})
		e.forUK.do("deleteAllotment", in{"allotmentId": leeds})
	}, apptest.Policies(dir))
}

func TestScopeIsAnyOfGroupDepartmentCountry(t *testing.T) {
	each(t, func(w *world) {
		l, sales := w.license(10), w.group()
		a := w.allot(l, 9, in{"scope": in{"groupIds": []string{sales}, "departments": []string{"Sales"}, "countries": []string{"GB"}}})
		b := w.allot(a, 8)
		byGroup, byDepartment, byCountry, outside := w.user(), w.user(in{"department": "Sales"}), w.user(in{"usageLocation": "GB"}),
			w.user(in{"department": "IT", "usageLocation": "FR"})
		w.join(sales, byGroup)
		w.want(outcome(w.assign(b, []string{byGroup, byDepartment, byCountry, outside})), "ACTIVE, ACTIVE, ACTIVE, OUT_OF_SCOPE")
		// The scope holds for administrators as well: it says whom the share is for.
		w.want(outcome(w.assign(a, []string{outside})), "OUT_OF_SCOPE")
		w.want(outcome(w.assign(l, []string{outside})), "ACTIVE")
	})
}

// Adding someone to a group is no way around the scope: the member is checked, not only the group.
func TestAGroupIsNoWayAroundTheScope(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		inside, outside := w.user(in{"department": "Sales"}), w.user(in{"department": "IT"})
		g := w.group(inside, outside)
		_, summary := e.forUK.grant(g, e.uk)
		w.want(summary, "1 active 0 waiting 0 errors OUT_OF_SCOPE:1")
		late := w.user(in{"department": "IT"})
		w.join(g, late)
		w.want(w.all(e.license, []string{inside, outside, late}), "ACTIVE, none, none")
	})
}

// Somebody outside the scope and somebody who does not exist look alike to a delegate.
func TestADelegateLearnsNothingOfUsersOutside(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		outside := w.user(in{"department": "IT"})
		e.forUK.denied("OUT_OF_SCOPE", "assignSeats", in{"allotmentId": e.uk, "userIds": []string{outside}, "atomic": true})
		e.forUK.denied("OUT_OF_SCOPE", "assignSeats", in{"allotmentId": e.uk, "userIds": []string{"usr_zzzz"}, "atomic": true})
		answers := e.forUK.assign(e.uk, []string{outside, "usr_zzzz"})
		w.want(outcome(answers), "OUT_OF_SCOPE, OUT_OF_SCOPE")
		w.want(answers[0].Violations[0].Message, answers[1].Violations[0].Message)
		w.want(outcome(e.forUK.unassign(e.uk, outside, "usr_zzzz")), ", ")
	})
}

func TestADelegateThroughAGroup(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		dora, user := w.user(in{"userName": "Dora"}), w.user()
		team := w.group(dora)
		a := w.allot(l, 5, in{"delegateGroupIds": []string{team}})
		input := in{"allotmentId": a, "userIds": []string{user}}
		w.want(outcome(w.as("dora").do("assignSeats", input).Results), "ACTIVE")
		w.leave(team, dora)
		w.as("dora").denied("ROLE_REQUIRED", "unassignSeats", input)
		w.do("updateAllotment", in{"allotmentId": a, "delegateUserIds": []string{dora}})
		w.want(outcome(w.as("dora").do("unassignSeats", input).Results), "")
		w.change(dora, in{"enabled": false})
		w.as("dora").fails("UNAUTHENTICATED", "assignSeats", input)
	})
}

// A delegate sees and manages group licenses of the allotment, and no others.
func TestADelegateManagesGroupLicenses(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		user := w.user(in{"department": "Sales"})
		g := w.group(user)
		gl, _ := e.forUK.grant(g, e.uk)
		for _, mutation := range []string{"excludeFromGroupLicense", "includeInGroupLicense"} {
			input := in{"groupLicenseId": gl, "userIds": []string{user}}
			e.elsewhere.fails("NOT_FOUND", mutation, input)
			e.forEMEA.do(mutation, input)
		}
		e.elsewhere.fails("NOT_FOUND", "updateGroupLicense", in{"groupLicenseId": gl, "includeNested": true})
		e.elsewhere.fails("NOT_FOUND", "swapGroupLicense", in{"groupLicenseId": gl, "allotmentId": e.apac})
		e.elsewhere.fails("NOT_FOUND", "unlicenseGroup", in{"groupLicenseId": gl})
		e.elsewhere.fails("NOT_FOUND", "retrySeats", in{"groupLicenseId": gl})
		w.want(e.forUK.do("retrySeats", in{"groupLicenseId": gl}).Summary, "0 active 0 waiting 0 errors")
		// Swapping into what is not one's own is not allowed either.
		e.forUK.fails("NOT_FOUND", "swapGroupLicense", in{"groupLicenseId": gl, "allotmentId": e.apac})
		w.want(e.forUK.do("unlicenseGroup", in{"groupLicenseId": gl}).Released, 1)
	})
}

// What one may not see answers exactly like what does not exist, also in one's own record and with a key used twice.
func TestHiddenIsLikeMissing(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		user := w.users(1)
		for mutation, input := range map[string]in{
			"assignSeats":   {"userIds": user},
			"unassignSeats": {"userIds": user},
			"retrySeats":    {},
			"licenseGroup":  {"groupId": e.sales},
		} {
			for _, key := range []string{"a", "b"} {
				keyed := with(input, in{"idempotencyKey": mutation + key})
				pool := map[string]string{"a": e.uk, "b": "alt_zzz"}[key]
				first := e.elsewhere.fails("NOT_FOUND", mutation, with(keyed, in{"allotmentId": pool}))
				w.want(e.elsewhere.fails("NOT_FOUND", mutation, with(keyed, in{"allotmentId": pool})), first)
				w.want(first, e.elsewhere.fails("NOT_FOUND", mutation, with(input, in{"allotmentId": "alt_zzzz"})))
				e.elsewhere.fails("IDEMPOTENCY_KEY_REUSED", mutation, with(keyed, in{"allotmentId": "alt_zzzzz"}))
			}
			for n := range 3 { // the newest first: missing, missing, missing, hidden
				w.want(e.elsewhere.record(mutation, n), e.elsewhere.record(mutation, 3))
			}
		}
	})
}

// record writes what one can read of the nth of one's decisions about an action, but for its id and time.
func (a actor) record(action string, n int) string {
	a.w.Helper()
	var answer struct {
		Decisions struct {
			Nodes []struct {
				Principal, Action  string
				Allow              bool
				Input              map[string]any
				Violations         []violation
				License, Allotment *struct{ ID string }
			}
		}
	}
	a.ask(`query($action: String!) { decisions(first: 100, where: { actionIn: [$action] }) { nodes { principal action allow input license { id }
		allotment { id } `+reasonFields+` } } }`, in{"action": action}, &answer)
	delete(answer.Decisions.Nodes[n].Input, "now")
	return text(answer.Decisions.Nodes[n])
}

// A group a delegate may not know of is not there for them.
func TestAGroupADelegateMayNotKnow(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		dora := w.user(in{"userName": "dora"})
		sales, theirs, others := w.group(w.user()), w.group(dora), w.group(w.user())
		a := w.allot(l, 5, in{"scope": in{"groupIds": []string{sales}}, "delegateUserIds": []string{dora}})
		_, summary := w.as("dora").grant(sales, a)
		w.want(summary, "1 active 0 waiting 0 errors")
		w.as("dora").denied("OUT_OF_SCOPE", "licenseGroup", in{"groupId": theirs, "allotmentId": a})
		hidden := w.as("dora").fails("NOT_FOUND", "licenseGroup", in{"groupId": others, "allotmentId": a})
		w.want(hidden, w.as("dora").fails("NOT_FOUND", "licenseGroup", in{"groupId": "grp_zzz", "allotmentId": a}))
	})
}

// What others gave a user outside the scope does not show, neither by taking it back nor by an exclusion.
func TestADelegateLearnsNothingOfOthersSeats(t *testing.T) {
	each(t, func(w *world) {
		e := w.emea()
		outside, grouped, direct := w.user(), w.user(), w.user(in{"department": "Sales"})
		w.assign(e.license, []string{outside, direct})
		w.grant(w.group(grouped), e.license)
		w.want(outcome(e.forUK.unassign(e.uk, outside, grouped, direct)), ", , ")
		w.want(outcome(w.unassign(e.uk, outside, grouped, direct)), "NOT_ASSIGNED_HERE, ACTIVE ASSIGNED_BY_GROUP, NOT_ASSIGNED_HERE")
		gl, _ := e.forUK.grant(w.group(direct), e.uk)
		for _, user := range []string{outside, "usr_zzz"} {
			e.forUK.fails("NOT_FOUND", "excludeFromGroupLicense", in{"groupLicenseId": gl, "userIds": []string{user}})
		}
	})
}
