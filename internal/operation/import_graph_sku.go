package operation

import (
	"context"
	"io"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
)

// skuImport takes subscribedSkus in: products that are not known, with their service plans, and a license of each under one contract.
// Products that are known keep their names.
type skuImport struct {
	c        *Import
	p        *ImportPayload
	skus     []feed.Sku // a few hundred at most
	vendors  *vendorNames
	licenses *licenseImport
	known    map[string]stored // products, by GUID, while only those are looked at
}

func beginSkus(c *Import, p *ImportPayload) importer {
	s := &skuImport{c: c, p: p, vendors: &vendorNames{}}
	s.licenses = &licenseImport{c: c, p: p, productFinder: productFinder{file: c.File.Name}, rows: s.rows}
	return s
}

// mostSkus is how many products an export of subscribedSkus may name: they are held in memory.
const mostSkus = 20_000

func (s *skuImport) vendor() string {
	if s.c.Vendor == "" {
		return "Microsoft"
	}
	return s.c.Vendor
}

func (s *skuImport) look(ctx context.Context, r *reading) error {
	if s.c.Contract == "" {
		return fault.Invalid("contract", "say under which contract the licenses are to be booked")
	}
	if err := inPage(&s.c.File, feed.GraphSkus, func(part []feed.Sku) error {
		if s.skus = append(s.skus, part...); len(s.skus) > mostSkus {
			return fault.Invalid("file", "%s names more than %d products", s.c.File.Name, mostSkus)
		}
		return nil
	}); err != nil {
		return err
	}
	s.describe()
	contract, err := s.contract(ctx, r)
	if err != nil || contract == nil {
		return err
	}
	if s.known, err = s.knownProducts(ctx, r); err != nil {
		return err
	}
	return s.licenses.look(ctx, r)
}

// contract finds the contract; nil if there is none yet.
func (s *skuImport) contract(ctx context.Context, r *reading) (*ent.Contract, error) {
	vendors, err := s.vendors.known(ctx, r, []string{s.vendor()})
	if err != nil || vendors[0] == 0 {
		return nil, err
	}
	i := &contractImport{c: s.c, p: s.p, vendors: s.vendors}
	_, known, err := i.match(ctx, r, []feed.Contract{{Vendor: s.vendor(), Number: s.c.Contract}}, vendors)
	if err != nil {
		return nil, err
	}
	return known[0], nil
}

// rows hands what the export says of licenses to do, as rows of a file of licenses. What product is not known has no license yet.
func (s *skuImport) rows(do func(part []feed.License) error) error {
	var rows []feed.License
	for _, sku := range s.skus {
		if _, known := s.known[sku.SkuID]; sku.Company || s.known != nil && !known {
			continue
		}
		l := feed.License{
			Line: sku.Line, Vendor: s.vendor(), Contract: s.c.Contract, Product: sku.SkuID, Quantity: feed.Quantity{Units: sku.Enabled + sku.Warning},
		}
		if sku.ID != "" {
			l.ExternalID = &sku.ID
		}
		rows = append(rows, l)
	}
	for part := range slices.Chunk(rows, importPart) {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

// describe tells what is worth knowing about the subscriptions.
func (s *skuImport) describe() {
	for _, sku := range s.skus {
		switch {
		case sku.Company:
			s.p.note("%s applies to the company, not to users: there are no seats of it, and no license is made", sku.Name)
		case sku.Off > 0:
			s.p.note("%s: %d units are suspended or locked, and do not count", sku.Name, sku.Off)
		case sku.Warning > 0:
			s.p.note("%s: %d units have expired and still work; they count until they are suspended", sku.Name, sku.Warning)
		case sku.Consumed > sku.Enabled+sku.Warning:
			s.p.note("%s: %d are assigned in Entra, of %d", sku.Name, sku.Consumed, sku.Enabled+sku.Warning)
		}
	}
}

func (s *skuImport) store(ctx context.Context, w *writing) error {
	vendors, err := s.vendors.of(ctx, w, []string{s.vendor()})
	if err != nil {
		return err
	}
	if s.vendors.created > 0 {
		s.p.tally("vendors").Created++
		s.p.example("+ vendor %s", s.vendor())
	}
	contract, err := s.contract(ctx, w.reading)
	if err != nil {
		return err
	}
	contracts := s.p.tally("contracts")
	if contract == nil {
		contracts.Created++
		s.p.example("+ contract %s of %s", s.c.Contract, s.vendor())
		row := &ent.Contract{VendorID: vendors[0], Number: s.c.Contract, Name: s.c.Contract}
		if err := w.storeContracts(ctx, []*ent.Contract{row}, nil, nil, nil); err != nil {
			return err
		}
	} else {
		contracts.Unchanged++
	}
	if err := s.products(ctx, w); err != nil {
		return err
	}
	s.known = nil
	return s.licenses.store(ctx, w)
}

// knownProducts gives the products that are known already, by GUID.
func (s *skuImport) knownProducts(ctx context.Context, r *reading) (map[string]stored, error) {
	guids := make([]string, len(s.skus))
	for i, sku := range s.skus {
		guids[i] = sku.SkuID
	}
	vendors, err := s.vendors.known(ctx, r, []string{s.vendor()})
	if err != nil {
		return nil, err
	}
	return r.storedBy(ctx, `SELECT sku_id, id, name, sku FROM products WHERE vendor_id = $1 AND `+r.Any("lower(sku_id)", 2), vendors[0], r.Array(guids))
}

// products creates the products that are not known, with their plans, as a catalog of the vendor would.
func (s *skuImport) products(ctx context.Context, w *writing) error {
	known, err := s.knownProducts(ctx, w.reading)
	if err != nil {
		return err
	}
	catalog := feed.Catalog{}
	plans := map[string]bool{}
	count := s.p.tally("products")
	for _, sku := range s.skus {
		if _, there := known[sku.SkuID]; there {
			count.Unchanged++
			continue
		}
		known[sku.SkuID] = stored{}
		product := feed.Product{SkuID: sku.SkuID, Sku: sku.Name, Name: sku.Name}
		for _, plan := range sku.Plans {
			product.Plans = append(product.Plans, plan.PlanID)
			if !plans[plan.PlanID] {
				plans[plan.PlanID] = true
				catalog.Plans = append(catalog.Plans, plan)
			}
		}
		catalog.Products = append(catalog.Products, product)
		s.p.example("+ product %s", sku.Name)
	}
	if len(catalog.Products) == 0 {
		return nil
	}
	if err := w.keepPlanNames(ctx, catalog.Plans); err != nil {
		return err
	}
	whole := &ImportProducts{Vendor: s.vendor(), Catalog: catalog}
	if err := whole.check(); err != nil {
		return err
	}
	d, err := w.differ(ctx, whole)
	if err != nil {
		return err
	}
	done, err := w.importProducts(ctx, d)
	if err != nil {
		return err
	}
	count.Created += done.Products.Created
	s.p.tally("service plans").ImportCount = done.ServicePlans
	return nil
}

// keepPlanNames gives plans that are known the names they have.
func (r *reading) keepPlanNames(ctx context.Context, plans []feed.Plan) error {
	guids := make([]string, len(plans))
	for i, p := range plans {
		guids[i] = p.PlanID
	}
	known, err := r.storedBy(ctx, `SELECT plan_id, id, name, friendly_name FROM service_plans WHERE `+r.Any("lower(plan_id)", 1), r.Array(guids))
	for i := range plans {
		if row, found := known[plans[i].PlanID]; found {
			plans[i].Name, plans[i].FriendlyName = row.name, row.more
		}
	}
	return err
}

// inPage is inParts for an export of Microsoft Graph.
func inPage[T any](f *File, export *feed.Export[T], do func(part []T) error) error {
	return inParts(f, func(name string, file io.Reader) (parted[T], error) { return export.Open(name, file) }, do)
}
