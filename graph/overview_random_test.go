package graph_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/allocation"
	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// The overview of every license, of every contract and of the portfolio equals a recount of the rows, over random portfolios: asked
// one by one, when only what a license depends on is read, and all together.
func TestOverviewsEqualRecount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := open(t, s)
		for seed := range uint64(6) {
			var c *recount
			write(t, s, func(ctx context.Context, client *ent.Client) {
				clear(t, ctx, client)
				scatter(ctx, client, rand.New(rand.NewPCG(seed, 8)))
				c = count(ctx, client)
			})
			const figures = `{ metric entitled allocated available deployed uncovered rows(first: 1000) { label metric deployed allocated uncovered } }`
			compare := func(what string, got any, want string) {
				if text := position(got); text != want {
					t.Errorf("seed %d, %s\ngot  %s\nwant %s", seed, what, text, want)
				}
			}
			all := a.ask(root, `{ portfolioOverview `+figures+` licenses(first: 100) { nodes { id overview `+figures+` } }
				licenseOverviews(first: 100) { nodes { id overview `+figures+` } } contractOverviews(first: 100) { nodes { id overview `+figures+` } } }`, nil)
			compare("portfolio", all.at("portfolioOverview"), c.position(nil, false))
			for i, l := range c.licenses {
				want, key := c.position([]*ent.License{l}, true), id.Of(id.License, l.ID).String()
				for _, list := range []string{"licenses", "licenseOverviews"} {
					if got := all.at(list, "nodes", i, "id"); got != key {
						t.Fatalf("%s lists %v at %d, want %s", list, got, i, key)
					}
					compare(list, all.at(list, "nodes", i, "overview"), want)
				}
				one := a.ask(root, `query($id: ID!) { node(id: $id) { ... on License { overview `+figures+` } } }`, object{"id": key})
				compare("license "+key, one.at("node", "overview"), want)
			}
			contracts, _ := all.at("contractOverviews", "nodes").([]any)
			for i := range contracts {
				key := fmt.Sprint(all.at("contractOverviews", "nodes", i, "id"))
				under := slices.DeleteFunc(slices.Clone(c.licenses), func(l *ent.License) bool { return id.Of(id.Contract, l.ContractID).String() != key })
				compare("contract "+key, all.at("contractOverviews", "nodes", i, "overview"), c.position(under, false))
			}
		}
	})
}

func clear(t *testing.T, ctx context.Context, c *ent.Client) {
	t.Helper()
	for _, table := range []string{"allocations", "deployments", "licenses", "contracts", "products", "vendors"} {
		if _, err := c.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
}

// scatter writes a random portfolio of 3 contracts, 15 licenses, 10 deployments and 60 allocations.
func scatter(ctx context.Context, c *ent.Client, r *rand.Rand) {
	vendor := c.Vendor.Create().SetName("V").SaveX(ctx).ID
	product := c.Product.Create().SetVendorID(vendor).SetName("P").SaveX(ctx).ID
	var contracts, licenses, deployments []int64
	for i := range 3 {
		contracts = append(contracts, c.Contract.Create().SetVendorID(vendor).SetNumber(fmt.Sprint(i)).SetName("C").SaveX(ctx).ID)
	}
	reserved := map[int64]int64{}
	metrics := []allocation.Metric{allocation.MetricUSERS, allocation.MetricINSTALLS}
	for range 15 {
		create := c.License.Create().SetContractID(contracts[r.IntN(3)]).SetProductID(product).SetMetric(license.Metric(metrics[r.IntN(2)]))
		if r.IntN(6) == 0 {
			create.SetUnlimitedQuantity(true)
		} else {
			n, overage := r.Int64N(50), r.Int64N(2)*r.Int64N(9)
			create.SetQuantity(n).SetOverage(overage).SetCapacity(n + overage).SetCeiling(1000)
		}
		licenses = append(licenses, create.SetUsed(r.Int64N(5)).SaveX(ctx).ID)
	}
	for i := range 10 {
		name := fmt.Sprint("d", i)
		deployments = append(deployments, c.Deployment.Create().SetVendorID(vendor).SetProduct(name).SetProductKey(name).SetUsers(r.Int64N(60)).SetInstalls(r.Int64N(60)).
			SetObservedAt(past).SaveX(ctx).ID)
	}
	for i := range 60 {
		owner := licenses[r.IntN(len(licenses))]
		create := c.Allocation.Create().SetLicenseID(owner).SetMetric(metrics[r.IntN(2)])
		if r.IntN(6) == 0 {
			create.SetType(allocation.TypeCUSTOM_RESERVATION).SetName(fmt.Sprint("c", i))
		} else {
			create.SetType(allocation.TypeTRACK_DEPLOYMENT).SetDeploymentID(deployments[r.IntN(8)]) // nothing tracks the last two
			create.SetUnlimited(r.IntN(2) == 0)
		}
		if unlimited, _ := create.Mutation().Unlimited(); !unlimited {
			n := r.Int64N(15)
			create.SetQuantity(n)
			reserved[owner] += n
		}
		create.ExecX(ctx)
	}
	for owner, n := range reserved {
		c.License.UpdateOneID(owner).SetReserved(n).ExecX(ctx)
	}
}

// recount counts rows of the database one at a time.
type recount struct {
	licenses    []*ent.License
	deployments []*ent.Deployment
	allocations []*ent.Allocation
	covers      map[int64]int64
}

func count(ctx context.Context, client *ent.Client) *recount {
	c := &recount{
		licenses: client.License.Query().Order(license.ByID()).AllX(ctx), deployments: client.Deployment.Query().Order(ent.Asc("id")).AllX(ctx),
		allocations: client.Allocation.Query().Order(allocation.ByID()).AllX(ctx), covers: map[int64]int64{},
	}
	left := map[int64]int64{}
	for _, l := range c.licenses {
		left[l.ID] = 1 << 40
		if l.Capacity != nil {
			left[l.ID] = max(0, *l.Capacity-l.Used-l.Reserved)
		}
	}
	for _, a := range c.allocations {
		if a.Quantity != nil {
			c.covers[a.ID] = *a.Quantity
		}
	}
	for _, a := range c.allocations {
		if a.Quantity == nil {
			c.covers[a.ID] = min(left[a.LicenseID], c.uncovered(*a.DeploymentID, a.Metric))
			left[a.LicenseID] -= c.covers[a.ID]
		}
	}
	return c
}

func (c *recount) deployed(deployment int64, m allocation.Metric) int64 {
	for _, d := range c.deployments {
		if d.ID == deployment && m == allocation.MetricUSERS {
			return d.Users
		} else if d.ID == deployment {
			return d.Installs
		}
	}
	return 0
}

func (c *recount) uncovered(deployment int64, m allocation.Metric) int64 {
	rest := c.deployed(deployment, m)
	for _, a := range c.allocations {
		if a.DeploymentID != nil && *a.DeploymentID == deployment && a.Metric == m {
			rest -= c.covers[a.ID]
		}
	}
	return max(0, rest)
}

// position writes what an overview of some licenses shows; nil is the portfolio, with the whole estate.
func (c *recount) position(about []*ent.License, lines bool) string {
	estate := about == nil
	if estate {
		about = c.licenses
	}
	mine := map[int64]bool{}
	for _, l := range about {
		mine[l.ID] = true
	}
	var rows, customs []string
	deployed, uncovered, allocated := map[allocation.Metric]int64{}, map[allocation.Metric]int64{}, map[allocation.Metric]int64{}
	for _, d := range c.deployments {
		for _, m := range []allocation.Metric{allocation.MetricUSERS, allocation.MetricINSTALLS} {
			var sum int64
			var tracked, any, ours bool
			for _, a := range c.allocations {
				if a.DeploymentID == nil || *a.DeploymentID != d.ID {
					continue
				}
				any = true
				tracked = tracked || a.Metric == m
				if a.Metric == m && mine[a.LicenseID] {
					ours = true
					sum += c.covers[a.ID]
				}
			}
			if ours || estate && (tracked || !any && c.deployed(d.ID, m) > 0) {
				rows = append(rows, fmt.Sprint(d.Product, " ", m, " ", c.deployed(d.ID, m), " ", sum, " ", c.uncovered(d.ID, m)))
				deployed[m] += c.deployed(d.ID, m)
				uncovered[m] += c.uncovered(d.ID, m)
				allocated[m] += sum
			}
		}
	}
	if lines {
		rows = nil
	}
	for _, a := range c.allocations {
		switch {
		case !mine[a.LicenseID]:
		case a.DeploymentID == nil:
			allocated[a.Metric] += c.covers[a.ID]
			customs = append(customs, fmt.Sprint(*a.Name, " ", a.Metric, " <nil> ", c.covers[a.ID], " <nil>"))
			if lines {
				rows = append(rows, customs[len(customs)-1])
			}
		case lines:
			d := c.deployments[slices.IndexFunc(c.deployments, func(d *ent.Deployment) bool { return d.ID == *a.DeploymentID })]
			rows = append(rows, fmt.Sprint(d.Product, " ", a.Metric, " ", c.deployed(d.ID, a.Metric), " ", c.covers[a.ID], " ", c.uncovered(d.ID, a.Metric)))
		}
	}
	if !lines {
		rows = append(rows, customs...)
	}
	return c.totals(about, lines, rows, deployed, uncovered, allocated) + "; " + strings.Join(rows, ", ")
}

// totals writes the totals in the metric of a license or, of several, in the only one there is or USERS.
func (c *recount) totals(about []*ent.License, lines bool, rows []string, deployed, uncovered, allocated map[allocation.Metric]int64) string {
	m := allocation.MetricUSERS
	if lines {
		m = allocation.Metric(about[0].Metric)
	} else if !strings.Contains(strings.Join(rows, ","), "USERS") && !slices.ContainsFunc(about, func(l *ent.License) bool { return l.Metric == license.MetricUSERS }) {
		m = allocation.MetricINSTALLS
	}
	var entitled, available any = int64(0), int64(0)
	for _, l := range about {
		if string(l.Metric) != string(m) {
			continue
		}
		before, limited := entitled.(int64)
		if l.Capacity == nil || !limited {
			entitled, available = nil, nil
			continue
		}
		entitled, available = before+l.Quantity+l.Committed, available.(int64)+max(0, *l.Capacity-l.Used-l.Reserved)
	}
	return fmt.Sprint(m, " ", entitled, " ", allocated[m], " ", available, " ", deployed[m], " ", uncovered[m])
}

// position writes an overview that was answered as recount does.
func position(answer any) string {
	o, _ := answer.(map[string]any)
	text := fmt.Sprint(o["metric"], " ", o["entitled"], " ", o["allocated"], " ", o["available"], " ", o["deployed"], " ", o["uncovered"]) + "; "
	list, _ := o["rows"].([]any)
	var rows []string
	for _, item := range list {
		row, _ := item.(map[string]any)
		rows = append(rows, fmt.Sprint(row["label"], " ", row["metric"], " ", row["deployed"], " ", row["allocated"], " ", row["uncovered"]))
	}
	return text + strings.Join(rows, ", ")
}
