package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// Permission says whether somebody may do something to a thing.
type Permission struct {
	Allowed    bool
	Violations []licensing.Violation
}

// doneTo are the actions by what they are done to; the empty noun stands for what is done to nothing that is there yet. A census fails if
// an operation is at none.
var doneTo = map[id.Noun][]string{
	id.Vendor:   {"createProduct", "createContract", "deleteVendor"},
	id.Product:  {"updateProduct", "deleteProduct"},
	id.Contract: {"updateContract", "deleteContract", "createLicense", "renewContract"},
	id.License: {
		"updateLicense", "deleteLicense", "createAllotment", "createAllocation", "removeUnusedOverage", "planRenewal", "placePurchaseReservation", "assignSeats",
		"unassignSeats", "licenseGroup", "retrySeats",
	},
	id.Allotment:    {"updateAllotment", "deleteAllotment", "createAllotment", "assignSeats", "unassignSeats", "licenseGroup", "retrySeats"},
	id.GroupLicense: {"updateGroupLicense", "unlicenseGroup", "swapGroupLicense", "excludeFromGroupLicense", "includeInGroupLicense", "retrySeats"},
	id.Group:        {"upsertGroups", "deleteGroup", "addGroupMembers", "removeGroupMembers"},
	id.User:         {"upsertUsers", "deleteUsers"},
	id.Allocation:   {"updateAllocation", "deleteAllocation"},
	id.Purchase:     {"cancelPurchaseReservation", "fulfillPurchaseReservation"},
	"": {"createVendor", "upsertUsers", "upsertGroups", "recordDeployments", "createServiceToken", "revokeServiceToken", "removeUnusedOverage", "publishPolicy",
		"rollbackPolicy", "startPolicyTrial", "stopPolicyTrial"},
}

// DoneTo lists the actions that are done to things of a noun.
func DoneTo(noun id.Noun) []string { return slices.Clone(doneTo[noun]) }

// May tells for each of some things of one noun whether somebody may do an action to it, as figures stand: it puts the question that the
// command would put, and asks the ledger for a unit where one is taken. What the rest of a request says (who is to have the seat, to what a
// limit is to change) is not judged, because it is not there. The things are known to be visible. It locks and writes nothing, and reads
// all of them together. Errors: INVALID_INPUT for an action there is not, or that is not done to such things.
func (t *Rehearsal) May(ctx context.Context, who *identity.Principal, action string, noun id.Noun, things []int64) (map[int64]Permission, error) {
	if !kinds[action].mutation {
		return nil, fault.Invalid("action", "there is no action %.100q", action)
	}
	if !slices.Contains(doneTo[noun], action) {
		return nil, fault.Invalid("action", "%s is not done to this", action)
	}
	var all map[int64]Permission
	err := t.runner.Store.View(ctx, func(ctx context.Context, r *store.Reader) error {
		rd := &reading{
			Reader: r, policy: t.runner.Policy.Current(), runner: t.runner, widen: &locks{}, book: licensing.NewBook(r.Now()), facts: newFacts(),
		}
		askers, err := rd.askers(ctx, []*identity.Principal{who})
		if err != nil {
			return err
		}
		rd.who = askers[0]
		all, err = rd.may(ctx, action, noun, things)
		return err
	})
	return all, translate(err)
}

// may is May inside a transaction.
func (r *reading) may(ctx context.Context, action string, noun id.Noun, things []int64) (map[int64]Permission, error) {
	all := make(map[int64]Permission, len(things))
	if no := r.refuseOutright(ctx, action, requestKey{}); no != nil {
		for _, thing := range things {
			all[thing] = Permission{Violations: no.decision.violations}
		}
		return all, nil
	}
	questions, err := r.beginnings(ctx, action, noun, things)
	if err != nil {
		return nil, err
	}
	plain := Permission{}
	if len(questions) < len(things) || len(things) == 0 {
		plain = r.permission(ctx, &beginning{ask: r.question(action, nil)})
	}
	for _, thing := range things {
		all[thing] = plain
		if q := questions[thing]; q != nil {
			all[thing] = r.permission(ctx, q)
		}
	}
	return all, nil
}

// beginning is a question about a thing without what only a whole request has; pool gives a unit if the action takes one.
type beginning struct {
	ask  *policy.Input
	pool *licensing.Pool
}

func (r *reading) permission(ctx context.Context, q *beginning) Permission {
	answer := r.policy.Decide(ctx, q.ask)
	if !answer.Allow {
		return Permission{Violations: answer.Violations}
	}
	if q.pool == nil {
		return Permission{Allowed: true}
	}
	for key, upTo := range answer.Ceilings {
		if pool := r.book.Pools[key]; pool != nil {
			pool.Grant(upTo)
		}
	}
	if bound := q.pool.Binding(1); bound != nil {
		return Permission{Violations: []licensing.Violation{licensing.Shortage(bound, 1)}}
	}
	return Permission{Allowed: true}
}

// beginnings reads what the questions about things rest on. Things of which nothing is asked but who acts have none.
func (r *reading) beginnings(ctx context.Context, action string, noun id.Noun, things []int64) (map[int64]*beginning, error) {
	switch noun {
	case id.License, id.Allotment:
		return r.aboutPools(ctx, action, noun, things)
	case id.GroupLicense:
		return r.aboutGrants(ctx, action, things)
	case id.Allocation:
		return r.aboutOwned(ctx, action, `SELECT id, license_id FROM allocations WHERE `, things)
	case id.Purchase:
		return r.aboutPurchases(ctx, action, things)
	case id.Group:
		return r.aboutGroups(ctx, action, things)
	default:
		return nil, nil
	}
}

// watchLicenses reads licenses with their pools and locks nothing.
func (r *reading) watchLicenses(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := r.readLicenses(ctx, sorted(ids), ""); err != nil {
		return err
	}
	return r.loadTerms(ctx, sorted(ids))
}

func (r *reading) aboutPools(ctx context.Context, action string, noun id.Noun, things []int64) (map[int64]*beginning, error) {
	licenses := things
	homes := map[int64]int64{}
	if noun == id.Allotment {
		var err error
		if homes, err = r.owners(ctx, `SELECT id, license_id FROM allotments WHERE `, things); err != nil {
			return nil, err
		}
		licenses = nil
		for _, license := range homes {
			licenses = append(licenses, license)
		}
	}
	if err := r.watchLicenses(ctx, licenses); err != nil {
		return nil, err
	}
	all := map[int64]*beginning{}
	for _, thing := range things {
		key := licensing.PoolKey{License: thing}
		if noun == id.Allotment {
			key = licensing.PoolKey{License: homes[thing], Allotment: thing}
		}
		if pool := r.book.Pools[key]; pool != nil {
			all[thing] = r.aboutPool(action, pool)
		}
	}
	return all, nil
}

// aboutPool is the question about a pool: for a seat, the group the scope names first; for an allotment below, one of no units within what
// is above; for a purchase, one as soon as it may be.
func (r *reading) aboutPool(action string, pool *licensing.Pool) *beginning {
	q := &beginning{ask: r.question(action, nil)}
	q.ask.License, q.ask.Pools = r.questionLicense(pool.Key.License, nil), r.questionPools(pool, 0)
	switch action {
	case "assignSeats":
		q.ask.Pools, q.pool = r.questionPools(pool, 1), pool
	case "licenseGroup":
		q.ask.Group = &policy.Group{}
		for _, p := range pool.Line() {
			if scope := r.facts.scopes[p.Key.Allotment]; len(scope.Groups) > 0 {
				q.ask.Group.ID = scope.Groups[0]
				break
			}
		}
	case "createAllotment":
		none := int64(0)
		q.ask.Allotment = (&draft{
			mode: licensing.Reserved, limit: &none, starts: inherit(nil, pool.StartsAt, pool), ends: inherit(nil, pool.EndsAt, pool), scope: r.facts.scopes[pool.Key.Allotment],
		}).change([]string{"name"}, nil)
	case "updateAllotment":
		q.ask.Allotment = (&draft{mode: pool.Mode, limit: pool.Limit, starts: pool.StartsAt, ends: pool.EndsAt, scope: r.facts.scopes[pool.Key.Allotment]}).change(nil, pool.Limit)
	case "placePurchaseReservation":
		q.ask = r.questionPurchase(action, &purchase{license: pool.Key.License, quantity: 1, startsOn: r.today()}, pool, false)
	}
	return q
}

func (r *reading) aboutGrants(ctx context.Context, action string, things []int64) (map[int64]*beginning, error) {
	grants, err := r.loadGrants(ctx, r.Any("id", 1), r.Array(sorted(things)))
	if err != nil {
		return nil, err
	}
	var licenses []int64
	for _, g := range grants {
		licenses = append(licenses, g.license)
	}
	if err := r.watchLicenses(ctx, licenses); err != nil {
		return nil, err
	}
	all := map[int64]*beginning{}
	for _, g := range grants {
		pool := r.book.Pools[g.key()]
		if pool == nil {
			continue
		}
		q := &beginning{ask: r.question(action, nil)}
		q.ask.License, q.ask.Pools, q.ask.Group = r.questionLicense(g.license, g.disabled), r.questionPools(pool, 0), &policy.Group{ID: g.group}
		all[g.id] = q
	}
	return all, nil
}

// aboutOwned are questions about what belongs to a license.
func (r *reading) aboutOwned(ctx context.Context, action, statement string, things []int64) (map[int64]*beginning, error) {
	owners, err := r.owners(ctx, statement, things)
	if err != nil {
		return nil, err
	}
	var licenses []int64
	for _, license := range owners {
		licenses = append(licenses, license)
	}
	if err := r.watchLicenses(ctx, licenses); err != nil {
		return nil, err
	}
	all := map[int64]*beginning{}
	for thing, license := range owners {
		if pool := r.poolOf(license, 0); pool != nil {
			all[thing] = r.aboutPool(action, pool)
		}
	}
	return all, nil
}

func (r *reading) aboutPurchases(ctx context.Context, action string, things []int64) (map[int64]*beginning, error) {
	all, err := r.aboutOwned(ctx, action, `SELECT id, license_id FROM purchase_reservations WHERE `, things)
	if err != nil {
		return nil, err
	}
	rows, err := r.Query(ctx, `SELECT id, license_id, quantity, starts_on FROM purchase_reservations WHERE `+r.Any("id", 1), r.Array(sorted(things)))
	return all, each(rows, err, func(s scanner) error {
		p := &purchase{}
		err := s.Scan(&p.id, &p.license, &p.quantity, &p.startsOn)
		if q := all[p.id]; err == nil && q != nil {
			q.ask = r.questionPurchase(action, p, r.poolOf(p.license, 0), false)
		}
		return err
	})
}

func (r *reading) aboutGroups(ctx context.Context, action string, things []int64) (map[int64]*beginning, error) {
	members, err := r.owners(ctx, `SELECT id, members FROM "groups" WHERE `, things)
	all := map[int64]*beginning{}
	for thing, n := range members {
		if action != "upsertGroups" {
			all[thing] = &beginning{ask: r.question(action, nil)}
			all[thing].ask.Group = &policy.Group{ID: thing, Members: n}
		}
	}
	return all, err
}

// owners reads pairs of a thing and what it belongs to; the statement ends where the condition on its id begins.
func (r *reading) owners(ctx context.Context, statement string, things []int64) (map[int64]int64, error) {
	found := map[int64]int64{}
	rows, err := r.Query(ctx, statement+r.Any("id", 1), r.Array(sorted(things)))
	return found, each(rows, err, func(s scanner) error {
		var thing, owner int64
		err := s.Scan(&thing, &owner)
		found[thing] = owner
		return err
	})
}
