package export

import (
	"context"

	"github.com/ringfence/ringfence/internal/query"
)

// catalogKinds are what is bought: vendors, products, contracts and licenses.
var catalogKinds = []*kind{
	{
		name: "vendors", about: "publishers", input: "VendorWhere",
		columns: []string{"ringfence id", "vendor", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.VendorWhere) (*query.VendorConnection, error) {
				return j.reader.Vendors(ctx, p, w, &query.VendorOrder{Field: "CREATED_AT"})
			}, func(_ context.Context, v *query.Vendor) error {
				return j.row(named(v.ID()), word(v.Name), instant(v.CreatedAt))
			})
		},
	},
	{
		name: "products", about: "what vendors sell", input: "ProductWhere",
		columns: []string{"ringfence id", "vendor", "product", "part number", "product guid", "kind", "blocked locations", "service plans", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.ProductWhere) (*query.ProductConnection, error) {
				return j.reader.Products(ctx, p, w, &query.ProductOrder{Field: "CREATED_AT"})
			}, j.product)
		},
	},
	{
		name: "contracts", about: "agreements with vendors", input: "ContractWhere",
		columns: []string{"ringfence id", "vendor", "contract number", "name", "starts on", "ends on", "notes", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.ContractWhere) (*query.ContractConnection, error) {
				return j.reader.Contracts(ctx, p, w, &query.ContractOrder{Field: "CREATED_AT"})
			}, func(ctx context.Context, c *query.Contract) error {
				vendor, err := c.Vendor(ctx)
				if err != nil {
					return err
				}
				return j.row(named(c.ID()), word(vendor.Name), word(c.Number), word(c.Name), maybePlain(c.StartsOn()), maybePlain(c.EndsOn()), maybe(c.Notes()),
					instant(c.CreatedAt))
			})
		},
	},
	{
		name: "licenses", about: "entitlements, with their figures and what they cost", input: "LicenseWhere",
		columns: []string{
			"ringfence id", "external id", "vendor", "contract number", "product", "part number", "quantity", "unlimited", "metric", "starts on", "ends on",
			"unit price", "currency", "price per", "notes", "overage", "limit", "used", "reserved", "available", "over by", "state", "waiting", "errors",
			"unused", "unused cost per year", "created at",
		},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.LicenseWhere) (*query.LicenseConnection, error) {
				return j.reader.Licenses(ctx, p, w, nil)
			}, j.license)
		},
	},
}

func (j *job) product(ctx context.Context, p *query.Product) error {
	vendor, err := p.Vendor(ctx)
	if err != nil {
		return err
	}
	plans, err := p.ServicePlans(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(plans))
	for i, plan := range plans {
		names[i] = plan.Name
	}
	return j.row(named(p.ID()), word(vendor.Name), word(p.Name), word(p.Sku), maybe(p.SkuID), plain(p.Kind), list(p.BlockedLocations()), list(names),
		instant(p.CreatedAt))
}

// article is what a license is, in words.
type article struct{ vendor, contract, product, part string }

func articleOf(ctx context.Context, l *query.License) (a article, err error) {
	contract, err := l.Contract(ctx)
	if err != nil {
		return a, err
	}
	vendor, err := contract.Vendor(ctx)
	if err != nil {
		return a, err
	}
	product, err := l.Product(ctx)
	if err != nil {
		return a, err
	}
	return article{vendor.Name, contract.Number, product.Name, product.Sku}, nil
}

func (j *job) license(ctx context.Context, l *query.License) error {
	a, err := articleOf(ctx, l)
	if err != nil {
		return err
	}
	state, err := l.State(ctx)
	if err != nil {
		return err
	}
	cost, err := l.Cost(ctx)
	if err != nil {
		return err
	}
	var quantity *int64
	if !l.UnlimitedQuantity {
		quantity = &l.Quantity
	}
	var unused, money cell
	if cost != nil && cost.Unused != nil {
		unused, money = number(cost.Unused.Units), plain(cost.Unused.PerYear)
	}
	return j.row(named(l.ID()), maybe(l.ExternalID), word(a.vendor), word(a.contract), word(a.product), word(a.part), units(quantity), boolean(l.UnlimitedQuantity),
		plain(l.Metric), maybePlain(l.StartsOn()), maybePlain(l.EndsOn()), maybePlain(l.UnitPrice()), maybePlain(l.Currency()), plain(l.PricePer), maybe(l.Notes()),
		number(l.Overage), maybeNumber(l.Limit()), number(l.Used), number(l.Reserved), maybeNumber(l.Available()), number(l.OverBy()), plain(state),
		number(l.WaitingCount()), number(l.ErrorCount()), unused, money, instant(l.CreatedAt))
}
