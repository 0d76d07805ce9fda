package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *CreateLicense) action() string { return "createLicense" }

func (c *CreateLicense) unlimited() bool { return c.UnlimitedQuantity != nil && *c.UnlimitedQuantity }

func (c *CreateLicense) check() error {
	if c.unlimited() == (c.Quantity != nil) {
		return fault.Invalid("quantity", "give either a quantity or unlimitedQuantity: true")
	}
	return firstError(
		checkCount("quantity", c.Quantity), checkOneOf("metric", c.Metric, "USERS", "INSTALLS"), checkDate("startsOn", c.StartsOn),
		checkDate("endsOn", c.EndsOn), checkPeriod(c.StartsOn, c.EndsOn), checkPrice(c.UnitPrice, c.Currency), checkPricePer(c.PricePer), checkOptional("notes", c.Notes, 10_000),
	)
}

func checkPrice(price, inCurrency *string) error {
	return firstError(
		checkPattern("unitPrice", price, decimal, "a price is a decimal number such as 12.50"),
		checkPattern("currency", inCurrency, currency, "a currency is three capital letters (ISO 4217)"),
	)
}

func checkPricePer(per *string) error { return checkOneOf("pricePer", per, "MONTH", "YEAR", "TERM") }

func (c *CreateLicense) prepare(ctx context.Context, r *reading) (*plan[CreateLicensePayload], error) {
	contract, product := c.ContractID.Key(id.Contract), c.ProductID.Key(id.Product)
	if err := r.exists(ctx, "contracts", contract, fault.Missing("contractId", "contract")); err != nil {
		return nil, err
	}
	if err := r.exists(ctx, "products", product, fault.Missing("productId", "product")); err != nil {
		return nil, err
	}
	ask := r.questionLicensing(count(c.Quantity))
	return &plan[CreateLicensePayload]{ask: ask, write: func(ctx context.Context, w *writing) (*CreateLicensePayload, error) {
		l := &licenseDraft{
			contract: contract, product: product, quantity: count(c.Quantity), metric: "USERS", pricePer: "YEAR",
			starts: c.StartsOn, ends: c.EndsOn, price: c.UnitPrice, currency: c.Currency, notes: c.Notes,
		}
		set(&l.metric, c.Metric)
		set(&l.pricePer, c.PricePer)
		if err := w.createLicenses(ctx, []*licenseDraft{l}); err != nil {
			return nil, err
		}
		full, err := w.licenseRow(ctx, l.id)
		return &CreateLicensePayload{License: full}, err
	}}, nil
}

// questionLicensing puts the question about a new license; a nil quantity is unlimited.
func (r *reading) questionLicensing(quantity *int64) *policy.Input {
	args := map[string]any{"unlimitedQuantity": quantity == nil}
	if quantity != nil {
		args["quantity"] = *quantity
	}
	return r.question("createLicense", args)
}

func (c *UpdateLicense) action() string { return "updateLicense" }

func (c *UpdateLicense) check() error {
	if c.UnlimitedQuantity != nil && *c.UnlimitedQuantity && c.Quantity != nil {
		return fault.Invalid("quantity", "give either a quantity or unlimitedQuantity: true")
	}
	return firstError(
		checkCount("quantity", c.Quantity), checkCount("overage", c.Overage), checkDate("startsOn", c.StartsOn.Value()), checkDate("endsOn", c.EndsOn.Value()),
		checkPrice(c.UnitPrice.Value(), c.Currency.Value()), checkPricePer(c.PricePer), checkOptional("notes", c.Notes.Value(), 10_000),
	)
}

func (c *UpdateLicense) prepare(ctx context.Context, r *reading) (*plan[UpdateLicensePayload], error) {
	t, err := r.find(ctx, nil, &c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	stock, err := c.stock(pool)
	if err != nil {
		return nil, err
	}
	ask := r.questionStock(c, stock, pool)
	return &plan[UpdateLicensePayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*UpdateLicensePayload, error) {
		return w.updateLicense(ctx, c, stock, pool)
	}}, nil
}

// stock gives what the limit of a license is to be made of.
func (c *UpdateLicense) stock(pool *licensing.Pool) (licensing.Stock, error) {
	stock := *pool.Stock
	if c.Quantity != nil {
		stock.Quantity, stock.Unlimited = int64(*c.Quantity), false
	}
	if c.UnlimitedQuantity != nil {
		if !*c.UnlimitedQuantity && stock.Unlimited && c.Quantity == nil {
			return stock, fault.Invalid("quantity", "a license that is not unlimited needs a quantity")
		}
		stock.Unlimited = *c.UnlimitedQuantity
	}
	if stock.Unlimited {
		stock.Quantity = 0
	}
	if c.Overage != nil { // asked for anew, it is there to be used
		stock.Overage, stock.Shrinks = int64(*c.Overage), false
	}
	if limit := stock.Limit(); limit != nil && *limit > maxCount {
		return stock, fault.Invalid("overage", "quantity, overage and purchase reservations together pass %d", maxCount)
	}
	return stock, nil
}

// questionStock puts the question about a change of a license.
func (r *reading) questionStock(c *UpdateLicense, stock licensing.Stock, pool *licensing.Pool) *policy.Input {
	return &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(pool.Key.License, nil), Pools: r.questionPools(pool, 0),
		Args: map[string]any{"quantity": stock.Quantity, "unlimitedQuantity": stock.Unlimited, "overage": stock.Overage},
	}
}

func (w *writing) updateLicense(ctx context.Context, c *UpdateLicense, stock licensing.Stock, pool *licensing.Pool) (*UpdateLicensePayload, error) {
	if err := w.changeLicense(ctx, c, stock, pool); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	row, err := w.licenseRow(ctx, pool.Key.License)
	return &UpdateLicensePayload{License: row}, err
}

// changeLicense changes a license, and leaves to settle what follows.
func (w *writing) changeLicense(ctx context.Context, c *UpdateLicense, stock licensing.Stock, pool *licensing.Pool) error {
	w.restock(pool, stock)
	fields, err := w.updateTerms(ctx, c, pool)
	if err != nil {
		return err
	}
	w.happened("LICENSE_UPDATED", "license", pool.Key.License, map[string]any{
		"quantity": stock.Quantity, "unlimitedQuantity": stock.Unlimited, "overage": stock.Overage,
	}).pool = pool.Key
	return w.reopen(ctx, pool, fields)
}

// updateTerms changes dates, price and notes; null clears. It names the dates that change.
func (w *writing) updateTerms(ctx context.Context, c *UpdateLicense, pool *licensing.Pool) ([]string, error) {
	row, err := w.tx.Client().License.Get(ctx, pool.Key.License)
	if err != nil {
		return nil, err
	}
	starts, ends := orKeep(c.StartsOn.ValueOK())(row.StartsOn), orKeep(c.EndsOn.ValueOK())(row.EndsOn)
	if err := checkPeriod(starts, ends); err != nil {
		return nil, err
	}
	price, in, notes := orKeep(c.UnitPrice.ValueOK())(row.UnitPrice), orKeep(c.Currency.ValueOK())(row.Currency), orKeep(c.Notes.ValueOK())(row.Notes)
	per := string(row.PricePer)
	set(&per, c.PricePer)
	_, err = w.tx.Exec(ctx, `UPDATE licenses SET starts_on = $1, ends_on = $2, unit_price = $3, currency = $4, price_per = $5, notes = $6 WHERE id = $7`,
		starts, ends, price, in, per, notes, row.ID)
	l := w.facts.licenses[row.ID]
	w.date(l, dates{starts, ends}, l.contract)
	var fields []string
	if !same(starts, row.StartsOn) {
		fields = append(fields, "startsAt")
	}
	if !same(ends, row.EndsOn) {
		fields = append(fields, "endsAt")
	}
	return fields, err
}

// orKeep gives what was given, or what was there before.
func orKeep[T any](value *T, given bool) func(before *T) *T {
	return func(before *T) *T {
		if given {
			return value
		}
		return before
	}
}

func (c *DeleteLicense) action() string { return "deleteLicense" }

func (c *DeleteLicense) check() error { return nil }

func (c *DeleteLicense) prepare(ctx context.Context, r *reading) (*plan[DeletePayload], error) {
	t, err := r.find(ctx, nil, &c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: r.questionPools(pool, 0)}
	return &plan[DeletePayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*DeletePayload, error) {
		var held int64
		if err := w.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM seats WHERE license_id = $1) + (SELECT COUNT(*) FROM group_licenses WHERE license_id = $1) +
			(SELECT COUNT(*) FROM allotments WHERE license_id = $1) + (SELECT COUNT(*) FROM allocations WHERE license_id = $1) +
			(SELECT COUNT(*) FROM purchase_reservations WHERE license_id = $1 AND state IN ('PLACED', 'ACTIVE'))`, t.key.License).Scan(&held); err != nil {
			return nil, err
		}
		if held > 0 {
			return nil, fault.New(fault.Conflict, "the license has seats, group licenses, allotments, allocations or purchase reservations; remove them first")
		}
		if err := w.endLicenseStates(ctx, t.key.License); err != nil {
			return nil, err
		}
		if _, err := w.tx.Exec(ctx, `DELETE FROM purchase_reservations WHERE license_id = $1`, t.key.License); err != nil {
			return nil, err
		}
		delete(w.book.Pools, pool.Key)
		w.happened("LICENSE_DELETED", "license", t.key.License, nil).pool = pool.Key
		return &DeletePayload{DeletedID: c.LicenseID}, w.tx.Client().License.DeleteOneID(t.key.License).Exec(ctx)
	}}, nil
}
