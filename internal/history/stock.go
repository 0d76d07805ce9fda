package history

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// excess is how far a license was over what had been bought: at most, since when, and added up over time, in units times hours.
type excess struct {
	most      int64
	at        time.Time
	unitHours float64
}

// overages gives, for each license of a database, how far it was over what was bought and committed: seats, carve-outs and fixed
// allocations together (semantics.md §6).
func overages(ctx context.Context, s *store.Store, until time.Time, canon func(noun id.Noun, key int64) int64) (map[int64]excess, error) {
	all := map[int64]excess{}
	return all, s.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		clear(all)
		type state struct {
			at   time.Time
			over int64
		}
		last := map[int64]state{}
		end := func(license int64, to time.Time) {
			s := last[license]
			if s.over == 0 || !to.After(s.at) { // of several at one time the last one counts
				return
			}
			x := all[license]
			if s.over > x.most {
				x.most, x.at = s.over, s.at
			}
			x.unitHours += float64(s.over) * to.Sub(s.at).Hours()
			all[license] = x
		}
		found, err := rd.Query(ctx, `SELECT license_id, at, quantity + committed, used + reserved, capacity IS NULL OR deleted FROM license_states WHERE at <= $1 ORDER BY id`, until)
		if err := each(found, err, func(r rows) error {
			var license, bought, consumed int64
			var at time.Time
			var boundless bool
			if err := r.Scan(&license, &at, &bought, &consumed, &boundless); err != nil {
				return err
			}
			license, at = canon(id.License, license), at.UTC()
			end(license, at)
			s := state{at: at}
			if !boundless {
				s.over = max(0, consumed-bought)
			}
			last[license] = s
			return nil
		}); err != nil {
			return err
		}
		for license := range last {
			end(license, until)
		}
		return nil
	})
}
