package query

import (
	"context"
	stdsql "database/sql"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// CapacitySuggestion is what would help a group license that is short of units, as the schema lists it.
type CapacitySuggestion string

// The suggestions.
const (
	suggestNone  CapacitySuggestion = "NONE"
	suggestRaise CapacitySuggestion = "RAISE_ALLOTMENT"
	suggestWait  CapacitySuggestion = "WAIT_FOR_UNITS"
	suggestDates CapacitySuggestion = "CHANGE_DATES"
	suggestBuy   CapacitySuggestion = "BUY"
)

// Capacity is whether a group license has units for all it would license, in units.
type Capacity struct {
	UniqueMembers  int64
	SeatsHeld      int64
	SeatsAvailable *int64 // nil: unlimited
	Shortfall      int64
	NextUnitsOn    *string
	NextUnits      *int64
	Suggestion     CapacitySuggestion
	SuggestedUnits int64
}

// CapacityWhere are conditions on group licenses whose capacity is asked for.
type CapacityWhere struct {
	GroupLicenseIDIn []id.ID
	GroupIDIn        []id.ID
	LicenseIDIn      []id.ID
	AllotmentIDIn    []id.ID
}

// Capacity lists the group licenses the principal may see.
func (r *Reader) Capacity(ctx context.Context, p Page, w *CapacityWhere) (*GroupLicenseConnection, error) {
	l := list{order: byKey}
	if w != nil {
		l.where = and(named("t.id", id.GroupLicense, w.GroupLicenseIDIn), named("t.group_id", id.Group, w.GroupIDIn),
			named("t.license_id", id.License, w.LicenseIDIn), named("t.allotment_id", id.Allotment, w.AllotmentIDIn))
	}
	return root(ctx, r.session(ctx), groupLicenses, l, p)
}

// Capacity gives whether there are units for all members, for all group licenses of a page in the same few statements.
func (g *GroupLicense) Capacity(ctx context.Context) (*Capacity, error) {
	all, err := together(ctx, g.family, "capacity", g.family.capacities)
	if err != nil {
		return nil, err
	}
	return all[g.GroupLicense.ID], nil
}

func (s *session) capacities(ctx context.Context, members []*GroupLicense) (map[int64]*Capacity, error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	var pools []licensing.PoolKey
	var owners []int64
	out := map[int64]*Capacity{}
	for _, g := range members {
		out[g.GroupLicense.ID] = &Capacity{}
		pools = append(pools, licensing.PoolKey{License: g.LicenseID, Allotment: g.AllotmentID})
		owners = append(owners, g.LicenseID)
	}
	if err := s.countMembers(ctx, f, groupLicenseKeys(members), out); err != nil {
		return nil, err
	}
	loaded, err := s.pools(ctx, pools)
	if err != nil {
		return nil, err
	}
	arriving, err := s.arriving(ctx, f, distinct(owners))
	if err != nil {
		return nil, err
	}
	for i, g := range members {
		if pool := loaded[pools[i]]; pool != nil {
			out[g.GroupLicense.ID].judge(pool, arriving[g.LicenseID], pool.InEffect(s.now))
		}
	}
	return out, nil
}

// countMembers counts, for group licenses, the members they serve and those of them who hold a seat. Who is served is what the default
// policy says of members, as conditions: the policy itself is asked about people when they are to be given something, not here.
func (s *session) countMembers(ctx context.Context, f *facts, keys []int64, into map[int64]*Capacity) error {
	guests := sqlf("u.type <> 'GUEST'")
	if s.policy.GuestsByGroup() {
		guests = nil
	}
	statement := sqlf(`WITH RECURSIVE reach(grant_id, group_id) AS (
		SELECT g.id, g.group_id FROM group_licenses g WHERE ?
		UNION SELECT r.grant_id, n.child_id FROM reach r JOIN group_licenses g ON g.id = r.grant_id AND g.include_nested
			JOIN group_nestings n ON n.parent_id = r.group_id
	), line(grant_id, id) AS (
		SELECT g.id, g.allotment_id FROM group_licenses g WHERE ?
		UNION SELECT l.grant_id, a.parent_id FROM line l JOIN allotments a ON a.id = l.id WHERE a.parent_id IS NOT NULL
	), scoped(grant_id, id) AS (
		SELECT l.grant_id, l.id FROM line l WHERE EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = l.id)
	), people(grant_id, user_id) AS (SELECT DISTINCT r.grant_id, m.user_id FROM reach r JOIN memberships m ON m.group_id = r.group_id)
	SELECT g.id, COUNT(*), COUNT(h.user_id) FROM people p JOIN group_licenses g ON g.id = p.grant_id JOIN users u ON u.id = p.user_id
	LEFT JOIN seats h ON h.license_id = g.license_id AND h.user_id = u.id AND h.state = 'ACTIVE' WHERE ? GROUP BY g.id`,
		in("g.id", keys), in("g.id", keys), and(
			sqlf("u.enabled"), guests,
			sqlf(`NOT EXISTS (SELECT 1 FROM exclusions x WHERE x.group_license_id = g.id AND x.user_id = u.id AND (x.ends_at IS NULL OR x.ends_at > ?))`, s.now),
			sqlf(`NOT EXISTS (SELECT 1 FROM scoped c WHERE c.grant_id = g.id AND NOT EXISTS (SELECT 1 FROM allotment_scopes s WHERE s.allotment_id = c.id
				AND (s.kind = 'DEPARTMENT' AND s.value = u.department
				OR s.kind = 'COUNTRY' AND s.value = CASE WHEN u.usage_location = '' THEN ? ELSE u.usage_location END
				OR s.kind = 'GROUP' AND EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = s.group_id AND m.user_id = u.id))))`, s.defaultLocation),
			s.visible(f, kindUser, "u"),
		))
	return s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, n, held int64
		err := rows.Scan(&key, &n, &held)
		into[key].UniqueMembers, into[key].SeatsHeld = n, held
		return err
	})
}

// arrival is what the next purchase reservation of a license brings.
type arrival struct {
	on    string
	units int64
}

// arriving gives what comes next to licenses, from purchase reservations that may be seen.
func (s *session) arriving(ctx context.Context, f *facts, licenses []int64) (map[int64]*arrival, error) {
	statement := sqlf(`SELECT t.license_id, t.starts_on, SUM(t.quantity) FROM purchase_reservations t WHERE ? GROUP BY t.license_id, t.starts_on
		ORDER BY t.license_id, t.starts_on DESC`, and(in("t.license_id", licenses), sqlf("t.state = 'PLACED'"), s.visible(f, kindPurchase, "t")))
	out := map[int64]*arrival{}
	return out, s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var license int64
		next := &arrival{}
		err := rows.Scan(&license, &next.on, &next.units)
		out[license] = next // the earliest comes last
		return err
	})
}

// judge compares what the members need with what the pools have, and says what would help.
func (c *Capacity) judge(pool *licensing.Pool, next *arrival, inEffect bool) {
	c.Suggestion = suggestNone
	needed := max(0, c.UniqueMembers-c.SeatsHeld)
	if next != nil {
		c.NextUnitsOn, c.NextUnits = &next.on, &next.units
	}
	draws, above := drawable(pool)
	if !inEffect {
		draws = 0
	}
	if draws < limitless {
		c.SeatsAvailable = &draws
	}
	c.Shortfall = max(0, needed-draws)
	switch {
	case c.Shortfall == 0:
		return
	case !inEffect:
		c.Suggestion = suggestDates
		return
	case above >= c.Shortfall:
		c.Suggestion = suggestRaise
	case next != nil && next.units+above >= c.Shortfall:
		c.Suggestion = suggestWait
	default:
		c.Suggestion = suggestBuy
		c.SuggestedUnits = c.Shortfall - above
		return
	}
	c.SuggestedUnits = c.Shortfall
}

// limitless is more units than there can be.
const limitless = int64(1) << 40

// drawable gives how many units can be drawn from a pool, and how many more the pools above could give if its limit were raised.
func drawable(pool *licensing.Pool) (draws, above int64) {
	draws = min(pool.Draws(), limitless)
	switch {
	case pool.Parent == nil:
		return draws, 0
	case pool.Mode == licensing.Ceiling:
		return draws, min(pool.Parent.Draws(), limitless) - draws
	}
	return draws, min(pool.Parent.Draws(), limitless)
}
