package query

import (
	"context"
	stdsql "database/sql"
	"maps"
	"math/big"
	"slices"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/licensing"
)

// CostShare is a number of units and what they cost in a year.
type CostShare struct {
	Units   int64
	PerYear string
}

// Cost is what a license costs now, or all licenses of one currency.
type Cost struct {
	Currency  string
	Entitled  *CostShare // nil: unlimited
	Used      *CostShare
	Allocated *CostShare
	Unused    *CostShare // nil: unlimited

	idle func(ctx context.Context) (*amounts, error)
}

// AllocatedNotInUse gives what of the allocated units no deployment uses.
func (c *Cost) AllocatedNotInUse(ctx context.Context) (*CostShare, error) {
	idle, err := c.idle(ctx)
	if err != nil {
		return nil, err
	}
	return idle.share(cost.Places(c.Currency)), nil
}

// CostSummary is what licenses cost now.
type CostSummary struct {
	Totals   []*Cost
	Unpriced int64
}

// amounts are units, and what they cost in a year, exactly.
type amounts struct {
	units int64
	money *big.Rat
}

func (a *amounts) add(units int64, yearly *big.Rat) {
	if a.money == nil {
		a.money = new(big.Rat)
	}
	a.units += units
	a.money.Add(a.money, new(big.Rat).Mul(yearly, new(big.Rat).SetInt64(units)))
}

func (a *amounts) share(places int32) *CostShare {
	money := a.money
	if money == nil {
		money = new(big.Rat)
	}
	return &CostShare{Units: a.units, PerYear: cost.Round(money, places).StringFixed(places)}
}

// holdings are the units of one license by what became of them. A nil number bought is unlimited.
type holdings struct {
	bought          *int64
	used, allocated int64
}

// balance is what licenses of one currency cost.
type balance struct {
	entitled, used, allocated, unused amounts
	limited                           bool // at least one license is not unlimited
	yearly                            map[int64]*big.Rat
}

func (b *balance) add(license int64, h *holdings, yearly *big.Rat) {
	if b.yearly == nil {
		b.yearly = map[int64]*big.Rat{}
	}
	b.yearly[license] = yearly
	b.used.add(h.used, yearly)
	b.allocated.add(h.allocated, yearly)
	if h.bought == nil {
		return
	}
	b.limited = true
	b.entitled.add(*h.bought, yearly)
	b.unused.add(max(0, *h.bought-h.used-h.allocated), yearly)
}

func (b *balance) cost(currency string) *Cost {
	places := cost.Places(currency)
	c := &Cost{Currency: currency, Used: b.used.share(places), Allocated: b.allocated.share(places)}
	if b.limited {
		c.Entitled, c.Unused = b.entitled.share(places), b.unused.share(places)
	}
	return c
}

// seesPrices tells whether the principal may be told what licenses cost: not if anything is masked that a price is made of.
func (f *facts) seesPrices() bool {
	return !f.view.Masks(kindLicense, "unit_price") && !f.view.Masks(kindLicense, "currency") && !f.hidesDays(kindLicense, kindContract)
}

// seesUse tells whether the principal may be told how much of a license is used, by whomever.
func (f *facts) seesUse() bool { return f.view.All(kindAllotment) }

// price gives what a unit costs, nil if that is not known.
func (l *License) price(ctx context.Context) (*cost.Price, error) {
	starts, ends, err := l.days(ctx)
	if err != nil {
		return nil, err
	}
	price, _ := cost.Parse(l.License.UnitPrice, l.License.Currency, cost.Per(l.PricePer), starts, ends)
	return price, nil
}

// Cost gives what the license costs now; nil without a price, or if the principal may not be told.
func (l *License) Cost(ctx context.Context) (*Cost, error) {
	f := l.family.facts
	if !f.seesPrices() || !f.seesUse() {
		return nil, nil
	}
	price, err := l.price(ctx)
	if price == nil || err != nil {
		return nil, err
	}
	all, err := together(ctx, l.family, "cost", func(ctx context.Context, members []*License) (map[int64]*holdings, error) {
		keys := make([]int64, len(members))
		for i, member := range members {
			keys[i] = member.License.ID
		}
		return l.family.holdings(ctx, in("t.id", keys))
	})
	if err != nil || all[l.License.ID] == nil {
		return nil, err
	}
	b := &balance{}
	b.add(l.License.ID, all[l.License.ID], price.Yearly())
	c := b.cost(price.Currency)
	c.idle = func(ctx context.Context) (*amounts, error) {
		overview, err := l.Overview(ctx, nil)
		if err != nil {
			return nil, err
		}
		idle := &amounts{}
		idle.add(overview.AllocatedNotInUse(), price.Yearly())
		return idle, nil
	}
	return c, nil
}

// holdings reads what became of the units of licenses, out of the figures that are kept. Seats of RESERVED allotments are in no
// other pool's figure; what is reserved besides them is taken by allocations.
func (s *session) holdings(ctx context.Context, where condition) (map[int64]*holdings, error) {
	out := map[int64]*holdings{}
	statement := sqlf(`SELECT t.id, t.unlimited_quantity, t.quantity + t.committed, t.used + COALESCE(a.used, 0), t.reserved - COALESCE(a.direct, 0)
		FROM licenses t LEFT JOIN (SELECT license_id, SUM(used) AS used, SUM(CASE WHEN parent_id IS NULL THEN capacity ELSE 0 END) AS direct
			FROM allotments WHERE mode = 'RESERVED' GROUP BY license_id) a ON a.license_id = t.id WHERE ?`, and(where))
	return out, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, bought int64
		var unlimited bool
		h := &holdings{}
		if err := rows.Scan(&key, &unlimited, &bought, &h.used, &h.allocated); err != nil {
			return err
		}
		if !unlimited {
			h.bought = &bought
		}
		out[key] = h
		return nil
	})
}

// Cost gives what the licenses the principal may see cost now.
func (r *Reader) Cost(ctx context.Context, where *LicenseWhere) (*CostSummary, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	given, err := s.licensesWhere(f, where)
	if err != nil {
		return nil, err
	}
	summary := &CostSummary{Totals: []*Cost{}}
	if !f.seesPrices() || !f.seesUse() {
		return summary, nil
	}
	shown := and(s.visible(f, kindLicense, "t"), given)
	prices, err := s.priced(ctx, shown)
	if err != nil {
		return nil, err
	}
	held, err := s.holdings(ctx, shown)
	if err != nil {
		return nil, err
	}
	balances := map[string]*balance{}
	for _, l := range prices {
		switch h := held[l.key]; {
		case h == nil: // recorded between the two statements
		case l.price == nil:
			summary.Unpriced++
		default:
			b := balances[l.price.Currency]
			if b == nil {
				b = &balance{}
				balances[l.price.Currency] = b
			}
			b.add(l.key, h, l.price.Yearly())
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(balances)) {
		total := balances[currency].cost(currency)
		total.idle = func(ctx context.Context) (*amounts, error) { return s.idle(ctx, balances[currency].yearly) }
		summary.Totals = append(summary.Totals, total)
	}
	return summary, nil
}

// idle adds up what licenses allocate to deployments beyond what is in use there.
func (s *session) idle(ctx context.Context, yearly map[int64]*big.Rat) (*amounts, error) {
	base, _, err := s.portfolio(ctx, nil)
	if err != nil {
		return nil, err
	}
	sheet, sum := base.NewSheet(base.shown), &amounts{}
	for key, money := range yearly {
		if at, found := base.FindLicense(key); found {
			totals := sheet.Totals(licensing.Selection{Licenses: []int32{int32(at)}})
			sum.add(totals[base.Licenses[at].Metric].AllocatedNotInUse, money)
		}
	}
	return sum, nil
}
