package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/product"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// Vendor is a publisher as the API shows it.
type Vendor struct {
	*ent.Vendor
	family *family[*Vendor]
}

// Product is something a vendor sells as the API shows it.
type Product struct {
	*ent.Product
	family *family[*Product]
}

// ServicePlan is a feature of products as the API shows it.
type ServicePlan struct{ *ent.ServicePlan }

// Contract is an agreement with a vendor as the API shows it.
type Contract struct {
	*ent.Contract
	family *family[*Contract]
}

// Pages of the nouns of this file.
type (
	VendorConnection   = Connection[*Vendor]
	VendorEdge         = Edge[*Vendor]
	ProductConnection  = Connection[*Product]
	ProductEdge        = Edge[*Product]
	ContractConnection = Connection[*Contract]
	ContractEdge       = Edge[*Contract]
)

var vendors = &noun[*ent.Vendor, *Vendor]{
	kind: kindVendor, table: "vendors",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Vendor, error) {
		return c.Vendor.Query().Where(predicate.Vendor(where)).All(ctx)
	},
	key:  func(row *ent.Vendor) int64 { return row.ID },
	view: func(row *ent.Vendor, f *family[*Vendor]) *Vendor { return &Vendor{row, f} },
}

var products = &noun[*ent.Product, *Product]{
	kind: kindProduct, table: "products",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Product, error) {
		return c.Product.Query().Where(predicate.Product(where)).All(ctx)
	},
	key:  func(row *ent.Product) int64 { return row.ID },
	view: func(row *ent.Product, f *family[*Product]) *Product { return &Product{row, f} },
}

var plans = &noun[*ent.ServicePlan, *ServicePlan]{
	kind: kindPlan, table: "service_plans",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.ServicePlan, error) {
		return c.ServicePlan.Query().Where(predicate.ServicePlan(where)).All(ctx)
	},
	key:  func(row *ent.ServicePlan) int64 { return row.ID },
	view: func(row *ent.ServicePlan, _ *family[*ServicePlan]) *ServicePlan { return &ServicePlan{row} },
}

var contracts = &noun[*ent.Contract, *Contract]{
	kind: kindContract, table: "contracts",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Contract, error) {
		return c.Contract.Query().Where(predicate.Contract(where)).All(ctx)
	},
	key:  func(row *ent.Contract) int64 { return row.ID },
	view: func(row *ent.Contract, f *family[*Contract]) *Contract { return &Contract{row, f} },
}

// ID gives the opaque id.
func (v *Vendor) ID() id.ID { return id.Of(id.Vendor, v.Vendor.ID) }

// Products gives what the vendor sells.
func (v *Vendor) Products(ctx context.Context, first *int, after *string, last *int, before *string) (*ProductConnection, error) {
	return below(ctx, v.family, v, products, nested[*Vendor]{
		field: "products", parent: "t.vendor_id", owner: func(v *Vendor) int64 { return v.Vendor.ID },
	}, Page{first, after, last, before})
}

// Contracts gives the agreements with the vendor.
func (v *Vendor) Contracts(ctx context.Context, first *int, after *string, last *int, before *string) (*ContractConnection, error) {
	return below(ctx, v.family, v, contracts, nested[*Vendor]{
		field: "contracts", parent: "t.vendor_id", owner: func(v *Vendor) int64 { return v.Vendor.ID },
	}, Page{first, after, last, before})
}

// ID gives the opaque id.
func (p *Product) ID() id.ID { return id.Of(id.Product, p.Product.ID) }

// Vendor gives who sells the product.
func (p *Product) Vendor(ctx context.Context) (*Vendor, error) {
	return reference(ctx, p.family, p, vendors, link[*Product, *ent.Vendor]{
		field: "vendor", key: func(p *Product) int64 { return p.VendorID }, loaded: func(p *Product) *ent.Vendor { return p.Edges.Vendor },
	})
}

// ServicePlans gives the features in the product, by name.
func (p *Product) ServicePlans(ctx context.Context) ([]*ServicePlan, error) {
	all, err := together(ctx, p.family, "servicePlans", func(ctx context.Context, members []*Product) (map[int64][]*ServicePlan, error) {
		keys := make([]int64, len(members))
		brought := map[int64][]*ServicePlan{}
		for i, member := range members {
			keys[i] = member.Product.ID
			if rows, err := member.Edges.PlansOrErr(); err == nil { // with the answer of a mutation
				shown, err := plans.show(ctx, p.family.session, rows)
				if err != nil {
					return nil, err
				}
				brought[keys[i]] = shown
			}
		}
		if len(brought) == len(members) {
			return brought, nil
		}
		pairs, err := p.family.pairs(ctx, sqlf(`SELECT pp.product_id, pp.plan_id FROM product_plans pp
			JOIN service_plans sp ON sp.id = pp.plan_id WHERE ? ORDER BY sp.name, sp.id`, in("pp.product_id", keys)))
		if err != nil {
			return nil, err
		}
		return gather(ctx, p.family.session, plans, pairs, false)
	})
	return nonNil(all[p.Product.ID]), err
}

// BlockedLocations gives the countries in which the product may not be used.
func (p *Product) BlockedLocations() []string { return nonNil(p.Product.BlockedLocations) }

// Licenses gives the entitlements to the product.
func (p *Product) Licenses(ctx context.Context, first *int, after *string, last *int, before *string) (*LicenseConnection, error) {
	return below(ctx, p.family, p, licenses, nested[*Product]{
		field: "licenses", parent: "t.product_id", owner: func(p *Product) int64 { return p.Product.ID },
	}, Page{first, after, last, before})
}

// ID gives the opaque id.
func (p *ServicePlan) ID() id.ID { return id.Of(id.ServicePlan, p.ServicePlan.ID) }

// ID gives the opaque id.
func (c *Contract) ID() id.ID { return id.Of(id.Contract, c.Contract.ID) }

// Vendor gives with whom the agreement is.
func (c *Contract) Vendor(ctx context.Context) (*Vendor, error) {
	return reference(ctx, c.family, c, vendors, link[*Contract, *ent.Vendor]{
		field: "vendor", key: func(c *Contract) int64 { return c.VendorID }, loaded: func(c *Contract) *ent.Vendor { return c.Edges.Vendor },
	})
}

// StartsOn gives the first day.
func (c *Contract) StartsOn() *string {
	return masked(c.family.facts, kindContract, "starts_on", c.Contract.StartsOn)
}

// EndsOn gives the last day.
func (c *Contract) EndsOn() *string {
	return masked(c.family.facts, kindContract, "ends_on", c.Contract.EndsOn)
}

// Notes gives the remarks.
func (c *Contract) Notes() *string {
	return masked(c.family.facts, kindContract, "notes", c.Contract.Notes)
}

// Licenses gives the entitlements under the contract.
func (c *Contract) Licenses(ctx context.Context, first *int, after *string, last *int, before *string) (*LicenseConnection, error) {
	return below(ctx, c.family, c, licenses, nested[*Contract]{
		field: "licenses", parent: "t.contract_id", owner: func(c *Contract) int64 { return c.Contract.ID },
	}, Page{first, after, last, before})
}

// VendorWhere are conditions on vendors.
type VendorWhere struct {
	IDIn []id.ID
	Name *TextFilter
}

// ProductWhere are conditions on products.
type ProductWhere struct {
	IDIn        []id.ID
	Search      *string
	Name        *TextFilter
	Sku         *TextFilter
	SkuID       *TextFilter
	KindIn      []product.Kind
	VendorIDIn  []id.ID
	ServicePlan *string
}

// ContractWhere are conditions on contracts.
type ContractWhere struct {
	IDIn       []id.ID
	Search     *string
	Number     *TextFilter
	Name       *TextFilter
	VendorIDIn []id.ID
	StartsOn   *DateFilter
	EndsOn     *DateFilter

	LifecycleIn []licensing.Lifecycle
}

// What the nouns of this file can be ordered by, as the schema lists it.
type (
	VendorOrderField   string
	ProductOrderField  string
	ContractOrderField string
)

// VendorOrder is an order of vendors.
type VendorOrder struct {
	Field     VendorOrderField
	Direction OrderDirection
}

// ProductOrder is an order of products.
type ProductOrder struct {
	Field     ProductOrderField
	Direction OrderDirection
}

// ContractOrder is an order of contracts.
type ContractOrder struct {
	Field     ContractOrderField
	Direction OrderDirection
}

// Vendors lists the vendors the principal may see.
func (r *Reader) Vendors(ctx context.Context, p Page, where *VendorWhere, o *VendorOrder) (*VendorConnection, error) {
	l := list{order: by("name", "", text, sqlf("t.name"))}
	if where != nil {
		l.where = and(named("t.id", id.Vendor, where.IDIn), where.Name.on("t.name"))
	}
	if o != nil {
		l.order = by("name", o.Direction, text, sqlf("t.name"))
		if o.Field == "CREATED_AT" {
			l.order = recorded(o.Direction)
		}
	}
	return root(ctx, r.session(ctx), vendors, l, p)
}

// Products lists the products the principal may see.
func (r *Reader) Products(ctx context.Context, p Page, where *ProductWhere, o *ProductOrder) (*ProductConnection, error) {
	l := list{order: by("name", "", text, sqlf("t.name"))}
	if where != nil {
		l.where = and(
			named("t.id", id.Product, where.IDIn), searching(where.Search, "t.name", "t.sku"), where.Name.on("t.name"),
			where.Sku.on("t.sku"), where.SkuID.on("t.sku_id"), among("t.kind", where.KindIn), named("t.vendor_id", id.Vendor, where.VendorIDIn),
		)
		if where.ServicePlan != nil {
			l.where = and(l.where, sqlf(`t.id IN (SELECT wp.product_id FROM product_plans wp JOIN service_plans ws ON ws.id = wp.plan_id
				WHERE LOWER(ws.name) = LOWER(?))`, *where.ServicePlan))
		}
	}
	if o != nil {
		switch o.Field {
		case "SKU":
			l.order = by("sku", o.Direction, text, sqlf("t.sku"))
		case "CREATED_AT":
			l.order = recorded(o.Direction)
		default:
			l.order = by("name", o.Direction, text, sqlf("t.name"))
		}
	}
	return root(ctx, r.session(ctx), products, l, p)
}

// Contracts lists the contracts the principal may see.
func (r *Reader) Contracts(ctx context.Context, p Page, where *ContractWhere, o *ContractOrder) (*ContractConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: by("number", "", text, sqlf("t.number"))}
	if where != nil {
		if err := f.openDates(kindContract, where.StartsOn, where.EndsOn); err != nil {
			return nil, err
		}
		if where.LifecycleIn != nil {
			if err := f.openDays("lifecycleIn", kindContract); err != nil {
				return nil, err
			}
		}
		l.where = and(
			s.inStage(where.LifecycleIn, "t.starts_on", "t.ends_on"), named("t.id", id.Contract, where.IDIn), searching(where.Search, "t.number", "t.name"), where.Number.on("t.number"),
			where.Name.on("t.name"), named("t.vendor_id", id.Vendor, where.VendorIDIn), where.StartsOn.on("t.starts_on"), where.EndsOn.on("t.ends_on"),
		)
	}
	if o != nil {
		switch o.Field {
		case "NAME":
			l.order = by("name", o.Direction, text, sqlf("t.name"))
		case "ENDS_ON":
			if err := f.open(kindContract, "orderBy", "ends_on"); err != nil {
				return nil, err
			}
			l.order = by("endsOn", o.Direction, text, sqlf("COALESCE(t.ends_on, '9999-12-31')"))
		case "LIFECYCLE":
			if err := f.openDays("orderBy", kindContract); err != nil {
				return nil, err
			}
			l.order = s.byStage(o.Direction, "t.starts_on", "t.ends_on")
		case "CREATED_AT":
			l.order = recorded(o.Direction)
		default:
			l.order = by("number", o.Direction, text, sqlf("t.number"))
		}
	}
	return root(ctx, s, contracts, l, p)
}

// openDates refuses conditions on masked days.
func (f *facts) openDates(kind string, startsOn, endsOn *DateFilter) error {
	if startsOn != nil {
		if err := f.open(kind, "startsOn", "starts_on"); err != nil {
			return err
		}
	}
	if endsOn != nil {
		return f.open(kind, "endsOn", "ends_on")
	}
	return nil
}
