package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *PlanRenewal) action() string { return "planRenewal" }

func (c *PlanRenewal) check() error { return checkCount("renewalQuantity", c.RenewalQuantity) }

func (c *PlanRenewal) prepare(ctx context.Context, r *reading) (*plan[PlanRenewalPayload], error) {
	t, err := r.find(ctx, nil, &c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	if c.RenewalQuantity != nil && pool.Stock.Unlimited {
		return nil, fault.Invalid("renewalQuantity", "the license is unlimited; it has no quantity to be renewed")
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: r.questionPools(pool, 0),
	}
	planned := count(c.RenewalQuantity)
	if planned != nil {
		ask.Renewals = []policy.Renewal{{Pool: pool.Key, Name: pool.Name, Quantity: *planned, Consumed: pool.Held()}}
	}
	return &plan[PlanRenewalPayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*PlanRenewalPayload, error) {
		if _, err := w.tx.Exec(ctx, `UPDATE licenses SET renewal_quantity = $1 WHERE id = $2`, planned, pool.Key.License); err != nil {
			return nil, err
		}
		w.happened("RENEWAL_PLANNED", "license", pool.Key.License, map[string]any{"renewalQuantity": planned}).pool = pool.Key
		row, err := w.licenseRow(ctx, pool.Key.License)
		p := &PlanRenewalPayload{License: row}
		if planned != nil {
			p.Check = &RenewalCheck{Consumed: pool.Held(), RenewalQuantity: *planned, Shortfall: max(0, pool.Held()-*planned)}
		}
		return p, err
	}}, nil
}

func (c *RenewContract) action() string { return "renewContract" }

func (c *RenewContract) check() error { return checkDate("endsOn", &c.EndsOn) }

// renewal is what a renewal does to one license.
type renewal struct {
	pool    *licensing.Pool
	planned *int64 // the quantity that is put in force, if any
}

func (c *RenewContract) prepare(ctx context.Context, r *reading) (*plan[RenewContractPayload], error) {
	missing := fault.Missing("contractId", "contract")
	key := c.ContractID.Key(id.Contract)
	if err := r.lockContract(ctx, key, missing); err != nil {
		return nil, err
	}
	row, err := r.tx.Client().Contract.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if row.EndsOn == nil {
		return nil, fault.New(fault.Conflict, "the contract has no last day, so there is nothing to renew")
	}
	if c.EndsOn <= *row.EndsOn {
		return nil, fault.Invalid("endsOn", "a renewal ends later than the contract does now, on %s", *row.EndsOn)
	}
	renewals, err := r.renewals(ctx, key, row, c.ApplyPlannedQuantities == nil || *c.ApplyPlannedQuantities)
	if err != nil {
		return nil, err
	}
	ask := r.question(c.action(), map[string]any{"allow_over_limit": c.AllowOverLimit != nil && *c.AllowOverLimit, "endsOn": c.EndsOn})
	for _, x := range renewals {
		if x.planned != nil {
			ask.Pools = append(ask.Pools, r.questionPools(x.pool, 0)...)
			ask.Renewals = append(ask.Renewals, policy.Renewal{Pool: x.pool.Key, Name: x.pool.Name, Quantity: *x.planned, Consumed: x.pool.Held()})
		}
	}
	return &plan[RenewContractPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*RenewContractPayload, error) {
		return w.renewContract(ctx, c, row, renewals)
	}}, nil
}

// lockContract locks the licenses of a contract, and then the contract: so whoever holds one of them has seen its dates, and nobody
// changes them at the same time.
func (r *reading) lockContract(ctx context.Context, contract int64, missing *fault.Error) error {
	if err := r.exists(ctx, "contracts", contract, missing); err != nil {
		return err
	}
	keys, err := r.ids(ctx, `SELECT id FROM licenses WHERE contract_id = $1 ORDER BY id`, contract)
	if err != nil {
		return err
	}
	if err := r.lockLicenses(ctx, keys); err != nil {
		return err
	}
	found, err := r.ids(ctx, `SELECT id FROM contracts WHERE id = $1`+r.tx.ForUpdate(), contract)
	if err == nil && len(found) == 0 {
		return missing
	}
	return err
}

// renewals gives the licenses that a renewal of their contract is about: those without a last day of their own, and those that end on
// the day the contract does. With plans, what is planned for them is put in force.
func (r *reading) renewals(ctx context.Context, contract int64, row *ent.Contract, plans bool) ([]*renewal, error) {
	var renewals []*renewal
	rows, err := r.Query(ctx, `SELECT id, renewal_quantity FROM licenses WHERE contract_id = $1 AND (ends_on IS NULL OR ends_on = $2) ORDER BY id`,
		contract, *row.EndsOn)
	err = each(rows, err, func(s scanner) error {
		var license int64
		x := &renewal{}
		if err := s.Scan(&license, &x.planned); err != nil {
			return err
		}
		x.pool = r.poolOf(license, 0)
		if x.pool == nil { // recorded since the licenses were locked
			return nil
		}
		if !plans || x.pool.Stock.Unlimited {
			x.planned = nil
		}
		renewals = append(renewals, x)
		return nil
	})
	return renewals, err
}

func (w *writing) renewContract(ctx context.Context, c *RenewContract, row *ent.Contract, renewals []*renewal) (*RenewContractPayload, error) {
	contract := dates{row.StartsOn, &c.EndsOn}
	if _, err := w.tx.Exec(ctx, `UPDATE contracts SET ends_on = $1 WHERE id = $2`, c.EndsOn, row.ID); err != nil {
		return nil, err
	}
	var keys, ending, planned []int64
	for _, x := range renewals {
		l := w.facts.licenses[x.pool.Key.License]
		keys = append(keys, l.id)
		own := l.own
		if own.endsOn != nil {
			own.endsOn = &c.EndsOn
			ending = append(ending, l.id)
		}
		w.date(l, own, contract)
		data := map[string]any{"endsOn": c.EndsOn}
		if x.planned != nil {
			planned = append(planned, l.id)
			data["quantityBefore"], data["quantity"] = x.pool.Stock.Quantity, *x.planned
			stock := *x.pool.Stock
			stock.Quantity = *x.planned
			w.restock(x.pool, stock)
		}
		w.happened("LICENSE_RENEWED", "license", l.id, data).pool = x.pool.Key
	}
	if _, err := w.tx.Exec(ctx, `UPDATE licenses SET ends_on = $1 WHERE `+w.Any("id", 2), c.EndsOn, w.Array(ending)); err != nil {
		return nil, err
	}
	if _, err := w.tx.Exec(ctx, `UPDATE licenses SET renewal_quantity = NULL WHERE `+w.Any("id", 1), w.Array(planned)); err != nil {
		return nil, err
	}
	w.happened("CONTRACT_RENEWED", "contract", row.ID, map[string]any{"before": row.EndsOn, "endsOn": c.EndsOn})
	if err := w.retryErrors(ctx, keys); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	shown, err := w.contractPayload(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	p := &RenewContractPayload{Contract: shown.Contract, Licenses: []*ent.License{}}
	rows, err := w.licenseRows(ctx, keys)
	for _, key := range keys {
		p.Licenses = append(p.Licenses, rows[key])
	}
	return p, err
}

// redate puts other dates of contracts, by their keys, in force for their licenses, which are locked: where they bind, what was in
// error is tried again and the queues move.
func (w *writing) redate(ctx context.Context, contracts map[int64]dates) error {
	var changed []int64
	for key, l := range w.facts.licenses {
		contract, dated := contracts[l.contractID]
		if !dated {
			continue
		}
		starts, ends := l.pool.StartsAt, l.pool.EndsAt
		w.date(l, l.own, contract)
		if !same(starts, l.pool.StartsAt) || !same(ends, l.pool.EndsAt) {
			changed = append(changed, key)
		}
	}
	slices.Sort(changed)
	if err := w.retryErrors(ctx, changed); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.flush(ctx)
}

// retryErrors has all seats in error of locked licenses judged again.
func (w *writing) retryErrors(ctx context.Context, licenses []int64) error {
	if len(licenses) == 0 {
		return nil
	}
	failed, err := w.ids(ctx, `SELECT DISTINCT user_id FROM seat_reasons WHERE `+w.Any("license_id", 1)+` AND state = 'ERROR'`, w.Array(licenses))
	if err != nil {
		return err
	}
	if err := w.know(ctx, failed); err != nil {
		return err
	}
	for _, user := range failed {
		w.book.Retry(w.book.User(user))
	}
	return nil
}
