package remedy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// item is a row with a name.
type item struct {
	key  int64
	name string
}

func (c *search) items(statement string, args ...any) []item {
	return read(c, func(s scanner) (one item, err error) { return one, s.Scan(&one.key, &one.name) }, statement, args...)
}

// mostPlans bounds how many plans or licenses are tried for one violation.
const mostPlans = 4

// cureConflict leaves a plan of the license out, or has the user give back the license whose plan excludes it.
func cureConflict(c *search, violations []licensing.Violation) []*plan {
	plans := append(c.leavingOut(), c.without(violations))
	keys, at := c.users(violations)
	if len(keys) != 1 {
		return plans
	}
	held := c.subject(at[0]).HeldPlans
	var tried []int64
	for _, name := range held {
		for _, other := range c.items(`SELECT s.license_id, p.name FROM seats s JOIN licenses l ON l.id = s.license_id JOIN products p ON p.id = l.product_id
			JOIN product_plans pp ON pp.product_id = p.id JOIN service_plans n ON n.id = pp.plan_id
			WHERE s.user_id = $1 AND s.license_id <> $2 AND s.state = 'ACTIVE' AND n.name = $3 ORDER BY s.id LIMIT 2`, keys[0], c.asked.License.ID, name) {
			if slices.Contains(tried, other.key) || len(tried) >= mostPlans {
				continue
			}
			tried = append(tried, other.key)
			plans = append(plans, &plan{
				kind: Release, text: "release the user's seat of " + other.name + " first", size: 1,
				moves: []*move{{action: "unassignSeats", input: map[string]any{"licenseId": id.Of(id.License, other.key).String(), "userIds": userIDs(keys)}}},
			})
		}
	}
	return plans
}

// leavingOut are the requests with one more plan of the license switched off.
func (c *search) leavingOut() []*plan {
	if c.action != "assignSeats" && c.action != "licenseGroup" {
		return nil
	}
	off, _ := c.input["disabledPlanIds"].([]any)
	var plans []*plan
	for i, name := range c.asked.License.Plans {
		if i == mostPlans {
			break
		}
		for _, found := range c.items(`SELECT n.id, n.name FROM service_plans n JOIN product_plans pp ON pp.plan_id = n.id JOIN licenses l ON l.product_id = pp.product_id
			WHERE l.id = $1 AND n.name = $2 ORDER BY n.id LIMIT 1`, c.asked.License.ID, name) {
			plans = append(plans, &plan{
				kind: Change, text: "assign it without " + found.name, size: 1, changed: true,
				input: c.with(map[string]any{"disabledPlanIds": append(slices.Clone(off), id.Of(id.ServicePlan, found.key).String())}),
			})
		}
	}
	return plans
}

// cureDependency leaves out the plan that needs another, or assigns a license that has what it needs.
func cureDependency(c *search, violations []licensing.Violation) []*plan {
	plans := append(c.leavingOut(), c.without(violations))
	keys, _ := c.users(violations)
	if len(keys) == 0 || len(keys) > mostPeople {
		return plans
	}
	args := []any{c.asked.License.ID, int64(len(keys))}
	var named []string
	for _, name := range slices.Sorted(maps.Keys(c.Policy.Current().RelevantPlans())) {
		args = append(args, name)
		named = append(named, fmt.Sprintf("$%d", len(args)))
	}
	if len(named) == 0 {
		return plans
	}
	for _, other := range c.items(`SELECT l.id, MIN(p.name) FROM licenses l JOIN products p ON p.id = l.product_id JOIN product_plans pp ON pp.product_id = p.id
		JOIN service_plans n ON n.id = pp.plan_id WHERE l.id <> $1 AND n.name IN (`+strings.Join(named, ", ")+`) AND (l.capacity IS NULL OR l.capacity - l.used - l.reserved >= $2)
		GROUP BY l.id ORDER BY l.id LIMIT 4`, args...) {
		plans = append(plans, &plan{
			kind: Assign, text: "assign " + other.name + " first", size: int64(len(keys)),
			moves: []*move{{action: "assignSeats", input: map[string]any{"licenseId": id.Of(id.License, other.key).String(), "userIds": userIDs(keys)}}},
		})
	}
	return plans
}

// cureDates puts dates in order: those of the request, those of a pool, or by waiting for them.
func cureDates(c *search, violations []licensing.Violation) []*plan {
	v := violations[0]
	pool := c.pool(v.Pool)
	if c.action == "placePurchaseReservation" || c.action == "cancelPurchaseReservation" {
		return c.purchaseDates(v)
	}
	if pool == nil {
		return nil
	}
	if v.Field == "startsAt" || v.Field == "endsAt" { // an allotment that is to be, outside the dates of one above
		plans := []*plan{{
			kind: Change, text: fmt.Sprintf("take the dates of %s", pool.Name), size: 1, changed: true,
			input: c.with(map[string]any{"startsAt": instant(pool.StartsAt), "endsAt": instant(pool.EndsAt)}),
		}}
		return append(plans, c.redate(pool, map[string]any{v.Field: c.input[v.Field]}, false, fmt.Sprintf("move the dates of %s", pool.Name)))
	}
	switch {
	case pool.StartsAt != nil && c.asked.Now < *pool.StartsAt:
		day := instant(pool.StartsAt)
		return []*plan{
			c.redate(pool, map[string]any{"startsAt": nil}, false, fmt.Sprintf("let %s start now instead of %v", pool.Name, day)),
			c.redate(pool, map[string]any{"startsAt": nil}, true, fmt.Sprintf("wait until %v, when %s starts", day, pool.Name)),
		}
	case pool.EndsAt != nil:
		return []*plan{c.redate(pool, map[string]any{"endsAt": nil}, false, fmt.Sprintf("let %s go on without an end; it ended %v", pool.Name, instant(pool.EndsAt)))}
	}
	return nil
}
