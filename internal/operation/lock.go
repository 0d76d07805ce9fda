package operation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// locks are the licenses a transaction has to lock beyond those its command names.
type locks struct{ licenses map[int64]bool }

func (l *locks) add(licenses []int64) {
	if l.licenses == nil {
		l.licenses = map[int64]bool{}
	}
	for _, id := range licenses {
		l.licenses[id] = true
	}
}

// widenError ends a transaction that turned out to need more licenses than it locked. Locks are taken in one fixed order
// (groups, licenses, users, each by id; design.md §4), so it starts again with the wider set.
type widenError struct{ licenses []int64 }

func (e *widenError) Error() string { return fmt.Sprintf("more licenses are needed: %v", e.licenses) }

// lockGroups locks groups, so that neither members nor group licenses of them change under the transaction.
func (r *reading) lockGroups(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := r.ids(ctx, `SELECT id FROM "groups" WHERE `+r.Any("id", 1)+` ORDER BY id`+r.tx.ForUpdate(), r.Array(sorted(ids)))
	return err
}

// lockUsers locks users, so that what is decided about them rests on what they are.
func (r *reading) lockUsers(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := r.ids(ctx, `SELECT id FROM users WHERE `+r.Any("id", 1)+` ORDER BY id`+r.tx.ForUpdate(), r.Array(sorted(ids)))
	return err
}

// keep has rows of a table stay until the transaction ends: what is about to refer to them must not be left with nothing.
func (r *reading) keep(ctx context.Context, table string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := r.ids(ctx, `SELECT id FROM "`+table+`" WHERE `+r.Any("id", 1)+` ORDER BY id`+r.tx.ForShare(), r.Array(sorted(ids)))
	return err
}

// lockLicenses locks licenses and reads their pools, with what they are licenses of and the plans that the policy has rules about.
// The license row is the lock of everything that is drawn from it, so the allotments below are read without locks of their own.
func (r *reading) lockLicenses(ctx context.Context, ids []int64) error {
	ids = append(slices.Clone(ids), slices.Collect(maps.Keys(r.widen.licenses))...)
	ids = slices.DeleteFunc(sorted(r.withRelated(ids)), func(id int64) bool { return r.facts.licenses[id] != nil })
	if len(ids) == 0 {
		return nil
	}
	lock := r.tx.ForUpdate()
	if lock != "" {
		lock += " OF l"
	}
	rows, err := r.Query(ctx, `SELECT l.id, l.product_id, l.contract_id, l.quantity, l.unlimited_quantity, l.overage, l.committed, l.starts_on, l.ends_on, l.capacity,
		l.ceiling, l.used, l.reserved, l.waiting, l.errors, p.name, p.sku, p.kind, p.blocked_locations, COALESCE(s.id, 0), COALESCE(s.name, '')
		FROM licenses l JOIN products p ON p.id = l.product_id
		LEFT JOIN (SELECT pp.product_id, s.id, s.name FROM product_plans pp JOIN service_plans s ON s.id = pp.plan_id WHERE `+r.Any("s.name", 2)+`) s
		ON s.product_id = p.id WHERE `+r.Any("l.id", 1)+` ORDER BY l.id, s.id`+lock,
		r.Array(ids), r.Array(slices.Sorted(maps.Keys(r.policy.RelevantPlans()))))
	if err := each(rows, err, r.scanLicense); err != nil {
		return err
	}
	if err := r.lockRelated(ctx); err != nil {
		return err
	}
	return r.loadAllotments(ctx, ids)
}

// lockRelated makes sure that licenses with plans the policy has rules about are locked all together or not at all: what excludes or
// needs each other must not be given by two transactions that do not see each other. If some are missing, the transaction
// starts again with all of them, in the one order of locks.
func (r *reading) lockRelated(ctx context.Context) error {
	if !r.plansMatter() {
		return nil
	}
	related, err := r.ids(ctx, `SELECT DISTINCT l.id FROM licenses l JOIN product_plans pp ON pp.product_id = l.product_id
		JOIN service_plans s ON s.id = pp.plan_id WHERE `+r.Any("s.name", 1)+` ORDER BY l.id`,
		r.Array(slices.Sorted(maps.Keys(r.policy.RelevantPlans()))))
	if err != nil {
		return err
	}
	r.runner.related.Store(&related)
	missing := slices.DeleteFunc(slices.Clone(related), func(id int64) bool { return r.facts.licenses[id] != nil })
	if len(missing) > 0 {
		return &widenError{licenses: missing}
	}
	return nil
}

// withRelated adds to licenses those they will probably have to be locked with, as the last transaction that asked found them.
func (r *reading) withRelated(ids []int64) []int64 {
	known := r.runner.related.Load()
	if known == nil || !slices.ContainsFunc(ids, func(id int64) bool { return slices.Contains(*known, id) }) {
		return ids
	}
	return append(ids, *known...)
}

// scanLicense reads a license; one with several relevant plans comes in as many rows.
func (r *reading) scanLicense(s scanner) error {
	l := &license{product: &product{}}
	p := &licensing.Pool{Mode: licensing.Reserved}
	var starts, ends *string
	var blocked []byte
	var plan servicePlan
	if err := s.Scan(&l.id, &l.product.id, &l.contractID, &l.quantity, &l.unlimited, &l.overage, &l.committed, &starts, &ends, &p.Limit, &p.Ceiling, &p.Used, &p.Reserved,
		&p.Waiting, &p.Errors, &l.product.name, &l.product.sku, &l.product.kind, &blocked, &plan.id, &plan.name); err != nil {
		return err
	}
	if known := r.facts.licenses[l.id]; known != nil {
		known.product.plans = append(known.product.plans, plan)
		return nil
	}
	if plan.id != 0 {
		l.product.plans = []servicePlan{plan}
	}
	p.Key, p.Name = licensing.PoolKey{License: l.id}, l.product.name
	p.StartsAt, p.EndsAt = dayStart(starts), dayEnd(ends)
	l.productID, l.pool = l.product.id, p.Load()
	r.facts.licenses[l.id] = l
	r.book.Pools[p.Key] = p
	return unmarshal(blocked, &l.product.blocked)
}

// loadAllotments reads the allotments of licenses, from the root down, with whom they may serve.
func (r *reading) loadAllotments(ctx context.Context, licenses []int64) error {
	rows, err := r.Query(ctx, `SELECT a.id, a.license_id, COALESCE(a.parent_id, 0), a.name, a.mode, a.starts_at, a.ends_at, a.capacity, a.ceiling, a.used,
		a.reserved, a.waiting, a.errors, COALESCE(s.kind, ''), COALESCE(s.group_id, 0), COALESCE(s.value, '')
		FROM allotments a LEFT JOIN allotment_scopes s ON s.allotment_id = a.id WHERE `+r.Any("a.license_id", 1)+` ORDER BY a.depth, a.id, s.id`,
		r.Array(licenses))
	return each(rows, err, func(s scanner) error {
		p := &licensing.Pool{}
		var parent, group int64
		var kind, value string
		if err := s.Scan(&p.Key.Allotment, &p.Key.License, &parent, &p.Name, &p.Mode, &p.StartsAt, &p.EndsAt, &p.Limit, &p.Ceiling,
			&p.Used, &p.Reserved, &p.Waiting, &p.Errors, &kind, &group, &value); err != nil {
			return err
		}
		if r.book.Pools[p.Key] == nil {
			p.Parent = r.book.Pools[licensing.PoolKey{License: p.Key.License, Allotment: parent}]
			r.book.Pools[p.Key] = p.Load()
		}
		r.facts.addScope(p.Key.Allotment, kind, group, value)
		return nil
	})
}

// dayStart is the first moment of a date, UTC.
func dayStart(date *string) *time.Time {
	if date == nil {
		return nil
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		return nil
	}
	return &day
}

// dayEnd is the first moment after a date, UTC: the last day of a license counts.
func dayEnd(date *string) *time.Time {
	day := dayStart(date)
	if day == nil {
		return nil
	}
	next := day.AddDate(0, 0, 1)
	return &next
}

// sorted gives the keys in order without doubles; the argument stays as it is.
func sorted(ids []int64) []int64 {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}
