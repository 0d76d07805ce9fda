package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// licenseDraft is a license that is to be. A nil quantity is unlimited.
type licenseDraft struct {
	id, contract, product int64
	external              *string
	quantity              *int64
	metric, pricePer      string
	starts, ends          *string
	price, currency       *string
	notes                 *string
}

// createLicenses stores licenses, which get their keys, with the beginning of their history.
func (w *writing) createLicenses(ctx context.Context, list []*licenseDraft) error {
	n := len(list)
	if n == 0 {
		return nil
	}
	contracts, products, quantities, unlimited := make([]int64, n), make([]int64, n), make([]int64, n), make([]bool, n)
	limits, metrics, per := make([]*int64, n), make([]string, n), make([]string, n)
	texts := make([][]*string, 6)
	for i := range texts {
		texts[i] = make([]*string, n)
	}
	for i, l := range list {
		contracts[i], products[i], unlimited[i], limits[i], metrics[i], per[i] = l.contract, l.product, l.quantity == nil, l.quantity, l.metric, l.pricePer
		if l.quantity != nil {
			quantities[i] = *l.quantity
		}
		for j, text := range []*string{l.external, l.starts, l.ends, l.price, l.currency, l.notes} {
			texts[j][i] = text
		}
	}
	columns := []store.Column{
		{Name: "contract_id", Values: contracts}, {Name: "product_id", Values: products}, {Name: "quantity", Values: quantities},
		{Name: "unlimited_quantity", Values: unlimited}, {Name: "capacity", Values: limits}, {Name: "ceiling", Values: limits},
		{Name: "metric", Values: metrics}, {Name: "price_per", Values: per}, {Name: "created_at", Values: repeat(w.Now(), n)},
	}
	for j, name := range []string{"external_id", "starts_on", "ends_on", "unit_price", "currency", "notes"} {
		columns = append(columns, store.Column{Name: name, Values: texts[j]})
	}
	i := 0
	err := w.tx.InsertReturning(ctx, "licenses", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&list[i-1].id)
	}), columns...)
	if err != nil {
		return named(err, "externalId", "a license with this external id exists already")
	}
	w.tellLicenses(list)
	states := &licenseStates{}
	for _, l := range list {
		stock := &licensing.Stock{Unlimited: l.quantity == nil}
		if l.quantity != nil {
			stock.Quantity = *l.quantity
		}
		states.add(&license{id: l.id, pool: &licensing.Pool{Limit: stock.Limit(), Stock: stock}})
	}
	return w.tx.Together(ctx, states.part(w.Now())...)
}

// tellLicenses notes new licenses: each on its own, or in a list when they are many.
func (w *writing) tellLicenses(list []*licenseDraft) {
	if len(list) > tellSingly {
		keys := make([]int64, len(list))
		for i, l := range list {
			keys[i] = l.id
		}
		w.happened("LICENSE_CREATED", "licenses", 0, map[string]any{"count": len(keys), "licenses": idsOf(id.License, keys)})
		return
	}
	for _, l := range list {
		w.happened("LICENSE_CREATED", "license", l.id, map[string]any{"quantity": l.quantity, "unlimitedQuantity": l.quantity == nil}).pool = licensing.PoolKey{License: l.id}
	}
}
