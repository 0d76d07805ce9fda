package operation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
)

// facts are the rows a transaction has read beside the book: what licenses, users and group licenses are.
type facts struct {
	licenses map[int64]*license
	users    map[int64]*user
	people   map[int64]*ent.User // users as clients see them, read for requests that name them
	grants   map[int64]*groupLicense
	scopes   map[int64]policy.Scope // by allotment
}

func newFacts() *facts {
	return &facts{
		licenses: map[int64]*license{}, users: map[int64]*user{}, people: map[int64]*ent.User{}, grants: map[int64]*groupLicense{},
		scopes: map[int64]policy.Scope{},
	}
}

type license struct {
	id, productID, contractID int64
	pool                      *licensing.Pool
	product                   *product
	own, contract             dates
	due                       bool  // purchase reservations of it are to start
	overage                   int64 // as it was last told of
}

type product struct {
	id      int64
	name    string
	sku     string
	kind    string
	blocked []string
	plans   []servicePlan // those the policy has rules about
}

// servicePlan is a service plan of a product.
type servicePlan struct {
	id   int
	name string
}

type user struct {
	id         int64
	kind       string
	enabled    bool
	department string
	location   string
	groups     []int64  // those of the user's groups that some scope names
	memberOf   []string // those that the policy names
}

type groupLicense struct {
	id, group, license, allotment int64
	disabled                      []int
	nested, allOrNothing, denyAll bool
	replacedBy                    int64
	pending                       int64
	created                       time.Time
}

func (g *groupLicense) key() licensing.PoolKey {
	return licensing.PoolKey{License: g.license, Allotment: g.allotment}
}

// bundle is the group whose all-or-nothing set the group license is part of, 0 if none.
func (g *groupLicense) bundle() int64 {
	if g.allOrNothing && g.replacedBy == 0 {
		return g.group
	}
	return 0
}

func unmarshal(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, into)
}

// addScope adds one entry to the scope of an allotment; a kind that is empty is none.
func (f *facts) addScope(allotment int64, kind string, group int64, value string) {
	scope := f.scopes[allotment]
	switch kind {
	case "GROUP":
		scope.Groups = append(scope.Groups, group)
	case "DEPARTMENT":
		scope.Departments = append(scope.Departments, value)
	case "COUNTRY":
		scope.Countries = append(scope.Countries, value)
	default:
		return
	}
	f.scopes[allotment] = scope
}

// loadUsers reads users, with those of their groups that a scope of the licenses names. Users that do not exist are left
// out.
func (r *reading) loadUsers(ctx context.Context, ids []int64) error {
	missing := slices.DeleteFunc(sorted(ids), func(id int64) bool { return r.facts.users[id] != nil })
	if len(missing) == 0 {
		return nil
	}
	rows, err := r.Query(ctx, `SELECT id, type, enabled, department, usage_location FROM users WHERE `+r.Any("id", 1)+r.userLock(), r.Array(missing))
	err = each(rows, err, func(s scanner) error {
		u := &user{}
		if err := s.Scan(&u.id, &u.kind, &u.enabled, &u.department, &u.location); err != nil {
			return err
		}
		if u.location == "" {
			u.location = r.runner.DefaultLocation
		}
		r.facts.users[u.id] = u
		return nil
	})
	if err != nil {
		return err
	}
	return r.loadScopeGroups(ctx, missing)
}

// loadPeople is loadUsers for those a request names: they are read as clients see them, too.
func (r *reading) loadPeople(ctx context.Context, ids []int64) error {
	missing := slices.DeleteFunc(sorted(ids), func(id int64) bool { return r.facts.users[id] != nil })
	if len(missing) == 0 {
		return nil
	}
	rows, err := r.Query(ctx, `SELECT id, created_at, external_id, user_name, name_key, display_name, email, type, department, cost_center, usage_location, enabled, roles
		FROM users WHERE `+r.Any("id", 1)+r.userLock(), r.Array(missing))
	err = each(rows, err, func(s scanner) error {
		u := &ent.User{}
		var roles []byte
		if err := s.Scan(&u.ID, &u.CreatedAt, &u.ExternalID, &u.UserName, &u.NameKey, &u.DisplayName, &u.Email, &u.Type, &u.Department, &u.CostCenter,
			&u.UsageLocation, &u.Enabled, &roles); err != nil {
			return err
		}
		r.facts.people[u.ID] = u
		known := &user{id: u.ID, kind: string(u.Type), enabled: u.Enabled, department: u.Department, location: u.UsageLocation}
		if known.location == "" {
			known.location = r.runner.DefaultLocation
		}
		r.facts.users[u.ID] = known
		return unmarshal(roles, &u.Roles)
	})
	if err != nil {
		return err
	}
	return r.loadScopeGroups(ctx, missing)
}

// userLock keeps users as they are read until the transaction ends: who is disabled or deleted meanwhile would else be given a seat.
// Where plans exclude each other, a user's licenses are also decided one after the other.
func (r *reading) userLock() string {
	if r.plansMatter() {
		return " ORDER BY id" + r.tx.ForUpdate()
	}
	return " ORDER BY id" + r.tx.ForShare()
}

func (r *reading) loadScopeGroups(ctx context.Context, users []int64) error {
	var named []int64
	for _, scope := range r.facts.scopes {
		named = append(named, scope.Groups...)
	}
	if len(named) == 0 {
		return r.loadNamedGroups(ctx, users)
	}
	rows, err := r.Query(ctx, `SELECT user_id, group_id FROM memberships WHERE `+r.Any("group_id", 1)+` AND `+r.Any("user_id", 2)+` ORDER BY group_id`,
		r.Array(sorted(named)), r.Array(users))
	err = each(rows, err, func(s scanner) error {
		var id, group int64
		err := s.Scan(&id, &group)
		if u := r.facts.users[id]; u != nil {
			u.groups = append(u.groups, group)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.loadNamedGroups(ctx, users)
}

// loadNamedGroups reads which of the groups that the policy names have the users as direct members. It costs nothing if it names none.
func (r *reading) loadNamedGroups(ctx context.Context, users []int64) error {
	names := r.policy.RelevantGroups()
	if len(names) == 0 {
		return nil
	}
	rows, err := r.Query(ctx, `SELECT m.user_id, g.name FROM memberships m JOIN "groups" g ON g.id = m.group_id
		WHERE `+r.Any("g.name", 1)+` AND `+r.Any("m.user_id", 2)+` ORDER BY g.name`, r.Array(names), r.Array(users))
	return each(rows, err, func(s scanner) error {
		var id int64
		var name string
		err := s.Scan(&id, &name)
		if u := r.facts.users[id]; u != nil {
			u.memberOf = append(u.memberOf, name)
		}
		return err
	})
}

// loadGrants reads group licenses by a condition.
func (r *reading) loadGrants(ctx context.Context, where string, args ...any) ([]*groupLicense, error) {
	var found []*groupLicense
	rows, err := r.Query(ctx, `SELECT id, group_id, license_id, allotment_id, disabled_plans, include_nested, all_or_nothing, when_full, replaced_by,
		pending, created_at FROM group_licenses WHERE `+where+` ORDER BY id`, args...)
	err = each(rows, err, func(s scanner) error {
		g := &groupLicense{}
		var disabled []byte
		var whenFull string
		if err := s.Scan(&g.id, &g.group, &g.license, &g.allotment, &disabled, &g.nested, &g.allOrNothing, &whenFull, &g.replacedBy,
			&g.pending, &g.created); err != nil {
			return err
		}
		g.denyAll = whenFull == whenFullDenyAll
		found = append(found, g)
		return unmarshal(disabled, &g.disabled)
	})
	for _, g := range found {
		r.facts.grants[g.id] = g
		if g.replacedBy != 0 {
			r.book.Replace(g.id, g.replacedBy)
		}
	}
	return found, err
}

// poolOf gives a pool of a locked license.
func (r *reading) poolOf(license, allotment int64) *licensing.Pool {
	return r.book.Pools[licensing.PoolKey{License: license, Allotment: allotment}]
}

// questionPools gives a pool and everything above it as the policy sees them. Requested is what the request would draw.
func (r *reading) questionPools(pool *licensing.Pool, requested int64) []policy.Pool {
	var pools []policy.Pool
	draws := true
	for _, p := range pool.Line() {
		q := policy.Pool{
			Key: p.Key, Name: p.Name, Mode: string(p.Mode), Limit: p.Limit, Used: p.Used, Reserved: p.Reserved, Draws: draws,
			Delegate: p.Key.Allotment != 0 && r.who.delegated[p.Key.Allotment], Scope: r.facts.scopes[p.Key.Allotment],
			StartsAt: p.StartsAt, EndsAt: p.EndsAt,
		}
		if p.Key.IsLicense() {
			q.Mode, q.Scope = policy.ModeLicense, policy.Scope{}
		}
		if p.Limit != nil {
			available := p.Room()
			q.Available = &available
		}
		if draws {
			q.Requested = requested
		}
		draws = draws && p.Mode == licensing.Ceiling
		pools = append(pools, q)
	}
	return pools
}

// questionLicense gives a license as the policy sees it, with the plans that would be on.
func (r *reading) questionLicense(id int64, disabled []int) *policy.License {
	l := r.facts.licenses[id]
	return &policy.License{
		ID: l.id, ProductKind: l.product.kind, SKU: l.product.sku, Quantity: l.pool.Stock.Quantity, Unlimited: l.pool.Stock.Unlimited,
		BlockedLocations: l.product.blocked, Plans: planNames(l.product, disabled), StartsAt: l.pool.StartsAt, EndsAt: l.pool.EndsAt,
	}
}

func planNames(p *product, disabled []int) []string {
	var names []string
	for _, plan := range p.plans {
		if !slices.Contains(disabled, plan.id) && !slices.Contains(names, plan.name) {
			names = append(names, plan.name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
