package operation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ringfence/ringfence/ent"
	entallotment "github.com/ringfence/ringfence/ent/allotment"
	"github.com/ringfence/ringfence/ent/allotmentscope"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

func (c *CreateAllotment) action() string { return "createAllotment" }

func (c *CreateAllotment) check() error {
	if (c.LicenseID == nil) == (c.ParentID == nil) {
		return fault.Invalid("licenseId", "give either a licenseId or a parentId")
	}
	if c.mode() == licensing.Reserved && c.Limit == nil {
		return fault.Invalid("limit", "a RESERVED allotment needs a limit")
	}
	return firstError(
		checkText("name", c.Name, 200), checkCount("limit", c.Limit), checkOneOf("mode", c.Mode, "RESERVED", "CEILING"),
		checkScope(c.Scope), checkTimes(c.StartsAt, c.EndsAt), checkConfirms(c.Confirms),
	)
}

// bare is the command without how it is asked.
func (c CreateAllotment) bare() CreateAllotment {
	c.Request, c.Confirms = Request{}, nil
	return c
}

func checkTimes(starts, ends *time.Time) error {
	if starts != nil && ends != nil && !ends.After(*starts) {
		return fault.Invalid("endsAt", "the end is not after the start")
	}
	return nil
}

func checkScope(scope *ScopeInput) error {
	if scope == nil {
		return nil
	}
	for i, department := range scope.Departments {
		if err := checkText(fmt.Sprintf("scope.departments.%d", i), department, 200); err != nil {
			return err
		}
	}
	for i := range scope.Countries {
		if err := checkCountry(fmt.Sprintf("scope.countries.%d", i), &scope.Countries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *CreateAllotment) mode() licensing.Mode {
	if c.Mode == nil {
		return licensing.Reserved
	}
	return licensing.Mode(*c.Mode)
}

func count(n *int) *int64 {
	if n == nil {
		return nil
	}
	wide := int64(*n)
	return &wide
}

func (c *CreateAllotment) prepare(ctx context.Context, r *reading) (*plan[AllotmentPayload], error) {
	t, err := r.find(ctx, c.ParentID, c.LicenseID)
	if t != nil && c.ParentID != nil {
		t.field = "parentId"
	}
	if err != nil {
		return nil, renamed(err, "allotmentId", "parentId")
	}
	parent, err := r.draw(ctx, t)
	if err != nil {
		return nil, err
	}
	d := &draft{
		name: c.Name, mode: c.mode(), limit: count(c.Limit), starts: inherit(c.StartsAt, parent.StartsAt, parent), ends: inherit(c.EndsAt, parent.EndsAt, parent),
		users: keys(c.DelegateUserIDs, id.User), groups: keys(c.DelegateGroupIDs, id.Group), scope: scopeOf(c.Scope, r.facts.scopes[parent.Key.Allotment]),
	}
	if err := r.checkDraft(ctx, d, c.DelegateUserIDs, c.DelegateGroupIDs, c.Scope); err != nil {
		return nil, err
	}
	if d.mode == licensing.Reserved {
		d.requested = *d.limit
	}
	ask := &policy.Input{
		Now: r.Now(), Action: c.action(), Principal: r.who.facts(), License: r.questionLicense(t.key.License, nil), Pools: r.questionPools(parent, d.requested),
		Allotment: d.change([]string{"name", "mode", "limit", "scope", "delegates", "startsAt", "endsAt"}, nil),
	}
	if err := r.confirmable(ctx, ask, c.bare(), c.Confirms); err != nil {
		return nil, err
	}
	return &plan[AllotmentPayload]{ask: ask, hidden: r.hides(ctx, parent, t), write: func(ctx context.Context, w *writing) (*AllotmentPayload, error) {
		return w.createAllotment(ctx, d, parent)
	}}, nil
}

// renamed changes the field an error names.
func renamed(err error, from, to string) error {
	if known, ok := err.(*fault.Error); ok && known.Field == from { //nolint:errorlint // made a line above, not wrapped
		known.Field = to
	}
	return err
}

// draft is what an allotment is to become.
type draft struct {
	name          string
	mode          licensing.Mode
	limit         *int64
	starts, ends  *time.Time
	users, groups []int64 // delegates
	scope         policy.Scope
	requested     int64 // what the parent has to give
}

// inherit gives a date, or the parent allotment's if it is left out. The license's own dates bind without being copied.
func inherit(given, parents *time.Time, parent *licensing.Pool) *time.Time {
	if given != nil || parent.Key.IsLicense() {
		return utc(given)
	}
	return parents
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	exact := t.UTC().Truncate(time.Microsecond)
	return &exact
}

// scopeOf gives a scope, or the parent's if it is left out.
func scopeOf(given *ScopeInput, parents policy.Scope) policy.Scope {
	if given == nil {
		return parents
	}
	return policy.Scope{Groups: sorted(keys(given.GroupIDs, id.Group)), Departments: distinct(given.Departments), Countries: distinct(given.Countries)}
}

func distinct[T comparable](values []T) []T {
	var out []T
	seen := map[T]bool{}
	for _, value := range values {
		if !seen[value] {
			seen[value] = true
			out = append(out, value)
		}
	}
	return out
}

func (d *draft) change(fields []string, previous *int64) *policy.AllotmentChange {
	return &policy.AllotmentChange{
		Mode: string(d.mode), Limit: d.limit, PreviousLimit: previous, Requested: d.requested, Scope: d.scope, StartsAt: d.starts, EndsAt: d.ends, Fields: fields,
	}
}

// checkDraft keeps what the draft names from going away, and answers an error that names the field unless everything the command
// itself names is there for the caller: an allotment may have delegates already whom they do not see.
func (r *reading) checkDraft(ctx context.Context, d *draft, users, groups []id.ID, scope *ScopeInput) error {
	if err := r.keep(ctx, "users", d.users); err != nil {
		return err
	}
	if err := r.keep(ctx, "groups", append(slices.Clone(d.groups), d.scope.Groups...)); err != nil {
		return err
	}
	if err := r.allExist(ctx, "users", "delegateUserIds", "user", keys(users, id.User)); err != nil {
		return err
	}
	if err := r.allExist(ctx, "groups", "delegateGroupIds", "group", keys(groups, id.Group)); err != nil || scope == nil {
		return err
	}
	return r.allExist(ctx, "groups", "scope.groupIds", "group", keys(scope.GroupIDs, id.Group))
}

func (w *writing) createAllotment(ctx context.Context, d *draft, parent *licensing.Pool) (*AllotmentPayload, error) {
	depth := len(parent.Line())
	if depth > licensing.MaxDepth {
		return nil, fault.Invalid("parentId", "allotments nest at most %d deep", licensing.MaxDepth)
	}
	if err := w.freeName(ctx, parent.Key, d.name, 0); err != nil {
		return nil, err
	}
	w.grant(w.answer.Ceilings)
	if err := w.carve(parent, d.requested); err != nil {
		return nil, err
	}
	create := w.tx.Client().Allotment.Create().SetLicenseID(parent.Key.License).SetDepth(depth).SetName(d.name).SetMode(entallotment.Mode(d.mode)).
		SetNillableCapacity(d.limit).SetNillableCeiling(d.limit).SetNillableStartsAt(d.starts).SetNillableEndsAt(d.ends).SetCreatedAt(w.Now())
	if !parent.Key.IsLicense() {
		create.SetParentID(parent.Key.Allotment)
	}
	row, err := create.Save(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.storeDelegates(ctx, row.ID, d); err != nil {
		return nil, err
	}
	if err := w.storeScope(ctx, row.ID, d.scope); err != nil {
		return nil, err
	}
	data := d.data()
	if !parent.Key.IsLicense() {
		data["parent"] = id.Of(id.Allotment, parent.Key.Allotment).String()
	}
	w.happened("ALLOTMENT_CREATED", "allotment", row.ID, data).pool = licensing.PoolKey{License: parent.Key.License, Allotment: row.ID}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.allotmentPayload(ctx, row.ID)
}

// carve takes units out of a pool for an allotment, if they are there.
func (w *writing) carve(pool *licensing.Pool, n int64) error {
	if n > 0 {
		if bound := pool.Binding(n); bound != nil {
			v := licensing.Shortage(bound, n)
			v.Field = "limit"
			return refuse(v)
		}
	}
	pool.Reserve(n)
	return nil
}

func (d *draft) data() map[string]any {
	return map[string]any{
		"name": d.name, "mode": d.mode, "limit": d.limit, "delegateUsers": idsOf(id.User, d.users), "delegateGroups": idsOf(id.Group, d.groups),
		"startsAt": d.starts, "endsAt": d.ends,
		"scope": map[string]any{"groups": idsOf(id.Group, d.scope.Groups), "departments": d.scope.Departments, "countries": d.scope.Countries},
	}
}

// freeName answers a conflict if a sibling has the name.
func (w *writing) freeName(ctx context.Context, parent licensing.PoolKey, name string, self int64) error {
	var n int
	err := w.QueryRow(ctx, `SELECT COUNT(*) FROM allotments WHERE license_id = $1 AND COALESCE(parent_id, 0) = $2 AND name = $3 AND id <> $4`,
		parent.License, parent.Allotment, name, self).Scan(&n)
	if err == nil && n > 0 {
		e := fault.New(fault.Conflict, "there is an allotment of this name already")
		e.Field = "name"
		return e
	}
	return err
}

func (w *writing) storeDelegates(ctx context.Context, allotment int64, d *draft) error {
	users, groups := sorted(d.users), sorted(d.groups)
	n := len(users) + len(groups)
	return w.tx.Insert(ctx, "allotment_delegates", store.Column{Name: "allotment_id", Values: repeat(allotment, n)},
		store.Column{Name: "user_id", Values: append(users, make([]int64, len(groups))...)},
		store.Column{Name: "group_id", Values: append(make([]int64, n-len(groups)), groups...)})
}

func (w *writing) storeScope(ctx context.Context, allotment int64, scope policy.Scope) error {
	var kinds, values []string
	var groups []int64
	add := func(kind, value string, group int64) {
		kinds, values, groups = append(kinds, kind), append(values, value), append(groups, group)
	}
	for _, group := range scope.Groups {
		add("GROUP", "", group)
	}
	for _, department := range scope.Departments {
		add("DEPARTMENT", department, 0)
	}
	for _, country := range scope.Countries {
		add("COUNTRY", country, 0)
	}
	return w.tx.Insert(ctx, "allotment_scopes", store.Column{Name: "allotment_id", Values: repeat(allotment, len(kinds))},
		store.Column{Name: "kind", Values: kinds}, store.Column{Name: "group_id", Values: groups}, store.Column{Name: "value", Values: values})
}

// inOrder is the order in which scopes are shown.
func inOrder(q *ent.AllotmentScopeQuery) {
	q.Order(allotmentscope.ByValue(), allotmentscope.ByID())
}

// allotmentPayload reads an allotment as the transaction leaves it, with the pools above, so that a dry run shows them too.
func (w *writing) allotmentPayload(ctx context.Context, key int64) (*AllotmentPayload, error) {
	row, err := w.tx.Client().Allotment.Query().Where(entallotment.ID(key)).WithParent().WithScopes(inOrder).WithDelegates().
		WithLicense(func(q *ent.LicenseQuery) { q.WithProduct().WithContract() }).Only(ctx)
	return &AllotmentPayload{Allotment: row}, err
}
