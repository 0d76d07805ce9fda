package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/store"
)

// activatePurchases is the duty of having purchase reservations count from their day on (semantics.md §6).
const activatePurchases = "activatePurchases"

// dueError ends a transaction that locked licenses with purchase reservations whose day has come, and that nobody has had count yet.
// That is done in transactions of its own, with decisions and events of its own; then it starts again, on the right limits.
type dueError struct{ licenses []int64 }

func (e *dueError) Error() string {
	return fmt.Sprintf("purchase reservations are to start: %v", e.licenses)
}

// due tells if some of the licenses just locked have purchase reservations that are to start.
func (r *reading) due(licenses []int64) error {
	if r.widen.all {
		return nil
	}
	due := slices.DeleteFunc(slices.Clone(licenses), func(license int64) bool {
		l := r.facts.licenses[license]
		return l == nil || !l.due || r.widen.awake[license]
	})
	if len(due) == 0 {
		return nil
	}
	return &dueError{licenses: due}
}

// activate has the purchase reservations of licenses count whose day has come.
func (r *Runner) activate(ctx context.Context, licenses []int64) error {
	for _, license := range licenses {
		if err := r.sweepOne(ctx, duty{action: activatePurchases, license: license}); err != nil {
			return err
		}
	}
	return nil
}

// dawnPause is how long readings go on without purchase reservations that could not be started: whoever reads must not wait again and
// again for whoever writes.
const dawnPause = 10 * time.Second

// Daybreak has all purchase reservations count that start on the day of an instant or before. It is asked before every reading, so
// that limits are right from 00:00 UTC on (semantics.md §6) without a reading ever writing: the first one of a day waits for it, the
// others find it done. What cannot be done is logged, and tried again.
func (r *Runner) Daybreak(ctx context.Context, now time.Time) {
	day := now.Unix() / (24 * 60 * 60)
	if r.day.Load() >= day {
		return
	}
	r.dawn.Lock()
	defer r.dawn.Unlock()
	if r.day.Load() >= day || now.Before(r.dusk) {
		return
	}
	if err := r.activateAll(ctx, now); err != nil {
		if ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "purchase reservations could not be started", "error", err)
		}
		r.dusk = now.Add(dawnPause)
		return
	}
	r.day.Store(day)
}

func (r *Runner) activateAll(ctx context.Context, now time.Time) error {
	var licenses []int64
	err := r.Store.View(ctx, func(ctx context.Context, rd *store.Reader) error {
		licenses = nil
		rows, err := rd.Query(ctx, `SELECT DISTINCT license_id FROM purchase_reservations WHERE state = 'PLACED' AND starts_on <= $1 ORDER BY license_id`,
			now.UTC().Format(time.DateOnly))
		return each(rows, err, func(s scanner) error {
			var license int64
			err := s.Scan(&license)
			licenses = append(licenses, license)
			return err
		})
	})
	return errors.Join(err, r.activate(ctx, licenses))
}

// activate has the purchase reservations of a locked license count whose day has come: committed units, limit and queues change in
// this one transaction.
func (w *writing) activate(ctx context.Context, license int64) error {
	pool := w.poolOf(license, 0)
	var due []*purchase
	rows, err := w.Query(ctx, `SELECT id, quantity, starts_on FROM purchase_reservations WHERE license_id = $1 AND state = 'PLACED' AND starts_on <= $2
		ORDER BY id`, license, w.today())
	err = each(rows, err, func(s scanner) error {
		p := &purchase{license: license}
		err := s.Scan(&p.id, &p.quantity, &p.startsOn)
		due = append(due, p)
		return err
	})
	if err != nil {
		return err
	}
	if len(due) == 0 { // another replica was first
		return errNothing
	}
	stock, keys := *pool.Stock, make([]int64, len(due))
	for i, p := range due {
		keys[i] = p.id
		stock.Committed += p.quantity
		w.happened("PURCHASE_RESERVATION_ACTIVATED", "purchaseReservation", p.id, p.data()).pool = pool.Key
	}
	if _, err := w.tx.Exec(ctx, `UPDATE purchase_reservations SET state = 'ACTIVE' WHERE `+w.Any("id", 1), w.Array(keys)); err != nil {
		return err
	}
	w.restock(pool, stock)
	return w.settle(ctx)
}
