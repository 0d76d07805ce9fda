package operation

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// recount is a pool as it is stored, beside what was counted from the rows.
type recount struct {
	*licensing.Pool
	used, reserved, waiting, errors int64
	parent, depth                   int64 // as stored
}

// readPools reads all pools and links them into trees.
func (v *verification) readPools(ctx context.Context) error {
	v.progress("pools", 0, 0)
	rows, err := v.Query(ctx, `SELECT l.id, COALESCE(l.starts_on, c.starts_on), COALESCE(l.ends_on, c.ends_on), l.capacity, l.ceiling, l.used, l.reserved,
		l.waiting, l.errors FROM licenses l JOIN contracts c ON c.id = l.contract_id ORDER BY l.id`)
	err = each(rows, err, func(s scanner) error {
		p := &recount{Pool: &licensing.Pool{Mode: licensing.Reserved}}
		var starts, ends *string
		err := s.Scan(&p.Key.License, &starts, &ends, &p.Limit, &p.Ceiling, &p.Used, &p.Reserved, &p.Waiting, &p.Errors)
		p.StartsAt, p.EndsAt = licensing.DefaultTerms.Period(starts, ends) // in grace, where settings let it give, no queue is looked at
		v.addPool(p)
		v.count.Licenses++
		return err
	})
	if err != nil {
		return err
	}
	rows, err = v.Query(ctx, `SELECT id, license_id, COALESCE(parent_id, 0), depth, name, mode, starts_at, ends_at, capacity, ceiling, used, reserved,
		waiting, errors FROM allotments ORDER BY depth, id`)
	err = each(rows, err, func(s scanner) error {
		p := &recount{Pool: &licensing.Pool{}}
		err := s.Scan(&p.Key.Allotment, &p.Key.License, &p.parent, &p.depth, &p.Name, &p.Mode, &p.StartsAt, &p.EndsAt, &p.Limit, &p.Ceiling,
			&p.Used, &p.Reserved, &p.Waiting, &p.Errors)
		v.addPool(p)
		v.count.Allotments++
		return err
	})
	return err
}

func (v *verification) addPool(p *recount) {
	v.pools[p.Key] = p
	v.order = append(v.order, p)
}

// checkTree links every allotment to its parent and holds it to P6: license, depth, limit, dates and scope.
func (v *verification) checkTree(ctx context.Context) error {
	for _, p := range v.order {
		if p.Key.IsLicense() {
			continue
		}
		parent := v.pools[licensing.PoolKey{License: p.Key.License, Allotment: p.parent}]
		depth := int64(1)
		if parent == nil {
			v.found("P6", poolID(p.Key), "has no parent in license %s", id.Of(id.License, p.Key.License))
			continue
		}
		depth += parent.depth
		if p.depth != depth || depth > licensing.MaxDepth {
			v.found("P6", poolID(p.Key), "says it is %d deep and is %d deep, of at most %d", p.depth, depth, licensing.MaxDepth)
			if p.depth <= parent.depth { // read before its parent, perhaps part of a circle: it cannot be recounted with it
				continue
			}
		}
		p.Parent = parent.Pool
	}
	scopes, err := v.readScopes(ctx)
	for _, p := range v.order {
		if p.Parent == nil || p.Parent.Key.IsLicense() {
			continue
		}
		v.checkWithin(p.Pool, p.Parent)
		if !within(scopes[p.Key.Allotment], scopes[p.parent]) {
			v.found("P6", poolID(p.Key), "has a scope wider than that of its parent %s", poolID(p.Parent.Key))
		}
	}
	return err
}

// readScopes reads whom allotments may serve, by their keys.
func (v *verification) readScopes(ctx context.Context) (map[int64]policy.Scope, error) {
	scopes := map[int64]policy.Scope{}
	rows, err := v.Query(ctx, `SELECT allotment_id, kind, group_id, value FROM allotment_scopes ORDER BY id`)
	err = each(rows, err, func(s scanner) error {
		var allotment, group int64
		var kind, value string
		err := s.Scan(&allotment, &kind, &group, &value)
		scope := scopes[allotment]
		switch kind {
		case "GROUP":
			scope.Groups = append(scope.Groups, group)
		case "DEPARTMENT":
			scope.Departments = append(scope.Departments, value)
		case "COUNTRY":
			scope.Countries = append(scope.Countries, value)
		}
		scopes[allotment] = scope
		return err
	})
	return scopes, err
}

// checkWithin holds an allotment to the allotment above it. A license may be lowered below what was allotted from it
// (semantics.md WX-7), so its limit binds nothing here; its dates bind without being copied.
func (v *verification) checkWithin(p, above *licensing.Pool) {
	if above.Limit != nil && (p.Limit == nil || *p.Limit > *above.Limit) {
		v.found("P6", poolID(p.Key), "has the limit %s, above the limit %d of its parent %s", amount(p.Limit), *above.Limit, poolID(above.Key))
	}
	if outside(p.StartsAt, above) || outside(p.EndsAt, above) {
		v.found("P6", poolID(p.Key), "has dates outside those of its parent %s", poolID(above.Key))
	}
}

// outside tells whether a date lies outside the dates of a pool. A date that is not set binds nothing and is within all.
func outside(date *time.Time, pool *licensing.Pool) bool {
	return date != nil && (pool.StartsAt != nil && date.Before(*pool.StartsAt) || pool.EndsAt != nil && date.After(*pool.EndsAt))
}

// recountPools counts seats and queues anew and compares (P1, P2).
func (v *verification) recountPools(ctx context.Context) error {
	v.progress("seats", 0, 0)
	rows, err := v.Query(ctx, `SELECT license_id, allotment_id, state, COUNT(*) FROM seats GROUP BY license_id, allotment_id, state`)
	err = each(rows, err, func(s scanner) error {
		var key licensing.PoolKey
		var state licensing.SeatState
		var n int64
		if err := s.Scan(&key.License, &key.Allotment, &state, &n); err != nil {
			return err
		}
		v.count.Seats += n
		if p := v.pools[key]; p != nil && state == licensing.Active {
			for _, link := range p.Chain() {
				v.pools[link.Key].used += n
			}
		} else if p != nil && state == licensing.Failed {
			p.errors += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = v.Query(ctx, `SELECT license_id, allotment_id, state, COUNT(*) FROM seat_reasons GROUP BY license_id, allotment_id, state`)
	err = each(rows, err, func(s scanner) error {
		var key licensing.PoolKey
		var state licensing.ReasonState
		var n int64
		if err := s.Scan(&key.License, &key.Allotment, &state, &n); err != nil {
			return err
		}
		v.count.Reasons += n
		if p := v.pools[key]; p != nil && state == licensing.Queued {
			p.waiting = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.countAllocations(ctx); err != nil {
		return err
	}
	for i := len(v.order) - 1; i >= 0; i-- { // from the leaves up, because what a child holds decides what it carves out
		v.carveOut(v.order[i])
	}
	for _, p := range v.order {
		v.comparePool(p)
	}
	return err
}

// carveOut counts what a RESERVED allotment takes out of the pools above it.
func (v *verification) carveOut(p *recount) {
	if p.Parent == nil || p.Mode != licensing.Reserved {
		return
	}
	carve := p.used + p.reserved
	if p.Limit != nil {
		carve = max(carve, *p.Limit)
	}
	for _, link := range p.Parent.Chain() {
		v.pools[link.Key].reserved += carve
	}
}

func (v *verification) comparePool(p *recount) {
	subject := poolID(p.Key)
	for _, figure := range []struct {
		name            string
		stored, counted int64
		of              string
	}{
		{"used", p.Used, p.used, "active seats are charged to it"},
		{"reserved", p.Reserved, p.reserved, "units are carved out of it"},
		{"waiting", p.Waiting, p.waiting, "reasons wait at it"},
		{"errors", p.Errors, p.errors, "seats in error draw on it"},
	} {
		if figure.stored != figure.counted {
			v.found("P2", subject, "says %s %d, but %d %s", figure.name, figure.stored, figure.counted, figure.of)
		}
	}
	held := p.used + p.reserved
	switch {
	case (p.Limit == nil) != (p.Ceiling == nil):
		v.found("P1", subject, "has the limit %s and the ceiling %s", amount(p.Limit), amount(p.Ceiling))
	case p.Limit == nil:
	case held > *p.Ceiling:
		v.found("P1", subject, "holds %d, its ceiling is %d and its limit %d", held, *p.Ceiling, *p.Limit)
	case *p.Ceiling != max(*p.Limit, held): // it comes down with use, to the limit
		v.found("P1", subject, "has the ceiling %d, with the limit %d and %d held it should be %d", *p.Ceiling, *p.Limit, held, max(*p.Limit, held))
	}
}

// settleTime is how long after a date has come a queue may still stand: a sweep moves it.
const settleTime = time.Minute

// checkQueues looks for reasons that wait although there is room (P5).
func (v *verification) checkQueues(ctx context.Context) error {
	for _, p := range v.order {
		if p.waiting == 0 || !v.gives(p.Pool) {
			continue
		}
		blocked, err := v.companions(ctx, p.Key)
		if err != nil {
			return err
		}
		rows, err := v.Query(ctx, `SELECT id, user_id FROM seat_reasons WHERE license_id = $1 AND allotment_id = $2 AND state = 'WAITING'
			ORDER BY priority DESC, waiting_since, user_id, id`, p.Key.License, p.Key.Allotment)
		err = each(rows, err, func(s scanner) error {
			var reason, user int64
			err := s.Scan(&reason, &user)
			if !blocked[reason] {
				v.found("P5", id.Of(id.User, user), "waits for %s, which has room", poolID(p.Key))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gives tells whether a unit could be drawn from a pool now, and has been for long enough that the queue should have moved.
func (v *verification) gives(p *licensing.Pool) bool {
	return p.InEffect(v.Now()) && p.InEffect(v.Now().Add(-settleTime)) && p.Binding(1) == nil
}

// companions gives the reasons waiting at a pool that cannot be served because another license of the same all-or-nothing
// group has no room for the user, or stands in error.
func (v *verification) companions(ctx context.Context, key licensing.PoolKey) (map[int64]bool, error) {
	blocked := map[int64]bool{}
	rows, err := v.Query(ctx, `SELECT r.id, o.license_id, o.allotment_id, o.state FROM seat_reasons r
		JOIN group_licenses g ON g.id = r.group_license_id AND g.all_or_nothing AND g.replaced_by = 0
		JOIN group_licenses c ON c.group_id = g.group_id AND c.id <> g.id AND c.all_or_nothing AND c.replaced_by = 0
		JOIN seat_reasons o ON o.group_license_id = c.id AND o.user_id = r.user_id
		JOIN seats s ON s.license_id = o.license_id AND s.user_id = o.user_id AND s.state <> 'ACTIVE'
		WHERE r.license_id = $1 AND r.allotment_id = $2 AND r.state = 'WAITING'`, key.License, key.Allotment)
	err = each(rows, err, func(s scanner) error {
		var reason int64
		var other licensing.PoolKey
		var state licensing.ReasonState
		err := s.Scan(&reason, &other.License, &other.Allotment, &state)
		if p := v.pools[other]; p == nil || state == licensing.Erred || !v.gives(p.Pool) {
			blocked[reason] = true
		}
		return err
	})
	return blocked, err
}
