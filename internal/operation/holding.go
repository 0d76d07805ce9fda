package operation

import (
	"context"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

// loadSeats reads what users hold, wait for and failed to get, into the book. Seats of licenses that are not locked have
// no plans that matter here (lockRelated) and are left out, unless the transaction may have to change them: then it starts again
// with their licenses locked.
func (r *reading) loadSeats(ctx context.Context, users []int64) error {
	fresh := make([]int64, 0, len(users))
	for _, id := range sorted(users) {
		if r.book.Users[id] == nil {
			r.book.User(id)
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	var unlocked []int64
	if found, err := r.loadSeatRows(ctx, fresh, &unlocked); err != nil || found == 0 {
		return err // without a seat there is no reason for one
	}
	reasons, err := r.loadReasonRows(ctx, fresh)
	if err != nil {
		return err
	}
	if err := r.loadGrantsOf(ctx, reasons); err != nil {
		return err
	}
	for _, row := range reasons {
		grant := r.facts.grants[row.GroupLicense]
		if grant != nil {
			row.Bundle = grant.bundle()
		}
		if r.facts.licenses[row.license] == nil {
			if row.Bundle != 0 && row.State != licensing.Served || grant != nil && grant.replacedBy != 0 {
				unlocked = append(unlocked, row.license)
			}
			continue
		}
		row.Pool = r.poolOf(row.license, row.allotment)
		r.book.Users[row.user].Find(row.license).LoadReason(row.Reason)
	}
	if len(unlocked) > 0 {
		return &widenError{licenses: sorted(unlocked)}
	}
	return nil
}

// loadSeatRows reads the seats of users and tells how many there are.
func (r *reading) loadSeatRows(ctx context.Context, users []int64, unlocked *[]int64) (int, error) {
	found := 0
	rows, err := r.Query(ctx, `SELECT id, license_id, user_id, allotment_id, state, since, created_at, violations FROM seats WHERE `+r.Any("user_id", 1),
		r.Array(users))
	err = each(rows, err, func(s scanner) error {
		found++
		seat := &licensing.Seat{}
		var user, allotment int64
		var violations []byte
		if err := s.Scan(&seat.ID, &seat.License, &user, &allotment, &seat.State, &seat.Since, &seat.Created, &violations); err != nil {
			return err
		}
		if r.facts.licenses[seat.License] == nil {
			if seat.State == licensing.Failed {
				*unlocked = append(*unlocked, seat.License)
			}
			return nil
		}
		seat.Pool = r.poolOf(seat.License, allotment)
		if err := unmarshal(violations, &seat.Violations); err != nil {
			return err
		}
		r.book.Users[user].LoadSeat(seat)
		return nil
	})
	return found, err
}

// plansMatter tells whether a locked license has plans the policy has rules about.
func (r *reading) plansMatter() bool {
	for _, l := range r.facts.licenses {
		if len(l.product.plans) > 0 {
			return true
		}
	}
	return false
}

type reasonRow struct {
	*licensing.Reason
	user, license, allotment int64
}

func (r *reading) loadReasonRows(ctx context.Context, users []int64) ([]reasonRow, error) {
	var found []reasonRow
	rows, err := r.Query(ctx, `SELECT id, license_id, user_id, group_license_id, allotment_id, state, priority, waiting_since, created_at, disabled_plans
		FROM seat_reasons WHERE `+r.Any("user_id", 1)+` ORDER BY created_at, id`, r.Array(users))
	err = each(rows, err, func(s scanner) error {
		row := reasonRow{Reason: &licensing.Reason{}}
		var since *time.Time
		var disabled []byte
		if err := s.Scan(&row.ID, &row.license, &row.user, &row.GroupLicense, &row.allotment, &row.State, &row.Priority, &since, &row.Created,
			&disabled); err != nil {
			return err
		}
		if since != nil {
			row.WaitingSince = *since
		}
		found = append(found, row)
		return unmarshal(disabled, &row.Disabled)
	})
	return found, err
}

func (r *reading) loadGrantsOf(ctx context.Context, rows []reasonRow) error {
	var missing []int64
	for _, row := range rows {
		if row.GroupLicense != 0 && r.facts.grants[row.GroupLicense] == nil && !slices.Contains(missing, row.GroupLicense) {
			missing = append(missing, row.GroupLicense)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := r.loadGrants(ctx, r.Any("id", 1), r.Array(missing))
	if err != nil {
		return err
	}
	var successors []int64
	for _, g := range found {
		if g.replacedBy != 0 && r.facts.grants[g.replacedBy] == nil {
			successors = append(successors, g.replacedBy)
		}
	}
	if len(successors) > 0 {
		_, err = r.loadGrants(ctx, r.Any("id", 1), r.Array(successors))
	}
	return err
}

// heldPlans names the plans, among those the policy has rules about, that a user has from seats other than the one in question:
// those that are active, and those that come together with it. What the seat would replace does not count.
func (r *reading) heldPlans(seat *licensing.Seat, judged *licensing.Reason) []string {
	bundle := int64(0)
	if judged != nil {
		bundle = judged.Bundle
	}
	var names []string
	for _, other := range seat.User.Seats {
		if other == seat || other.State != licensing.Active && !comesAlong(other, bundle) || r.replaced(seat, other, judged) {
			continue
		}
		names = append(names, planNames(r.facts.licenses[other.License].product, r.disabledPlans(other))...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func comesAlong(seat *licensing.Seat, bundle int64) bool {
	return bundle != 0 && slices.ContainsFunc(seat.Live(), func(x *licensing.Reason) bool { return x.Bundle == bundle })
}

// replaced tells whether the other seat stands only on a group license that a swap hands over to this one: by the reason that is
// judged, or by one that nothing stands against.
func (r *reading) replaced(seat, other *licensing.Seat, judged *licensing.Reason) bool {
	live := other.Live()
	if len(live) != 1 {
		return false
	}
	for _, reason := range seat.Live() {
		if reason != judged && reason.State == licensing.Erred {
			continue
		}
		if live[0].GroupLicense != 0 && slices.Contains(r.book.Replaces[reason.GroupLicense], live[0].GroupLicense) {
			return true
		}
	}
	return false
}

// disabledPlans are the plans that are off on a seat: those that every one of its reasons switches off (semantics.md §4, WX-16).
func (r *reading) disabledPlans(seat *licensing.Seat) []int {
	var off []int
	first := true
	for _, reason := range seat.Live() {
		if seat.State == licensing.Active && reason.State == licensing.Erred { // it gives nothing
			continue
		}
		disabled := r.disabledBy(reason)
		if first {
			off, first = slices.Clone(disabled), false
			continue
		}
		off = slices.DeleteFunc(off, func(id int) bool { return !slices.Contains(disabled, id) })
	}
	return off
}

func (r *reading) disabledBy(reason *licensing.Reason) []int {
	if grant := r.facts.grants[reason.GroupLicense]; grant != nil {
		return grant.disabled
	}
	return reason.Disabled
}
