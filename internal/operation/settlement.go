package operation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// settle brings every seat the transaction has shaken in line: first what has ended makes room, then the queues move, then what is
// new is judged and served, waits or fails; and again, until nothing is left to do (semantics.md §4).
func (w *writing) settle(ctx context.Context) error {
	for {
		w.book.Release()
		if err := w.promote(ctx); err != nil {
			return err
		}
		seats := w.book.Next()
		if seats == nil {
			w.tellShrunk()
			return nil
		}
		if err := w.settleSeats(ctx, seats); err != nil {
			return err
		}
	}
}

func (w *writing) settleSeats(ctx context.Context, seats []*licensing.Seat) error {
	var open []*licensing.Reason
	for _, seat := range seats {
		open = append(open, seat.Unjudged()...)
		for _, r := range seat.Live() {
			open = append(open, w.unasked(r)...)
		}
	}
	if err := w.judge(ctx, policy.ActionLicenseMembers, distinct(open)); err != nil {
		return err
	}
	slices.SortStableFunc(seats, func(a, b *licensing.Seat) int {
		return cmp.Or(-cmp.Compare(priority(a), priority(b)), cmp.Compare(a.Asked, b.Asked), cmp.Compare(a.User.ID, b.User.ID))
	})
	for _, seat := range seats {
		w.book.Settle(seat)
	}
	return nil
}

// unasked gives what waits and would be served together with a reason without the policy having been asked in this transaction.
func (w *writing) unasked(r *licensing.Reason) []*licensing.Reason {
	if r.Bundle == 0 && r.State != licensing.Queued {
		return nil
	}
	return slices.DeleteFunc(w.book.Unit(r), func(part *licensing.Reason) bool { return part.State != licensing.Queued || part.Verdict != nil })
}

func priority(seat *licensing.Seat) float64 {
	highest := 0.0
	for i, r := range seat.Live() {
		if r.Verdict != nil && (i == 0 || r.Verdict.Priority > highest) {
			highest = r.Verdict.Priority
		}
	}
	return highest
}

// page is how many waiting reasons of a pool are looked at in one go.
const page = 1000

// place is a place in a queue: what was looked at last.
type place struct {
	priority float64
	since    time.Time
	user     int64
	id       int64
}

// promote serves what waits, in queue order, as long as there is room. What is blocked by something other than its own pool (its
// all-or-nothing companions, say) is passed over and keeps its place.
func (w *writing) promote(ctx context.Context) error {
	seen := map[licensing.PoolKey]*place{}
	passed := map[*licensing.Reason]bool{}
	for !w.stalled {
		pools := w.thirsty(seen)
		waiting, err := w.candidates(ctx, pools, seen)
		if err != nil {
			return err
		}
		for _, r := range w.book.Freed() {
			delete(passed, r)
			if r.Pool.InEffect(w.Now()) && r.Pool.Binding(1) == nil && !slices.Contains(waiting, r) {
				waiting = append(waiting, r)
			}
		}
		for _, r := range w.book.Queued() {
			if !passed[r] && r.Pool.InEffect(w.Now()) && r.Pool.Binding(1) == nil && !slices.Contains(waiting, r) {
				waiting = append(waiting, r)
			}
		}
		if len(waiting) == 0 {
			if len(pools) == 0 {
				return nil
			}
			continue
		}
		asked := slices.Clone(waiting)
		for _, r := range waiting { // what is served together with them is judged with them
			if r.Bundle != 0 {
				asked = append(asked, w.unasked(r)...)
			}
		}
		if err := w.judge(ctx, policy.ActionPromoteSeats, distinct(asked)); err != nil || w.stalled {
			return err
		}
		slices.SortStableFunc(waiting, queueOrder)
		for _, r := range waiting {
			passed[r] = true
			w.book.Promote(r)
		}
		w.book.Release() // a swap may have given something back
	}
	return nil
}

// queueOrder is priority, then waiting since, then user id (semantics.md §4).
func queueOrder(a, b *licensing.Reason) int {
	return cmp.Or(-cmp.Compare(a.Priority, b.Priority), a.WaitingSince.Compare(b.WaitingSince), cmp.Compare(a.Seat().User.ID, b.Seat().User.ID))
}

// thirsty gives the pools in which something waits although there is room, and whose queue was not looked at to the end.
func (w *writing) thirsty(seen map[licensing.PoolKey]*place) []*licensing.Pool {
	var pools []*licensing.Pool
	for key, pool := range w.book.Pools {
		last, begun := seen[key]
		if pool.Waiting > 0 && (!begun || last != nil) && pool.InEffect(w.Now()) && pool.Binding(1) == nil {
			pools = append(pools, pool)
		}
	}
	slices.SortFunc(pools, func(a, b *licensing.Pool) int {
		return a.Key.Compare(b.Key)
	})
	return pools
}

// candidates reads the next waiting reasons of pools, no more than there is room for, with all that is to be known of their users.
func (w *writing) candidates(ctx context.Context, pools []*licensing.Pool, seen map[licensing.PoolKey]*place) ([]*licensing.Reason, error) {
	type entry struct {
		pool        *licensing.Pool
		user, grant int64
	}
	var entries []entry
	var users []int64
	for _, pool := range pools {
		limit := min(pool.Draws(), page)
		after := seen[pool.Key]
		if after != nil { // those at the head are blocked; look further in larger steps
			limit = page
		}
		seen[pool.Key] = nil
		query := `SELECT user_id, group_license_id, priority, waiting_since, id FROM seat_reasons
			WHERE license_id = $1 AND allotment_id = $2 AND state = 'WAITING'`
		args := []any{pool.Key.License, pool.Key.Allotment, limit}
		if after != nil {
			query += ` AND (priority < $4 OR (priority = $4 AND (waiting_since, user_id, id) > ($5, $6, $7)))`
			args = append(args, after.priority, after.since, after.user, after.id)
		}
		rows, err := w.Query(ctx, query+` ORDER BY priority DESC, waiting_since, user_id, id LIMIT $3`, args...)
		var last place
		n := int64(0)
		err = each(rows, err, func(s scanner) error {
			e := entry{pool: pool}
			if err := s.Scan(&e.user, &e.grant, &last.priority, &last.since, &last.id); err != nil {
				return err
			}
			last.user = e.user
			n++
			entries = append(entries, e)
			users = append(users, e.user)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if n == limit {
			seen[pool.Key] = &last
		}
	}
	if len(users) == 0 {
		return nil, nil
	}
	if err := w.know(ctx, users); err != nil {
		return nil, err
	}
	var waiting []*licensing.Reason
	for _, e := range entries {
		seat := w.book.Users[e.user].Find(e.pool.Key.License)
		if seat == nil {
			continue
		}
		if r := seat.Find(e.grant); r != nil && r.State == licensing.Queued {
			waiting = append(waiting, r)
		}
	}
	return waiting, nil
}

// know reads everything about users that a decision on their seats may rest on.
func (r *reading) know(ctx context.Context, users []int64) error {
	if err := r.loadUsers(ctx, users); err != nil {
		return err
	}
	return r.loadSeats(ctx, users)
}
