package operation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/policy/policytest"
)

// What the recipes of docs/recipes do, as a client sees it. Each service has one recipe beside the default policy.

func recipe(t *testing.T, name string) apptest.Option {
	t.Helper()
	return apptest.Policies(policytest.Cooked(t, name))
}

// The recipes' settings name products by SKU, as Microsoft's catalog does.
func (w *world) licenseOfSKU(sku string, quantity int, more ...in) string {
	w.Helper()
	product, _ := w.product(in{"sku": sku})
	return w.licenseOf(product, quantity, more...)
}

func TestRecipeSoftLimit(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		w.assign(l, w.users(10))
		p := w.do("assignSeats", in{"licenseId": l, "userIds": w.users(1)})
		w.want(outcome(p.Results)+" "+p.Decision.Warnings[0].Code, "ACTIVE OVER_LIMIT_GRANTED")
		w.want(outcome(w.assign(l, w.users(1))), "INSUFFICIENT_POOL")
		w.want(w.figures(l), "10: 11 used 0 reserved 0 left OVER_LIMIT 1 over")
	}, recipe(t, "soft_limit"))
}

func TestRecipeGuestRule(t *testing.T) {
	each(t, func(w *world) {
		e5, e3 := w.licenseOfSKU("SPE_E5", 5), w.licenseOfSKU("SPE_E3", 5)
		users := []string{w.user(in{"type": "GUEST"}), w.user()}
		w.want(outcome(w.assign(e5, users)), "GUEST_NOT_ALLOWED, ACTIVE")
		w.want(outcome(w.assign(e3, users)), "ACTIVE, ACTIVE")
	}, recipe(t, "guest_rule"))
}

func TestRecipeCountryRule(t *testing.T) {
	each(t, func(w *world) {
		e5, china := w.licenseOfSKU("SPE_E5", 5), w.licenseOfSKU("O365_E3_CN", 5)
		users := []string{w.user(in{"usageLocation": "CN"}), w.user(in{"usageLocation": "KP"}), w.user(in{"usageLocation": "GB"}), w.user()}
		w.want(outcome(w.assign(e5, users)), "COUNTRY_NOT_ALLOWED, COUNTRY_NOT_ALLOWED, ACTIVE, ACTIVE")
		w.want(outcome(w.assign(china, users)), "ACTIVE, COUNTRY_NOT_ALLOWED, ACTIVE, ACTIVE")
	}, recipe(t, "country_rule"))
}

func TestRecipePriorityByDepartment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(1)
		w.assign(l, w.users(1))
		queue := []string{w.user(in{"department": "Sales"}), w.user(in{"department": "Support"}), w.user(in{"department": "Board"})}
		for _, user := range queue {
			w.assign(l, []string{user}, in{"whenFull": "WAIT"})
		}
		w.want(w.all(l, queue), "WAITING 3, WAITING 2, WAITING 1")
		w.limit(l, 2)
		w.want(w.all(l, queue), "WAITING 2, WAITING 1, ACTIVE")
	}, recipe(t, "priority_by_department"))
}

func TestRecipeTimeBoundDelegation(t *testing.T) {
	dir := policytest.Cooked(t, "time_bound_delegation")
	today := time.Now().UTC()
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	policytest.Write(t, dir, "time_bound_delegation.json",
		`{"time_bound_delegation": {"tom@contoso.example": {"from": "`+day(1)+`", "until": "`+day(10)+`"}}}`)
	policytest.Write(t, dir, "time_bound_delegation_test.rego", "package time_bound_delegation_test\n\ntest_other_dates if true\n")
	each(t, func(w *world) {
		tom := w.user(in{"userName": "tom@contoso.example"})
		uk := w.allot(w.license(10), 5, in{"delegateUserIds": []string{tom}})
		delegate := w.as("Tom@contoso.example")
		users := w.users(3)
		refused := func(user string) {
			w.Helper()
			v := delegate.denied("DELEGATION_NOT_IN_EFFECT", "assignSeats", in{"allotmentId": uk, "userIds": []string{user}})
			w.want(strings.Contains(v.Message, day(1)+" to "+day(10)), true)
		}
		refused(users[0])
		w.Clock.Advance(48 * time.Hour)
		w.want(outcome(delegate.assign(uk, users[:1])), "ACTIVE")
		w.Clock.Advance(10 * 24 * time.Hour)
		refused(users[1])
		w.want(outcome(w.assign(uk, users[1:2])), "ACTIVE")
	}, apptest.Policies(dir))
}

// Two people: the second makes the same request and names the decision that refused the first.
func TestRecipeFourEyes(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(2000)
		ada, bea := w.as("ada@contoso.example", "LICENSE_ADMIN"), w.as("bea@contoso.example", "LICENSE_ADMIN")
		request := in{"licenseId": l, "name": "UK", "limit": 600}
		v := ada.denied("FOUR_EYES", "createAllotment", request)
		w.want([]int{*v.Limit, *v.Requested}, []int{500, 600})
		first := ada.refusal("createAllotment", request)

		other := in{"confirms": first}
		ada.denied("FOUR_EYES", "createAllotment", with(request, other))                      // not oneself
		bea.denied("FOUR_EYES", "createAllotment", with(request, other, in{"limit": 700}))    // not another request
		bea.denied("FOUR_EYES", "createAllotment", with(request, in{"confirms": "dec_zzzz"})) // not one that is not there
		tom := w.as("tom@contoso.example").refusal("createAllotment", request)
		bea.denied("FOUR_EYES", "createAllotment", with(request, in{"confirms": tom})) // not one of somebody who may not
		w.Clock.Advance(73 * time.Hour)
		bea.denied("FOUR_EYES", "createAllotment", with(request, other)) // not an old one

		second := ada.refusal("createAllotment", request)
		trial := bea.do("createAllotment", with(request, in{"confirms": second, "dryRun": true}))
		w.want(trial.DryRun, true)
		uk := bea.do("createAllotment", with(request, in{"confirms": second})).Allotment.ID
		w.want(w.figures(uk), "600: 0 used 0 reserved 600 left OK")

		w.limit(uk, 400) // lower is no matter for two
		raise := in{"allotmentId": uk, "limit": 900}
		bea.denied("FOUR_EYES", "updateAllotment", raise)
		ada.do("updateAllotment", with(raise, in{"confirms": bea.refusal("updateAllotment", raise)}))
		w.want(w.figures(uk), "900: 0 used 0 reserved 900 left OK")
		ada.do("createAllotment", in{"licenseId": l, "name": "small", "limit": 499})
		w.again() // in a database where the decisions have other ids
	}, recipe(t, "four_eyes"))
}

// refusal makes a request that is refused, and gives the id of the decision.
func (a actor) refusal(name string, input in) string {
	a.w.Helper()
	answer := a.client.Send(mutation(name), apptest.Vars{"input": input})
	if len(answer.Errors) != 1 || answer.Errors[0].Extensions.DecisionID == "" {
		a.w.Fatalf("%s was not refused: %s", name, answer.Raw)
	}
	return answer.Errors[0].Extensions.DecisionID
}

// What is given as the decision is checked before anything else.
func TestWhatConfirmsIsADecision(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		for _, wrong := range []string{l, "nonsense"} {
			answer := w.client.Send(mutation("createAllotment"), apptest.Vars{"input": in{"licenseId": l, "name": "UK", "limit": 1, "confirms": wrong}})
			if len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != "INVALID_INPUT" {
				w.Errorf("%q: %s", wrong, answer.Raw)
			}
		}
		w.do("createAllotment", in{"licenseId": l, "name": "UK", "limit": 1, "confirms": "dec_zzzz"}) // the default policy asks for nobody else
	})
}

func TestRecipeFreezeBeforeRenewal(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10, in{"startsOn": w.day(-100), "endsOn": w.day(20)})
		admin := w.as("ada@contoso.example", "LICENSE_ADMIN")
		users := w.users(4)
		w.want(outcome(admin.assign(l, users[:1])), "ACTIVE")
		w.Clock.Advance(10 * 24 * time.Hour)
		admin.denied("FROZEN", "assignSeats", in{"licenseId": l, "userIds": users[1:2]})
		admin.denied("FROZEN", "createAllotment", in{"licenseId": l, "name": "UK", "limit": 2})
		w.want(outcome(w.assign(l, users[1:2])), "ACTIVE") // a GLOBAL_ADMIN
		admin.unassign(l, users[0])
		w.want(w.stands(l, users[0]), "none")
	}, recipe(t, "freeze_before_renewal"))
}

func TestRecipeMaintenanceWindow(t *testing.T) {
	dir := policytest.Cooked(t, "maintenance_window")
	from := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	policytest.Write(t, dir, "maintenance_window.json", `{"maintenance_window": [{"from": "`+from.Format(time.RFC3339)+`", "until": "`+
		from.Add(2*time.Hour).Format(time.RFC3339)+`", "why": "move of the database"}]}`)
	policytest.Write(t, dir, "maintenance_window_test.rego", "package maintenance_window_test\n\ntest_other_hours if true\n")
	each(t, func(w *world) {
		l := w.license(10)
		admin := w.as("ada@contoso.example", "LICENSE_ADMIN")
		w.want(outcome(admin.assign(l, w.users(1))), "ACTIVE")
		w.Clock.Advance(2 * time.Hour)
		v := admin.denied("MAINTENANCE", "assignSeats", in{"licenseId": l, "userIds": w.users(1)})
		w.want(strings.Contains(v.Message, "move of the database"), true)
		w.want(outcome(w.assign(l, w.users(1))), "ACTIVE")
		w.Clock.Advance(2 * time.Hour)
		w.want(outcome(admin.assign(l, w.users(1))), "ACTIVE")
	}, apptest.Policies(dir))
}

func TestRecipeNoSelfAssignment(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(10)
		ada, bea := w.user(in{"userName": "ada@contoso.example"}), w.user(in{"userName": "bea@contoso.example"})
		w.want(outcome(w.as("ada@contoso.example", "LICENSE_ADMIN").assign(l, []string{ada, bea})), "SELF_ASSIGNMENT, ACTIVE")
		w.want(outcome(w.as("bea@contoso.example", "LICENSE_ADMIN").assign(l, []string{ada})), "ACTIVE")
	}, recipe(t, "no_self_assignment"))
}

func TestRecipeTraining(t *testing.T) {
	each(t, func(w *world) {
		e5, e3 := w.licenseOfSKU("SPE_E5", 5), w.licenseOfSKU("SPE_E3", 5)
		users := w.users(3)
		trained := w.do("upsertGroups", in{"groups": []in{{"name": "E5 trained"}}}).Groups[0].ID
		w.join(trained, users[0])
		w.want(outcome(w.assign(e5, users[:2])), "ACTIVE, TRAINING_REQUIRED")
		w.want(outcome(w.assign(e3, users[:2])), "ACTIVE, ACTIVE")
		w.join(trained, users[1])
		w.want(outcome(w.assign(e5, users[1:2])), "ACTIVE")

		_, summary := w.grant(w.group(users...), e5) // through a group the member is asked about, too
		w.want(summary, "2 active 0 waiting 0 errors TRAINING_REQUIRED:1")
	}, recipe(t, "training"))
}

func TestRecipeAnnounced(t *testing.T) {
	dir := policytest.Cooked(t, "announced")
	policytest.Write(t, dir, "announced.json", `{"announced": {"denied_from": "`+time.Now().UTC().AddDate(0, 0, 5).Format(time.DateOnly)+`"}}`)
	policytest.Write(t, dir, "announced_test.rego", "package announced_test\n\ntest_another_day if true\n")
	each(t, func(w *world) {
		l := w.license(10)
		robots := w.users(2, in{"type": "SERVICE_ACCOUNT"})
		p := w.do("assignSeats", in{"licenseId": l, "userIds": robots[:1]})
		w.want(outcome(p.Results)+" "+p.Decision.Warnings[0].Code, "ACTIVE NO_SERVICE_ACCOUNTS")
		w.Clock.Advance(6 * 24 * time.Hour)
		w.want(outcome(w.assign(l, robots[1:])), "NO_SERVICE_ACCOUNTS")
	}, apptest.Policies(dir))
}
