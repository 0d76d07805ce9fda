package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// checkStocks holds licenses to what their limits are made of: an overage that shrinks is no more than what needs it, and committed are
// the units of purchase reservations that have started (semantics.md §6). That the parts add up to the limit is a CHECK.
func (v *verification) checkStocks(ctx context.Context) error {
	rows, err := v.Query(ctx, `SELECT l.id, l.quantity, l.committed, l.overage, l.overage_shrinks, l.unlimited_quantity, l.used + l.reserved, COALESCE(p.units, 0)
		FROM licenses l LEFT JOIN (SELECT license_id, SUM(quantity) AS units FROM purchase_reservations WHERE state = 'ACTIVE' GROUP BY license_id) p
		ON p.license_id = l.id WHERE l.overage_shrinks OR l.committed <> COALESCE(p.units, 0) ORDER BY l.id`)
	return each(rows, err, func(s scanner) error {
		var key, held, started int64
		var stock licensing.Stock
		if err := s.Scan(&key, &stock.Quantity, &stock.Committed, &stock.Overage, &stock.Shrinks, &stock.Unlimited, &held, &started); err != nil {
			return err
		}
		subject := id.Of(id.License, key)
		if unused := stock.Unused(held); stock.Shrinks && unused > 0 {
			v.found("P1", subject, "has an overage of %d that shrinks, of which %d are not in use", stock.Overage, unused)
		}
		if stock.Committed != started {
			v.found("P2", subject, "says committed %d, but %d units of purchase reservations have started", stock.Committed, started)
		}
		return nil
	})
}
