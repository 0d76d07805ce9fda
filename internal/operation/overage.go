package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entlicense "github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *RemoveUnusedOverage) action() string { return "removeUnusedOverage" }

func (c *RemoveUnusedOverage) check() error {
	if (c.LicenseID == nil) == (c.All == nil || !*c.All) {
		return fault.Invalid("licenseId", "give either a licenseId or all: true")
	}
	return nil
}

func (c *RemoveUnusedOverage) prepare(ctx context.Context, r *reading) (*plan[RemoveUnusedOveragePayload], error) {
	if c.LicenseID != nil {
		t, err := r.find(ctx, nil, c.LicenseID)
		if err != nil {
			return nil, err
		}
		pool, err := r.draw(ctx, t)
		if err != nil {
			return nil, err
		}
		p := r.planOverage(c.action(), []*licensing.Pool{pool})
		p.hidden = r.hides(ctx, pool, t)
		return p, nil
	}
	keys, err := r.ids(ctx, `SELECT id FROM licenses WHERE overage > 0 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	if err := r.lockLicenses(ctx, keys); err != nil {
		return nil, err
	}
	var pools []*licensing.Pool
	for _, key := range keys {
		pool := r.poolOf(key, 0)
		if pool != nil && pool.Stock.Overage > 0 && r.hides(ctx, pool, &target{key: pool.Key}).tell() == nil {
			pools = append(pools, pool)
		}
	}
	return r.planOverage(c.action(), pools), nil
}

// planOverage asks whether the unused overage of licenses may be removed, and removes it.
func (r *reading) planOverage(action string, pools []*licensing.Pool) *plan[RemoveUnusedOveragePayload] {
	ask := &policy.Input{Now: r.Now(), Action: action, Principal: r.who.facts()}
	for _, pool := range pools {
		ask.Pools = append(ask.Pools, r.questionPools(pool, 0)...)
	}
	if len(pools) == 1 {
		ask.License = r.questionLicense(pools[0].Key.License, nil)
	}
	return &plan[RemoveUnusedOveragePayload]{ask: ask, write: func(ctx context.Context, w *writing) (*RemoveUnusedOveragePayload, error) {
		return w.removeOverage(ctx, pools)
	}}
}

func (w *writing) removeOverage(ctx context.Context, pools []*licensing.Pool) (*RemoveUnusedOveragePayload, error) {
	p := &RemoveUnusedOveragePayload{Licenses: []*ent.License{}, Plan: []OverageStep{}}
	keys := make([]int64, len(pools))
	for i, pool := range pools {
		keys[i] = pool.Key.License
		before := pool.Stock.Overage
		w.restock(pool, pool.Stock.WithoutUnused(pool.Held()))
		after := pool.Stock.Overage
		p.Plan = append(p.Plan, OverageStep{OverageBefore: before, OverageAfter: after, Removed: before - after, LimitAfter: pool.Limit})
		w.happened("OVERAGE_REMOVED", "license", keys[i], map[string]any{"before": before, "after": after, "limit": pool.Limit}).pool = pool.Key
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	rows, err := w.licenseRows(ctx, keys)
	for i := range p.Plan {
		p.Plan[i].License = rows[keys[i]]
		p.Licenses = append(p.Licenses, rows[keys[i]])
	}
	return p, err
}

// licenseRows reads licenses as the transaction leaves them, by their keys.
func (w *writing) licenseRows(ctx context.Context, keys []int64) (map[int64]*ent.License, error) {
	list, err := w.tx.Client().License.Query().Where(entlicense.IDIn(keys...)).WithProduct().WithContract().All(ctx)
	rows := make(map[int64]*ent.License, len(list))
	for _, row := range list {
		rows[row.ID] = row
	}
	return rows, err
}

// restock changes what the limit of a license is made of, as a request asks.
func (w *writing) restock(pool *licensing.Pool, stock licensing.Stock) {
	pool.Restock(stock)
	w.facts.licenses[pool.Key.License].overage = stock.Overage
}

// tellShrunk notes for each license whose overage came down with what was released that it did.
func (w *writing) tellShrunk() {
	var shrunk []int64
	for key, l := range w.facts.licenses {
		if l.pool.Stock.Overage < l.overage {
			shrunk = append(shrunk, key)
		}
		l.overage = l.pool.Stock.Overage
	}
	slices.Sort(shrunk)
	for _, key := range shrunk {
		pool := w.facts.licenses[key].pool
		e := w.happened("OVERAGE_SHRUNK", "license", key, map[string]any{"overage": pool.Stock.Overage, "limit": pool.Limit})
		e.decision, e.pool = w.accountable(), pool.Key
	}
}
