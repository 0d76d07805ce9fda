package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

const (
	e5  = "c7df2760-2c81-4ef7-b578-5b5392b571df"
	ems = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
)

// subscriptions is subscribedSkus of a tenant: 3 units of E5, 10 of EMS, and something for the company.
const subscriptions = `{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#subscribedSkus", "value": [
	{"id": "t_` + e5 + `", "skuId": "` + e5 + `", "skuPartNumber": "ENTERPRISEPREMIUM", "appliesTo": "User", "capabilityStatus": "Enabled", "consumedUnits": 4,
	 "prepaidUnits": {"enabled": 2, "suspended": 5, "warning": 1},
	 "servicePlans": [{"servicePlanId": "8c098270-9dd4-4350-9b30-ba4703f3b36b", "servicePlanName": "ADALLOM_S_O365"},
	                  {"servicePlanId": "7547a3fe-08ee-4ccb-b430-5077c5041653", "servicePlanName": "YAMMER_ENTERPRISE"}]},
	{"id": "t_` + ems + `", "skuId": "` + ems + `", "skuPartNumber": "EMS", "appliesTo": "User", "capabilityStatus": "Enabled", "consumedUnits": 1, "prepaidUnits": {"enabled": 10}, "servicePlans": []},
	{"id": "t_3", "skuId": "6470687e-a428-4b7a-bef2-8a291ad947c9", "skuPartNumber": "WINDOWS_STORE", "appliesTo": "Company", "capabilityStatus": "Enabled", "prepaidUnits": {"enabled": 25}}]}`

// member is a line of members@delta.
func member(id, kind string, removed bool) string {
	gone := ""
	if removed {
		gone = `, "@removed": {"reason": "deleted"}`
	}
	return `{"@odata.type": "#microsoft.graph.` + kind + `", "id": "` + id + `"` + gone + `}`
}

func pageOf(rest string, elements ...string) string {
	return "{" + rest + `"value": [` + "\n" + strings.Join(elements, ",\n") + "]}"
}

// person is an element of users, with states of assignments.
func person(id, name string, states ...string) string {
	return `{"id": "` + id + `", "userPrincipalName": "` + name + `", "displayName": null, "userType": "Member", "accountEnabled": true, "usageLocation": "DE",
		"licenseAssignmentStates": [` + strings.Join(states, ", ") + `]}`
}

// state is an assignment of a SKU, by a group or, if it is empty, directly.
func assigned(sku, group string, off ...string) string {
	by, plans := "null", ""
	if group != "" {
		by = `"` + group + `"`
	}
	if len(off) > 0 {
		plans = `"` + strings.Join(off, `", "`) + `"`
	}
	return `{"skuId": "` + sku + `", "disabledPlans": [` + plans + `], "assignedByGroup": ` + by + `, "state": "Active", "error": "None"}`
}

// Pages of an export: each all or nothing; a run that was interrupted goes on after the last page that is done.
func TestImportGraphPages(t *testing.T) {
	one := pageOf(`"@odata.nextLink": "https://graph/1", `,
		`{"id": "g1", "displayName": "Sales", "members@delta": [`+member("u1", "user", false)+", "+member("u2", "user", false)+", "+member("d", "device", false)+`]}`,
		`{"id": "g2", "displayName": "Sales", "members@delta": [`+member("g1", "group", false)+`]}`)
	bad := pageOf(`"@odata.deltaLink": "https://graph/2", `, `{"id": "g1", "members@delta": [`+member("u9", "user", false)+`]}`)
	two := pageOf(`"@odata.deltaLink": "https://graph/2", `, `{"id": "g1", "members@delta": [`+member("u2", "user", true)+", "+member("u3", "user", false)+`]}`)
	eachURL(t, func(t *testing.T, url string) {
		run := func(args ...string) ran { return cli(t, append(args, "--database", url)...) }
		users := pageOf("", person("u1", "ann"), person("u2", "bob"), person("u3", "cy"))
		says(t, run("import", "graph-users", written(t, "users.json", "\xef\xbb\xbf"+users)).ok(t).stdout, "users          3 created", "seats are as in Entra")
		first, second := written(t, "one.json", one), written(t, "two.json", bad)

		dry := run("import", "graph-groups", first, written(t, "good.json", "\xef\xbb\xbf"+two), "--dry-run").ok(t)
		says(t, dry.stdout, "dry run", "groups         2 created", "memberships    4 created, 0 updated, 0 unchanged, 1 removed", "+ group Sales (g2)")
		if n := rows(t, url, `SELECT COUNT(*) FROM "groups"`); n != 0 {
			t.Errorf("a dry run left %d groups", n)
		}
		broken := run("import", "graph-groups", first, second)
		if broken.code != 1 {
			t.Errorf("exit code %d", broken.code)
		}
		says(t, broken.stdout, "one.json, page 1 of 2", "groups         2 created", "memberships    3 created")
		says(t, broken.stderr, second+":2: members@delta: there is no user u9; import graph-users first", "1 members that are neither users nor groups are left out")
		if n := rows(t, url, `SELECT COUNT(*) FROM feeds WHERE kind = 'graph-groups' AND state = 'RUNNING' AND pages = 1`); n != 1 {
			t.Errorf("%d runs are under way", n)
		}
		mended := written(t, "two.json", two)
		going := run("import", "graph-groups", first, mended).ok(t)
		says(t, going.stdout, "1 of 2 pages are done already; going on with "+mended, "memberships    1 created, 0 updated, 0 unchanged, 1 removed")
		if strings.Contains(going.stdout, "page 1 of 2") {
			t.Errorf("the first page was read again: %s", going.stdout)
		}
		if got := list(t, url, `SELECT g.name || ' ' || u.user_name FROM memberships m JOIN users u ON u.id = m.user_id JOIN "groups" g ON g.id = m.group_id ORDER BY 1`); got != "Sales ann, Sales cy" {
			t.Errorf("members: %s", got)
		}
		if got := list(t, url, `SELECT summary FROM feeds WHERE kind = 'graph-groups' AND state = 'DONE' AND pages = 2 AND ended_at IS NOT NULL`); !strings.Contains(got, `"deltaLink":"https://graph/2"`) ||
			!strings.Contains(got, `"memberships":{"Created":4,"Updated":0,"Removed":1,"Unchanged":0}`) {
			t.Errorf("the feed: %s", got)
		}
		again := run("import", "graph-groups", first, mended).ok(t)
		says(t, again.stdout, "page 1 of 2", "read before")
		if got := list(t, url, `SELECT name FROM "groups" ORDER BY 1`); got != "Sales, Sales (g2)" {
			t.Errorf("groups: %s", got)
		}
		says(t, run("verify").ok(t).stdout, "clean")
	})
}

// list gives the values of one column.
func list(t *testing.T, url, query string) string {
	t.Helper()
	var values []string
	err := storetest.Open(t, url, store.Config{}).View(t.Context(), func(ctx context.Context, r *store.Reader) error {
		found, err := r.Query(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		for found.Next() {
			var value string
			if err := found.Scan(&value); err != nil {
				return err
			}
			values = append(values, value)
		}
		return found.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(values, ", ")
}

// An organization's present state in Entra: products, licenses, people and groups are taken in, what differs is shown, then taken over
// through the same gate as any assignment; the second time there is nothing to do.
func TestTakeOver(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		o := &office{t, s, s.Admin(), s.Token("root@contoso.example", identity.RoleGlobalAdmin)}
		skus := o.feed("graph-skus?contract=EA", subscriptions)
		o.want("SKUs", fmt.Sprint(skus.answer.Counts), "[{vendors 1 0 0 0} {contracts 1 0 0 0} {products 3 0 0 0} {service plans 2 0 0 0} {licenses 2 0 0 0}]")
		o.want("notes", strings.Join(skus.answer.Notes, "; "), "ENTERPRISEPREMIUM: 5 units are suspended or locked, and do not count; "+
			"WINDOWS_STORE applies to the company, not to users: there are no seats of it, and no license is made")
		o.want("again", fmt.Sprint(o.feed("graph-skus?contract=EA", subscriptions).answer.Changed), "false")
		if e := send(t, s, o.token, "graph-skus", subscriptions).refused(t, 422, "INVALID_INPUT"); e.Extensions.Field != "contract" {
			t.Errorf("%+v", e)
		}
		users := pageOf("",
			person("u1", "ann", assigned(e5, "", "8c098270-9dd4-4350-9b30-ba4703f3b36b"), assigned(e5, "g1")),
			person("u2", "bob", assigned(e5, "g1"), assigned(ems, "")),
			person("u3", "cy", assigned(e5, "g1")),
			person("u4", "dee", assigned(e5, "g1"), assigned("18181a46-0d4e-45cd-891e-60aabd171b4e", "")))
		tell := func(u *upload) string {
			e := u.answer.Entra
			return fmt.Sprint(e.AssignedThereNotHere, e.LicensedThereNotHere, e.SeatsHereNotThere, e.NoLicenseHere)
		}
		o.want("dry", tell(o.feed("graph-users?dryRun=true&takeOver=true", users)), "[{EMS  1 0} {ENTERPRISEPREMIUM  1 1}] [{ENTERPRISEPREMIUM g1 4 1}] [] [{18181a46-0d4e-45cd-891e-60aabd171b4e  1 0}]")
		o.want("nobody is there after a dry run", o.seats(), "")
		o.feed("graph-users", users)
		o.feed("graph-groups", pageOf("", `{"id": "g1", "displayName": "All", "members": [`+member("u1", "user", false)+","+member("u2", "user", false)+","+
			member("u3", "user", false)+","+member("u4", "user", false)+`]}`))
		taken := o.feed("graph-users?takeOver=true", users)
		o.want("direct", fmt.Sprint(taken.answer.TakenOver.Direct), "map[ACTIVE:2]")
		o.want("members", fmt.Sprint(taken.answer.TakenOver.Groups, taken.answer.TakenOver.Members), "1 map[ACTIVE:3 WAITING:1]")
		o.want("seats", o.seats(), "ann ACTIVE, bob ACTIVE, bob ACTIVE, cy ACTIVE, dee WAITING")
		var answer struct {
			Users struct {
				Nodes []struct {
					Seats struct {
						Nodes []struct {
							DisabledPlans []struct{ Name string }
							Reasons       []struct{ Direct bool }
						}
					}
				}
			}
		}
		o.admin.Do(`{ users(first: 1) { nodes { seats { nodes { disabledPlans { name } reasons { direct } } } } } }`, nil, &answer)
		o.want("ann's reasons and plans", fmt.Sprint(answer.Users.Nodes[0].Seats.Nodes), "[{[] [{true} {false}]}]") // the group disables nothing
		again := o.feed("graph-users?takeOver=true", users)
		o.want("again", tell(again)+fmt.Sprint(again.answer.TakenOver.Direct, again.answer.TakenOver.Groups), "[] [] [] [{18181a46-0d4e-45cd-891e-60aabd171b4e  1 0}]map[] 0")
		gone := o.feed("graph-users", pageOf("", person("u2", "bob", assigned(e5, "g1")), `{"id": "u1", "@removed": {"reason": "changed"}}`, `{"id": "u77", "@removed": {"reason": "deleted"}}`))
		o.want("bob's EMS is not there any more; ann is gone", tell(gone)+fmt.Sprint(gone.answer.Seats), "[] [] [{EMS  1 0}] []map[failed:1 given:1 queued:0 released:0]")
		o.want("what ann had directly is remembered", o.seats(), "ann ERROR, bob ACTIVE, bob ACTIVE, cy ACTIVE, dee ACTIVE")
		emptied := o.feed("graph-groups", pageOf("", `{"id": "g1", "@removed": {"reason": "deleted"}}`))
		o.want("the group stays, empty", strings.Join(emptied.answer.Notes, ""), "the group All was deleted there; it is empty now, and stays because it has licenses or an allotment's scope names it")
		o.want("seats of an empty group", o.seats(), "ann ERROR, bob ACTIVE")
		o.admin.Do(`mutation { unlicenseGroup(input: {groupLicenseId: "gli_1"}) { deletedId } }`, nil, nil)
		o.want("the group goes", fmt.Sprint(o.feed("graph-groups", pageOf("", `{"id": "g1", "@removed": {"reason": "deleted"}}`)).answer.Counts[0]), "{groups 0 0 1 0}")
		clean(t, s)
	})
}

// Whoever may not, may not: the files of Microsoft Graph have the same gates as the others.
func TestImportGraphAuthorization(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Service) {
		for _, kind := range []string{"graph-users", "graph-groups", "graph-skus?contract=EA"} {
			send(t, s, "", kind, "{}").refused(t, 401, "UNAUTHENTICATED")
			send(t, s, s.Token("aude", "AUDITOR"), kind, "{}").refused(t, 403, "POLICY_DENIED")
		}
		send(t, s, s.Token("maria", "CONTRACT_MANAGER"), "graph-users", "{}").refused(t, 403, "POLICY_DENIED")
		send(t, s, s.Token("maria", "CONTRACT_MANAGER"), "graph-skus?contract=EA", subscriptions).good(t)
	})
}
