package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfence/ringfence/ent"
	entuser "github.com/ringfence/ringfence/ent/user"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

func (c *UpsertUsers) action() string { return "upsertUsers" }

func (c *UpsertUsers) check() error {
	if len(c.Users) == 0 || len(c.Users) > maxUpsert {
		return fault.Invalid("users", "give 1 to %d users", maxUpsert)
	}
	names, externals := map[string]bool{}, map[string]bool{}
	for i, u := range c.Users {
		field := fmt.Sprintf("users.%d.", i)
		if err := u.check(field); err != nil {
			return err
		}
		external := u.ExternalID.Value()
		if names[nameKey(u.UserName)] || external != nil && externals[*external] {
			return fault.Invalid(field+"userName", "the user is named twice")
		}
		names[nameKey(u.UserName)] = true
		if external != nil {
			externals[*external] = true
		}
	}
	return nil
}

func (u *UserInput) check(field string) error {
	if err := firstError(
		checkText(field+"userName", u.UserName, 300), checkReserved(field+"userName", u.UserName),
		checkExternal(field+"externalId", u.ExternalID.Value()),
		checkOptional(field+"displayName", u.DisplayName, 300),
		checkOptional(field+"email", u.Email, 320),
		checkOneOf(field+"type", u.Type, "MEMBER", "GUEST", "SERVICE_ACCOUNT"),
		checkOptional(field+"department", u.Department.Value(), 200), checkOptional(field+"costCenter", u.CostCenter.Value(), 200),
		checkCountry(field+"usageLocation", u.UsageLocation.Value()),
	); err != nil {
		return err
	}
	for _, role := range u.Roles {
		if err := checkText(field+"roles", role, 100); err != nil {
			return err
		}
	}
	return nil
}

// apply gives the row a user input makes of a known user, or of nobody.
func (u *UserInput) apply(known *ent.User) *ent.User {
	row := &ent.User{Type: entuser.TypeMEMBER, Enabled: true}
	if known != nil {
		copied := *known
		row = &copied
	}
	row.UserName, row.NameKey = u.UserName, nameKey(u.UserName)
	set(&row.DisplayName, u.DisplayName)
	set(&row.Email, u.Email)
	set(&row.Enabled, u.Enabled)
	if u.Type != nil {
		row.Type = entuser.Type(*u.Type)
	}
	if external, given := u.ExternalID.ValueOK(); given {
		row.ExternalID = external
	}
	if department, given := u.Department.ValueOK(); given {
		row.Department = orEmpty(department)
	}
	if center, given := u.CostCenter.ValueOK(); given {
		row.CostCenter = orEmpty(center)
	}
	if location, given := u.UsageLocation.ValueOK(); given {
		row.UsageLocation = orEmpty(location)
	}
	if u.Roles != nil {
		row.Roles = u.Roles
	}
	set(&row.Attributes, u.Attributes)
	return row
}

// checkReserved refuses the name under which the service records what it does by itself.
func checkReserved(field, name string) error {
	if nameKey(name) == identity.SystemName {
		return fault.Invalid(field, "this name is reserved for the service")
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// prepare finds the users that exist and locks all their licenses may depend on.
func (c *UpsertUsers) prepare(ctx context.Context, r *reading) (*plan[UsersPayload], error) {
	known, err := r.findUsers(ctx, c.Users)
	if err != nil {
		return nil, err
	}
	var existing []int64
	for _, row := range known {
		if row != nil {
			existing = append(existing, row.ID)
		}
	}
	grants, err := r.lockAround(ctx, existing)
	if err != nil {
		return nil, err
	}
	if known, err = r.findUsers(ctx, c.Users); err != nil { // again, now that they are locked
		return nil, err
	}
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), Args: map[string]any{"count": len(c.Users)}}
	return &plan[UsersPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*UsersPayload, error) {
		rows := make([]*ent.User, len(c.Users))
		for i := range c.Users {
			rows[i] = c.Users[i].apply(known[i])
		}
		if err := w.storeUsers(ctx, rows, known); err != nil {
			return nil, err
		}
		return &UsersPayload{Users: rows}, w.usersChanged(ctx, rows, known, grants)
	}}, nil
}

// lockAround locks the groups users are in, the licenses that reach them or that they have seats of, and the users, together with
// others of whom only the row changes.
func (r *reading) lockAround(ctx context.Context, users []int64, others ...int64) ([]*groupLicense, error) {
	if len(users) == 0 {
		return nil, r.lockUsers(ctx, others)
	}
	groups, err := r.ids(ctx, `SELECT DISTINCT group_id FROM memberships WHERE `+r.Any("user_id", 1), r.Array(users))
	if err != nil {
		return nil, err
	}
	line, err := r.above(ctx, groups)
	if err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, line); err != nil {
		return nil, err
	}
	grants, err := r.grantsFor(ctx, groups)
	if err != nil {
		return nil, err
	}
	licenses, err := r.licensesOf(ctx, users)
	if err != nil {
		return nil, err
	}
	if err := r.lockGrants(ctx, grants, licenses...); err != nil {
		return nil, err
	}
	if err := r.lockUsers(ctx, append(others, users...)); err != nil {
		return nil, err
	}
	return grants, r.stillAround(ctx, users, groups)
}

// stillAround starts the transaction again if users joined a group or got a seat before they were locked. From now on they cannot.
func (r *reading) stillAround(ctx context.Context, users, groups []int64) error {
	joined, err := r.ids(ctx, `SELECT DISTINCT group_id FROM memberships WHERE `+r.Any("user_id", 1), r.Array(users))
	if err != nil {
		return err
	}
	licenses, err := r.licensesOf(ctx, users)
	if err != nil {
		return err
	}
	if len(without(joined, groups)) > 0 || slices.ContainsFunc(licenses, func(id int64) bool { return r.facts.licenses[id] == nil }) {
		return &widenError{licenses: licenses}
	}
	return nil
}

// findUsers finds the users that inputs are about: by external id, else by name. It answers nil for those that are new.
func (r *reading) findUsers(ctx context.Context, inputs []UserInput) ([]*ent.User, error) {
	known, err := r.usersNamed(ctx, inputs)
	if err != nil {
		return nil, err
	}
	found := make([]*ent.User, len(inputs))
	taken := map[int64]bool{}
	for i, u := range inputs {
		if found[i] = known.find(&u); found[i] == nil {
			continue
		}
		if taken[found[i].ID] {
			return nil, fault.Invalid(fmt.Sprintf("users.%d.userName", i), "the user is named twice")
		}
		taken[found[i].ID] = true
	}
	return found, nil
}

// namedUsers are users by what inputs name them.
type namedUsers struct{ byName, byExternal map[string]*ent.User }

// find gives the user an input is about: by external id, else by name.
func (n *namedUsers) find(u *UserInput) *ent.User {
	if external := u.ExternalID.Value(); external != nil && n.byExternal[*external] != nil {
		return n.byExternal[*external]
	}
	return n.byName[nameKey(u.UserName)]
}

// usersNamed reads the users that have the external id or the name of an input.
func (r *reading) usersNamed(ctx context.Context, inputs []UserInput) (*namedUsers, error) {
	var names, externals []string
	for _, u := range inputs {
		names = append(names, nameKey(u.UserName))
		if external := u.ExternalID.Value(); external != nil {
			externals = append(externals, *external)
		}
	}
	users, err := r.ids(ctx, `SELECT id FROM users WHERE `+r.Any("name_key", 1)+` OR `+r.Any("external_id", 2), r.Array(names), r.Array(append(externals, "")))
	if err != nil {
		return nil, err
	}
	named := &namedUsers{byName: map[string]*ent.User{}, byExternal: map[string]*ent.User{}}
	for part := range slices.Chunk(users, 10_000) {
		rows, err := r.Client().User.Query().Where(entuser.IDIn(part...)).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			named.byName[row.NameKey] = row
			if row.ExternalID != nil {
				named.byExternal[*row.ExternalID] = row
			}
		}
	}
	return named, nil
}

// storeUsers writes users: new ones get their key, known ones are changed where they differ.
func (w *writing) storeUsers(ctx context.Context, rows, known []*ent.User) error {
	var fresh, changed []*ent.User
	for i, row := range rows {
		if known[i] == nil {
			row.CreatedAt = w.Now()
			fresh = append(fresh, row)
		} else if !sameUser(row, known[i]) {
			row.UpdatedAt = after(w.Now(), changedAt(known[i].CreatedAt, known[i].UpdatedAt))
			changed = append(changed, row)
		}
	}
	if err := w.insertUsers(ctx, fresh); err != nil {
		return err
	}
	w.tellUsers("USER_CREATED", fresh, func(*ent.User) any { return nil })
	w.tellUsers("USER_UPDATED", changed, func(row *ent.User) any {
		return map[string]any{"enabled": row.Enabled, "type": row.Type, "department": row.Department, "usageLocation": row.UsageLocation}
	})
	w.tellMoves(rows, known)
	return w.updateUsers(ctx, changed)
}

func sameUser(a, b *ent.User) bool {
	return a.Attributes == b.Attributes && a.UserName == b.UserName && a.DisplayName == b.DisplayName && a.Email == b.Email && a.Type == b.Type && a.Department == b.Department &&
		a.CostCenter == b.CostCenter && a.UsageLocation == b.UsageLocation && a.Enabled == b.Enabled && same(a.ExternalID, b.ExternalID) && slices.Equal(a.Roles, b.Roles)
}

func userColumns(rows []*ent.User) ([]store.Column, error) {
	n := len(rows)
	external, roles, enabled := make([]*string, n), make([]json.RawMessage, n), make([]bool, n)
	attributes, updated := make([]string, n), make([]*time.Time, n)
	texts := make([][]string, 8)
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i, u := range rows {
		external[i], enabled[i], attributes[i], updated[i] = u.ExternalID, u.Enabled, u.Attributes, u.UpdatedAt
		text, err := json.Marshal(u.Roles)
		if err != nil {
			return nil, err
		}
		roles[i] = text
		for j, value := range []string{u.UserName, u.NameKey, u.DisplayName, u.Email, string(u.Type), u.Department, u.CostCenter, u.UsageLocation} {
			texts[j][i] = value
		}
	}
	columns := []store.Column{{Name: "external_id", Values: external}, {Name: "enabled", Values: enabled}, {Name: "roles", Values: roles},
		{Name: "attributes", Values: attributes}, {Name: "updated_at", Values: updated}}
	for j, name := range []string{"user_name", "name_key", "display_name", "email", "type", "department", "cost_center", "usage_location"} {
		columns = append(columns, store.Column{Name: name, Values: texts[j]})
	}
	return columns, nil
}

func (w *writing) insertUsers(ctx context.Context, rows []*ent.User) error {
	if len(rows) == 0 {
		return nil
	}
	columns, err := userColumns(rows)
	if err != nil {
		return err
	}
	created := make([]time.Time, len(rows))
	for i := range created {
		created[i] = w.Now()
	}
	i := 0
	return w.tx.InsertReturning(ctx, "users", []string{"id"}, scanRows(func(row scanner) error {
		i++
		return row.Scan(&rows[i-1].ID)
	}), append(columns, store.Column{Name: "created_at", Values: created})...)
}

func (w *writing) updateUsers(ctx context.Context, rows []*ent.User) error {
	if len(rows) == 0 {
		return nil
	}
	columns, err := userColumns(rows)
	if err != nil {
		return err
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	assign := make([]string, len(columns))
	for i, column := range columns {
		assign[i] = column.Name + " = v." + column.Name
	}
	table, args := w.tx.Table("v", 1, append(columns, store.Column{Name: "id", Values: ids})...)
	_, err = w.tx.Exec(ctx, `UPDATE users SET `+strings.Join(assign, ", ")+` FROM `+table+` WHERE users.id = v.id`, args...)
	return err
}
