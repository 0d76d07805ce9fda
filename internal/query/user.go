package query

import (
	"context"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/ent/user"
	"github.com/ringfence/ringfence/internal/id"
)

// User is a person, guest or service account as the API shows it: what the policy masks reads as nil.
type User struct {
	*ent.User
	family *family[*User]
}

// Pages of users.
type (
	UserConnection = Connection[*User]
	UserEdge       = Edge[*User]
)

var users = &noun[*ent.User, *User]{
	kind: kindUser, table: "users",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.User, error) {
		return c.User.Query().Where(predicate.User(where)).All(ctx)
	},
	key:  func(row *ent.User) int64 { return row.ID },
	view: func(row *ent.User, f *family[*User]) *User { return &User{row, f} },
}

func userKey(u *User) int64 { return u.User.ID }

// ID gives the opaque id.
func (u *User) ID() id.ID { return id.Of(id.User, u.User.ID) }

// unknown tells that nothing may be told of the user but the id that was asked about: it may not be seen, or is not there.
func (u *User) unknown() bool { return u.User.UserName == "" }

func shown[T any](u *User, field string, value T) *T {
	if u.unknown() {
		return nil
	}
	return unmasked(u.family.facts, kindUser, field, value)
}

// UserName gives the sign-in name.
func (u *User) UserName() *string { return shown(u, "user_name", u.User.UserName) }

// DisplayName gives the name for people.
func (u *User) DisplayName() *string { return shown(u, "display_name", u.User.DisplayName) }

// Email gives the e-mail address.
func (u *User) Email() *string { return shown(u, "email", u.User.Email) }

// ExternalID gives the id in the directory.
func (u *User) ExternalID() *string {
	return masked(u.family.facts, kindUser, "external_id", u.User.ExternalID)
}

// Type gives what kind of account it is.
func (u *User) Type() *user.Type { return shown(u, "type", u.User.Type) }

// Department gives the department.
func (u *User) Department() *string { return shown(u, "department", u.User.Department) }

// CostCenter gives the cost center that pays for the user's seats.
func (u *User) CostCenter() *string { return shown(u, "cost_center", u.User.CostCenter) }

// UsageLocation gives the country of use.
func (u *User) UsageLocation() *string { return shown(u, "usage_location", u.User.UsageLocation) }

// Enabled tells whether the account may hold seats.
func (u *User) Enabled() *bool { return shown(u, "enabled", u.User.Enabled) }

// CreatedAt gives when it was recorded.
func (u *User) CreatedAt() *time.Time {
	if u.unknown() {
		return nil
	}
	return &u.User.CreatedAt
}

// Roles gives the roles in the directory, sorted; nil when masked.
func (u *User) Roles() []string {
	if u.unknown() || u.family.facts.view.Masks(kindUser, "roles") {
		return nil
	}
	roles := append([]string{}, u.User.Roles...)
	slices.Sort(roles)
	return roles
}

// Groups gives the groups the user is a direct member of.
func (u *User) Groups(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupConnection, error) {
	if u.unknown() {
		return empty[*Group](), nil
	}
	return below(ctx, u.family, u, groups, nested[*User]{
		field: "groups", parent: "m.user_id", owner: userKey, from: "memberships AS m JOIN groups AS t ON t.id = m.group_id", key: "m.group_id",
	}, Page{first, after, last, before})
}

// Seats gives the user's seats.
func (u *User) Seats(ctx context.Context, first *int, after *string, last *int, before *string, state *seat.State) (*SeatConnection, error) {
	if u.unknown() {
		return empty[*Seat](), nil
	}
	return below(ctx, u.family, u, seats, nested[*User]{
		field: keyed("seats", stateName(state)), parent: "t.user_id", owner: userKey, where: inSeatState(state),
	}, Page{first, after, last, before})
}

// UserWhere are conditions on users.
type UserWhere struct {
	IDIn            []id.ID
	Search          *string
	UserName        *TextFilter
	DisplayName     *TextFilter
	Email           *TextFilter
	ExternalID      *TextFilter
	Department      *TextFilter
	CostCenter      *TextFilter
	UsageLocationIn []string
	TypeIn          []user.Type
	Enabled         *bool
	GroupIDIn       []id.ID
	LicenseIDIn     []id.ID
	SeatStateIn     []seat.State
}

// UserOrderField is what users can be ordered by, as the schema lists it.
type UserOrderField string

// UserOrder is an order of users.
type UserOrder struct {
	Field     UserOrderField
	Direction OrderDirection
}

// Users lists the users the principal may see.
func (r *Reader) Users(ctx context.Context, p Page, where *UserWhere, o *UserOrder) (*UserConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.openUsers(where); err != nil {
		return nil, err
	}
	sorted, err := f.userOrder(o)
	if err != nil {
		return nil, err
	}
	return root(ctx, s, users, list{where: s.usersWhere(f, where), order: sorted}, p)
}

// openUsers refuses conditions on fields the principal may not see.
func (f *facts) openUsers(w *UserWhere) error {
	if w == nil {
		return nil
	}
	for _, use := range []struct {
		given    bool
		argument string
		fields   []string
	}{
		{w.Search != nil, "search", []string{"user_name", "display_name", "email"}},
		{used(w.UserName), "userName", []string{"user_name"}},
		{used(w.DisplayName), "displayName", []string{"display_name"}},
		{used(w.Email), "email", []string{"email"}},
		{used(w.ExternalID), "externalId", []string{"external_id"}},
		{used(w.Department), "department", []string{"department"}},
		{used(w.CostCenter), "costCenter", []string{"cost_center"}},
		{w.UsageLocationIn != nil, "usageLocationIn", []string{"usage_location"}},
		{w.TypeIn != nil, "typeIn", []string{"type"}},
		{w.Enabled != nil, "enabled", []string{"enabled"}},
	} {
		if use.given {
			if err := f.open(kindUser, use.argument, use.fields...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) usersWhere(f *facts, w *UserWhere) condition {
	if w == nil {
		return nil
	}
	var member, holder condition
	if w.GroupIDIn != nil {
		// A group that may not be seen has no members to tell of.
		member = sqlf("t.id IN (SELECT wm.user_id FROM memberships wm JOIN groups wg ON wg.id = wm.group_id WHERE ?)",
			and(in("wm.group_id", keysOf(id.Group, w.GroupIDIn)), s.visible(f, kindGroup, "wg")))
	}
	if w.LicenseIDIn != nil || w.SeatStateIn != nil {
		holder = sqlf("t.id IN (SELECT ws.user_id FROM seats ws WHERE ?)", and(
			named("ws.license_id", id.License, w.LicenseIDIn), among("ws.state", w.SeatStateIn), s.visible(f, kindSeat, "ws")))
	}
	return and(
		named("t.id", id.User, w.IDIn),
		searching(w.Search, "t.user_name", "t.display_name", "t.email"),
		w.UserName.on("t.user_name"),
		w.DisplayName.on("t.display_name"),
		w.Email.on("t.email"),
		w.ExternalID.on("t.external_id"),
		w.Department.on("t.department"),
		w.CostCenter.on("t.cost_center"),
		among("t.usage_location", w.UsageLocationIn),
		among("t.type", w.TypeIn),
		whether(w.Enabled, sqlf("t.enabled")),
		member,
		holder,
	)
}

func (f *facts) userOrder(o *UserOrder) (order, error) {
	if o == nil {
		return byKey, nil
	}
	switch o.Field {
	case "USER_NAME":
		return by("userName", o.Direction, text, sqlf("t.name_key")), f.open(kindUser, "orderBy", "user_name")
	case "DISPLAY_NAME":
		return by("displayName", o.Direction, text, sqlf("t.display_name")), f.open(kindUser, "orderBy", "display_name")
	case "DEPARTMENT":
		return by("department", o.Direction, text, sqlf("t.department")), f.open(kindUser, "orderBy", "department")
	}
	return recorded(o.Direction), nil
}
