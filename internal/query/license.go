package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// License is an entitlement, and the root pool of its seats, as the API shows it.
type License struct {
	*ent.License
	family *family[*License]
}

// Pages of licenses.
type (
	LicenseConnection = Connection[*License]
	LicenseEdge       = Edge[*License]
)

var licenses = &noun[*ent.License, *License]{
	kind: kindLicense, table: "licenses",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.License, error) {
		return c.License.Query().Where(predicate.License(where)).All(ctx)
	},
	key:  func(row *ent.License) int64 { return row.ID },
	view: func(row *ent.License, f *family[*License]) *License { return &License{row, f} },
}

func licenseKey(l *License) int64 { return l.License.ID }

// ID gives the opaque id.
func (l *License) ID() id.ID { return id.Of(id.License, l.License.ID) }

// Contract gives the contract the license is under.
func (l *License) Contract(ctx context.Context) (*Contract, error) {
	return reference(ctx, l.family, l, contracts, link[*License, *ent.Contract]{
		field: "contract", key: func(l *License) int64 { return l.ContractID }, loaded: func(l *License) *ent.Contract { return l.Edges.Contract },
	})
}

// Product gives what the license entitles to.
func (l *License) Product(ctx context.Context) (*Product, error) {
	return reference(ctx, l.family, l, products, link[*License, *ent.Product]{
		field: "product", key: func(l *License) int64 { return l.ProductID }, loaded: func(l *License) *ent.Product { return l.Edges.Product },
	})
}

// StartsOn gives the first day.
func (l *License) StartsOn() *string {
	return masked(l.family.facts, kindLicense, "starts_on", l.License.StartsOn)
}

// EndsOn gives the last day.
func (l *License) EndsOn() *string {
	return masked(l.family.facts, kindLicense, "ends_on", l.License.EndsOn)
}

// UnitPrice gives the price of one unit, an exact decimal.
func (l *License) UnitPrice() *string {
	return masked(l.family.facts, kindLicense, "unit_price", l.License.UnitPrice)
}

// Currency gives the currency of the price.
func (l *License) Currency() *string {
	return masked(l.family.facts, kindLicense, "currency", l.License.Currency)
}

// Notes gives the remarks.
func (l *License) Notes() *string {
	return masked(l.family.facts, kindLicense, "notes", l.License.Notes)
}

func (l *License) pool() *licensing.Pool {
	return &licensing.Pool{
		Key: licensing.PoolKey{License: l.License.ID}, Mode: licensing.Reserved, Limit: l.Capacity, Used: l.Used, Reserved: l.Reserved,
	}
}

// Limit gives the units there are; nil is unlimited.
func (l *License) Limit() *int64 { return l.Capacity }

// Available gives the units left; nil is unlimited.
func (l *License) Available() *int64 { return l.pool().Available() }

// OverBy gives the units given out beyond the limit.
func (l *License) OverBy() int64 { return l.pool().OverBy() }

// State gives the figures in one word.
func (l *License) State(ctx context.Context) (licensing.PoolState, error) {
	starts, ends, err := l.days(ctx)
	p := l.pool()
	p.StartsAt, p.EndsAt = l.family.policy.Terms().Period(starts, ends)
	return p.State(l.family.now), err
}

// WaitingCount gives the reasons in the license's own queue.
func (l *License) WaitingCount() int64 { return l.Waiting }

// ErrorCount gives the seats in state ERROR that draw on the license itself.
func (l *License) ErrorCount() int64 { return l.Errors }

// Allotments gives the shares directly below the license.
func (l *License) Allotments(ctx context.Context, first *int, after *string, last *int, before *string) (*AllotmentConnection, error) {
	return below(ctx, l.family, l, allotments, nested[*License]{
		field: "allotments", parent: "t.license_id", owner: licenseKey, where: sqlf("t.parent_id IS NULL"),
	}, Page{first, after, last, before})
}

// Seats gives the seats of the license, whichever pool they are charged to.
func (l *License) Seats(ctx context.Context, first *int, after *string, last *int, before *string, state *seat.State) (*SeatConnection, error) {
	return below(ctx, l.family, l, seats, nested[*License]{
		field: keyed("seats", stateName(state)), parent: "t.license_id", owner: licenseKey, where: inSeatState(state),
	}, Page{first, after, last, before})
}

// GroupLicenses gives the groups whose members get the license.
func (l *License) GroupLicenses(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupLicenseConnection, error) {
	return below(ctx, l.family, l, groupLicenses, nested[*License]{
		field: "groupLicenses", parent: "t.license_id", owner: licenseKey,
	}, Page{first, after, last, before})
}

// LicenseWhere are conditions on licenses.
type LicenseWhere struct {
	IDIn         []id.ID
	Search       *string
	ProductName  *TextFilter
	Sku          *TextFilter
	ProductIDIn  []id.ID
	KindIn       []product.Kind
	ContractIDIn []id.ID
	VendorIDIn   []id.ID
	Metric       *license.Metric
	StateIn      []licensing.PoolState
	Available    *CountFilter
	EndsOn       *DateFilter
	HasWaiting   *bool
	HasErrors    *bool

	LifecycleIn    []licensing.Lifecycle
	ExpiresOn      *DateFilter
	HasRenewalPlan *bool
}

// LicenseOrderField is what licenses can be ordered by, as the schema lists it.
type LicenseOrderField string

// LicenseOrder is an order of licenses.
type LicenseOrder struct {
	Field     LicenseOrderField
	Direction OrderDirection
}

// Licenses lists the licenses the principal may see.
func (r *Reader) Licenses(ctx context.Context, p Page, where *LicenseWhere, o *LicenseOrder) (*LicenseConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{}
	if l.where, err = s.licensesWhere(f, where); err != nil {
		return nil, err
	}
	if l.order, err = s.licenseOrder(f, o); err != nil {
		return nil, err
	}
	return root(ctx, s, licenses, l, p)
}

func (s *session) licensesWhere(f *facts, w *LicenseWhere) (condition, error) {
	if w == nil {
		return nil, nil
	}
	if err := f.openDates(kindLicense, nil, w.EndsOn); err != nil {
		return nil, err
	}
	for _, condition := range []struct {
		given    bool
		argument string
	}{{w.StateIn != nil, "stateIn"}, {w.LifecycleIn != nil, "lifecycleIn"}, {w.ExpiresOn != nil, "expiresOn"}} {
		if condition.given {
			if err := f.openDays(condition.argument, kindLicense, kindContract); err != nil {
				return nil, err
			}
		}
	}
	return and(
		named("t.id", id.License, w.IDIn),
		s.licenseProducts(w),
		named("t.product_id", id.Product, w.ProductIDIn),
		named("t.contract_id", id.Contract, w.ContractIDIn),
		equals("t.metric", w.Metric),
		s.inState(w.StateIn, s.licenseOutside("t")),
		w.Available.on(left),
		w.EndsOn.on("t.ends_on"),
		s.inStage(w.LifecycleIn, startsOn("t"), endsOn("t")),
		w.ExpiresOn.on(endsOn("t")),
		whether(w.HasRenewalPlan, sqlf("t.renewal_quantity IS NOT NULL")),
		s.licenseCounts(f, w.HasWaiting, "waiting"),
		s.licenseCounts(f, w.HasErrors, "errors"),
	), nil
}

// licenseProducts are the conditions on what a license belongs to. Whoever sees a license sees these, too.
func (s *session) licenseProducts(w *LicenseWhere) condition {
	var all []condition
	if given := and(w.ProductName.on("wp.name"), w.Sku.on("wp.sku"), among("wp.kind", w.KindIn)); w.ProductName != nil || w.Sku != nil || w.KindIn != nil {
		all = append(all, sqlf("t.product_id IN (SELECT wp.id FROM products wp WHERE ?)", given))
	}
	if w.VendorIDIn != nil {
		all = append(all, sqlf("t.contract_id IN (SELECT wc.id FROM contracts wc WHERE ?)", named("wc.vendor_id", id.Vendor, w.VendorIDIn)))
	}
	if w.Search != nil {
		all = append(all, or(
			sqlf("t.product_id IN (SELECT wp.id FROM products wp WHERE ?)", containing(*w.Search, "wp.name", "wp.sku")),
			sqlf("t.contract_id IN (SELECT wc.id FROM contracts wc WHERE ?)", containing(*w.Search, "wc.number", "wc.name")),
		))
	}
	return and(all...)
}

// licenseCounts looks at a count of the license and of those of its allotments that may be seen.
func (s *session) licenseCounts(f *facts, wanted *bool, column string) condition {
	return whether(wanted, or(sqlf("t."+column+" > 0"), sqlf("EXISTS (SELECT 1 FROM allotments wa WHERE wa.license_id = t.id AND wa."+
		column+" > 0 AND ?)", and(s.visible(f, kindAllotment, "wa")))))
}

func (s *session) licenseOrder(f *facts, o *LicenseOrder) (order, error) {
	if o == nil {
		return byKey, nil
	}
	switch o.Field {
	case "PRODUCT":
		return by("product", o.Direction, text, sqlf("(SELECT op.name FROM products op WHERE op.id = t.product_id)")), nil
	case "QUANTITY":
		return by("quantity", o.Direction, number, sqlf("t.quantity")), nil
	case "USED":
		return by("used", o.Direction, number, sqlf("t.used")), nil
	case "AVAILABLE":
		return by("available", o.Direction, number, sqlf(left)), nil
	case "ENDS_ON":
		return by("endsOn", o.Direction, text, sqlf("COALESCE(t.ends_on, '9999-12-31')")), f.open(kindLicense, "orderBy", "ends_on")
	case "EXPIRES_ON":
		return by("expiresOn", o.Direction, text, sqlf("COALESCE("+endsOn("t")+", "+forever+")")), f.openDays("orderBy", kindLicense, kindContract)
	case "LIFECYCLE":
		return s.byStage(o.Direction, startsOn("t"), endsOn("t")), f.openDays("orderBy", kindLicense, kindContract)
	}
	return recorded(o.Direction), nil
}
