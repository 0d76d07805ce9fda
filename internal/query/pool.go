package query

import (
	"context"
	stdsql "database/sql"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// Node is anything with an id.
type Node interface{ ID() id.ID }

// Pool is anything that can run out.
type Pool interface {
	Node
	Limit() *int64
	Available() *int64
	OverBy() int64
	State(ctx context.Context) (licensing.PoolState, error)
}

// left is the SQL for the units left in a pool; unlimited is more than every number.
const left = `COALESCE(CASE WHEN t.capacity < t.used + t.reserved THEN 0 ELSE t.capacity - t.used - t.reserved END, 9007199254740991)`

// inState is the condition that a pool is in one of some states.
func (s *session) inState(states []licensing.PoolState, outside condition) condition {
	if states == nil {
		return nil
	}
	any := []condition{never}
	states = slices.Clone(states)
	slices.Sort(states)
	for _, state := range slices.Compact(states) {
		switch state {
		case licensing.NotEffective:
			any = append(any, outside)
		case licensing.OverLimit:
			any = append(any, and(not(outside), sqlf("t.capacity IS NOT NULL AND t.used + t.reserved > t.capacity")))
		case licensing.Full:
			any = append(any, and(not(outside), sqlf("t.capacity IS NOT NULL AND t.used + t.reserved = t.capacity")))
		case licensing.OK:
			any = append(any, and(not(outside), sqlf("t.capacity IS NULL OR t.used + t.reserved < t.capacity")))
		}
	}
	return or(any...)
}

// licenseOutside is the condition that now is outside the dates of a license, or of its contract where it has none.
func (s *session) licenseOutside(alias string) condition {
	terms := s.policy.Terms()
	return sqlf("COALESCE("+startsOn(alias)+", '') > ? OR COALESCE("+endsOn(alias)+", "+forever+") < ?", terms.LastStart(s.now), terms.FirstEnd(s.now))
}

// allotmentOutside is the condition that now is outside the dates of the allotment t or of anything above it.
func (s *session) allotmentOutside() condition {
	return sqlf(`t.id IN (WITH RECURSIVE off(id) AS (
		SELECT oa.id FROM allotments oa WHERE oa.starts_at > ? OR oa.ends_at <= ?
			OR oa.license_id IN (SELECT ol.id FROM licenses ol WHERE ?)
		UNION SELECT oc.id FROM allotments oc JOIN off ON oc.parent_id = off.id
	) SELECT off.id FROM off)`, s.now, s.now, s.licenseOutside("ol"))
}

// pools loads pools with everything above them, linked, from what is stored now: one statement for the allotments and
// one for the licenses.
func (s *session) pools(ctx context.Context, keys []licensing.PoolKey) (map[licensing.PoolKey]*licensing.Pool, error) {
	var allotments, owners []int64
	for _, key := range keys {
		allotments = append(allotments, key.Allotment)
		owners = append(owners, key.License)
	}
	loaded := map[licensing.PoolKey]*licensing.Pool{}
	parents := map[licensing.PoolKey]int64{}
	if wanted := distinct(allotments); len(wanted) > 0 {
		if err := s.readAllotmentPools(ctx, wanted, loaded, parents); err != nil {
			return nil, err
		}
	}
	if wanted := distinct(owners); len(wanted) > 0 {
		if err := s.readLicensePools(ctx, wanted, loaded); err != nil {
			return nil, err
		}
	}
	for key, parent := range parents {
		loaded[key].Parent = loaded[licensing.PoolKey{License: key.License, Allotment: parent}]
	}
	return loaded, nil
}

func (s *session) readAllotmentPools(ctx context.Context, keys []int64, into map[licensing.PoolKey]*licensing.Pool, parents map[licensing.PoolKey]int64) error {
	statement := sqlf(`WITH RECURSIVE up(id) AS (
		SELECT a.id FROM allotments a WHERE ?
		UNION SELECT a.parent_id FROM allotments a JOIN up ON a.id = up.id WHERE a.parent_id IS NOT NULL
	) SELECT a.license_id, a.id, COALESCE(a.parent_id, 0), a.name, a.mode, a.capacity, a.used, a.reserved, a.starts_at, a.ends_at
	FROM allotments a JOIN up ON up.id = a.id`, in("a.id", keys))
	return s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		p := &licensing.Pool{}
		var parent int64
		var starts, ends store.Time
		err := rows.Scan(&p.Key.License, &p.Key.Allotment, &parent, &p.Name, &p.Mode, &p.Limit, &p.Used, &p.Reserved, &starts, &ends)
		p.StartsAt, p.EndsAt = timeOf(starts), timeOf(ends)
		into[p.Key], parents[p.Key] = p, parent
		return err
	})
}

func timeOf(t store.Time) *time.Time {
	if !t.Valid {
		return nil
	}
	return &t.Time
}

func (s *session) readLicensePools(ctx context.Context, keys []int64, into map[licensing.PoolKey]*licensing.Pool) error {
	terms := s.policy.Terms()
	statement := sqlf(`SELECT l.id, p.name, l.capacity, l.used, l.reserved, COALESCE(l.starts_on, c.starts_on), COALESCE(l.ends_on, c.ends_on)
		FROM licenses l JOIN products p ON p.id = l.product_id JOIN contracts c ON c.id = l.contract_id WHERE ?`, in("l.id", keys))
	return s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		p := &licensing.Pool{Mode: licensing.Reserved}
		var starts, ends *string
		err := rows.Scan(&p.Key.License, &p.Name, &p.Limit, &p.Used, &p.Reserved, &starts, &ends)
		p.StartsAt, p.EndsAt = terms.Period(starts, ends)
		into[p.Key] = p
		return err
	})
}
