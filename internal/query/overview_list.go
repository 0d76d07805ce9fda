package query

import (
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// LicenseOverview is a license with its overview.
type LicenseOverview struct {
	overviewed[*LicenseOverview]
}

// ContractOverview is a contract with its overview.
type ContractOverview struct {
	overviewed[*ContractOverview]
}

// overviewed is something with its overview, in a family of such things.
type overviewed[V any] struct {
	family   *family[V]
	key      int64
	overview *Overview
}

// Pages of overviews.
type (
	LicenseOverviewConnection  = Connection[*LicenseOverview]
	LicenseOverviewEdge        = Edge[*LicenseOverview]
	ContractOverviewConnection = Connection[*ContractOverview]
	ContractOverviewEdge       = Edge[*ContractOverview]
)

// ID gives the id of the license.
func (l *LicenseOverview) ID() id.ID { return id.Of(id.License, l.key) }

// License gives the license, unless it was removed since.
func (l *LicenseOverview) License(ctx context.Context) (*License, error) {
	return follow(ctx, l.family, l, licenses, link[*LicenseOverview, *ent.License]{field: "license", key: func(l *LicenseOverview) int64 { return l.key }}, false)
}

// Overview gives the license's position.
func (l *LicenseOverview) Overview() *Overview { return l.overview }

// ID gives the id of the contract.
func (c *ContractOverview) ID() id.ID { return id.Of(id.Contract, c.key) }

// Contract gives the contract, unless it was removed since.
func (c *ContractOverview) Contract(ctx context.Context) (*Contract, error) {
	return follow(ctx, c.family, c, contracts, link[*ContractOverview, *ent.Contract]{field: "contract", key: func(c *ContractOverview) int64 { return c.key }}, false)
}

// Overview gives the contract's position.
func (c *ContractOverview) Overview() *Overview { return c.overview }

// LicenseOverviewWhere are conditions on licenses with their overviews.
type LicenseOverviewWhere struct {
	VendorIDIn     []id.ID
	ContractIDIn   []id.ID
	Metric         *license.Metric
	OnlyUncovered  *bool
	OnlyOverLimit  *bool
	ExpiringBefore *string
}

// ContractOverviewWhere are conditions on contracts with their overviews.
type ContractOverviewWhere LicenseOverviewWhere

// OverviewOrderField is what overviews can be ordered by, as the schema lists it.
type OverviewOrderField string

// OverviewOrder is an order of overviews.
type OverviewOrder struct {
	Field     OverviewOrderField
	Direction OrderDirection
}

// LicenseOverviews lists the licenses the principal may see with their overviews.
func (r *Reader) LicenseOverviews(ctx context.Context, p Page, asOf *time.Time, where *LicenseOverviewWhere, o *OverviewOrder) (*LicenseOverviewConnection, error) {
	c, err := r.session(ctx).listing(ctx, p, asOf, where, o)
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for _, at := range c.base.meeting(c.base.NewSheet(c.base.shown), c.base.owned, c.pick, where) {
		e := &c.base.Licenses[at]
		subjects = append(subjects, subject{e.License, licensing.Selection{Licenses: []int32{at}}, &e.Metric})
	}
	return listed(c, true, subjects, func(f *family[*LicenseOverview], key int64, o *Overview) *LicenseOverview {
		return &LicenseOverview{overviewed[*LicenseOverview]{f, key, o}}
	})
}

// ContractOverviews lists the contracts of the licenses the principal may see with their overviews.
func (r *Reader) ContractOverviews(ctx context.Context, p Page, asOf *time.Time, metric *license.Metric, where *ContractOverviewWhere, o *OverviewOrder) (*ContractOverviewConnection, error) {
	c, err := r.session(ctx).listing(ctx, p, asOf, (*LicenseOverviewWhere)(where), o)
	if err != nil {
		return nil, err
	}
	// A contract is in the list if each condition holds for any of its licenses.
	var subjects []subject
	sheet := c.base.NewSheet(c.base.shown)
	for contract, places := range c.base.byContract(c.base.owned) {
		if c.base.anyMeets(sheet, places, c.pick, (*LicenseOverviewWhere)(where)) {
			subjects = append(subjects, subject{contract, licensing.Selection{Licenses: places}, countedIn(metric)})
		}
	}
	return listed(c, false, subjects, func(f *family[*ContractOverview], key int64, o *Overview) *ContractOverview {
		return &ContractOverview{overviewed[*ContractOverview]{f, key, o}}
	})
}

// overviewList is what a list of overviews is made from.
type overviewList struct {
	*session
	facts  *facts
	base   *standing
	pick   choice
	window window
	field  OverviewOrderField
	order  order
}

// listing reads what a list of overviews is made from.
func (s *session) listing(ctx context.Context, p Page, asOf *time.Time, where *LicenseOverviewWhere, o *OverviewOrder) (*overviewList, error) {
	w, err := s.window(p)
	if err != nil {
		return nil, err
	}
	base, f, err := s.portfolio(ctx, asOf)
	if err != nil {
		return nil, err
	}
	c := &overviewList{session: s, facts: f, base: base, window: w, order: ranking("overview", false, "")}
	if o != nil && o.Field != "" {
		c.field = o.Field
		c.order = ranking("overview"+string(o.Field), o.Field != "CREATED", o.Direction)
	}
	if where != nil {
		c.pick, err = f.choice(where.VendorIDIn, where.ContractIDIn, where.OnlyOverLimit, where.ExpiringBefore)
	}
	return c, err
}

// meeting gives those of some licenses that meet all conditions.
func (s *standing) meeting(sheet *licensing.Sheet, licenses []int32, pick choice, where *LicenseOverviewWhere) []int32 {
	licenses = s.chosen(licenses, pick)
	if where == nil || where.Metric == nil && !isTrue(where.OnlyUncovered) {
		return licenses
	}
	var all []int32
	for _, at := range licenses {
		if (where.Metric == nil || *countedIn(where.Metric) == s.Licenses[at].Metric) && (!isTrue(where.OnlyUncovered) || sheet.Lacks(at)) {
			all = append(all, at)
		}
	}
	return all
}

// anyMeets tells whether each condition is met by at least one of some licenses.
func (s *standing) anyMeets(sheet *licensing.Sheet, licenses []int32, pick choice, where *LicenseOverviewWhere) bool {
	for _, one := range []choice{{vendors: pick.vendors}, {contracts: pick.contracts}, {overLimit: pick.overLimit}, {before: pick.before}} {
		if len(s.chosen(licenses, one)) == 0 {
			return false
		}
	}
	return where == nil || len(s.meeting(sheet, licenses, choice{}, &LicenseOverviewWhere{Metric: where.Metric})) > 0 &&
		len(s.meeting(sheet, licenses, choice{}, &LicenseOverviewWhere{OnlyUncovered: where.OnlyUncovered})) > 0
}

// unlimited is more than every total.
const unlimited = float64(1 << 60)

// total is the figure overviews are ordered by.
func (c *overviewList) total(t *licensing.Totals) float64 {
	limited := func(n int64) float64 {
		if t.Endless {
			return unlimited
		}
		return float64(n)
	}
	switch c.field {
	case "ENTITLED":
		return limited(t.Entitled)
	case "AVAILABLE":
		return limited(t.Available)
	case "HEADROOM":
		return limited(max(0, t.Entitled-t.Deployed))
	case "UTILIZATION":
		if share := t.Utilization(); share != nil {
			return *share
		}
		return -1
	case "ALLOCATED":
		return float64(t.Allocated)
	case "DEPLOYED":
		return float64(t.Deployed)
	case "UNCOVERED":
		return float64(t.Uncovered)
	case "OVER_BY":
		return float64(t.OverBy)
	case "ALLOCATED_NOT_IN_USE":
		return float64(t.AllocatedNotInUse)
	case "IN_USE_NOT_ALLOCATED":
		return float64(t.InUseNotAllocated)
	}
	return 0
}

// listed gives the page of a list of overviews: the totals of all are worked out, the overviews of those on the page are made.
func listed[V any](c *overviewList, lines bool, subjects []subject, view func(f *family[V], key int64, o *Overview) V) (*Connection[V], error) {
	sheet := c.base.NewSheet(c.base.shown)
	items := make([]ranked, len(subjects))
	for i, of := range subjects {
		items[i] = ranked{key: of.key, at: int32(i)}
		if len(c.order.terms) > 0 {
			totals := sheet.Totals(of.about)
			items[i].value = c.total(&totals[mainMetric(&totals, of.metric)])
		}
	}
	chosen, err := leaf(items, c.order, c.window)
	if err != nil {
		return nil, err
	}
	var shown []subject
	for _, item := range chosen[:min(len(chosen), c.window.size)] {
		shown = append(shown, subjects[item.at])
	}
	made := c.overviews(c.facts, c.base, lines, shown)
	kin := &family[V]{session: c.session, facts: c.facts}
	page, views := bind(chosen, c.order, c.window, func(item ranked) V { return view(kin, item.key, made[item.key]) }, len(items))
	kin.members = slices.Clone(views)
	return page, nil
}
