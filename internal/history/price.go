package history

import (
	"context"
	"math/big"
	"time"

	"github.com/ringfence/ringfence/internal/cost"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// product is what is to be known of a license: what it is called, and what a unit of it costs (nil: it has no price).
type product struct {
	name  string
	price *cost.Price
}

// products reads the licenses of a database.
func products(ctx context.Context, s *store.Store, canon func(noun id.Noun, key int64) int64) (map[int64]product, error) {
	all := map[int64]product{}
	return all, s.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		clear(all)
		found, err := rd.Query(ctx, `SELECT l.id, p.name || ' (' || c.number || ')', l.unit_price, l.currency, l.price_per, COALESCE(l.starts_on, c.starts_on), COALESCE(l.ends_on, c.ends_on)
			FROM licenses l JOIN products p ON p.id = l.product_id JOIN contracts c ON c.id = l.contract_id`)
		return each(found, err, func(r rows) error {
			var key int64
			var p product
			var unit, currency, starts, ends *string
			var per cost.Per
			if err := r.Scan(&key, &p.name, &unit, &currency, &per, &starts, &ends); err != nil {
				return err
			}
			p.price, _ = cost.Parse(unit, currency, per, starts, ends)
			all[canon(id.License, key)] = p
			return nil
		})
	})
}

// costs gives what the seats of a course cost, by license, as the showback counts it (docs/cost.md): seat-time, cut to seconds, at the
// price the license has.
func (c *course) costs(of map[int64]product, from, until time.Time) map[int64]*big.Rat {
	from = from.Truncate(24 * time.Hour)
	spans, tallies := map[int64][]cost.Span{}, map[int64]*cost.Tally{}
	c.stays(until, func(s stay) {
		p := of[s.who.license].price
		if s.is.state != licensing.Active || p == nil {
			return
		}
		if tallies[s.who.license] == nil {
			tallies[s.who.license] = &cost.Tally{}
			spans[s.who.license] = p.Spans(from, until.Truncate(24*time.Hour).AddDate(0, 0, 1))
		}
		tallies[s.who.license].Add(spans[s.who.license], 1, s.from, s.to)
	})
	all := map[int64]*big.Rat{}
	for license, tally := range tallies {
		all[license] = tally.Cost(of[license].price.Unit)
	}
	return all
}
