package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/store"
)

// flush writes what the book has changed: pools as differences, seats and reasons as rows, in one statement for each kind.
// It writes once; a payload that needs the keys of new rows may have it write early.
func (w *writing) flush(ctx context.Context) error {
	if w.flushed {
		return nil
	}
	w.flushed = true
	if err := w.flushPools(ctx); err != nil {
		return err
	}
	if err := w.flushSeats(ctx); err != nil {
		return err
	}
	if err := w.flushReasons(ctx); err != nil {
		return err
	}
	return w.dropReplaced(ctx)
}

// dropReplaced removes group licenses that a swap has emptied.
func (w *writing) dropReplaced(ctx context.Context) error {
	for _, old := range w.book.Replaces {
		n, err := w.tx.Exec(ctx, `DELETE FROM group_licenses WHERE id = $1 AND replaced_by <> 0 AND pending = 0
			AND NOT EXISTS (SELECT 1 FROM seat_reasons WHERE group_license_id = $1)`, old)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if _, err := w.tx.Exec(ctx, `DELETE FROM exclusions WHERE group_license_id = $1`, old); err != nil {
			return err
		}
		if grant := w.facts.grants[old]; grant != nil && w.decision != nil {
			w.happened("GROUP_UNLICENSED", "groupLicense", old, nil).about(grant)
		}
	}
	return nil
}

func (w *writing) flushPools(ctx context.Context) error {
	var licenses, allotments []licensing.Change
	for _, pool := range w.book.Pools {
		change, changed := pool.Change()
		switch {
		case !changed:
		case pool.Key.IsLicense():
			licenses = append(licenses, change)
		default:
			allotments = append(allotments, change)
		}
		pool.Load()
	}
	if err := w.writePools(ctx, "licenses", licenses); err != nil {
		return err
	}
	return w.writePools(ctx, "allotments", allotments)
}

func (w *writing) writePools(ctx context.Context, table string, changes []licensing.Change) error {
	n := len(changes)
	if n == 0 {
		return nil
	}
	ids, used, reserved, waiting, errors := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	limits, ceilings := make([]*int64, n), make([]*int64, n)
	for i, c := range changes {
		ids[i] = c.Key.Allotment
		if c.Key.IsLicense() {
			ids[i] = c.Key.License
		}
		used[i], reserved[i], waiting[i], errors[i], limits[i], ceilings[i] = c.Used, c.Reserved, c.Waiting, c.Errors, c.Limit, c.Ceiling
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: ids}, store.Column{Name: "du", Values: used}, store.Column{Name: "dr", Values: reserved},
		store.Column{Name: "dw", Values: waiting}, store.Column{Name: "de", Values: errors}, store.Column{Name: "lim", Values: limits},
		store.Column{Name: "ceil", Values: ceilings})
	_, err := w.tx.Exec(ctx, fmt.Sprintf(`UPDATE %[1]s SET used = %[1]s.used + v.du, reserved = %[1]s.reserved + v.dr, waiting = %[1]s.waiting + v.dw,
		errors = %[1]s.errors + v.de, capacity = v.lim, ceiling = v.ceil FROM %[2]s WHERE %[1]s.id = v.id`, table, rows), args...)
	return err
}

func (w *writing) flushSeats(ctx context.Context) error {
	var inserts, updates []*licensing.Seat
	var deletes []int64
	for _, seat := range w.book.Touched() {
		switch seat.Transition() {
		case licensing.Insert:
			inserts = append(inserts, seat)
		case licensing.Update:
			updates = append(updates, seat)
		case licensing.Delete:
			deletes = append(deletes, seat.ID)
		case licensing.Keep:
		}
	}
	if len(deletes) > 0 {
		if _, err := w.tx.Exec(ctx, `DELETE FROM seats WHERE `+w.Any("id", 1), w.Array(deletes)); err != nil {
			return err
		}
	}
	if err := w.insertSeats(ctx, inserts); err != nil {
		return err
	}
	return w.updateSeats(ctx, updates)
}

func (w *writing) insertSeats(ctx context.Context, seats []*licensing.Seat) error {
	n := len(seats)
	if n == 0 {
		return nil
	}
	license, user, allotment, state := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n)
	since, created, violations := make([]time.Time, n), make([]time.Time, n), make([]json.RawMessage, n)
	for i, s := range seats {
		license[i], user[i], allotment[i], state[i] = s.License, s.User.ID, s.Pool.Key.Allotment, string(s.State)
		since[i], created[i], violations[i] = s.Since, s.Created, violationsJSON(s.Violations)
	}
	i := 0
	return w.tx.InsertReturning(ctx, "seats", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&seats[i-1].ID)
	}), store.Column{Name: "license_id", Values: license}, store.Column{Name: "user_id", Values: user},
		store.Column{Name: "allotment_id", Values: allotment}, store.Column{Name: "state", Values: state}, store.Column{Name: "since", Values: since},
		store.Column{Name: "created_at", Values: created}, store.Column{Name: "violations", Values: violations})
}

func (w *writing) updateSeats(ctx context.Context, seats []*licensing.Seat) error {
	n := len(seats)
	if n == 0 {
		return nil
	}
	id, allotment, state := make([]int64, n), make([]int64, n), make([]string, n)
	since, violations := make([]time.Time, n), make([]json.RawMessage, n)
	for i, s := range seats {
		id[i], allotment[i], state[i], since[i], violations[i] = s.ID, s.Pool.Key.Allotment, string(s.State), s.Since, violationsJSON(s.Violations)
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: id}, store.Column{Name: "allotment_id", Values: allotment},
		store.Column{Name: "state", Values: state}, store.Column{Name: "since", Values: since}, store.Column{Name: "violations", Values: violations})
	_, err := w.tx.Exec(ctx, `UPDATE seats SET allotment_id = v.allotment_id, state = v.state, since = v.since, violations = v.violations
		FROM `+rows+` WHERE seats.id = v.id`, args...)
	return err
}

func (w *writing) flushReasons(ctx context.Context) error {
	var inserts, updates []*licensing.Reason
	var deletes []int64
	for _, seat := range w.book.Touched() {
		for _, r := range seat.Reasons {
			switch r.Transition() {
			case licensing.Insert:
				inserts = append(inserts, r)
			case licensing.Update:
				updates = append(updates, r)
			case licensing.Delete:
				deletes = append(deletes, r.ID)
			case licensing.Keep:
			}
			if !r.Ended() && r.State == licensing.New {
				return fmt.Errorf("user %d: a reason for license %d was left unsettled", seat.User.ID, seat.License)
			}
		}
	}
	if len(deletes) > 0 {
		if _, err := w.tx.Exec(ctx, `DELETE FROM seat_reasons WHERE `+w.Any("id", 1), w.Array(deletes)); err != nil {
			return err
		}
	}
	if err := w.insertReasons(ctx, inserts); err != nil {
		return err
	}
	return w.updateReasons(ctx, updates)
}

func waitingSince(r *licensing.Reason) *time.Time {
	if r.WaitingSince.IsZero() {
		return nil
	}
	return &r.WaitingSince
}

func (w *writing) insertReasons(ctx context.Context, reasons []*licensing.Reason) error {
	n := len(reasons)
	if n == 0 {
		return nil
	}
	license, user, grant, allotment := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	state, priority, since, created, disabled := make([]string, n), make([]float64, n), make([]*time.Time, n), make([]time.Time, n), make([]json.RawMessage, n)
	for i, r := range reasons {
		license[i], user[i], grant[i], allotment[i] = r.Pool.Key.License, r.Seat().User.ID, r.GroupLicense, r.Pool.Key.Allotment
		state[i], priority[i], since[i], created[i] = string(r.State), r.Priority, waitingSince(r), r.Created
		if len(r.Disabled) > 0 {
			text, err := json.Marshal(r.Disabled)
			if err != nil {
				return err
			}
			disabled[i] = text
		}
	}
	i := 0
	return w.tx.InsertReturning(ctx, "seat_reasons", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&reasons[i-1].ID)
	}), store.Column{Name: "license_id", Values: license}, store.Column{Name: "user_id", Values: user},
		store.Column{Name: "group_license_id", Values: grant}, store.Column{Name: "allotment_id", Values: allotment},
		store.Column{Name: "state", Values: state}, store.Column{Name: "priority", Values: priority},
		store.Column{Name: "waiting_since", Values: since}, store.Column{Name: "created_at", Values: created},
		store.Column{Name: "disabled_plans", Values: disabled})
}

func (w *writing) updateReasons(ctx context.Context, reasons []*licensing.Reason) error {
	n := len(reasons)
	if n == 0 {
		return nil
	}
	id, allotment, state, priority, since := make([]int64, n), make([]int64, n), make([]string, n), make([]float64, n), make([]*time.Time, n)
	for i, r := range reasons {
		id[i], allotment[i], state[i], priority[i], since[i] = r.ID, r.Pool.Key.Allotment, string(r.State), r.Priority, waitingSince(r)
	}
	rows, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: id}, store.Column{Name: "allotment_id", Values: allotment},
		store.Column{Name: "state", Values: state}, store.Column{Name: "priority", Values: priority}, store.Column{Name: "waiting_since", Values: since})
	_, err := w.tx.Exec(ctx, `UPDATE seat_reasons SET allotment_id = v.allotment_id, state = v.state, priority = v.priority,
		waiting_since = v.waiting_since FROM `+rows+` WHERE seat_reasons.id = v.id`, args...)
	return err
}
