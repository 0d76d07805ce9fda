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

// lockLicenses locks licenses and reads their pools: the license row is the lock of everything that is drawn from it, so the
// allotments below are read without locks of their own.
func (r *reading) lockLicenses(ctx context.Context, ids []int64) error {
	ids = append(slices.Clone(ids), slices.Collect(maps.Keys(r.widen.licenses))...)
	ids = slices.DeleteFunc(sorted(ids), func(id int64) bool { return r.facts.licenses[id] != nil })
	if len(ids) == 0 {
		return nil
	}
	rows, err := r.Query(ctx, `SELECT id, product_id, contract_id, quantity, unlimited_quantity, overage, starts_on, ends_on, capacity, ceiling, used,
		reserved, waiting, errors FROM licenses WHERE `+r.Any("id", 1)+` ORDER BY id`+r.tx.ForUpdate(), r.Array(ids))
	err = each(rows, err, func(s scanner) error {
		l := &license{}
		p := &licensing.Pool{Mode: licensing.Reserved}
		var starts, ends *string
		if err := s.Scan(&l.id, &l.productID, &l.contractID, &l.quantity, &l.unlimited, &l.overage, &starts, &ends, &p.Limit, &p.Ceiling,
			&p.Used, &p.Reserved, &p.Waiting, &p.Errors); err != nil {
			return err
		}
		p.Key = licensing.PoolKey{License: l.id}
		p.StartsAt, p.EndsAt = dayStart(starts), dayEnd(ends)
		l.pool = p.Load()
		r.facts.licenses[l.id] = l
		r.book.Pools[p.Key] = p
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.loadProducts(ctx, ids); err != nil {
		return err
	}
	return r.loadAllotments(ctx, ids)
}

func (r *reading) loadAllotments(ctx context.Context, licenses []int64) error {
	rows, err := r.Query(ctx, `SELECT id, license_id, COALESCE(parent_id, 0), name, mode, starts_at, ends_at, capacity, ceiling, used, reserved,
		waiting, errors FROM allotments WHERE `+r.Any("license_id", 1)+` ORDER BY depth, id`, r.Array(licenses))
	return each(rows, err, func(s scanner) error {
		p := &licensing.Pool{}
		var parent int64
		if err := s.Scan(&p.Key.Allotment, &p.Key.License, &parent, &p.Name, &p.Mode, &p.StartsAt, &p.EndsAt, &p.Limit, &p.Ceiling,
			&p.Used, &p.Reserved, &p.Waiting, &p.Errors); err != nil {
			return err
		}
		p.Parent = r.book.Pools[licensing.PoolKey{License: p.Key.License, Allotment: parent}]
		r.book.Pools[p.Key] = p.Load()
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
