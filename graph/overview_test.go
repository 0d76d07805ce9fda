package graph_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allocation"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// portfolioFilters are conditions on the overview of the portfolio, and how many rows it has then.
var portfolioFilters = []filter{
	{"portfolioOverview", `vendorIdIn: ["$oracle"]`, 1},
	{"portfolioOverview", `vendorIdIn: ["$microsoft"]`, 2},
	{"portfolioOverview", `contractIdIn: ["$MS-2"]`, 2},
	{"portfolioOverview", `contractIdIn: ["$MS-1"]`, 0},
	{"portfolioOverview", `metric: INSTALLS`, 2},
	{"portfolioOverview", `onlyUncovered: true`, 1},
	{"portfolioOverview", `onlyOverLimit: true`, 0},
	{"portfolioOverview", `expiringBefore: "2026-04-01"`, 2},
	{"portfolioOverview", `expiringBefore: "2026-01-01"`, 0},
}

func TestPortfolioFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		for _, f := range portfolioFilters {
			got := a.ask(root, fmt.Sprintf(`{ portfolioOverview(where: {%s}) { rows { label } rowPage { totalCount } } }`, e.named(f.where)), nil)
			rows, _ := got.at("portfolioOverview", "rows").([]any)
			if float64(len(rows)) != f.want || got.at("portfolioOverview", "rowPage", "totalCount") != f.want {
				t.Errorf("%s shows %v, want %v", f.where, got, f.want)
			}
		}
	})
}

// position adds to the estate. Of contract MS-1: license e5 covers 7 of 9 users of Visio, and, of no purpose, 3. Of OR-1: license db is over
// its limit by 2 with 12 installs for Server, of which there are 5; and covers what it has left, which is nothing, of Visio.
func (b *builder) position() {
	visio := b.put("visio", id.Deployment, b.c.Deployment.Create().SetVendorID(b.key("microsoft")).SetProduct("Visio").SetProductKey("visio").SetUsers(9).
		SetObservedAt(past).SaveX(b.ctx).ID)
	allot := func(name, license string, deployment int64, quantity *int64, metric allocation.Metric) {
		create := b.c.Allocation.Create().SetLicenseID(b.key(license)).SetMetric(metric).SetNillableQuantity(quantity).SetUnlimited(quantity == nil)
		if deployment != 0 {
			create.SetType(allocation.TypeTRACK_DEPLOYMENT).SetDeploymentID(deployment)
		} else {
			create.SetType(allocation.TypeCUSTOM_RESERVATION).SetName(name)
		}
		b.put(name, id.Allocation, create.SaveX(b.ctx).ID)
	}
	units := func(n int64) *int64 { return &n }
	allot("visio e5", "e5", visio, units(7), allocation.MetricUSERS)
	allot("no purpose", "e5", 0, units(3), allocation.MetricUSERS)
	allot("server db", "db", b.key("server"), units(12), allocation.MetricINSTALLS)
	allot("visio db", "db", visio, nil, allocation.MetricUSERS)
	b.c.License.UpdateOneID(b.key("db")).SetReserved(12).SetCeiling(12).ExecX(b.ctx)
}

// Rows are filtered and ordered, and pages of them add up.
func TestRows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) { (&builder{ctx, c, e}).position() })
		a := open(t, s)
		rows := func(document string) string {
			got := a.ask(root, `{ portfolioOverview { rows`+e.named(document)+` { label metric allocated } } }`, nil)
			list, _ := got.at("portfolioOverview", "rows").([]any)
			var words []string
			for i := range list {
				words = append(words, fmt.Sprintf("%v %.1s %v", got.at("portfolioOverview", "rows", i, "label"), got.at("portfolioOverview", "rows", i, "metric"),
					got.at("portfolioOverview", "rows", i, "allocated")))
			}
			return strings.Join(words, ", ")
		}
		for _, c := range []struct{ arguments, want string }{
			{``, "Office U 120, Server I 12, Visio U 7, spare I 5, no purpose U 3"},
			{`(first: 2)`, "Office U 120, Server I 12"},
			{`(first: 0)`, ""},
			{`(where: {metric: INSTALLS})`, "Server I 12, spare I 5"},
			{`(where: {uncovered: true})`, "Visio U 7"},
			{`(where: {uncovered: false})`, "Office U 120, Server I 12, spare I 5, no purpose U 3"},
			{`(where: {overLimit: true})`, "Server I 12, Visio U 7"},
			{`(where: {overLimit: false})`, "Office U 120, spare I 5, no purpose U 3"},
			{`(where: {vendorIdIn: ["$microsoft"]})`, "Office U 120, Visio U 7"},
			{`(where: {contractIdIn: ["$MS-1"]})`, "Visio U 7, no purpose U 3"},
			{`(where: {expiringBefore: "2026-04-01"})`, "Office U 120, spare I 5"},
			{`(where: {metric: USERS, overLimit: true, contractIdIn: ["$MS-1"]})`, "Visio U 7"},
			{`(orderBy: {field: CREATED, direction: DESC})`, "no purpose U 3, spare I 5, Visio U 7, Server I 12, Office U 120"},
			{`(orderBy: {field: DEPLOYED, direction: DESC})`, "Office U 120, Visio U 7, Server I 12, no purpose U 3, spare I 5"},
			{`(orderBy: {field: ALLOCATED})`, "no purpose U 3, spare I 5, Visio U 7, Server I 12, Office U 120"},
			{`(orderBy: {field: UNCOVERED, direction: DESC} first: 3)`, "Visio U 7, Server I 12, Office U 120"},
		} {
			if got := rows(c.arguments); got != c.want {
				t.Errorf("rows%s: %s, want %s", c.arguments, got, c.want)
			}
		}
		lacking := a.ask(root, `{ licenseOverviews(where: {onlyUncovered: true}) { nodes { id } } contractOverviews(where: {onlyUncovered: true, onlyOverLimit: true}) { nodes { id } } }`, nil)
		if got, want := lacking.texts("id", "licenseOverviews", "nodes"), e.id["e5"].String()+" "+e.id["db"].String(); got != want {
			t.Errorf("uncovered: %s, want %s", got, want)
		}
		if got, want := lacking.texts("id", "contractOverviews", "nodes"), e.id["OR-1"].String(); got != want {
			t.Errorf("uncovered and over the limit: %s, want %s", got, want)
		}
		for _, field := range []string{"CREATED", "DEPLOYED", "ALLOCATED", "UNCOVERED"} {
			for _, direction := range []string{"ASC", "DESC"} {
				order := fmt.Sprintf("orderBy: {field: %s, direction: %s}", field, direction)
				whole := rows("(" + order + ")")
				for _, size := range []int{1, 2, 3} {
					if forwards := a.walkRows(order, size, true); forwards != whole {
						t.Errorf("%s forwards by %d: %s, want %s", order, size, forwards, whole)
					}
					if backwards := a.walkRows(order, size, false); backwards != whole {
						t.Errorf("%s backwards by %d: %s, want %s", order, size, backwards, whole)
					}
				}
			}
		}
		for _, c := range []struct{ arguments, field string }{{`rows(first: 1001) { label }`, "first"}, {`rowPage(first: 101) { totalCount }`, "first"}, {`rowPage(after: "x") { totalCount }`, "after"}} {
			if code, field := a.refused(root, `{ portfolioOverview { `+c.arguments+` } }`, nil); code != "INVALID_INPUT" || field != c.field {
				t.Errorf("%s: %s %s", c.arguments, code, field)
			}
		}
	})
}

// walkRows reads the rows page by page.
func (a *api) walkRows(order string, size int, forward bool) string {
	a.t.Helper()
	var words []string
	cursor, more := "", true
	for pages := 0; more && pages < 20; pages++ {
		part := fmt.Sprintf("first: %d", size)
		if !forward {
			part = fmt.Sprintf("last: %d", size)
		}
		if cursor != "" {
			part += fmt.Sprintf(" %s: %q", map[bool]string{true: "after", false: "before"}[forward], cursor)
		}
		got := a.ask(root, fmt.Sprintf(`{ portfolioOverview { rowPage(%s %s) { nodes { label metric allocated }
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`, part, order), nil)
		var page []string
		list, _ := got.at("portfolioOverview", "rowPage", "nodes").([]any)
		for i := range list {
			node := func(field string) any { return got.at("portfolioOverview", "rowPage", "nodes", i, field) }
			page = append(page, fmt.Sprintf("%v %.1s %v", node("label"), node("metric"), node("allocated")))
		}
		info := func(field string) any { return got.at("portfolioOverview", "rowPage", "pageInfo", field) }
		if forward {
			words = append(words, page...)
			more, _ = info("hasNextPage").(bool)
			cursor, _ = info("endCursor").(string)
		} else {
			words = append(page, words...)
			more, _ = info("hasPreviousPage").(bool)
			cursor, _ = info("startCursor").(string)
		}
	}
	return strings.Join(words, ", ")
}

// Who sees what of overviews. Whoever sees a license and nothing of the estate sees what it entitles to.
func TestOverviewsAreScoped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) { (&builder{ctx, c, e}).position() })
		a := open(t, s)
		const figures = `{ entitled allocated available deployed uncovered rows { label } suggestions { kind } byMetric { metric } }`
		for _, c := range []struct {
			who            *identity.Principal
			entitled, rows any
			licenses       float64
		}{
			{root, nil, 5.0, 3},
			{as("eve", "AUDITOR"), nil, 5.0, 3},
			{as("ada", "ANALYST"), nil, 5.0, 3},
			{as("con", "CONTRACT_MANAGER"), nil, 5.0, 3},
			{as("dora"), 275.0, 0.0, 1},
			{as("h0"), 275.0, 0.0, 1},
			{as("stranger"), 0.0, 0.0, 0},
		} {
			got := a.ask(c.who, `{ portfolioOverview `+figures+` licenseOverviews { totalCount nodes { id license { id } overview `+figures+` } }
				contractOverviews { totalCount nodes { contract { id overview `+figures+` } } } }`, nil)
			rows, _ := got.at("portfolioOverview", "rows").([]any)
			if got.at("portfolioOverview", "entitled") != c.entitled || float64(len(rows)) != c.rows || got.at("licenseOverviews", "totalCount") != c.licenses ||
				got.at("contractOverviews", "totalCount") != c.licenses {
				t.Errorf("%s sees %v", c.who.UserName, got)
			}
			if c.rows == 0.0 && (got.at("portfolioOverview", "deployed") != 0.0 || got.at("portfolioOverview", "uncovered") != 0.0 || got.at("portfolioOverview", "allocated") != 0.0) {
				t.Errorf("%s sees of the estate %v", c.who.UserName, got)
			}
			if c.licenses == 1 && (got.at("licenseOverviews", "nodes", 0, "id") != e.id["e5"].String() || got.at("licenseOverviews", "nodes", 0, "overview", "available") != 125.0) {
				t.Errorf("%s sees licenses %v", c.who.UserName, got)
			}
		}
	})
}

// overviewPages have everything that overviews show, of one license or contract after the other and of the portfolio.
const overviewPages = `query($n: Int, $at: Time) {
  licenses(first: $n, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { overview(asOf: $at) { ...all } } }
  contracts(first: $n, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { overview(asOf: $at) { ...all } } }
  portfolioOverview(asOf: $at) { ...all }
  licenseOverviews(first: $n, asOf: $at, orderBy: {field: UNCOVERED, direction: DESC}) { totalCount nodes { license { product { name } } overview { ...all } } }
  contractOverviews(first: $n, asOf: $at, orderBy: {field: DEPLOYED, direction: DESC}) { totalCount nodes { contract { name } overview { ...all } } }
}
fragment all on Overview {
  entitled allocated available deployed headroom utilization uncovered overBy byMetric { metric allocated }
  rows(first: $n) {
    label allocation { id license { id } } allocations { quantity } deployment { product vendor { name } } uncovered
    remediation { kind message license { product { name } } allocation { id } }
  }
  rowPage(first: $n, orderBy: {field: UNCOVERED}) { totalCount nodes { label } }
  suggestions { kind units license { id } }
}`

// Overviews cost the same number of statements however many licenses, contracts and rows are shown.
func TestOverviewStatementsDoNotGrow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		write(t, s, func(ctx context.Context, c *ent.Client) {
			b := &builder{ctx, c, e}
			b.position()
			b.portfolio(20)
		})
		a := open(t, s)
		for _, at := range []any{nil, today, past} {
			count := func(n int) int64 {
				a.statements.Store(0)
				got := a.ask(root, overviewPages, object{"n": n, "at": at})
				if nodes, _ := got.at("licenses", "nodes").([]any); len(nodes) != n {
					t.Fatalf("%d licenses, want %d", len(nodes), n)
				}
				if rows, _ := got.at("portfolioOverview", "rows").([]any); at == nil && len(rows) != n {
					t.Fatalf("%d rows, want %d", len(rows), n)
				}
				return a.statements.Load()
			}
			small, large := count(8), count(20)
			t.Logf("%d statements", large)
			if small != large || large == 0 || large > 120 {
				t.Errorf("as of %v: %d statements for 8 of each, %d for 20", at, small, large)
			}
		}
		// The first page of the portfolio: who asks, the position, the names.
		a.statements.Store(0)
		a.ask(root, `{ portfolioOverview { entitled deployed uncovered rowPage(orderBy: {field: UNCOVERED, direction: DESC}) { nodes { label deployed allocated uncovered } } } }`, nil)
		if n := a.statements.Load(); n != 3 {
			t.Errorf("the first page of the portfolio takes %d statements", n)
		}
	})
}

// portfolio adds contracts with a license each. Each has fixed and unlimited allocations to deployments it shares with the next.
func (b *builder) portfolio(n int) {
	vendor, product := b.key("microsoft"), b.key("E3")
	tracked := make([]int64, n+1)
	for i := range tracked {
		name := fmt.Sprint("deployment ", i)
		tracked[i] = b.c.Deployment.Create().SetVendorID(vendor).SetProduct(name).SetProductKey(name).SetUsers(int64(2 + i%2*20)).SetInstalls(3).SetObservedAt(past).SaveX(b.ctx).ID
		b.c.Observation.Create().SetDeploymentID(tracked[i]).SetObservedAt(past).SetRecordedAt(past).SetUsers(7).SetInstalls(3).ExecX(b.ctx)
	}
	for i := range n {
		contract := b.c.Contract.Create().SetVendorID(vendor).SetNumber(fmt.Sprint("N-", i)).SetName(fmt.Sprint("contract ", i)).SaveX(b.ctx).ID
		license := b.c.License.Create().SetContractID(contract).SetProductID(product).SetQuantity(12).SetCapacity(12).SetCeiling(12).SetReserved(6).SaveX(b.ctx).ID
		b.c.LicenseState.Create().SetLicenseID(license).SetAt(past).SetQuantity(12).SetCommitted(0).SetCapacity(12).SetUsed(0).SetReserved(6).ExecX(b.ctx)
		for j := range 3 {
			create := b.c.Allocation.Create().SetLicenseID(license).SetType(allocation.TypeTRACK_DEPLOYMENT).SetDeploymentID(tracked[i+j%2]).SetMetric(allocation.MetricUSERS)
			if j == 0 {
				create.SetUnlimited(true)
			} else {
				create.SetQuantity(3)
			}
			row := create.SaveX(b.ctx)
			b.c.AllocationState.Create().SetAllocationID(row.ID).SetAt(past).SetLicenseID(license).SetDeploymentID(tracked[i+j%2]).SetNillableQuantity(row.Quantity).
				SetMetric("USERS").ExecX(b.ctx)
		}
	}
}

// Whoever may not see when a license or its contract ends may not ask for what expires.
func TestOverviewsTellNothingOfMaskedDays(t *testing.T) {
	for _, kind := range []string{"license", "contract"} {
		t.Run(kind, func(t *testing.T) {
			engine := ruled(t, `masked["`+kind+`"] contains "ends_on" if input.principal.tier == "AUDITOR"`)
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				build(t, s)
				a := openWith(t, s, engine)
				for _, document := range []string{
					`{ portfolioOverview(where: {expiringBefore: "2026-12-31"}) { entitled } }`,
					`{ portfolioOverview { rows(where: {expiringBefore: "2026-12-31"}) { label } } }`,
					`{ licenseOverviews(where: {expiringBefore: "2026-12-31"}) { totalCount } }`,
					`{ contractOverviews(where: {expiringBefore: "2026-12-31"}) { totalCount } }`,
				} {
					if code, field := a.refused(as("eve", "AUDITOR"), document, nil); code != "POLICY_DENIED" || field != "expiringBefore" {
						t.Errorf("%s: %s %s", document, code, field)
					}
					a.ask(root, document, nil)
				}
			})
		})
	}
}

// A policy that shows licenses and not all of the estate: allocations that may not be seen are not listed and not summed, and so are
// those of which the license or the deployment may not be seen. What is uncovered stays true.
func TestOverviewsOfAPartOfTheEstate(t *testing.T) {
	const shop = `if "SHOP" in input.principal.roles`
	for i, c := range []struct {
		rules, rows string
		uncovered   any
	}{
		{`listed.license ` + shop, "", 0.0},
		{`listed.deployment ` + shop, "Office 0 0, Server 0 0, Visio 0 2", 2.0},
		{`listed[kind] if { "SHOP" in input.principal.roles; some kind in {"license", "deployment"} }`, "Office 0 0, Server 0 0, Visio 0 2", 2.0},
		{`listed[kind] if { "SHOP" in input.principal.roles; some kind in {"license", "allocation"} }`, "spare 5 <nil>, no purpose 3 <nil>", 0.0},
		{`listed[kind] if { "SHOP" in input.principal.roles; some kind in {"license", "allocation", "deployment"} }`,
			"Office 120 0, Server 12 0, Visio 7 2, spare 5 <nil>, no purpose 3 <nil>", 2.0},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			engine := ruled(t, c.rules)
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				e := build(t, s)
				write(t, s, func(ctx context.Context, c *ent.Client) { (&builder{ctx, c, e}).position() })
				a := openWith(t, s, engine)
				got := a.ask(as("sam", "SHOP"), `{ portfolioOverview { uncovered rows { label allocated uncovered allocations { id } } } }`, nil)
				list, _ := got.at("portfolioOverview", "rows").([]any)
				var words []string
				for i := range list {
					row := func(field string) any { return got.at("portfolioOverview", "rows", i, field) }
					words = append(words, fmt.Sprint(row("label"), " ", row("allocated"), " ", row("uncovered")))
				}
				if text := strings.Join(words, ", "); text != c.rows || got.at("portfolioOverview", "uncovered") != c.uncovered {
					t.Errorf("%s\nshows %s, %v uncovered; want %s, %v", c.rules, text, got.at("portfolioOverview", "uncovered"), c.rows, c.uncovered)
				}
			})
		})
	}
}
