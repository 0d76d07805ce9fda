package operation

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/store"
)

// importProducts writes a difference, in one statement for each kind of change.
func (w *writing) importProducts(ctx context.Context, d *difference) (*ImportProductsPayload, error) {
	payload := &ImportProductsPayload{VendorCreated: d.vendor == 0, Products: d.products.count, ServicePlans: d.plans.count}
	if err := w.importVendor(ctx, d); err != nil {
		return nil, err
	}
	if err := w.importPlans(ctx, d); err != nil {
		return nil, err
	}
	if err := w.insertProducts(ctx, d); err != nil {
		return nil, err
	}
	if err := w.renameProducts(ctx, d); err != nil {
		return nil, err
	}
	var err error
	if payload.Features, err = w.importFeatures(ctx, d); err != nil {
		return nil, err
	}
	if payload.Changed() {
		w.happened("PRODUCTS_IMPORTED", "vendor", d.vendor, map[string]any{
			"products": payload.Products.data(), "servicePlans": payload.ServicePlans.data(), "features": payload.Features.data(),
		})
	}
	payload.Vendor, err = w.tx.Client().Vendor.Get(ctx, d.vendor)
	return payload, err
}

func (c ImportCount) data() map[string]int64 {
	return map[string]int64{"created": c.Created, "updated": c.Updated, "removed": c.Removed, "unchanged": c.Unchanged}
}

func (w *writing) importVendor(ctx context.Context, d *difference) error {
	if d.vendor != 0 {
		return nil
	}
	row, err := w.tx.Client().Vendor.Create().SetName(d.name).SetCreatedAt(w.Now()).Save(ctx)
	if err != nil {
		return named(err, "vendor", "a vendor of this name was created at the same time")
	}
	d.vendor = row.ID
	w.happened("VENDOR_CREATED", "vendor", row.ID, map[string]any{"name": d.name})
	return nil
}

func (w *writing) importPlans(ctx context.Context, d *difference) error {
	columns := func(rows []feed.Plan) (ids, names, friendly []string) {
		for _, p := range rows {
			ids, names, friendly = append(ids, p.PlanID), append(names, p.Name), append(friendly, p.FriendlyName)
		}
		return ids, names, friendly
	}
	if ids, names, friendly := columns(d.plans.fresh); len(ids) > 0 {
		i := 0
		if err := w.tx.InsertReturning(ctx, "service_plans", []string{"id"}, scanRows(func(s scanner) error {
			var key int64
			err := s.Scan(&key)
			d.plans.keys[ids[i]] = key
			i++
			return err
		}), store.Column{Name: "plan_id", Values: ids}, store.Column{Name: "name", Values: names}, store.Column{Name: "friendly_name", Values: friendly}); err != nil {
			return err
		}
	}
	ids, names, friendly := columns(d.plans.changed)
	if len(ids) == 0 {
		return nil
	}
	keys := make([]int64, len(ids))
	for i, id := range ids {
		keys[i] = d.plans.keys[id]
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: keys}, store.Column{Name: "name", Values: names},
		store.Column{Name: "friendly_name", Values: friendly})
	_, err := w.tx.Exec(ctx, `UPDATE service_plans SET name = v.name, friendly_name = v.friendly_name FROM `+rows+` WHERE service_plans.id = v.id`, args...)
	return err
}

func (w *writing) insertProducts(ctx context.Context, d *difference) error {
	n := len(d.products.fresh)
	if n == 0 {
		return nil
	}
	vendors, ids, skus, names, kinds := make([]int64, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	created, blocked := make([]time.Time, n), make([]json.RawMessage, n)
	for i, p := range d.products.fresh {
		vendors[i], ids[i], skus[i], names[i], kinds[i], created[i] = d.vendor, p.SkuID, p.Sku, p.Name, "SUBSCRIPTION", w.Now()
	}
	i := 0
	return w.tx.InsertReturning(ctx, "products", []string{"id"}, scanRows(func(s scanner) error {
		var key int64
		err := s.Scan(&key)
		p := d.products.fresh[i]
		d.products.keys[p.SkuID] = key
		w.happened("PRODUCT_CREATED", "product", key, map[string]any{"name": p.Name, "sku": p.Sku})
		i++
		return err
	}), store.Column{Name: "vendor_id", Values: vendors}, store.Column{Name: "sku_id", Values: ids}, store.Column{Name: "sku", Values: skus},
		store.Column{Name: "name", Values: names}, store.Column{Name: "kind", Values: kinds}, store.Column{Name: "created_at", Values: created},
		store.Column{Name: "blocked_locations", Values: blocked})
}

func (w *writing) renameProducts(ctx context.Context, d *difference) error {
	n := len(d.products.changed)
	if n == 0 {
		return nil
	}
	keys, skus, names := make([]int64, n), make([]string, n), make([]string, n)
	for i, p := range d.products.changed {
		keys[i], skus[i], names[i] = d.products.keys[p.SkuID], p.Sku, p.Name
		w.happened("PRODUCT_UPDATED", "product", keys[i], map[string]any{"name": p.Name, "sku": p.Sku})
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: keys}, store.Column{Name: "sku", Values: skus}, store.Column{Name: "name", Values: names})
	_, err := w.tx.Exec(ctx, `UPDATE products SET name = v.name, sku = v.sku FROM `+rows+` WHERE products.id = v.id`, args...)
	return err
}

// importFeatures gives each product of the catalog the plans it has there, and no others.
func (w *writing) importFeatures(ctx context.Context, d *difference) (count ImportCount, err error) {
	var products, plans, noProducts, noPlans []int64
	for _, p := range d.catalog.Products {
		for _, plan := range p.Plans {
			pair := [2]int64{d.products.keys[p.SkuID], d.plans.keys[plan]}
			if d.features[pair] {
				delete(d.features, pair)
				count.Unchanged++
				continue
			}
			products, plans = append(products, pair[0]), append(plans, pair[1])
		}
	}
	count.Created, count.Removed = int64(len(products)), int64(len(d.features))
	if count.Created > 0 {
		if err := w.tx.Insert(ctx, "product_plans", store.Column{Name: "product_id", Values: products}, store.Column{Name: "plan_id", Values: plans}); err != nil {
			return count, err
		}
	}
	if count.Removed == 0 {
		return count, nil
	}
	for pair := range d.features {
		noProducts = append(noProducts, pair[0])
		noPlans = append(noPlans, pair[1])
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "product_id", Values: noProducts}, store.Column{Name: "plan_id", Values: noPlans})
	_, err = w.tx.Exec(ctx, `DELETE FROM product_plans WHERE EXISTS (SELECT 1 FROM `+rows+` WHERE v.product_id = product_plans.product_id AND v.plan_id = product_plans.plan_id)`, args...)
	return count, err
}
