package remedy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// cureShortage finds units for a pool that has too few: from above, from beside it, from a seat nobody needs, from a purchase that is on
// its way; or has the request wait.
func cureShortage(c *search, violations []licensing.Violation) []*plan {
	pool := c.pool(violations[0].Pool)
	if pool == nil || pool.Limit == nil {
		return nil
	}
	short := missing(violations)
	plans := []*plan{c.queue(violations), c.raise(pool.key, pool.Name, *pool.Limit, short)}
	plans = append(plans, c.moves(pool, short)...)
	if short == 1 {
		plans = append(plans, c.releases(pool)...)
	}
	return append(plans, c.purchases(pool, short), c.smaller(violations[0]))
}

// missing is how many units all the violations are short of.
func missing(violations []licensing.Violation) int64 {
	var most int64
	for _, v := range violations {
		if v.ShortBy != nil {
			most = max(most, *v.ShortBy)
		}
	}
	return max(most, int64(len(violations)))
}

// queue is the request for seats that waits.
func (c *search) queue([]licensing.Violation) *plan {
	if c.action != "assignSeats" || c.input["whenFull"] == "WAIT" {
		return nil
	}
	return &plan{kind: Queue, text: "ask with whenFull: WAIT, and wait for a unit to become free", input: c.with(map[string]any{"whenFull": "WAIT", "atomic": nil}), changed: true}
}

// smaller asks for no more than there is.
func (c *search) smaller(v licensing.Violation) *plan {
	field := map[string]string{"createAllotment": "limit", "updateAllotment": "limit", "createAllocation": "quantity", "updateAllocation": "quantity"}[c.action]
	asked, ok := c.input[field].(float64)
	if !ok || v.ShortBy == nil || int64(asked) <= *v.ShortBy {
		return nil
	}
	less := int64(asked) - *v.ShortBy
	return &plan{kind: Change, text: fmt.Sprintf("ask for %d instead of %d", less, int64(asked)), input: c.with(map[string]any{field: less}), changed: true}
}

// raise gives a pool more units: an allotment a higher limit, a license a larger quantity.
func (c *search) raise(key licensing.PoolKey, name string, limit, by int64) *plan {
	m := c.raising(key, limit, by)
	text := fmt.Sprintf("raise %s by %d, to %d", name, by, limit+by)
	if key.IsLicense() {
		text = fmt.Sprintf("buy %d more of %s", by, name)
	}
	if m == nil {
		return nil
	}
	return &plan{kind: Raise, text: text, size: by, moves: []*move{m}}
}

func (c *search) raising(key licensing.PoolKey, limit, by int64) *move {
	field, name := idOf(key)
	if !key.IsLicense() {
		return &move{action: "updateAllotment", input: map[string]any{field: name, "limit": limit + by}, raises: key}
	}
	quantity := read(c, func(s scanner) (n int64, err error) { return n, s.Scan(&n) }, `SELECT quantity FROM licenses WHERE id = $1`, key.License)
	if len(quantity) == 0 {
		return nil
	}
	return &move{action: "updateLicense", input: map[string]any{field: name, "quantity": quantity[0] + by}, raises: key}
}

// support makes room for a step of a plan that is short of units of another pool: that one is raised before. A pool that is raised
// already is raised by more.
func (c *search) support(p *plan, at int, v licensing.Violation) bool {
	pool := c.pool(v.Pool)
	if pool == nil || pool.Limit == nil || !short(v) && v.Code != licensing.LimitExceedsParent || at < len(p.moves) && p.moves[at].assumed {
		return false
	}
	by := int64(1)
	if v.ShortBy != nil {
		by = *v.ShortBy
	}
	field := "limit"
	if pool.key.IsLicense() {
		field = "quantity"
	}
	for _, m := range p.moves {
		if now, ok := m.input[field].(int64); ok && m.raises == pool.key {
			changed := *m
			changed.input = map[string]any{}
			for k, value := range m.input {
				changed.input[k] = value
			}
			changed.input[field] = now + by
			*m = changed
			return c.reworded(p, by, "")
		}
	}
	m := c.raising(pool.key, *pool.Limit, by)
	if m == nil {
		return false
	}
	p.moves = append(p.moves[:at:at], append([]*move{m}, p.moves[at:]...)...)
	what := fmt.Sprintf("raise %s by %d", pool.Name, by)
	if pool.key.IsLicense() {
		what = fmt.Sprintf("buy %d more of %s", by, pool.Name)
	}
	return c.reworded(p, by, what)
}

func (c *search) reworded(p *plan, by int64, what string) bool {
	p.size += by
	if what == "" {
		what = fmt.Sprintf("by %d more", by)
	}
	p.text, p.plain = p.text+", and "+what, p.plain+", and "+what
	return true
}

// moves takes units from an allotment beside a pool that has some left.
func (c *search) moves(pool *askedPool, short int64) []*plan {
	if !pool.allotment || pool.Mode != "RESERVED" {
		return nil
	}
	type sibling struct {
		key   int64
		name  string
		limit int64
	}
	found := read(c, func(s scanner) (b sibling, err error) { return b, s.Scan(&b.key, &b.name, &b.limit) },
		`SELECT b.id, b.name, b.capacity FROM allotments a JOIN allotments b ON b.license_id = a.license_id AND COALESCE(b.parent_id, 0) = COALESCE(a.parent_id, 0)
			AND b.id <> a.id WHERE a.id = $1 AND b.mode = 'RESERVED' AND b.capacity - b.used - b.reserved >= $2 ORDER BY b.capacity - b.used - b.reserved DESC, b.id LIMIT 2`,
		pool.key.Allotment, short)
	var plans []*plan
	for _, b := range found {
		from := map[string]any{"allotmentId": id.Of(id.Allotment, b.key).String(), "limit": b.limit - short}
		plans = append(plans, &plan{
			kind: Move, text: fmt.Sprintf("move %d from %s to %s", short, b.name, pool.Name), size: short,
			moves: []*move{{action: "updateAllotment", input: from}, c.raising(pool.key, *pool.Limit, short)},
		})
	}
	return plans
}

// releases gives back a seat that hardly anybody needs: whose user holds another license with all of its plans, or is a guest. That a
// seat was not used is not known: no source of use is part of the model.
func (c *search) releases(pool *askedPool) []*plan {
	type holder struct {
		user, allotment int64
		name            string
		why             string
	}
	found := read(c, func(s scanner) (h holder, err error) { return h, s.Scan(&h.user, &h.allotment, &h.name, &h.why) },
		`WITH RECURSIVE below(id) AS (SELECT CAST($2 AS BIGINT) UNION SELECT a.id FROM allotments a JOIN below ON COALESCE(a.parent_id, 0) = below.id
			WHERE a.license_id = $1 AND a.mode = 'CEILING'),
		held AS (SELECT s.user_id, s.allotment_id, s.license_id, s.id FROM seats s JOIN below ON below.id = s.allotment_id
			JOIN seat_reasons r ON r.license_id = s.license_id AND r.user_id = s.user_id AND r.group_license_id = 0 AND r.allotment_id = s.allotment_id
			WHERE s.license_id = $1 AND s.state = 'ACTIVE' AND NOT EXISTS (SELECT 1 FROM seat_reasons o WHERE o.license_id = s.license_id AND o.user_id = s.user_id
				AND o.group_license_id <> 0))
		SELECT h.user_id, h.allotment_id, CASE WHEN u.display_name = '' THEN u.user_name ELSE u.display_name END, CASE WHEN u.type = 'GUEST' THEN 'a guest' ELSE o.name END
		FROM held h JOIN users u ON u.id = h.user_id LEFT JOIN (
			SELECT s.user_id, MIN(p.name) AS name FROM held x JOIN seats s ON s.user_id = x.user_id AND s.license_id <> x.license_id AND s.state = 'ACTIVE'
			JOIN licenses l ON l.id = s.license_id JOIN products p ON p.id = l.product_id
			WHERE EXISTS (SELECT 1 FROM product_plans mine JOIN licenses ml ON ml.product_id = mine.product_id WHERE ml.id = $1) AND NOT EXISTS (
				SELECT 1 FROM product_plans mine JOIN licenses ml ON ml.product_id = mine.product_id WHERE ml.id = $1 AND mine.plan_id NOT IN (
					SELECT theirs.plan_id FROM product_plans theirs WHERE theirs.product_id = l.product_id))
			GROUP BY s.user_id) o ON o.user_id = h.user_id
		WHERE u.type = 'GUEST' OR o.name IS NOT NULL ORDER BY CASE WHEN o.name IS NULL THEN 1 ELSE 0 END, h.id LIMIT 2`,
		pool.key.License, pool.key.Allotment)
	var plans []*plan
	for _, h := range found {
		field, from := idOf(licensing.PoolKey{License: pool.key.License, Allotment: h.allotment})
		why := h.why
		if why != "a guest" {
			why = "who also holds " + why + " with all of its plans"
		}
		plans = append(plans, &plan{
			kind: Release, text: fmt.Sprintf("release the seat of %s, %s", h.name, why), plain: "release the seat of " + cmp.Or(map[bool]string{true: "a guest"}[h.why == "a guest"],
				"somebody "+why), size: 1,
			moves: []*move{{action: "unassignSeats", input: map[string]any{field: from, "userIds": userIDs([]int64{h.user})}}},
		})
	}
	return plans
}

// purchases waits for units that are committed for a date. What there will be then is tried as if it were there.
func (c *search) purchases(pool *askedPool, short int64) *plan {
	if pool.allotment {
		return nil
	}
	type purchase struct {
		day      string
		quantity int64
	}
	found := read(c, func(s scanner) (p purchase, err error) { return p, s.Scan(&p.day, &p.quantity) },
		`SELECT starts_on, quantity FROM purchase_reservations WHERE license_id = $1 AND state = 'PLACED' ORDER BY starts_on, id LIMIT 10`, pool.key.License)
	var sum int64
	for _, p := range found {
		if sum += p.quantity; sum < short {
			continue
		}
		m := c.raising(pool.key, *pool.Limit, sum)
		if m == nil {
			return nil
		}
		m.assumed = true
		return &plan{kind: Wait, text: fmt.Sprintf("wait until %s, when %d more of %s come", p.day, sum, pool.Name), size: c.daysTo(p.day), moves: []*move{m}}
	}
	return nil
}

// daysTo counts the days from now to a day.
func (c *search) daysTo(day string) int64 {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 1
	}
	return max(1, distance(time.Unix(c.asked.Now, 0).UTC(), at))
}
