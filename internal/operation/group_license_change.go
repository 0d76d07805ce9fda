package operation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

func (c *SwapGroupLicense) action() string { return "swapGroupLicense" }

// endsGrant is the action a swap asks about first: whoever swaps a group license away must be allowed to end it.
const endsGrant = "unlicenseGroup"

func (c *SwapGroupLicense) check() error { return targetOf(c.AllotmentID, c.LicenseID) }

func (c *SwapGroupLicense) prepare(ctx context.Context, r *reading) (*plan[GroupLicensePayload], error) {
	t, err := r.find(ctx, c.AllotmentID, c.LicenseID)
	if err != nil {
		return nil, err
	}
	r.widen.add([]int64{t.key.License}) // both licenses are locked together, in order
	old, from, hidden, err := r.grantByID(ctx, c.GroupLicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := r.checkPlans(ctx, c.DisabledPlanIDs, t.key.License); err != nil {
		return nil, err
	}
	grant := &groupLicense{
		group: old.group, license: t.key.License, allotment: t.key.Allotment, disabled: planKeys(c.DisabledPlanIDs), nested: old.nested,
		allOrNothing: old.allOrNothing,
	}
	members, err := r.memberCount(ctx, grant)
	if err != nil {
		return nil, err
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(grant.license, grant.disabled),
		Pools: r.questionPools(pool, members), Group: &policy.Group{ID: grant.group, Members: members},
	}
	ending, err := r.questionGrant(ctx, endsGrant, old, from)
	if err != nil {
		return nil, err
	}
	return &plan[GroupLicensePayload]{before: []*policy.Input{ending}, ask: ask, hidden: r.hides(ctx, pool, t).or(hidden), write: func(ctx context.Context, w *writing) (*GroupLicensePayload, error) {
		return w.swap(ctx, c, old, grant, members)
	}}, nil
}

func (w *writing) swap(ctx context.Context, c *SwapGroupLicense, old, grant *groupLicense, members int64) (*GroupLicensePayload, error) {
	if old.replacedBy != 0 || old.pending == pendingEnd {
		return nil, fault.New(fault.Conflict, "the group license is being replaced or removed already")
	}
	for _, other := range w.facts.grants {
		if other.group == grant.group && other.license == grant.license {
			return nil, fault.New(fault.Conflict, "the group has that license already")
		}
	}
	if err := w.storeGrant(ctx, grant); err != nil {
		return nil, err
	}
	if _, err := w.tx.Exec(ctx, `UPDATE group_licenses SET replaced_by = $1 WHERE id = $2 OR replaced_by = $2`, grant.id, old.id); err != nil {
		return nil, err
	}
	if _, err := w.tx.Exec(ctx, `INSERT INTO exclusions (group_license_id, user_id, ends_at, note, created_at)
		SELECT $1, user_id, ends_at, note, created_at FROM exclusions WHERE group_license_id = $2`, grant.id, old.id); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(w.facts.grants)) { // what the old one was still replacing goes with it
		if earlier := w.facts.grants[key]; earlier == old || earlier.replacedBy == old.id {
			earlier.replacedBy = grant.id
			w.book.Replace(earlier.id, grant.id)
		}
	}
	w.happened("GROUP_LICENSE_SWAPPED", "groupLicense", grant.id, map[string]any{"replaces": id.Of(id.GroupLicense, old.id)}).about(grant)
	if _, err := w.fill(ctx, grant, 0, c.dry() || members <= chunk); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.grantPayload(ctx, grant)
}

func (c *ExcludeFromGroupLicense) action() string { return "excludeFromGroupLicense" }

func (c *ExcludeFromGroupLicense) check() error {
	return firstError(checkUsers(c.UserIDs), checkOptional("note", c.Note, 500))
}

func (c *ExcludeFromGroupLicense) prepare(ctx context.Context, r *reading) (*plan[GroupLicensePayload], error) {
	if c.EndsAt != nil && !c.EndsAt.After(r.Now()) {
		return nil, fault.Invalid("endsAt", "the end lies in the past")
	}
	note := ""
	if c.Note != nil {
		note = *c.Note
	}
	return r.changeExclusions(ctx, c.action(), c.GroupLicenseID, c.UserIDs, func(ctx context.Context, w *writing, grant *groupLicense, users []int64) error {
		n := len(users)
		grants, ends, notes, created := make([]int64, n), make([]*time.Time, n), make([]string, n), make([]time.Time, n)
		for i := range users {
			grants[i], ends[i], notes[i], created[i] = grant.id, c.EndsAt, note, w.Now()
		}
		if _, err := w.tx.Exec(ctx, `DELETE FROM exclusions WHERE group_license_id = $1 AND `+w.Any("user_id", 2), grant.id, w.Array(users)); err != nil {
			return err
		}
		return w.tx.Insert(ctx, "exclusions", store.Column{Name: "group_license_id", Values: grants}, store.Column{Name: "user_id", Values: users},
			store.Column{Name: "ends_at", Values: ends}, store.Column{Name: "note", Values: notes}, store.Column{Name: "created_at", Values: created})
	})
}

func (c *IncludeInGroupLicense) action() string { return "includeInGroupLicense" }

func (c *IncludeInGroupLicense) check() error { return checkUsers(c.UserIDs) }

func (c *IncludeInGroupLicense) prepare(ctx context.Context, r *reading) (*plan[GroupLicensePayload], error) {
	return r.changeExclusions(ctx, c.action(), c.GroupLicenseID, c.UserIDs, func(ctx context.Context, w *writing, grant *groupLicense, users []int64) error {
		_, err := w.tx.Exec(ctx, `DELETE FROM exclusions WHERE group_license_id = $1 AND `+w.Any("user_id", 2), grant.id, w.Array(users))
		return err
	})
}

// changeExclusions is the common way of adding and ending exclusions.
func (r *reading) changeExclusions(ctx context.Context, action string, given id.ID, userIDs []id.ID,
	change func(ctx context.Context, w *writing, grant *groupLicense, users []int64) error,
) (*plan[GroupLicensePayload], error) {
	grant, pool, hidden, err := r.grantByID(ctx, given)
	if err != nil {
		return nil, err
	}
	users := keys(userIDs, id.User)
	if err := r.lockUsers(ctx, users); err != nil {
		return nil, err
	}
	if err := r.know(ctx, users); err != nil {
		return nil, err
	}
	for i, user := range users {
		if u := r.facts.users[user]; u == nil || !r.seesUser(ctx, pool, u) && r.book.User(user).Seat(grant.license).Find(grant.id) == nil {
			return nil, fault.Missing(fmt.Sprintf("userIds.%d", i), "user")
		}
	}
	users = sorted(users)
	ask, err := r.questionGrant(ctx, action, grant, pool)
	if err != nil {
		return nil, err
	}
	return &plan[GroupLicensePayload]{ask: ask, hidden: hidden, write: func(ctx context.Context, w *writing) (*GroupLicensePayload, error) {
		if err := change(ctx, w, grant, users); err != nil {
			return nil, err
		}
		if err := w.realign(ctx, []*groupLicense{grant}, users); err != nil {
			return nil, err
		}
		kind := map[bool]string{true: "MEMBERS_EXCLUDED", false: "MEMBERS_INCLUDED"}[action == "excludeFromGroupLicense"]
		w.happened(kind, "groupLicense", grant.id, map[string]any{"users": idsOf(id.User, users)}).about(grant)
		return w.grantPayload(ctx, grant)
	}}, nil
}

func (c *RetrySeats) action() string { return "retrySeats" }

func (c *RetrySeats) check() error {
	given := 0
	for _, x := range []*id.ID{c.AllotmentID, c.LicenseID, c.GroupLicenseID} {
		if x != nil {
			given++
		}
	}
	if given != 1 {
		return fault.Invalid("allotmentId", "give one of allotmentId, licenseId and groupLicenseId")
	}
	return nil
}

func (c *RetrySeats) prepare(ctx context.Context, r *reading) (*plan[RetrySeatsPayload], error) {
	if c.GroupLicenseID != nil {
		grant, pool, hidden, err := r.grantByID(ctx, *c.GroupLicenseID)
		if err != nil {
			return nil, err
		}
		ask, err := r.questionGrant(ctx, c.action(), grant, pool)
		return &plan[RetrySeatsPayload]{ask: ask, hidden: hidden, write: func(ctx context.Context, w *writing) (*RetrySeatsPayload, error) {
			users, err := w.unservedUsers(ctx, grant, 0, chunk)
			if err != nil {
				return nil, err
			}
			return w.retry(ctx, pool, []*groupLicense{grant}, users, `group_license_id = $1`, grant.id)
		}}, err
	}
	t, err := r.find(ctx, c.AllotmentID, c.LicenseID)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: r.questionPools(pool, 0)}
	return &plan[RetrySeatsPayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*RetrySeatsPayload, error) {
		if pool.Key.IsLicense() {
			return w.retry(ctx, pool, nil, nil, `license_id = $1`, t.key.License)
		}
		return w.retry(ctx, pool, nil, nil, `allotment_id = $1`, t.key.Allotment)
	}}, nil
}

// retry judges again what is in error, and lets the queues move.
func (w *writing) retry(ctx context.Context, pool *licensing.Pool, grants []*groupLicense, users []int64, where string, key int64) (*RetrySeatsPayload, error) {
	failed, err := w.ids(ctx, `SELECT DISTINCT user_id FROM seat_reasons WHERE state = 'ERROR' AND `+where, key)
	if err != nil {
		return nil, err
	}
	if err := w.know(ctx, append(users, failed...)); err != nil {
		return nil, err
	}
	if err := w.align(ctx, grants, users); err != nil {
		return nil, err
	}
	for _, user := range failed {
		w.book.Retry(w.book.User(user))
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	s := &SeatSummary{}
	skipped := map[string]int64{}
	for _, seat := range w.book.Touched() {
		switch {
		case len(seat.Refused) > 0 && seat.State == licensing.None:
			skipped[seat.Refused[0].Code]++
		case seat.State == licensing.Active && seat.Was() != licensing.Active:
			s.Active++
		case seat.State == licensing.Waiting && seat.Was() != licensing.Waiting:
			s.Waiting++
		case seat.State == licensing.Failed:
			s.Errors++
		}
	}
	s.Skipped = skippedOf(skipped)
	e := w.happened("SEATS_RETRIED", "pool", 0, nil)
	e.pool = pool.Key
	return &RetrySeatsPayload{Summary: s}, nil
}
