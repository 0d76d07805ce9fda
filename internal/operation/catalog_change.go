package operation

import (
	"context"

	entcontract "github.com/ringfence/ringfence/ent/contract"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

func (w *writing) contractPayload(ctx context.Context, key int64) (*CreateContractPayload, error) {
	row, err := w.tx.Client().Contract.Query().Where(entcontract.ID(key)).WithVendor().Only(ctx)
	return &CreateContractPayload{Contract: row}, err
}

func (c *UpdateContract) action() string { return "updateContract" }

func (c *UpdateContract) check() error {
	if c.Name != nil {
		if err := checkText("name", *c.Name, 300); err != nil {
			return err
		}
	}
	return firstError(checkDate("startsOn", c.StartsOn.Value()), checkDate("endsOn", c.EndsOn.Value()), checkOptional("notes", c.Notes.Value(), 10_000))
}

func (c *UpdateContract) prepare(ctx context.Context, r *reading) (*plan[UpdateContractPayload], error) {
	key := c.ContractID.Key(id.Contract)
	missing := fault.Missing("contractId", "contract")
	if err := r.exists(ctx, "contracts", key, missing); err != nil {
		return nil, err
	}
	dated := c.StartsOn.IsSet() || c.EndsOn.IsSet() // its dates bind its licenses
	if dated {
		if err := r.lockContract(ctx, key, missing); err != nil {
			return nil, err
		}
	}
	return &plan[UpdateContractPayload]{ask: r.question(c.action(), nil), write: func(ctx context.Context, w *writing) (*UpdateContractPayload, error) {
		row, err := w.tx.Client().Contract.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		starts, ends := orKeep(c.StartsOn.ValueOK())(row.StartsOn), orKeep(c.EndsOn.ValueOK())(row.EndsOn)
		if err := checkPeriod(starts, ends); err != nil {
			return nil, err
		}
		set(&row.Name, c.Name)
		if _, err := w.tx.Exec(ctx, `UPDATE contracts SET name = $1, starts_on = $2, ends_on = $3, notes = $4 WHERE id = $5`,
			row.Name, starts, ends, orKeep(c.Notes.ValueOK())(row.Notes), key); err != nil {
			return nil, err
		}
		w.happened("CONTRACT_UPDATED", "contract", key, nil)
		if dated {
			if err := w.redate(ctx, map[int64]dates{key: {starts, ends}}); err != nil {
				return nil, err
			}
		}
		p, err := w.contractPayload(ctx, key)
		return &UpdateContractPayload{Contract: p.Contract}, err
	}}, nil
}

// removal is the deletion of a thing nothing else draws on.
type removal struct {
	action, table, event, noun string
	given                      id.ID
	key                        int64
	missing                    *fault.Error
	inUse                      string // a query that counts what still needs the thing
	conflict                   string
	before                     string // a statement that clears what belongs to the thing
}

// remove is the common way of deleting such a thing.
func (r *reading) remove(ctx context.Context, m removal) (*plan[DeletePayload], error) {
	if err := r.exists(ctx, m.table, m.key, m.missing); err != nil {
		return nil, err
	}
	return &plan[DeletePayload]{ask: r.question(m.action, nil), write: func(ctx context.Context, w *writing) (*DeletePayload, error) {
		var users int64
		if err := w.QueryRow(ctx, m.inUse, m.key).Scan(&users); err != nil {
			return nil, err
		}
		if users > 0 {
			return nil, fault.New(fault.Conflict, "%s", m.conflict)
		}
		if m.before != "" {
			if _, err := w.tx.Exec(ctx, m.before, m.key); err != nil {
				return nil, err
			}
		}
		w.happened(m.event, m.noun, m.key, nil)
		_, err := w.tx.Exec(ctx, `DELETE FROM `+m.table+` WHERE id = $1`, m.key)
		return &DeletePayload{DeletedID: m.given}, err
	}}, nil
}

func (c *DeleteVendor) action() string { return "deleteVendor" }

func (c *DeleteVendor) check() error { return nil }

func (c *DeleteVendor) prepare(ctx context.Context, r *reading) (*plan[DeletePayload], error) {
	return r.remove(ctx, removal{
		action: c.action(), table: "vendors", event: "VENDOR_DELETED", noun: "vendor", given: c.VendorID, key: c.VendorID.Key(id.Vendor),
		missing:  fault.Missing("vendorId", "vendor"),
		inUse:    `SELECT (SELECT COUNT(*) FROM products WHERE vendor_id = $1) + (SELECT COUNT(*) FROM contracts WHERE vendor_id = $1)`,
		conflict: "the vendor has products or contracts; delete them first",
	})
}

func (c *DeleteProduct) action() string { return "deleteProduct" }

func (c *DeleteProduct) check() error { return nil }

func (c *DeleteProduct) prepare(ctx context.Context, r *reading) (*plan[DeletePayload], error) {
	return r.remove(ctx, removal{
		action: c.action(), table: "products", event: "PRODUCT_DELETED", noun: "product", given: c.ProductID, key: c.ProductID.Key(id.Product),
		missing: fault.Missing("productId", "product"), inUse: `SELECT COUNT(*) FROM licenses WHERE product_id = $1`,
		conflict: "there are licenses of the product; delete them first", before: `DELETE FROM product_plans WHERE product_id = $1`,
	})
}

func (c *DeleteContract) action() string { return "deleteContract" }

func (c *DeleteContract) check() error { return nil }

func (c *DeleteContract) prepare(ctx context.Context, r *reading) (*plan[DeletePayload], error) {
	return r.remove(ctx, removal{
		action: c.action(), table: "contracts", event: "CONTRACT_DELETED", noun: "contract", given: c.ContractID, key: c.ContractID.Key(id.Contract),
		missing: fault.Missing("contractId", "contract"), inUse: `SELECT COUNT(*) FROM licenses WHERE contract_id = $1`,
		conflict: "there are licenses under the contract; delete them first",
	})
}
