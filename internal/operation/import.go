package operation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/feed"
)

// ImportProducts makes the catalog of a vendor say what a file says: products and service plans that are missing are created,
// those that are called otherwise are renamed, and each product of the file has the plans it has there. Products that the file
// does not name stay as they are. The vendor is found by name without case, and created if it is missing. All or nothing.
type ImportProducts struct {
	Request
	Vendor  string
	Catalog feed.Catalog
}

// ImportCount tells what an import did to the things of one kind.
type ImportCount struct{ Created, Updated, Removed, Unchanged int64 }

// Changed tells whether anything is different from before.
func (c ImportCount) Changed() bool { return c.Created+c.Updated+c.Removed > 0 }

// ImportProductsPayload answers ImportProducts. Features are service plans as parts of products.
type ImportProductsPayload struct {
	Reply
	Vendor        *ent.Vendor
	VendorCreated bool
	Products      ImportCount
	ServicePlans  ImportCount
	Features      ImportCount
}

// Changed tells whether anything is different from before.
func (p *ImportProductsPayload) Changed() bool {
	return p.VendorCreated || p.Products.Changed() || p.ServicePlans.Changed() || p.Features.Changed()
}

func (c *ImportProducts) action() string { return "importProducts" }

func (c *ImportProducts) check() error {
	if len(c.Catalog.Products) == 0 {
		return fault.Invalid("catalog", "there is no product to import")
	}
	plans, products := map[string]bool{}, map[string]bool{}
	for i, p := range c.Catalog.Plans {
		field := fmt.Sprintf("catalog.plans.%d", i)
		if err := firstError(checkText(field+".planId", p.PlanID, 100), checkText(field+".name", p.Name, 200),
			checkOptional(field+".friendlyName", &p.FriendlyName, 300)); err != nil {
			return err
		}
		if plans[p.PlanID] {
			return fault.Invalid(field+".planId", "the plan %s is named twice", p.PlanID)
		}
		plans[p.PlanID] = true
	}
	for i, p := range c.Catalog.Products {
		field := fmt.Sprintf("catalog.products.%d", i)
		if err := firstError(checkText(field+".skuId", p.SkuID, 100), checkText(field+".name", p.Name, 300), checkOptional(field+".sku", &p.Sku, 200)); err != nil {
			return err
		}
		if products[p.SkuID] {
			return fault.Invalid(field+".skuId", "the product %s is named twice", p.SkuID)
		}
		products[p.SkuID] = true
		for j, plan := range p.Plans {
			if !plans[plan] || slices.Contains(p.Plans[:j], plan) {
				return fault.Invalid(field+".plans", "the plan %s is named twice or is not in the catalog", plan)
			}
		}
	}
	return checkText("vendor", c.Vendor, 200)
}

func (c *ImportProducts) prepare(ctx context.Context, r *reading) (*plan[ImportProductsPayload], error) {
	d, err := r.differ(ctx, c)
	if err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"vendor": c.Vendor, "products": len(c.Catalog.Products), "servicePlans": len(c.Catalog.Plans)})
	return &plan[ImportProductsPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*ImportProductsPayload, error) {
		return w.importProducts(ctx, d)
	}}, nil
}

// difference is what separates a catalog from what is stored.
type difference struct {
	name     string // of the vendor
	vendor   int64  // 0: to be created
	products rowDifference[feed.Product]
	plans    rowDifference[feed.Plan]
	features map[[2]int64]bool // product, plan: as stored, for products of the catalog
	catalog  feed.Catalog
}

// rowDifference is what separates rows from those stored. Keys are by the publisher's id.
type rowDifference[T any] struct {
	fresh, changed []T
	keys           map[string]int64
	count          ImportCount
}

func (d *rowDifference[T]) add(row T, known, same bool) {
	switch {
	case !known:
		d.fresh = append(d.fresh, row)
		d.count.Created++
	case same:
		d.count.Unchanged++
	default:
		d.changed = append(d.changed, row)
		d.count.Updated++
	}
}

// differ locks the vendor, so that two imports follow each other, and compares the catalog with what is stored.
func (r *reading) differ(ctx context.Context, c *ImportProducts) (*difference, error) {
	d := &difference{name: strings.TrimSpace(c.Vendor), catalog: c.Catalog, features: map[[2]int64]bool{}}
	// The name as given before one that differs in case only.
	err := r.QueryRow(ctx, `SELECT id, name FROM vendors WHERE lower(name) = lower($1) ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END, id LIMIT 1`+
		r.tx.ForUpdate(), d.name).Scan(&d.vendor, &d.name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if err := r.differProducts(ctx, d); err != nil {
		return nil, err
	}
	if err := r.differPlans(ctx, d); err != nil {
		return nil, err
	}
	return d, r.readFeatures(ctx, d)
}

// stored is a product or plan as it is.
type stored struct {
	key        int64
	name, more string
}

// storedBy reads rows of (publisher's id, key, name, more), by the publisher's id without case.
func (r *reading) storedBy(ctx context.Context, query string, args ...any) (map[string]stored, error) {
	found := map[string]stored{}
	rows, err := r.Query(ctx, query, args...)
	return found, each(rows, err, func(s scanner) error {
		var id string
		var row stored
		err := s.Scan(&id, &row.key, &row.name, &row.more)
		found[strings.ToLower(id)] = row
		return err
	})
}

func (r *reading) differProducts(ctx context.Context, d *difference) error {
	known, err := r.storedBy(ctx, `SELECT sku_id, id, name, sku FROM products WHERE vendor_id = $1 AND sku_id IS NOT NULL ORDER BY id DESC`, d.vendor)
	if err != nil {
		return err
	}
	d.products.keys = map[string]int64{}
	for _, p := range d.catalog.Products {
		row, found := known[strings.ToLower(p.SkuID)]
		if found {
			d.products.keys[p.SkuID] = row.key
		}
		d.products.add(p, found, row.name == p.Name && row.more == p.Sku)
	}
	return nil
}

func (r *reading) differPlans(ctx context.Context, d *difference) error {
	ids := make([]string, len(d.catalog.Plans))
	for i, p := range d.catalog.Plans {
		ids[i] = strings.ToLower(p.PlanID)
	}
	known, err := r.storedBy(ctx, `SELECT plan_id, id, name, friendly_name FROM service_plans WHERE `+r.Any("lower(plan_id)", 1)+` ORDER BY id DESC`, r.Array(ids))
	if err != nil {
		return err
	}
	d.plans.keys = map[string]int64{}
	for _, p := range d.catalog.Plans {
		row, found := known[strings.ToLower(p.PlanID)]
		if found {
			d.plans.keys[p.PlanID] = row.key
		}
		d.plans.add(p, found, row.name == p.Name && row.more == p.FriendlyName)
	}
	return nil
}

func (r *reading) readFeatures(ctx context.Context, d *difference) error {
	var keys []int64
	for _, key := range d.products.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	rows, err := r.Query(ctx, `SELECT product_id, plan_id FROM product_plans WHERE `+r.Any("product_id", 1), r.Array(keys))
	return each(rows, err, func(s scanner) error {
		var pair [2]int64
		err := s.Scan(&pair[0], &pair[1])
		d.features[pair] = true
		return err
	})
}
