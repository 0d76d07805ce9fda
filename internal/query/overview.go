package query

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// OverviewTotals are the totals of an overview in one metric as the API shows them.
type OverviewTotals struct{ t *licensing.Totals }

// Metric gives what is counted.
func (t *OverviewTotals) Metric() license.Metric { return license.Metric(t.t.Metric.String()) }

// Entitled gives the units bought and committed; nil is unlimited.
func (t *OverviewTotals) Entitled() *int64 { return t.limited(t.t.Entitled) }

// Allocated gives the units allocated.
func (t *OverviewTotals) Allocated() int64 { return t.t.Allocated }

// Available gives the units neither in use nor reserved; nil is unlimited.
func (t *OverviewTotals) Available() *int64 { return t.limited(t.t.Available) }

// Deployed gives the units in use.
func (t *OverviewTotals) Deployed() int64 { return t.t.Deployed }

// Headroom gives the units that could be deployed beyond what is; nil is unlimited.
func (t *OverviewTotals) Headroom() *int64 { return t.t.Headroom() }

// Utilization gives deployed / entitled; nil where that means nothing.
func (t *OverviewTotals) Utilization() *float64 { return t.t.Utilization() }

// Uncovered gives the units in use that no allocation covers.
func (t *OverviewTotals) Uncovered() int64 { return t.t.Uncovered }

// OverBy gives the units given out beyond the limits.
func (t *OverviewTotals) OverBy() int64 { return t.t.OverBy }

// AllocatedNotInUse gives the units allocated beyond what is in use.
func (t *OverviewTotals) AllocatedNotInUse() int64 { return t.t.AllocatedNotInUse }

// InUseNotAllocated gives the units in use beyond what is allocated.
func (t *OverviewTotals) InUseNotAllocated() int64 { return t.t.InUseNotAllocated }

func (t *OverviewTotals) limited(n int64) *int64 {
	if t.t.Endless {
		return nil
	}
	return &n
}

// Overview is a license position as the API shows it: of a license, of a contract or of the portfolio.
type Overview struct {
	*OverviewTotals
	family *family[*Overview]
	base   *standing
	about  licensing.Selection
	lines  bool // a row for each allocation instead of each deployment
	totals [2]licensing.Totals
}

// AsOf gives the time the overview was asked for; nil is now.
func (o *Overview) AsOf() *time.Time { return o.base.moment.at }

// ByMetric gives the totals in each metric that occurs.
func (o *Overview) ByMetric() []*OverviewTotals {
	all := []*OverviewTotals{}
	for m := range o.totals {
		if o.totals[m].Occurs {
			all = append(all, &OverviewTotals{&o.totals[m]})
		}
	}
	return all
}

// subject is what one overview is about.
type subject struct {
	key    int64
	about  licensing.Selection
	metric *licensing.Metric // nil: the only one that occurs, or USERS
}

// overviews makes the overviews of some subjects as one family, by key.
func (s *session) overviews(f *facts, base *standing, lines bool, subjects []subject) map[int64]*Overview {
	sheet := base.NewSheet(base.shown)
	kin := &family[*Overview]{session: s, facts: f}
	all := make(map[int64]*Overview, len(subjects))
	for _, of := range subjects {
		o := &Overview{family: kin, base: base, about: of.about, lines: lines, totals: sheet.Totals(of.about)}
		o.OverviewTotals = &OverviewTotals{&o.totals[mainMetric(&o.totals, of.metric)]}
		kin.members = append(kin.members, o)
		all[of.key] = o
	}
	return all
}

func mainMetric(totals *[2]licensing.Totals, wanted *licensing.Metric) licensing.Metric {
	switch {
	case wanted != nil:
		return *wanted
	case totals[licensing.Installs].Occurs && !totals[licensing.Users].Occurs:
		return licensing.Installs
	}
	return licensing.Users
}

func countedIn(m *license.Metric) *licensing.Metric {
	if m == nil {
		return nil
	}
	counted := licensing.Users
	if *m == license.MetricINSTALLS {
		counted = licensing.Installs
	}
	return &counted
}

// overviewKey names an overview field with its arguments.
type overviewKey struct{ at, metric string }

func keyOf(asOf *time.Time, metric *license.Metric) overviewKey {
	k := overviewKey{}
	if asOf != nil {
		k.at = asOf.UTC().Format(time.RFC3339Nano)
	}
	if metric != nil {
		k.metric = string(*metric)
	}
	return k
}

// Overview gives the position of the license, with a row for each of its allocations.
func (l *License) Overview(ctx context.Context, asOf *time.Time) (*Overview, error) {
	all, err := together(ctx, l.family, keyOf(asOf, nil), func(ctx context.Context, members []*License) (map[int64]*Overview, error) {
		f := l.family
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.License.ID
		}
		m, err := f.moment(ctx, asOf)
		if err != nil {
			return nil, err
		}
		base, err := f.stand(ctx, f.facts, m, in("l.id", distinct(keys)))
		if err != nil {
			return nil, err
		}
		var subjects []subject
		for _, member := range members {
			of := subject{key: member.License.ID, metric: countedIn(&member.Metric)}
			if at, ok := base.FindLicense(of.key); ok {
				of.about.Licenses = []int32{int32(at)}
			}
			subjects = append(subjects, of)
		}
		return f.overviews(f.facts, base, true, subjects), nil
	})
	return all[l.License.ID], err
}

// Overview gives the position of all licenses under the contract that may be seen.
func (c *Contract) Overview(ctx context.Context, asOf *time.Time, metric *license.Metric) (*Overview, error) {
	all, err := together(ctx, c.family, keyOf(asOf, metric), func(ctx context.Context, members []*Contract) (map[int64]*Overview, error) {
		f := c.family
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.Contract.ID
		}
		m, err := f.moment(ctx, asOf)
		if err != nil {
			return nil, err
		}
		base, err := f.stand(ctx, f.facts, m, in("l.contract_id", distinct(keys)))
		if err != nil {
			return nil, err
		}
		under := base.byContract(base.owned)
		var subjects []subject
		for _, key := range keys {
			subjects = append(subjects, subject{key, licensing.Selection{Licenses: under[key]}, countedIn(metric)})
		}
		return f.overviews(f.facts, base, false, subjects), nil
	})
	return all[c.Contract.ID], err
}

// byContract groups places of licenses by their contract.
func (s *standing) byContract(licenses []int32) map[int64][]int32 {
	under := map[int64][]int32{}
	for _, at := range licenses {
		contract := s.Licenses[at].Contract
		under[contract] = append(under[contract], at)
	}
	return under
}

// OverviewWhere is what an overview of the portfolio is about.
type OverviewWhere struct {
	VendorIDIn     []id.ID
	ContractIDIn   []id.ID
	Metric         *license.Metric
	OnlyUncovered  *bool
	OnlyOverLimit  *bool
	ExpiringBefore *string
}

// PortfolioOverview gives the position of everything the principal may see.
func (r *Reader) PortfolioOverview(ctx context.Context, asOf *time.Time, metric *license.Metric, where *OverviewWhere) (*Overview, error) {
	s := r.session(ctx)
	base, f, err := s.portfolio(ctx, asOf)
	if err != nil {
		return nil, err
	}
	w := OverviewWhere{}
	if where != nil {
		w = *where
	}
	if metric == nil {
		metric = w.Metric
	}
	pick, err := f.choice(w.VendorIDIn, w.ContractIDIn, w.OnlyOverLimit, w.ExpiringBefore)
	if err != nil {
		return nil, err
	}
	about := licensing.Selection{Licenses: base.chosen(base.owned, pick), Metric: countedIn(w.Metric), OnlyUncovered: isTrue(w.OnlyUncovered)}
	if !pick.ofLicenses() {
		about.Estate = base.made(pick.vendors)
	}
	return s.overviews(f, base, false, []subject{{0, about, countedIn(metric)}})[0], nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// portfolio reads the whole position or, for somebody who sees few licenses and nothing of the estate, what these depend on.
func (s *session) portfolio(ctx context.Context, asOf *time.Time) (*standing, *facts, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Several fields of a document may ask for it. It does not change, so they share it.
	base, err := together(ctx, &s.portfolios, keyOf(asOf, nil), func(ctx context.Context, _ []struct{}) (*standing, error) {
		m, err := s.moment(ctx, asOf)
		if err != nil {
			return nil, err
		}
		var about seed
		if !f.view.All(kindLicense) && !f.view.All(kindDeployment) {
			about = sqlf("l.seen <> 0")
		}
		return s.stand(ctx, f, m, about)
	})
	return base, f, err
}

// choice are conditions on licenses; the zero value is none.
type choice struct {
	vendors, contracts []int64 // nil: any
	overLimit          *bool
	before             int64 // YYYYMMDD; 0: none
}

// choice reads conditions on licenses. Whoever may not see when licenses end may not ask for it.
func (f *facts) choice(vendors, contracts []id.ID, onlyOverLimit *bool, expiringBefore *string) (choice, error) {
	c := choice{}
	if vendors != nil {
		c.vendors = keysOf(id.Vendor, vendors)
	}
	if contracts != nil {
		c.contracts = keysOf(id.Contract, contracts)
	}
	if isTrue(onlyOverLimit) {
		c.overLimit = onlyOverLimit
	}
	if expiringBefore == nil {
		return c, nil
	}
	for _, kind := range []string{kindLicense, kindContract} {
		if err := f.open(kind, "expiringBefore", "ends_on"); err != nil {
			return c, err
		}
	}
	var err error
	c.before, err = strconv.ParseInt(strings.ReplaceAll(*expiringBefore, "-", ""), 10, 64) // the scalar has checked it
	return c, err
}

// ofLicenses tells whether there are conditions that only what belongs to a license can meet.
func (c *choice) ofLicenses() bool { return c.contracts != nil || c.overLimit != nil || c.before != 0 }

// chosen gives those of some licenses that meet the conditions.
func (s *standing) chosen(licenses []int32, c choice) []int32 {
	var all []int32
	for _, at := range licenses {
		e := &s.Licenses[at]
		switch {
		case c.vendors != nil && !slices.Contains(c.vendors, s.sellers[at]),
			c.contracts != nil && !slices.Contains(c.contracts, e.Contract),
			c.overLimit != nil && *c.overLimit != (e.OverBy() > 0),
			c.before != 0 && s.ends[at] >= c.before:
			continue
		}
		all = append(all, at)
	}
	return all
}

// made gives the deployments that may be seen, of some vendors; nil is all.
func (s *standing) made(vendors []int64) []int32 {
	if vendors == nil {
		return s.estate
	}
	var all []int32
	for _, at := range s.estate {
		if slices.Contains(vendors, s.makers[at]) {
			all = append(all, at)
		}
	}
	return all
}
