package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	parts, err := w.changes(ctx)
	if err != nil {
		return err
	}
	if err := w.tx.Together(ctx, parts...); err != nil {
		return err
	}
	return w.dropReplaced(ctx)
}

// changes writes what ends or moves, and gives the statements for what is new and for the pools, to be run together.
func (w *writing) changes(ctx context.Context) ([]store.Part, error) {
	parts := w.poolParts()
	seats, err := w.flushSeats(ctx)
	if err != nil {
		return nil, err
	}
	reasons, err := w.flushReasons(ctx)
	return slices.Concat(parts, seats, reasons), err
}

// dropReplaced removes group licenses that a swap has emptied.
func (w *writing) dropReplaced(ctx context.Context) error {
	for _, old := range slices.Sorted(maps.Keys(w.book.Replaced())) {
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

func (w *writing) poolParts() []store.Part {
	var licenses, restocked, allotments []licensing.Change
	states := &licenseStates{}
	for _, pool := range w.book.Pools {
		change, changed := pool.Change()
		switch {
		case !changed:
		case change.Stock != nil:
			restocked = append(restocked, change)
			states.add(w.facts.licenses[pool.Key.License])
		case pool.Key.IsLicense():
			licenses = append(licenses, change)
			states.add(w.facts.licenses[pool.Key.License])
		default:
			allotments = append(allotments, change)
		}
		pool.Load()
	}
	return slices.Concat(poolPart("licenses", licenses), poolPart("licenses", restocked, stockColumns(restocked)...), poolPart("allotments", allotments),
		states.part(w.Now()))
}

// stockColumns are what the limits of licenses are made of. They change in one statement with the limit, because the database checks that
// they agree.
func stockColumns(changes []licensing.Change) []store.Column {
	n := len(changes)
	quantity, committed, overage := make([]int64, n), make([]int64, n), make([]int64, n)
	unlimited, shrinks := make([]bool, n), make([]bool, n)
	for i, c := range changes {
		quantity[i], committed[i], overage[i] = c.Stock.Quantity, c.Stock.Committed, c.Stock.Overage
		unlimited[i], shrinks[i] = c.Stock.Unlimited, c.Stock.Shrinks
	}
	return []store.Column{
		{Name: "quantity", Values: quantity}, {Name: "committed", Values: committed}, {Name: "overage", Values: overage},
		{Name: "unlimited_quantity", Values: unlimited}, {Name: "overage_shrinks", Values: shrinks},
	}
}

// poolPart is the statement that writes pools: counts as differences, all else, and the further columns, as it is now.
func poolPart(table string, changes []licensing.Change, more ...store.Column) []store.Part {
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
	columns := []store.Column{
		{Name: "id", Values: ids}, {Name: "du", Values: used}, {Name: "dr", Values: reserved}, {Name: "dw", Values: waiting}, {Name: "de", Values: errors},
		{Name: "lim", Values: limits}, {Name: "ceil", Values: ceilings},
	}
	var further strings.Builder
	for _, column := range more {
		further.WriteString(", " + column.Name + " = v." + column.Name)
	}
	return []store.Part{{Build: func(r *store.Reader, first int) (string, []any) {
		rows, args := r.Table("v", first, append(columns, more...)...)
		return fmt.Sprintf(`UPDATE %[1]s SET used = %[1]s.used + v.du, reserved = %[1]s.reserved + v.dr, waiting = %[1]s.waiting + v.dw,
			errors = %[1]s.errors + v.de, capacity = v.lim, ceiling = v.ceil%[3]s FROM %[2]s WHERE %[1]s.id = v.id`, table, rows, further.String()), args
	}}}
}

func (w *writing) flushSeats(ctx context.Context) ([]store.Part, error) {
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
			return nil, err
		}
	}
	return insertingSeats(inserts), w.updateSeats(ctx, updates)
}

func insertingSeats(seats []*licensing.Seat) []store.Part {
	n := len(seats)
	if n == 0 {
		return nil
	}
	license, user, allotment, state := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n)
	since, created, violations, ids := make([]time.Time, n), make([]time.Time, n), make([]json.RawMessage, n), make([]*int64, n)
	for i, s := range seats {
		ids[i] = &s.ID
		license[i], user[i], allotment[i], state[i] = s.License, s.User.ID, s.Pool.Key.Allotment, string(s.State)
		since[i], created[i], violations[i] = s.Since, s.Created, violationsJSON(s.Violations)
	}
	return []store.Part{store.Inserting("seats", ids, store.Column{Name: "license_id", Values: license}, store.Column{Name: "user_id", Values: user},
		store.Column{Name: "allotment_id", Values: allotment}, store.Column{Name: "state", Values: state}, store.Column{Name: "since", Values: since},
		store.Column{Name: "created_at", Values: created}, store.Column{Name: "violations", Values: violations})}
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

func (w *writing) flushReasons(ctx context.Context) ([]store.Part, error) {
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
				return nil, fmt.Errorf("user %d: a reason for license %d was left unsettled", seat.User.ID, seat.License)
			}
		}
	}
	if len(deletes) > 0 {
		if _, err := w.tx.Exec(ctx, `DELETE FROM seat_reasons WHERE `+w.Any("id", 1), w.Array(deletes)); err != nil {
			return nil, err
		}
	}
	parts, err := insertingReasons(inserts)
	if err != nil {
		return nil, err
	}
	return parts, w.updateReasons(ctx, updates)
}

func waitingSince(r *licensing.Reason) *time.Time {
	if r.WaitingSince.IsZero() {
		return nil
	}
	return &r.WaitingSince
}

func insertingReasons(reasons []*licensing.Reason) ([]store.Part, error) {
	n := len(reasons)
	if n == 0 {
		return nil, nil
	}
	ids := make([]*int64, n)
	license, user, grant, allotment := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	state, priority, since, created, disabled := make([]string, n), make([]float64, n), make([]*time.Time, n), make([]time.Time, n), make([]json.RawMessage, n)
	for i, r := range reasons {
		ids[i] = &r.ID
		license[i], user[i], grant[i], allotment[i] = r.Pool.Key.License, r.Seat().User.ID, r.GroupLicense, r.Pool.Key.Allotment
		state[i], priority[i], since[i], created[i] = string(r.State), r.Priority, waitingSince(r), r.Created
		if len(r.Disabled) > 0 {
			text, err := json.Marshal(r.Disabled)
			if err != nil {
				return nil, err
			}
			disabled[i] = text
		}
	}
	return []store.Part{store.Inserting("seat_reasons", ids, store.Column{Name: "license_id", Values: license}, store.Column{Name: "user_id", Values: user},
		store.Column{Name: "group_license_id", Values: grant}, store.Column{Name: "allotment_id", Values: allotment},
		store.Column{Name: "state", Values: state}, store.Column{Name: "priority", Values: priority},
		store.Column{Name: "waiting_since", Values: since}, store.Column{Name: "created_at", Values: created},
		store.Column{Name: "disabled_plans", Values: disabled})}, nil
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
