package operation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// locks are the licenses a transaction has to lock beyond those its command names, and those whose due purchase reservations were
// taken care of before it began.
type locks struct {
	licenses map[int64]bool
	awake    map[int64]bool
	all      bool // all of them are taken care of: by this very transaction
}

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

// again tells whether a transaction is to be tried once more: with more licenses locked, or after what was due has been done.
func (r *Runner) again(ctx context.Context, err error, widen *locks) (bool, error) {
	var wider *widenError
	var due *dueError
	switch {
	case errors.As(err, &wider):
		widen.add(wider.licenses)
		return true, nil
	case errors.As(err, &due):
		if widen.awake == nil {
			widen.awake = map[int64]bool{}
		}
		for _, license := range due.licenses { // once, whatever comes of it
			widen.awake[license] = true
		}
		return true, r.activate(ctx, due.licenses)
	}
	return false, err
}

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
	if err := r.readLicenses(ctx, ids, lock); err != nil {
		return err
	}
	if err := r.askAgain(ctx); err != nil {
		return err
	}
	if err := r.due(ids); err != nil {
		return err
	}
	if err := r.lockRelated(ctx); err != nil {
		return err
	}
	return r.loadTerms(ctx, ids)
}

// readLicenses reads licenses under a lock, or without one.
func (r *reading) readLicenses(ctx context.Context, ids []int64, lock string) error {
	rows, err := r.Query(ctx, `SELECT l.id, l.product_id, l.contract_id, l.quantity, l.unlimited_quantity, l.overage, l.overage_shrinks, l.committed, l.capacity,
		l.ceiling, l.used, l.reserved, l.waiting, l.errors, p.name, p.sku, p.kind, p.blocked_locations, COALESCE(s.id, 0), COALESCE(s.name, ''),
		d.license_id IS NOT NULL FROM licenses l JOIN products p ON p.id = l.product_id
		LEFT JOIN (SELECT pp.product_id, s.id, s.name FROM product_plans pp JOIN service_plans s ON s.id = pp.plan_id WHERE `+r.Any("s.name", 2)+`) s
		ON s.product_id = p.id
		LEFT JOIN (SELECT DISTINCT license_id FROM purchase_reservations WHERE state = 'PLACED' AND starts_on <= $3) d ON d.license_id = l.id
		WHERE `+r.Any("l.id", 1)+` ORDER BY l.id, s.id`+lock,
		r.Array(ids), r.Array(slices.Sorted(maps.Keys(r.policy.RelevantPlans()))), r.today())
	return each(rows, err, r.scanLicense)
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
	p := &licensing.Pool{Mode: licensing.Reserved, Stock: &licensing.Stock{}}
	var blocked []byte
	var plan servicePlan
	if err := s.Scan(&l.id, &l.product.id, &l.contractID, &p.Stock.Quantity, &p.Stock.Unlimited, &p.Stock.Overage, &p.Stock.Shrinks, &p.Stock.Committed,
		&p.Limit, &p.Ceiling, &p.Used, &p.Reserved, &p.Waiting, &p.Errors, &l.product.name, &l.product.sku, &l.product.kind, &blocked, &plan.id, &plan.name,
		&l.due); err != nil {
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
	l.productID, l.overage, l.pool = l.product.id, p.Stock.Overage, p.Load()
	r.facts.licenses[l.id] = l
	r.book.Pools[p.Key] = p
	return unmarshal(blocked, &l.product.blocked)
}

// loadTerms reads the dates of locked licenses and of their contracts, and their allotments from the root down, with whom they may serve.
// It is a statement of its own because it has to see what whoever held the lock before has done, to the contract, too.
func (r *reading) loadTerms(ctx context.Context, licenses []int64) error {
	rows, err := r.Query(ctx, `SELECT l.id, l.starts_on, l.ends_on, c.starts_on, c.ends_on, COALESCE(a.id, 0), COALESCE(a.parent_id, 0), COALESCE(a.name, ''),
		COALESCE(a.mode, ''), a.starts_at, a.ends_at, a.capacity, a.ceiling, COALESCE(a.used, 0), COALESCE(a.reserved, 0), COALESCE(a.waiting, 0),
		COALESCE(a.errors, 0), COALESCE(s.kind, ''), COALESCE(s.group_id, 0), COALESCE(s.value, '')
		FROM licenses l JOIN contracts c ON c.id = l.contract_id LEFT JOIN allotments a ON a.license_id = l.id
		LEFT JOIN allotment_scopes s ON s.allotment_id = a.id WHERE `+r.Any("l.id", 1)+` ORDER BY COALESCE(a.depth, 0), a.id, s.id`,
		r.Array(licenses))
	return each(rows, err, func(s scanner) error {
		p := &licensing.Pool{}
		var own, contract dates
		var parent, group int64
		var kind, value string
		if err := s.Scan(&p.Key.License, &own.startsOn, &own.endsOn, &contract.startsOn, &contract.endsOn, &p.Key.Allotment, &parent, &p.Name, &p.Mode,
			&p.StartsAt, &p.EndsAt, &p.Limit, &p.Ceiling, &p.Used, &p.Reserved, &p.Waiting, &p.Errors, &kind, &group, &value); err != nil {
			return err
		}
		r.date(r.facts.licenses[p.Key.License], own, contract)
		if p.Key.IsLicense() { // it has no allotments
			return nil
		}
		if r.book.Pools[p.Key] == nil {
			p.Parent = r.book.Pools[licensing.PoolKey{License: p.Key.License, Allotment: parent}]
			r.book.Pools[p.Key] = p.Load()
		}
		r.facts.addScope(p.Key.Allotment, kind, group, value)
		return nil
	})
}

// dates are a first and a last day, YYYY-MM-DD and inclusive; nil where there is none.
type dates struct{ startsOn, endsOn *string }

// or gives the days of a license: where it has none of its own, those of its contract.
func (d dates) or(contract dates) dates {
	return dates{licensing.Or(d.startsOn, contract.startsOn), licensing.Or(d.endsOn, contract.endsOn)}
}

// date puts the days of a license and of its contract on it. It is the one place that says when something can be assigned from a license.
func (r *reading) date(l *license, own, contract dates) {
	l.own, l.contract = own, contract
	both := own.or(contract)
	l.pool.StartsAt, l.pool.EndsAt = r.policy.Terms().Period(both.startsOn, both.endsOn)
}

// today is the day of the transaction, UTC, YYYY-MM-DD.
func (r *reading) today() string { return r.Now().Format(time.DateOnly) }

// sorted gives the keys in order without doubles; the argument stays as it is.
func sorted(ids []int64) []int64 {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}
