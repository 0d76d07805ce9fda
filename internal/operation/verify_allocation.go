package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// countAllocations counts what fixed allocations take out of their licenses (semantics.md §5).
func (v *verification) countAllocations(ctx context.Context) error {
	rows, err := v.Query(ctx, `SELECT license_id, SUM(quantity) FROM allocations WHERE quantity IS NOT NULL GROUP BY license_id`)
	return each(rows, err, func(s scanner) error {
		var license, n int64
		err := s.Scan(&license, &n)
		if p := v.pools[licensing.PoolKey{License: license}]; p != nil {
			p.reserved += n
		}
		return err
	})
}

// checkHistory compares what the history of overviews ends with to what is: licenses, allocations and deployments.
func (v *verification) checkHistory(ctx context.Context) error {
	for _, q := range []struct {
		noun  id.Noun
		what  string
		query string
	}{
		{id.License, "figures", `SELECT l.id FROM licenses l WHERE NOT EXISTS (SELECT 1 FROM license_states s WHERE s.license_id = l.id
			AND s.id = (SELECT MAX(n.id) FROM license_states n WHERE n.license_id = l.id) AND NOT s.deleted AND s.quantity = l.quantity
			AND s.committed = l.committed AND COALESCE(s.capacity, -1) = COALESCE(l.capacity, -1) AND s.used = l.used AND s.reserved = l.reserved)`},
		{id.Allocation, "terms", `SELECT a.id FROM allocations a WHERE NOT EXISTS (SELECT 1 FROM allocation_states s WHERE s.allocation_id = a.id
			AND s.id = (SELECT MAX(n.id) FROM allocation_states n WHERE n.allocation_id = a.id) AND NOT s.deleted AND s.license_id = a.license_id
			AND s.deployment_id = COALESCE(a.deployment_id, 0) AND COALESCE(s.quantity, -1) = COALESCE(a.quantity, -1) AND s.metric = a.metric)`},
		{id.Deployment, "counts", `SELECT d.id FROM deployments d WHERE NOT EXISTS (SELECT 1 FROM observations o WHERE o.deployment_id = d.id
			AND o.id = (SELECT MAX(n.id) FROM observations n WHERE n.deployment_id = d.id AND n.current) AND o.installs = d.installs AND o.users = d.users)`},
	} {
		rows, err := v.Query(ctx, q.query+` ORDER BY 1`)
		if err := each(rows, err, func(s scanner) error {
			var key int64
			err := s.Scan(&key)
			v.found("P2", id.Of(q.noun, key), "has %s that its history does not end with", q.what)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
