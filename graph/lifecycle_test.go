package graph_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/policy/policytest"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// Stages, last days and anniversaries, of contracts and of licenses with and without days of their own.
func TestLifecycles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := open(t, s)
		got := a.ask(root, `{
			licenses(orderBy: {field: LIFECYCLE}) { nodes { product { name } lifecycle lifecycleUntil expiresOn state renewalQuantity renewalShortfall committed overageShrinks } }
			contracts(orderBy: {field: LIFECYCLE, direction: DESC}) { nodes { number lifecycle lifecycleUntil anniversary } }
		}`, nil)
		want := "[map[committed:0 expiresOn:2027-06-30 lifecycle:ACTIVE lifecycleUntil:2027-04-30 overageShrinks:false product:map[name:Microsoft 365 E5] renewalQuantity:<nil> renewalShortfall:<nil> state:OK]" +
			" map[committed:0 expiresOn:<nil> lifecycle:ACTIVE lifecycleUntil:<nil> overageShrinks:false product:map[name:Database] renewalQuantity:8 renewalShortfall:0 state:OK]" +
			" map[committed:0 expiresOn:2026-03-31 lifecycle:EXPIRED lifecycleUntil:2026-07-29 overageShrinks:false product:map[name:Microsoft 365 E3] renewalQuantity:<nil> renewalShortfall:<nil> state:NOT_IN_EFFECT]]"
		if here := fmt.Sprint(got.at("licenses", "nodes")); here != want {
			t.Errorf("got  %s\nwant %s", here, want)
		}
		want = "[map[anniversary:<nil> lifecycle:EXPIRED lifecycleUntil:2026-07-29 number:MS-2]" +
			" map[anniversary:<nil> lifecycle:ACTIVE lifecycleUntil:<nil> number:OR-1]" +
			" map[anniversary:2027-07-01 lifecycle:ACTIVE lifecycleUntil:2027-04-30 number:MS-1]]"
		if here := fmt.Sprint(got.at("contracts", "nodes")); here != want {
			t.Errorf("got  %s\nwant %s", here, want)
		}
	})
}

// The dates of a contract bind its licenses on the reading side, too: in states, in conditions and in what is drawn from them.
func TestDatesOfTheContractAreRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.Contract.UpdateOneID(e.key("MS-1")).SetEndsOn("2026-04-30").ExecX(ctx)
		})
		got := a.ask(root, `{ licenses(where: {stateIn: [NOT_IN_EFFECT]}) { nodes { product { name } state } }
			allotments(where: {stateIn: [NOT_IN_EFFECT]}) { totalCount nodes { state } } capacity { nodes { capacity { seatsAvailable suggestion } } } }`, nil)
		if here := fmt.Sprint(got.at("licenses", "nodes")); here !=
			"[map[product:map[name:Microsoft 365 E5] state:NOT_IN_EFFECT] map[product:map[name:Microsoft 365 E3] state:NOT_IN_EFFECT]]" {
			t.Errorf("licenses: %s", here)
		}
		if got.at("allotments", "totalCount") != 4.0 || got.texts("state", "allotments", "nodes") != "NOT_IN_EFFECT NOT_IN_EFFECT NOT_IN_EFFECT NOT_IN_EFFECT" {
			t.Errorf("allotments: %v", got.at("allotments"))
		}
		expect(t, got, []any{"capacity", "nodes", 0, "capacity", "seatsAvailable"}, 0.0)
		expect(t, got, []any{"capacity", "nodes", 0, "capacity", "suggestion"}, "CHANGE_DATES")
	})
}

// Members are counted once: those who are enabled, within the scope, not excluded and no guests; so are those who hold a seat.
func TestCapacity(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		const document = `query($where: CapacityWhere) { capacity(where: $where) { totalCount nodes { group { name }
			capacity { uniqueMembers seatsHeld seatsAvailable shortfall nextUnitsOn nextUnits suggestion suggestedUnits } } } }`
		read := func(who *identity.Principal, group string) string {
			got := a.ask(who, document, object{"where": object{"groupIdIn": []string{e.id["group "+group].String()}}})
			c, _ := got.at("capacity", "nodes", 0, "capacity").(map[string]any)
			return fmt.Sprint(c["uniqueMembers"], " ", c["seatsHeld"], " ", c["seatsAvailable"], " ", c["shortfall"], " ", c["nextUnitsOn"], " ",
				c["nextUnits"], " ", c["suggestion"], " ", c["suggestedUnits"])
		}
		// s0 to s5, of whom s0 to s3 hold a seat; 96 of the 100 are left.
		check := func(what string, who *identity.Principal, group, want string) {
			if got := read(who, group); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		check("sales", root, "sales", "6 4 96 0 2026-09-01 20 NONE 0")
		check("h3 is excluded, h2 is in error", root, "hr", "3 2 48 0 2026-09-01 20 NONE 0")
		check("a delegate does not see purchases", as("dora"), "sales", "6 4 96 0 <nil> <nil> NONE 0")
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.GroupLicense.UpdateOneID(e.key("gl sales")).SetIncludeNested(true).ExecX(ctx)
			c.Membership.Create().SetGroupID(e.key("group leads")).SetUserID(e.key("s1")).ExecX(ctx) // once more
			c.User.UpdateOneID(e.key("s5")).SetEnabled(false).ExecX(ctx)
			c.Exclusion.Create().SetGroupLicenseID(e.key("gl hr")).SetUserID(e.key("h2")).SetEndsAt(past).ExecX(ctx) // over
		})
		check("lea of Board is outside the scope", root, "sales", "5 4 96 0 2026-09-01 20 NONE 0")
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.AllotmentScope.Create().SetAllotmentID(e.key("sales")).SetKind("GROUP").SetGroupID(e.key("group leads")).ExecX(ctx)
			c.User.UpdateOneID(e.key("h0")).SetType("GUEST").ExecX(ctx)
		})
		check("lea of a nested group is in it now", root, "sales", "6 4 96 0 2026-09-01 20 NONE 0")
		check("h0 is a guest", root, "hr", "2 1 48 0 2026-09-01 20 NONE 0")

		limit := func(free, license, used int64) {
			write(t, s, func(ctx context.Context, c *ent.Client) {
				c.Allotment.UpdateOneID(e.key("free")).SetCapacity(free).SetCeiling(max(free, 2)).ExecX(ctx)
				c.License.UpdateOneID(e.key("e5")).SetQuantity(license).SetCapacity(license).SetCeiling(license + 200).SetUsed(used).ExecX(ctx)
			})
		}
		limit(2, 275, 0)
		check("the license has what the allotment has not", root, "hr", "2 1 0 1 2026-09-01 20 RAISE_ALLOTMENT 1")
		limit(2, 150, 0)
		check("units are on the way", root, "hr", "2 1 0 1 2026-09-01 20 WAIT_FOR_UNITS 1")
		check("a delegate sees none on the way", as("bob"), "hr", "2 1 0 1 <nil> <nil> BUY 1")
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.PurchaseReservation.UpdateOneID(e.key("purchase")).SetState("CANCELED").ExecX(ctx)
		})
		check("none are on the way", root, "hr", "2 1 0 1 <nil> <nil> BUY 1")
		write(t, s, func(ctx context.Context, c *ent.Client) {
			c.GroupLicense.DeleteOneID(e.key("gl hr")).ExecX(ctx)
			c.GroupLicense.Create().SetGroupID(e.key("group hr")).SetLicenseID(e.key("e3")).ExecX(ctx)
			c.License.UpdateOneID(e.key("e3")).ClearEndsOn().ExecX(ctx)
			c.Contract.UpdateOneID(e.key("MS-2")).ClearEndsOn().ExecX(ctx)
		})
		check("an unlimited license", root, "hr", "3 0 <nil> 0 <nil> <nil> NONE 0")
		if got := a.ask(as("stranger"), document, nil); got.at("capacity", "totalCount") != 0.0 {
			t.Errorf("a stranger sees %v", got)
		}
	})
}

// Capacities of a page cost the same few statements, however many they are.
func TestCapacityStatementsDoNotGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			for i := range 30 {
				group := c.Group.Create().SetName(fmt.Sprint("more ", i)).SaveX(ctx)
				c.Membership.Create().SetGroupID(group.ID).SetUserID(e.key("h1")).ExecX(ctx)
				c.GroupLicense.Create().SetGroupID(group.ID).SetLicenseID(e.key("e5")).SetAllotmentID(e.key("inside")).ExecX(ctx)
			}
		})
		a := open(t, s)
		count := func(n int) int64 {
			a.statements.Store(0)
			got := a.ask(root, `query($n: Int) { capacity(first: $n) { nodes { id capacity { shortfall uniqueMembers nextUnits } } } }`, object{"n": n})
			if nodes, _ := got.at("capacity", "nodes").([]any); len(nodes) != n {
				t.Fatalf("%d group licenses, want %d", len(nodes), n)
			}
			return a.statements.Load()
		}
		if few, many := count(2), count(32); few != many || many == 0 || many > 8 {
			t.Errorf("%d statements for 2, %d for 32", few, many)
		}
	})
}

// Whoever may not see dates is told no stage, and cannot ask for one.
func TestMaskedDatesHideStages(t *testing.T) {
	dir := policytest.Changed(t, "data.json", `"masked": {
      "ANALYST": {`, `"masked": {
      "ANALYST": {
        "contract": ["ends_on"],`)
	engine, err := policy.New(t.Context(), policy.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		build(t, s)
		a := openWith(t, s, engine)
		analyst := as("ada", "ANALYST")
		got := a.ask(analyst, `{ licenses(first: 1) { nodes { lifecycle lifecycleUntil expiresOn } } contracts(first: 1) { nodes { lifecycle lifecycleUntil anniversary } } }`, nil)
		if here := fmt.Sprint(got.at("licenses", "nodes", 0), got.at("contracts", "nodes", 0)); here !=
			"map[expiresOn:<nil> lifecycle:<nil> lifecycleUntil:<nil>] map[anniversary:<nil> lifecycle:<nil> lifecycleUntil:<nil>]" {
			t.Errorf("an analyst sees %s", here)
		}
		for document, want := range map[string]string{
			`{ licenses(where: {lifecycleIn: [ACTIVE]}) { totalCount } }`:                "lifecycleIn",
			`{ licenses(where: {stateIn: [OK]}) { totalCount } }`:                        "stateIn",
			`{ licenses(where: {expiresOn: {known: true}}) { totalCount } }`:             "expiresOn",
			`{ licenses(orderBy: {field: EXPIRES_ON}) { totalCount } }`:                  "orderBy",
			`{ licenses(orderBy: {field: LIFECYCLE}) { totalCount } }`:                   "orderBy",
			`{ contracts(where: {lifecycleIn: []}) { totalCount } }`:                     "lifecycleIn",
			`{ contracts(orderBy: {field: LIFECYCLE, direction: DESC}) { totalCount } }`: "orderBy",
		} {
			if code, field := a.refused(analyst, document, nil); code != "POLICY_DENIED" || field != want {
				t.Errorf("%s: %s %s", document, code, field)
			}
			a.ask(root, document, nil)
		}
	})
}

// So do stages, anniversaries and purchase reservations of a page of licenses.
func TestLifecycleStatementsDoNotGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			for i := range 30 {
				contract := c.Contract.Create().SetVendorID(e.key("oracle")).SetNumber(fmt.Sprint("more ", i)).SetName("more").SetEndsOn("2026-12-31").SaveX(ctx)
				license := c.License.Create().SetContractID(contract.ID).SetProductID(e.key("DB")).SetQuantity(5).SetCapacity(5).SetCeiling(5).SaveX(ctx)
				c.PurchaseReservation.Create().SetLicenseID(license.ID).SetQuantity(1).SetStartsOn("2026-06-01").ExecX(ctx)
			}
		})
		a := open(t, s)
		count := func(n int) int64 {
			a.statements.Store(0)
			got := a.ask(root, `query($n: Int) { licenses(first: $n, orderBy: {field: LIFECYCLE}) { nodes { state lifecycle lifecycleUntil expiresOn renewalShortfall
				contract { lifecycle anniversary } purchaseReservations(stateIn: [PLACED]) { totalCount nodes { state cancellableUntil license { id } } } } } }`, object{"n": n})
			if nodes, _ := got.at("licenses", "nodes").([]any); len(nodes) != n {
				t.Fatalf("%d licenses, want %d", len(nodes), n)
			}
			return a.statements.Load()
		}
		if few, many := count(3), count(33); few != many || many == 0 || many > 12 {
			t.Errorf("%d statements for 3, %d for 33", few, many)
		}
	})
}
