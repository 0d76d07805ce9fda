package graph_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/graph/generated"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// filter is a condition on a list, and how many things it finds.
type filter struct {
	list, where string
	want        float64
}

// filters are conditions on each list and how many things they find. $name stands for the id of a thing of the estate.
var filters = []filter{
	{"vendors", `idIn: ["$oracle", "$e5", "nonsense"]`, 1},
	{"vendors", `name: {eq: "MICROSOFT"}`, 1},
	{"vendors", `name: {in: ["microsoft", "oracle", "x"]}`, 2},
	{"vendors", `name: {in: []}`, 0},
	{"vendors", `name: {startsWith: "ora"}`, 1},
	{"vendors", `name: {contains: "o", startsWith: "m"}`, 1},
	{"products", `idIn: ["$E5"]`, 1},
	{"products", `search: "spe_e"`, 2},
	{"products", `search: "%"`, 0},
	{"products", `name: {contains: "365"}`, 2},
	{"products", `sku: {eq: "spe_e5"}`, 1},
	{"products", `skuId: {eq: "x"}`, 0},
	{"products", `kindIn: [PERPETUAL, STORE_APP]`, 1},
	{"products", `vendorIdIn: ["$microsoft"]`, 2},
	{"products", `servicePlan: "yammer"`, 1},
	{"contracts", `idIn: ["$MS-1", "$MS-2"]`, 2},
	{"contracts", `search: "former"`, 1},
	{"contracts", `number: {startsWith: "MS"}`, 2},
	{"contracts", `name: {eq: "Database"}`, 1},
	{"contracts", `vendorIdIn: ["$oracle"]`, 1},
	{"contracts", `startsOn: {known: true}`, 0},
	{"contracts", `endsOn: {before: "2026-12-31"}`, 1},
	{"contracts", `endsOn: {since: "2026-12-31"}`, 1},
	{"contracts", `endsOn: {known: false}`, 1},
	{"contracts", `lifecycleIn: [EXPIRED, DISABLED]`, 1},
	{"contracts", `lifecycleIn: [ACTIVE]`, 2},
	{"licenses", `lifecycleIn: [EXPIRED]`, 1},
	{"licenses", `lifecycleIn: [UPCOMING, ACTIVE, EXPIRING, IN_GRACE]`, 2},
	{"licenses", `lifecycleIn: []`, 0},
	{"licenses", `expiresOn: {before: "2027-07-01"}`, 2},
	{"licenses", `expiresOn: {known: false}`, 1},
	{"licenses", `hasRenewalPlan: true`, 1},
	{"licenses", `hasRenewalPlan: false`, 2},
	{"purchaseReservations", `idIn: ["$purchase", "$e5"]`, 1},
	{"purchaseReservations", `stateIn: [PLACED, ACTIVE]`, 1},
	{"purchaseReservations", `licenseIdIn: ["$db"]`, 1},
	{"purchaseReservations", `contractIdIn: ["$MS-1", "$OR-1"]`, 2},
	{"purchaseReservations", `startsOn: {since: "2026-09-01"}`, 1},
	{"capacity", `groupLicenseIdIn: ["$gl hr"]`, 1},
	{"capacity", `groupIdIn: ["$group sales"]`, 1},
	{"capacity", `licenseIdIn: ["$e5"]`, 2},
	{"capacity", `licenseIdIn: ["$e3"]`, 0},
	{"capacity", `allotmentIdIn: ["$free"]`, 1},
	{"licenses", `idIn: ["$e5"]`, 1},
	{"licenses", `search: "e5"`, 1},
	{"licenses", `search: "or-1"`, 1},
	{"licenses", `productName: {contains: "365"}`, 2},
	{"licenses", `sku: {eq: "SPE_E3"}`, 1},
	{"licenses", `productIdIn: ["$DB"]`, 1},
	{"licenses", `kindIn: [SUBSCRIPTION]`, 2},
	{"licenses", `contractIdIn: ["$MS-2"]`, 1},
	{"licenses", `vendorIdIn: ["$microsoft"]`, 2},
	{"licenses", `metric: INSTALLS`, 0},
	{"licenses", `stateIn: [NOT_IN_EFFECT]`, 1},
	{"licenses", `stateIn: [OK, FULL, OVER_LIMIT]`, 2},
	{"licenses", `available: {gte: 100}`, 2},
	{"licenses", `available: {lte: 125}`, 2},
	{"licenses", `available: {eq: 10}`, 1},
	{"licenses", `endsOn: {before: "2026-04-01"}`, 1},
	{"licenses", `hasWaiting: true`, 1},
	{"licenses", `hasErrors: false`, 2},
	{"deployments", `idIn: ["$office", "$track"]`, 1},
	{"deployments", `search: "oracle"`, 1},
	{"deployments", `product: {eq: "OFFICE"}`, 1},
	{"deployments", `vendorIdIn: ["$microsoft"]`, 1},
	{"deployments", `source: "hand"`, 1},
	{"deployments", `installs: {lte: 5}`, 1},
	{"deployments", `users: {gte: 1}`, 1},
	{"deployments", `allocated: false`, 1},
	{"allocations", `idIn: ["$spare"]`, 1},
	{"allocations", `licenseIdIn: ["$e3"]`, 2},
	{"allocations", `contractIdIn: ["$MS-1"]`, 0},
	{"allocations", `deploymentIdIn: ["$office"]`, 1},
	{"allocations", `type: CUSTOM_RESERVATION`, 1},
	{"allocations", `metric: USERS`, 1},
	{"allocations", `unlimited: true`, 1},
	{"allocations", `costCenter: "4711"`, 1},
	{"allocations", `search: "off"`, 1},
	{"licenseOverviews", `vendorIdIn: ["$microsoft"]`, 2},
	{"licenseOverviews", `contractIdIn: ["$MS-1", "$OR-1"]`, 2},
	{"licenseOverviews", `metric: INSTALLS`, 0},
	{"licenseOverviews", `onlyUncovered: true`, 0},
	{"licenseOverviews", `onlyUncovered: false`, 3},
	{"licenseOverviews", `onlyOverLimit: true`, 0},
	{"licenseOverviews", `expiringBefore: "2026-04-01"`, 1},
	{"licenseOverviews", `expiringBefore: "2028-01-01"`, 2}, // one by its contract
	{"contractOverviews", `vendorIdIn: ["$microsoft"]`, 2},
	{"contractOverviews", `contractIdIn: ["$MS-1", "$OR-1"]`, 2},
	{"contractOverviews", `metric: USERS`, 3},
	{"contractOverviews", `onlyUncovered: true`, 0},
	{"contractOverviews", `onlyOverLimit: true`, 0},
	{"contractOverviews", `expiringBefore: "2026-04-01"`, 1},
	{"allotments", `idIn: ["$sales", "$free"]`, 2},
	{"allotments", `search: "SPE_E5"`, 4},
	{"allotments", `search: "ins"`, 1},
	{"allotments", `name: {eq: "free"}`, 1},
	{"allotments", `licenseIdIn: ["$e5"]`, 4},
	{"allotments", `parentId: "$sales"`, 1},
	{"allotments", `root: false`, 1},
	{"allotments", `mode: CEILING`, 2},
	{"allotments", `stateIn: []`, 0},
	{"allotments", `available: {eq: 0}`, 1},
	{"allotments", `endsAt: {before: "2026-03-01T00:00:00Z"}`, 1},
	{"allotments", `endsAt: {known: false}`, 3},
	{"allotments", `hasWaiting: true`, 1},
	{"allotments", `hasErrors: true`, 1},
	{"allotments", `mine: true`, 0},
	{"users", `idIn: ["$Dora", "$sales"]`, 1},
	{"users", `search: "name of s"`, 6},
	{"users", `userName: {eq: "DORA"}`, 1},
	{"users", `displayName: {contains: "of h"}`, 4},
	{"users", `email: {eq: "bob@example.com"}`, 1},
	{"users", `externalId: {eq: "x-bob"}`, 1},
	{"users", `department: {in: ["hr", "sales"]}`, 10},
	{"users", `costCenter: {eq: "cc hr"}`, 4},
	{"users", `usageLocationIn: ["FR"]`, 0},
	{"users", `typeIn: [MEMBER]`, 13},
	{"users", `enabled: false`, 0},
	{"users", `groupIdIn: ["$group hr", "$group leads"]`, 5},
	{"users", `licenseIdIn: ["$e5"]`, 9},
	{"users", `licenseIdIn: ["$e5"], seatStateIn: [WAITING, ERROR]`, 3},
	{"users", `licenseIdIn: ["$e3"], seatStateIn: [WAITING, ERROR]`, 0},
	{"groups", `idIn: ["$group hr"]`, 1},
	{"groups", `search: "s"`, 2},
	{"groups", `name: {eq: "HR"}`, 1},
	{"groups", `externalId: {eq: "x"}`, 0},
	{"groups", `memberId: "$lea"`, 1},
	{"groups", `licensed: true`, 2},
	{"decisions", `idIn: ["$denial"]`, 1},
	{"decisions", `actionIn: ["assignSeats"]`, 2},
	{"decisions", `allow: false`, 1},
	{"decisions", `dryRun: true`, 0},
	{"decisions", `unenforced: "ANNOUNCED"`, 0},
	{"decisions", `principal: {eq: "bob"}`, 1},
	{"decisions", `revision: "r2"`, 1},
	{"decisions", `licenseId: "$e5"`, 2},
	{"decisions", `allotmentId: "$sales"`, 1},
	{"decisions", `at: {since: "2026-01-01T01:00:00Z"}`, 2},
	{"decisions", `at: {before: "2026-01-01T01:00:00+00:00"}`, 1},
	{"serviceTokens", `idIn: ["$token"]`, 1},
	{"serviceTokens", `name: {startsWith: "ent"}`, 1},
	{"serviceTokens", `purposeIn: [API]`, 1},
	{"serviceTokens", `live: true`, 1},
	{"serviceTokens", `live: false`, 1},
	{"policyTrials", `idIn: ["$trial"]`, 1},
	{"policyTrials", `revision: "r2"`, 1},
	{"policyTrials", `running: true`, 0},
	{"policyTrials", `running: false`, 2},
	{"feeds", `idIn: ["$feed"]`, 1},
	{"feeds", `kindIn: ["users", "groups"]`, 1},
	{"feeds", `name: {startsWith: "people"}`, 1},
	{"feeds", `digest: "d2"`, 1},
	{"feeds", `actor: {eq: "grace"}`, 1},
	{"feeds", `state: RUNNING`, 1},
	{"feeds", `createdAt: {since: "2020-01-01T00:00:00Z"}`, 2},
	{"events", `idIn: ["$created"]`, 1},
	{"events", `typeIn: ["USER_CREATED"]`, 1},
	{"events", `actor: {eq: "bob"}`, 1},
	{"events", `licenseId: "$e5"`, 1},
	{"events", `allotmentId: "$free"`, 1},
	{"events", `userId: "$s0"`, 1},
	{"events", `groupId: "$group hr"`, 0},
	{"events", `at: {since: "2026-01-02T00:00:00Z"}`, 0},
}

func TestFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		for _, f := range filters {
			where := e.named(f.where)
			got := a.ask(root, fmt.Sprintf(`{ %s(first: 100, where: {%s}) { totalCount nodes { id } } }`, f.list, where), nil)
			nodes, _ := got.at(f.list, "nodes").([]any)
			if got.at(f.list, "totalCount") != f.want || float64(len(nodes)) != f.want {
				t.Errorf("%s(%s) counts %v and shows %d, want %v", f.list, f.where, got.at(f.list, "totalCount"), len(nodes), f.want)
			}
		}
		dora := a.ask(as("dora"), `{ allotments(where: {mine: true}) { totalCount } }`, nil)
		expect(t, dora, []any{"allotments", "totalCount"}, 2.0)
	})
}

// Costs are of the licenses that a list of them with the same conditions shows.
func TestCostOfFilteredLicenses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			if _, err := c.ExecContext(ctx, `UPDATE licenses SET created_at = $1`, past); err != nil {
				t.Fatal(err)
			}
		})
		shown := 0
		for _, f := range filters {
			if f.list != "licenses" {
				continue
			}
			where := e.named(f.where)
			got := a.ask(root, fmt.Sprintf(`{ licenses(first: 100, where: {%[1]s}) { nodes { id } } cost(where: {%[1]s}) { unpriced totals { currency } }
				showback(from: "2026-01-01", to: "2026-02-28", by: LICENSE, first: 100, where: {%[1]s}) { nodes { license { id } } } }`, where), nil)
			unpriced, _ := got.at("cost", "unpriced").(float64)
			totals, _ := got.at("cost", "totals").([]any)
			if unpriced+float64(len(totals)) != f.want { // one license of the estate has a price
				t.Errorf("cost(%s) is of %v licenses, want %v", f.where, got.at("cost"), f.want)
			}
			listed := fmt.Sprint(got.at("licenses", "nodes"))
			rows, _ := got.at("showback", "nodes").([]any)
			shown += len(rows)
			for _, row := range rows {
				license, _ := row.(map[string]any)["license"].(map[string]any)
				if id, _ := license["id"].(string); id == "" || !strings.Contains(listed, "id:"+id+"]") {
					t.Errorf("showback(%s) tells of %s, the list is %s", f.where, id, listed)
				}
			}
		}
		if shown == 0 {
			t.Error("no showback showed anything")
		}
	})
}

// named puts ids in the place of names.
func (e *estate) named(where string) string {
	names := slices.Collect(maps.Keys(e.id))
	sort.Slice(names, func(i, j int) bool { return len(names[i]) > len(names[j]) })
	for _, name := range names {
		where = strings.ReplaceAll(where, `"$`+name+`"`, fmt.Sprintf("%q", e.id[name].String()))
	}
	return where
}

// Every condition and every order that the schema offers is tried by the tests above.
func TestEveryFilterIsTested(t *testing.T) {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for _, field := range schema.Query.Fields {
		where := field.Arguments.ForName("where")
		if where == nil {
			continue
		}
		list := field.Name
		if field.Name == "cost" || field.Name == "showback" {
			list = "licenses" // TestCostOfFilteredLicenses tries all of them
		}
		for _, condition := range schema.Types[where.Type.Name()].Fields {
			tried := false
			for _, f := range slices.Concat(filters, portfolioFilters) {
				tried = tried || f.list == list && strings.Contains(f.where, condition.Name+":")
			}
			if !tried {
				t.Errorf("no test tries %s(where: {%s: …})", field.Name, condition.Name)
			}
		}
		if orderBy := field.Arguments.ForName("orderBy"); orderBy != nil {
			values := schema.Types[schema.Types[orderBy.Type.Name()].Fields.ForName("field").Type.Name()].EnumValues
			if len(values) != len(orders[field.Name]) {
				t.Errorf("%d of %d orders of %s are tried", len(orders[field.Name]), len(values), field.Name)
			}
		}
	}
}
