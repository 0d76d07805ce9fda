package query

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/fault"
)

// Charge is what one license cost in one calendar month for one department and cost center, or for nobody: the finest rows of a
// showback. A license without a price costs nothing that could be told.
type Charge struct {
	License    *License
	Kind       ShowbackKind
	Department string // of the users at the time; empty for nobody
	CostCenter string
	Month      time.Time // the first of it, UTC
	From, To   time.Time // the part of the month that is in the period, the end excluded
	Seconds    int64     // how long units were held, or held by nobody
	Cost       decimal.Decimal
	Currency   string
	UnitPrice  decimal.Decimal
	Per        cost.Per
	// Quantity is how many unit prices the cost is: their product is the cost, to ten digits behind the point and more.
	Quantity decimal.Decimal
}

// quantityPlaces is how many digits behind the point a quantity is told with.
const quantityPlaces = 15

// Charges tells what licenses cost over a period. Its rows add up, in each currency, to the cost of the showback of the same
// period. Errors: POLICY_DENIED for who may not see prices, departments or cost centers.
func (r *Reader) Charges(ctx context.Context, q ShowbackQuery) ([]*Charge, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	if !f.seesPrices() {
		return nil, fault.New(fault.PolicyDenied, "you may not see what licenses cost")
	}
	if err := f.open(kindUser, "", "department", "cost_center"); err != nil {
		return nil, err
	}
	u, err := s.usage(ctx, f, q, func(b bin) bin { b.user = 0; return b }, true)
	if err != nil {
		return nil, err
	}
	var keys []int64
	for _, b := range u.bins() {
		keys = append(keys, b.license)
	}
	shown, err := licenses.visibleByKey(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	var charges []*Charge
	for _, b := range u.bins() {
		if b.currency != "" && shown[b.license] != nil {
			charges = append(charges, u.charge(b, shown[b.license]))
		}
	}
	return charges, nil
}

func (u *usage) charge(b bin, license *License) *Charge {
	price := u.licenses[b.license].price
	month, _ := time.Parse(time.DateOnly, b.month) // written by us
	c := &Charge{
		License: license, Kind: Assigned, Department: b.department, CostCenter: b.costCenter, Month: month, From: latest(month, u.from),
		To: earliest(month.AddDate(0, 1, 0), u.to), Seconds: u.seconds(b), Cost: u.costs[b], Currency: b.currency, UnitPrice: price.Unit, Per: price.Per,
	}
	if b.spare {
		c.Kind = Unassigned
	}
	if price.Unit.IsZero() {
		c.Quantity = cost.Round(u.tallies[b][b.license].Shares(), quantityPlaces)
	} else {
		c.Quantity = c.Cost.DivRound(price.Unit, quantityPlaces)
	}
	return c
}

// Now gives the time the reader sees, UTC.
func (r *Reader) Now() time.Time { return r.clock().UTC() }
