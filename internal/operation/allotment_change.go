package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entlicense "github.com/ringfence/ringfence/ent/license"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *UpdateAllotment) action() string { return "updateAllotment" }

func (c *UpdateAllotment) check() error {
	if c.Name != nil {
		if err := checkText("name", *c.Name, 200); err != nil {
			return err
		}
	}
	return firstError(checkCount("limit", c.Limit.Value()), checkScope(c.Scope.Value()), checkConfirms(c.Confirms))
}

// bare is the command without how it is asked.
func (c UpdateAllotment) bare() UpdateAllotment {
	c.Request, c.Confirms = Request{}, nil
	return c
}

func (c *UpdateAllotment) prepare(ctx context.Context, r *reading) (*plan[AllotmentPayload], error) {
	t, err := r.find(ctx, &c.AllotmentID, nil)
	if err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	d, fields, err := c.draft(ctx, r, pool)
	if err != nil {
		return nil, err
	}
	pools := r.questionPools(pool, 0)
	for i, p := range pool.Parent.Chain() {
		if d.requested > 0 && p != nil {
			pools[i+1].Requested, pools[i+1].Draws = d.requested, true
		}
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: pools,
		Allotment: d.change(fields, pool.Limit),
	}
	if err := r.confirmable(ctx, ask, c.bare(), c.Confirms); err != nil {
		return nil, err
	}
	return &plan[AllotmentPayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*AllotmentPayload, error) {
		return w.updateAllotment(ctx, d, fields, pool)
	}}, nil
}

// draft gives what the allotment is to become, and the names of the fields that change.
func (c *UpdateAllotment) draft(ctx context.Context, r *reading, pool *licensing.Pool) (*draft, []string, error) {
	d := &draft{name: pool.Name, mode: pool.Mode, limit: pool.Limit, starts: pool.StartsAt, ends: pool.EndsAt, scope: r.facts.scopes[pool.Key.Allotment]}
	var fields []string
	if c.Name != nil {
		d.name, fields = *c.Name, append(fields, "name")
	}
	if limit, given := c.Limit.ValueOK(); given {
		if limit == nil && d.mode == licensing.Reserved {
			return nil, nil, fault.Invalid("limit", "a RESERVED allotment needs a limit")
		}
		d.limit, fields = count(limit), append(fields, "limit")
	}
	users, usersGiven := c.DelegateUserIDs.ValueOK()
	groups, groupsGiven := c.DelegateGroupIDs.ValueOK()
	if usersGiven || groupsGiven {
		fields = append(fields, "delegates")
		var err error
		if d.users, d.groups, err = r.delegates(ctx, pool.Key.Allotment); err != nil {
			return nil, nil, err
		}
		if usersGiven {
			d.users = keys(users, id.User)
		}
		if groupsGiven {
			d.groups = keys(groups, id.Group)
		}
	}
	if scope, given := c.Scope.ValueOK(); given {
		if scope == nil {
			scope = &ScopeInput{}
		}
		d.scope, fields = scopeOf(scope, policy.Scope{}), append(fields, "scope")
	}
	if starts, given := c.StartsAt.ValueOK(); given {
		d.starts, fields = utc(starts), append(fields, "startsAt")
	}
	if ends, given := c.EndsAt.ValueOK(); given {
		d.ends, fields = utc(ends), append(fields, "endsAt")
	}
	if err := checkTimes(d.starts, d.ends); err != nil {
		return nil, nil, err
	}
	if d.mode == licensing.Reserved {
		d.requested = max(0, max(*d.limit, pool.Held())-pool.Carve())
	}
	return d, fields, r.checkDraft(ctx, d, users, groups, c.Scope.Value())
}

func (r *reading) delegates(ctx context.Context, allotment int64) (users, groups []int64, err error) {
	if users, err = r.ids(ctx, `SELECT user_id FROM allotment_delegates WHERE allotment_id = $1 AND user_id <> 0`, allotment); err != nil {
		return nil, nil, err
	}
	groups, err = r.ids(ctx, `SELECT group_id FROM allotment_delegates WHERE allotment_id = $1 AND group_id <> 0`, allotment)
	return users, groups, err
}

func (w *writing) updateAllotment(ctx context.Context, d *draft, fields []string, pool *licensing.Pool) (*AllotmentPayload, error) {
	key := pool.Key.Allotment
	if err := w.childrenFit(d, pool); err != nil {
		return nil, err
	}
	if err := w.freeName(ctx, pool.Parent.Key, d.name, key); err != nil {
		return nil, err
	}
	w.grant(w.answer.Ceilings)
	if bound := pool.Parent.Binding(d.requested); d.requested > 0 && bound != nil {
		v := licensing.Shortage(bound, d.requested)
		v.Field = "limit"
		return nil, refuse(v)
	}
	update := w.tx.Client().Allotment.UpdateOneID(key).SetName(d.name)
	if d.starts == nil {
		update.ClearStartsAt()
	} else {
		update.SetStartsAt(*d.starts)
	}
	if d.ends == nil {
		update.ClearEndsAt()
	} else {
		update.SetEndsAt(*d.ends)
	}
	if err := update.Exec(ctx); err != nil {
		return nil, err
	}
	if err := w.replaceLists(ctx, d, fields, key); err != nil {
		return nil, err
	}
	pool.Name, pool.StartsAt, pool.EndsAt = d.name, d.starts, d.ends
	w.facts.scopes[key] = d.scope
	pool.SetLimit(d.limit)
	if err := w.reopen(ctx, pool, fields); err != nil {
		return nil, err
	}
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	w.happened("ALLOTMENT_UPDATED", "allotment", key, map[string]any{"fields": fields, "to": d.data()}).pool = pool.Key
	return w.allotmentPayload(ctx, key)
}

// reopen tries again what dates or a scope may have stood against: seats in error now, members who were passed over by the sweep,
// because their groups would have to be locked before the license.
func (w *writing) reopen(ctx context.Context, pool *licensing.Pool, fields []string) error {
	scope := slices.Contains(fields, "scope")
	if !scope && !slices.Contains(fields, "startsAt") && !slices.Contains(fields, "endsAt") {
		return nil
	}
	failed, err := w.ids(ctx, `SELECT DISTINCT user_id FROM seat_reasons WHERE license_id = $1 AND state = 'ERROR'`, pool.Key.License)
	if err != nil {
		return err
	}
	if err := w.know(ctx, failed); err != nil {
		return err
	}
	for _, user := range failed {
		w.book.Retry(w.book.User(user))
	}
	if !scope {
		return nil
	}
	grants, err := w.tx.Exec(ctx, `UPDATE group_licenses SET pending = $1 WHERE license_id = $2 AND pending = $4 AND allotment_id IN (
		WITH RECURSIVE open(id) AS (SELECT id FROM allotments WHERE id = $3 UNION SELECT a.id FROM allotments a JOIN open ON a.parent_id = open.id)
		SELECT id FROM open)`, pendingFill, pool.Key.License, pool.Key.Allotment, pendingNone)
	w.unfinished = w.unfinished || grants > 0
	return err
}

func (w *writing) replaceLists(ctx context.Context, d *draft, fields []string, key int64) error {
	if slices.Contains(fields, "delegates") {
		if _, err := w.tx.Exec(ctx, `DELETE FROM allotment_delegates WHERE allotment_id = $1`, key); err != nil {
			return err
		}
		if err := w.storeDelegates(ctx, key, d); err != nil {
			return err
		}
	}
	if slices.Contains(fields, "scope") {
		if _, err := w.tx.Exec(ctx, `DELETE FROM allotment_scopes WHERE allotment_id = $1`, key); err != nil {
			return err
		}
		return w.storeScope(ctx, key, d.scope)
	}
	return nil
}

// childrenFit refuses a change after which an allotment below would reach beyond this one (P6).
func (w *writing) childrenFit(d *draft, pool *licensing.Pool) error {
	for _, child := range w.book.Below(pool) {
		key := child.Key
		if d.limit != nil && (child.Limit == nil || *child.Limit > *d.limit) {
			return refuse(licensing.Violation{Code: licensing.LimitExceedsParent, Pool: &key, Limit: d.limit, Requested: child.Limit, Field: "limit",
				Message: fmt.Sprintf("%s below has a higher limit", child.Name)})
		}
		// A date that a child has not is its parent's.
		if d.starts != nil && child.StartsAt != nil && child.StartsAt.Before(*d.starts) || d.ends != nil && child.EndsAt != nil && child.EndsAt.After(*d.ends) {
			return refuse(licensing.Violation{Code: licensing.NotInEffect, Pool: &key, Field: "endsAt", Message: fmt.Sprintf("%s below has wider dates", child.Name)})
		}
		if !within(w.facts.scopes[key.Allotment], d.scope) {
			return refuse(licensing.Violation{Code: licensing.ScopeExceedsParent, Pool: &key, Field: "scope", Message: fmt.Sprintf("%s below has a wider scope", child.Name)})
		}
	}
	return nil
}

// within tells whether a scope names nothing that the scope above, where it names the same dimension, does not.
func within(scope, above policy.Scope) bool {
	if above.Empty() {
		return true
	}
	return !scope.Empty() && subset(scope.Groups, above.Groups) && subset(scope.Departments, above.Departments) && subset(scope.Countries, above.Countries)
}

func subset[T comparable](some, all []T) bool {
	if len(all) == 0 {
		return true
	}
	return !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}

func (c *DeleteAllotment) action() string { return "deleteAllotment" }

func (c *DeleteAllotment) check() error {
	if c.MoveSeatsTo != nil && c.ReleaseSeats != nil && *c.ReleaseSeats {
		return fault.Invalid("releaseSeats", "move the seats or release them, not both")
	}
	return checkOneOf("moveSeatsTo", c.MoveSeatsTo, moveToParent)
}

func (c *DeleteAllotment) prepare(ctx context.Context, r *reading) (*plan[DeleteAllotmentPayload], error) {
	t, err := r.find(ctx, &c.AllotmentID, nil)
	if err != nil {
		return nil, err
	}
	groups, err := r.ids(ctx, `SELECT DISTINCT group_id FROM group_licenses WHERE allotment_id = $1`, t.key.Allotment)
	if err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, groups); err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	now, err := r.ids(ctx, `SELECT DISTINCT group_id FROM group_licenses WHERE allotment_id = $1`, t.key.Allotment)
	if err != nil {
		return nil, err
	}
	if len(without(now, groups)) > 0 { // licensed before the license was locked: start again, with their groups locked
		return nil, &widenError{}
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: r.questionPools(pool, 0),
		Args: map[string]any{"moveSeatsTo": orEmpty(c.MoveSeatsTo), "releaseSeats": c.ReleaseSeats != nil && *c.ReleaseSeats},
	}
	return &plan[DeleteAllotmentPayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*DeleteAllotmentPayload, error) {
		return w.deleteAllotment(ctx, c, pool)
	}}, nil
}

func (w *writing) deleteAllotment(ctx context.Context, c *DeleteAllotment, pool *licensing.Pool) (*DeleteAllotmentPayload, error) {
	key := pool.Key
	if len(w.book.Below(pool)) > 0 {
		return nil, fault.New(fault.Conflict, "there are allotments below; delete them first")
	}
	p := &DeleteAllotmentPayload{DeletedID: c.AllotmentID}
	var held int64
	if err := w.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM seat_reasons WHERE license_id = $1 AND allotment_id = $2) +
		(SELECT COUNT(*) FROM group_licenses WHERE license_id = $1 AND allotment_id = $2)`, key.License, key.Allotment).Scan(&held); err != nil {
		return nil, err
	}
	var err error
	w.grant(w.answer.Ceilings)
	switch {
	case c.MoveSeatsTo != nil:
		p.Moved, err = w.moveUp(ctx, pool)
	case c.ReleaseSeats != nil && *c.ReleaseSeats:
		p.Released, err = w.releaseAll(ctx, pool)
	case held > 0:
		return nil, fault.New(fault.Conflict, "the allotment holds seats, a queue or group licenses; give moveSeatsTo or releaseSeats")
	}
	if err != nil {
		return nil, err
	}
	if pool.Mode == licensing.Reserved && c.MoveSeatsTo == nil {
		pool.Parent.Reserve(-pool.Carve())
	}
	delete(w.book.Pools, key)
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	if _, err := w.tx.Exec(ctx, `DELETE FROM allotments WHERE id = $1`, key.Allotment); err != nil {
		return nil, err
	}
	w.happened("ALLOTMENT_DELETED", "allotment", key.Allotment, map[string]any{"name": pool.Name, "moved": p.Moved, "released": p.Released}).pool = key
	p.License, err = w.licenseRow(ctx, key.License)
	return p, err
}

// moveUp hands seats, queue and group licenses to the parent in one step. The allotment's own carve-out counts as room there.
func (w *writing) moveUp(ctx context.Context, pool *licensing.Pool) (int64, error) {
	parent := pool.Parent
	if pool.Mode == licensing.Reserved {
		parent.Reserve(-pool.Carve())
		if bound := parent.Binding(pool.Used); pool.Used > 0 && bound != nil {
			return 0, refuse(licensing.Shortage(bound, pool.Used))
		}
		parent.Charge(pool.Used)
	}
	parent.Waiting += pool.Waiting
	parent.Errors += pool.Errors
	for _, table := range []string{"seats", "seat_reasons", "group_licenses"} {
		if _, err := w.tx.Exec(ctx, `UPDATE `+table+` SET allotment_id = $1 WHERE license_id = $2 AND allotment_id = $3`, parent.Key.Allotment,
			pool.Key.License, pool.Key.Allotment); err != nil {
			return 0, err
		}
	}
	return pool.Used, nil
}

// releaseAll ends everything that draws on the pool.
func (w *writing) releaseAll(ctx context.Context, pool *licensing.Pool) (int64, error) {
	users, err := w.ids(ctx, `SELECT DISTINCT user_id FROM seat_reasons WHERE license_id = $1 AND allotment_id = $2`, pool.Key.License, pool.Key.Allotment)
	if err != nil {
		return 0, err
	}
	if err := w.know(ctx, users); err != nil {
		return 0, err
	}
	for _, user := range users {
		seat := w.book.User(user).Seat(pool.Key.License)
		for _, reason := range seat.Live() {
			if reason.Pool == pool {
				w.book.End(reason)
			}
		}
	}
	grants, err := w.ids(ctx, `SELECT id FROM group_licenses WHERE license_id = $1 AND allotment_id = $2`, pool.Key.License, pool.Key.Allotment)
	if err != nil {
		return 0, err
	}
	for _, grant := range grants {
		if err := w.dropGrant(ctx, grant); err != nil {
			return 0, err
		}
	}
	err = w.settle(ctx)
	return w.released(), err
}

// licenseRow reads a license as the transaction leaves it.
func (w *writing) licenseRow(ctx context.Context, key int64) (*ent.License, error) {
	return w.tx.Client().License.Query().Where(entlicense.ID(key)).WithProduct().WithContract().Only(ctx)
}
