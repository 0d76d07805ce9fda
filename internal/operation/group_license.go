package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/grouplicense"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// What is still to be done for a group license.
const (
	pendingNone = 0
	pendingFill = 1 // members are still to be given seats
	pendingEnd  = 2 // it ends: members are still to lose what only it granted
)

func (c *LicenseGroup) action() string { return "licenseGroup" }

func (c *LicenseGroup) check() error {
	if c.WhenFull != nil && !slices.Contains([]string{whenFullWait, whenFullDenyAll}, *c.WhenFull) {
		return fault.Invalid("whenFull", "for a group, whenFull is WAIT or DENY_ALL")
	}
	return targetOf(c.AllotmentID, c.LicenseID)
}

func (c *LicenseGroup) grant(t *target) *groupLicense {
	g := &groupLicense{
		group: c.GroupID.Key(id.Group), license: t.key.License, allotment: t.key.Allotment, disabled: planKeys(c.DisabledPlanIDs),
		nested: c.IncludeNested != nil && *c.IncludeNested, allOrNothing: c.AllOrNothing == nil || *c.AllOrNothing,
	}
	g.denyAll = c.WhenFull != nil && *c.WhenFull == whenFullDenyAll
	return g
}

func planKeys(plans []id.ID) []int {
	out := make([]int, 0, len(plans))
	for _, plan := range plans {
		out = append(out, int(plan.Key(id.ServicePlan)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *LicenseGroup) prepare(ctx context.Context, r *reading) (*plan[GroupLicensePayload], error) {
	t, err := r.find(ctx, c.AllotmentID, c.LicenseID)
	if err != nil {
		return nil, err
	}
	grant := c.grant(t)
	missing := fault.Missing("groupId", "group")
	if err := r.exists(ctx, "groups", grant.group, missing); err != nil {
		return nil, err
	}
	if seen, err := r.seen(ctx, "group", []int64{grant.group}); err != nil || len(seen) == 0 {
		return nil, orMissing(err, missing)
	}
	if err := r.lockMembers(ctx, grant); err != nil {
		return nil, err
	}
	if err := r.exists(ctx, "groups", grant.group, missing); err != nil { // it may be gone by now
		return nil, err
	}
	others, err := r.loadGrants(ctx, `group_id = $1`, grant.group)
	if err != nil {
		return nil, err
	}
	if err := r.lockGrants(ctx, others, grant.license); err != nil {
		return nil, err
	}
	pool, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := r.checkPlans(ctx, c.DisabledPlanIDs, grant.license); err != nil {
		return nil, err
	}
	members, err := r.memberCount(ctx, grant)
	if err != nil {
		return nil, err
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(grant.license, grant.disabled),
		Pools: r.questionPools(pool, members), Group: &policy.Group{ID: grant.group, Members: members},
	}
	return &plan[GroupLicensePayload]{ask: ask, hidden: r.hides(ctx, pool, t), write: func(ctx context.Context, w *writing) (*GroupLicensePayload, error) {
		for _, other := range others {
			if other.license == grant.license {
				return nil, fault.New(fault.Conflict, "the group has this license already")
			}
		}
		return w.newGrant(ctx, grant, c.dry(), members)
	}}, nil
}

// lockMembers locks the group of a group license, with all it includes, so that its members stay the same.
func (r *reading) lockMembers(ctx context.Context, grant *groupLicense) error {
	groups, err := r.reach(ctx, grant)
	if err != nil {
		return err
	}
	return r.lockGroups(ctx, groups)
}

func (r *reading) memberCount(ctx context.Context, grant *groupLicense) (int64, error) {
	groups, err := r.reach(ctx, grant)
	if err != nil {
		return 0, err
	}
	var n int64
	err = r.QueryRow(ctx, `SELECT COUNT(DISTINCT user_id) FROM memberships WHERE `+r.Any("group_id", 1), r.Array(groups)).Scan(&n)
	return n, err
}

// newGrant stores a group license and gives its members their seats: all of them when they are few or when it must be all or none,
// else a first part, the rest in transactions of their own.
func (w *writing) newGrant(ctx context.Context, grant *groupLicense, dry bool, members int64) (*GroupLicensePayload, error) {
	if err := w.storeGrant(ctx, grant); err != nil {
		return nil, err
	}
	if _, err := w.fill(ctx, grant, 0, dry || grant.denyAll || members <= chunk); err != nil {
		return nil, err
	}
	if grant.denyAll {
		if err := w.everyoneFits(grant); err != nil {
			return nil, err
		}
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	w.happened("GROUP_LICENSED", "groupLicense", grant.id, nil).about(grant)
	return w.grantPayload(ctx, grant)
}

func (e *event) about(grant *groupLicense) { e.pool, e.group = grant.key(), grant.group }

func (w *writing) storeGrant(ctx context.Context, grant *groupLicense) error {
	whenFull := grouplicense.WhenFullWAIT
	if grant.denyAll {
		whenFull = grouplicense.WhenFullDENY_ALL
	}
	row, err := w.tx.Client().GroupLicense.Create().SetGroupID(grant.group).SetLicenseID(grant.license).SetAllotmentID(grant.allotment).
		SetDisabledPlans(grant.disabled).SetIncludeNested(grant.nested).SetAllOrNothing(grant.allOrNothing).SetWhenFull(whenFull).
		SetPending(pendingFill).SetCreatedAt(w.Now()).Save(ctx)
	if err != nil {
		return err
	}
	grant.id, grant.created, grant.pending = row.ID, w.Now(), pendingFill
	w.facts.grants[grant.id] = grant
	return nil
}

// everyoneFits refuses the whole request if a member would have to wait (semantics.md §4, DENY_ALL).
func (w *writing) everyoneFits(grant *groupLicense) error {
	var short int64
	for _, seat := range w.book.Touched() {
		if reason := seat.Find(grant.id); reason != nil && reason.State == licensing.Queued {
			short++
		}
	}
	if short == 0 {
		return nil
	}
	pool := w.book.Pools[grant.key()]
	if bound := pool.Binding(1); bound != nil {
		pool = bound
	}
	v := licensing.Shortage(pool, short)
	v.Message = fmt.Sprintf("%d members would not fit, and nobody is licensed unless everyone is", short)
	return refuse(v)
}

func (w *writing) grantPayload(ctx context.Context, grant *groupLicense) (*GroupLicensePayload, error) {
	row, err := w.tx.Client().GroupLicense.Get(ctx, grant.id)
	if ent.IsNotFound(err) { // it was being replaced, and nobody is left who holds by it
		return &GroupLicensePayload{Summary: &SeatSummary{}}, nil
	}
	if err != nil {
		return nil, err
	}
	summary, err := w.summary(ctx, grant)
	if err != nil {
		return nil, err
	}
	if row.Pending == pendingFill {
		w.unfinished = true
		summary.Pending, err = w.unserved(ctx, grant)
	}
	return &GroupLicensePayload{GroupLicense: row, Summary: summary}, err
}

// grantByID finds a group license by the client's id and locks its group and its licenses.
func (r *reading) grantByID(ctx context.Context, given id.ID) (*groupLicense, *licensing.Pool, unseen, error) {
	missing := fault.Missing("groupLicenseId", "group license")
	key := given.Key(id.GroupLicense)
	found, err := r.loadGrants(ctx, `id = $1`, key)
	if err != nil || len(found) == 0 {
		return nil, nil, nil, orMissing(err, missing)
	}
	if err := r.lockMembers(ctx, found[0]); err != nil {
		return nil, nil, nil, err
	}
	found, err = r.loadGrants(ctx, `group_id = $1`, found[0].group) // again, now that nobody can change them
	if err != nil {
		return nil, nil, nil, err
	}
	at := slices.IndexFunc(found, func(g *groupLicense) bool { return g.id == key })
	if at < 0 {
		return nil, nil, nil, missing
	}
	if err := r.lockGrants(ctx, found); err != nil {
		return nil, nil, nil, err
	}
	// One that is being replaced goes with its last member, whoever moves them: only the lock of its license keeps it.
	if err := r.exists(ctx, "group_licenses", key, missing); err != nil {
		return nil, nil, nil, err
	}
	pool := r.book.Pools[found[at].key()]
	t := &target{key: pool.Key, field: "groupLicenseId", noun: "group license"}
	r.found = append(r.found, t)
	return found[at], pool, r.hides(ctx, pool, t), nil
}

func orMissing(err error, missing *fault.Error) error {
	if err != nil {
		return err
	}
	return missing
}

// questionGrant puts the question about a change of a group license.
func (r *reading) questionGrant(ctx context.Context, action string, grant *groupLicense, pool *licensing.Pool) (*policy.Input, error) {
	members, err := r.memberCount(ctx, grant)
	return &policy.Input{
		Now: r.Now(), Action: action, Principal: r.who.facts(), License: r.questionLicense(grant.license, grant.disabled),
		Pools: r.questionPools(pool, 0), Group: &policy.Group{ID: grant.group, Members: members},
	}, err
}

func (c *UpdateGroupLicense) action() string { return "updateGroupLicense" }

func (c *UpdateGroupLicense) check() error { return nil }

func (c *UpdateGroupLicense) prepare(ctx context.Context, r *reading) (*plan[GroupLicensePayload], error) {
	grant, pool, hidden, err := r.grantByID(ctx, c.GroupLicenseID)
	if err != nil {
		return nil, err
	}
	product := r.facts.licenses[grant.license].product
	before := planNames(product, grant.disabled)
	if plans, given := c.DisabledPlanIDs.ValueOK(); given {
		if err := r.checkPlans(ctx, plans, grant.license); err != nil {
			return nil, err
		}
		grant.disabled = planKeys(plans)
	}
	more := slices.ContainsFunc(planNames(product, grant.disabled), func(plan string) bool { return !slices.Contains(before, plan) })
	if c.IncludeNested != nil {
		grant.nested = *c.IncludeNested
		if err := r.lockMembers(ctx, grant); err != nil {
			return nil, err
		}
	}
	if c.AllOrNothing != nil {
		grant.allOrNothing = *c.AllOrNothing
	}
	ask, err := r.questionGrant(ctx, c.action(), grant, pool)
	if err != nil {
		return nil, err
	}
	return &plan[GroupLicensePayload]{ask: ask, hidden: hidden, write: func(ctx context.Context, w *writing) (*GroupLicensePayload, error) {
		err := w.tx.Client().GroupLicense.UpdateOneID(grant.id).SetDisabledPlans(grant.disabled).SetIncludeNested(grant.nested).
			SetAllOrNothing(grant.allOrNothing).Exec(ctx)
		if err != nil {
			return nil, err
		}
		if err := w.refill(ctx, grant, more); err != nil {
			return nil, err
		}
		w.happened("GROUP_LICENSE_UPDATED", "groupLicense", grant.id, map[string]any{
			"disabledPlans": grant.disabled, "includeNested": grant.nested, "allOrNothing": grant.allOrNothing,
		}).about(grant)
		return w.grantPayload(ctx, grant)
	}}, nil
}

func (c *UnlicenseGroup) action() string { return "unlicenseGroup" }

func (c *UnlicenseGroup) check() error { return nil }

func (c *UnlicenseGroup) prepare(ctx context.Context, r *reading) (*plan[UnlicenseGroupPayload], error) {
	grant, pool, hidden, err := r.grantByID(ctx, c.GroupLicenseID)
	if err != nil {
		return nil, err
	}
	ask, err := r.questionGrant(ctx, c.action(), grant, pool)
	if err != nil {
		return nil, err
	}
	return &plan[UnlicenseGroupPayload]{ask: ask, hidden: hidden, write: func(ctx context.Context, w *writing) (*UnlicenseGroupPayload, error) {
		grant.pending = pendingEnd
		if _, err := w.tx.Exec(ctx, `UPDATE group_licenses SET pending = $1 WHERE id = $2`, pendingEnd, grant.id); err != nil {
			return nil, err
		}
		left, err := w.drain(ctx, grant, c.dry())
		if err != nil {
			return nil, err
		}
		if left > 0 {
			w.unfinished = true
		}
		w.happened("GROUP_UNLICENSED", "groupLicense", grant.id, nil).about(grant)
		return &UnlicenseGroupPayload{DeletedID: c.GroupLicenseID, Released: w.released(), Pending: left}, nil
	}}, nil
}

// released counts the seats that were held before and are gone.
func (w *writing) released() int64 {
	n := int64(0)
	for _, seat := range w.book.Touched() {
		if seat.Was() == licensing.Active && seat.State == licensing.None {
			n++
		}
	}
	return n
}
