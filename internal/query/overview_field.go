package query

import (
	"context"
	stdsql "database/sql"

	"github.com/ringfence/ringfence/internal/licensing"
)

func (r *OverviewRow) allocationKey() int64 {
	if r.Share < 0 {
		return 0
	}
	return r.of.base.Shares[r.Share].Allocation
}

func (r *OverviewRow) deploymentKey() int64 {
	if r.Row.Deployment < 0 {
		return 0
	}
	return r.of.base.Deployments[r.Row.Deployment].Deployment
}

// label is what a row is called by: its deployment or, if it has none, its allocation.
type label struct{ deployment, allocation int64 }

// Label gives the product that is deployed, or the name of the custom reservation.
func (r *OverviewRow) Label(ctx context.Context) (string, error) {
	all, err := together(ctx, r.family, "label", func(ctx context.Context, members []*OverviewRow) (map[label]string, error) {
		var deployments, allocations []int64
		for _, member := range members {
			deployments, allocations = append(deployments, member.deploymentKey()), append(allocations, member.allocationKey())
		}
		names := sqlf("SELECT 0, a.id, COALESCE(a.name, '') FROM allocations a WHERE ?", in("a.id", distinct(allocations)))
		if m := r.of.base.moment; m.at != nil && !m.beginning {
			names = sqlf(`SELECT 0, h.allocation_id, h.name FROM allocation_states h WHERE h.id IN
				(SELECT MAX(p.id) FROM allocation_states p WHERE p.at <= ? AND ? GROUP BY p.allocation_id)`, *m.at, in("p.allocation_id", distinct(allocations)))
		}
		labels := map[label]string{}
		statement := sqlf("SELECT d.id, 0, d.product FROM deployments d WHERE ? UNION ALL ?", in("d.id", distinct(deployments)), names)
		return labels, r.family.rows(ctx, statement, func(rows *stdsql.Rows) error {
			var key label
			var name string
			err := rows.Scan(&key.deployment, &key.allocation, &name)
			labels[key] = name
			return err
		})
	})
	if key := r.deploymentKey(); key != 0 {
		return all[label{deployment: key}], err
	}
	return all[label{allocation: r.allocationKey()}], err
}

// Allocation gives the allocation of a row that is one, unless it was removed since.
func (r *OverviewRow) Allocation(ctx context.Context) (*Allocation, error) {
	all, err := together(ctx, r.family, "allocation", func(ctx context.Context, members []*OverviewRow) (map[int64]*Allocation, error) {
		var keys []int64
		for _, member := range members {
			keys = append(keys, member.allocationKey())
		}
		return allocations.visibleByKey(ctx, r.family.session, keys)
	})
	return all[r.allocationKey()], err
}

// Deployment gives what is tracked; nil for a custom reservation.
func (r *OverviewRow) Deployment(ctx context.Context) (*Deployment, error) {
	all, err := together(ctx, r.family, "deployment", func(ctx context.Context, members []*OverviewRow) (map[int64]*Deployment, error) {
		var keys []int64
		for _, member := range members {
			keys = append(keys, member.deploymentKey())
		}
		return deployments.visibleByKey(ctx, r.family.session, keys)
	})
	return all[r.deploymentKey()], err
}

// summed gives the allocations behind each row of the family, as places among the shares.
func (r *OverviewRow) summed(ctx context.Context) (map[*OverviewRow][]int32, error) {
	return together(ctx, r.family, "summed", func(_ context.Context, members []*OverviewRow) (map[*OverviewRow][]int32, error) {
		byOverview := map[*Overview][]*OverviewRow{}
		for _, member := range members {
			byOverview[member.of] = append(byOverview[member.of], member)
		}
		all := map[*OverviewRow][]int32{}
		sheet := r.of.base.NewSheet(r.of.base.shown)
		for of, rows := range byOverview {
			plain := make([]licensing.Row, len(rows))
			for i, row := range rows {
				plain[i] = row.Row
			}
			for i, shares := range sheet.Members(of.about.Licenses, plain) {
				all[rows[i]] = shares
			}
		}
		return all, nil
	})
}

// Allocations gives the allocations that are summed, oldest first.
func (r *OverviewRow) Allocations(ctx context.Context) ([]*Allocation, error) {
	summed, err := r.summed(ctx)
	if err != nil {
		return nil, err
	}
	all, err := together(ctx, r.family, "allocations", func(ctx context.Context, members []*OverviewRow) (map[int64]*Allocation, error) {
		var keys []int64
		for _, member := range members {
			for _, at := range summed[member] {
				keys = append(keys, r.of.base.Shares[at].Allocation)
			}
		}
		return allocations.visibleByKey(ctx, r.family.session, keys)
	})
	out := []*Allocation{}
	for _, at := range summed[r] {
		if one := all[r.of.base.Shares[at].Allocation]; one != nil {
			out = append(out, one)
		}
	}
	return out, err
}
