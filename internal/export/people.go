package export

import (
	"context"

	"github.com/ringfence/ringfence/internal/query"
)

// peopleKinds are who there is: users, groups, and who is in which.
var peopleKinds = []*kind{
	{
		name: "users", about: "people, guests and service accounts", input: "UserWhere",
		columns: []string{
			"ringfence id", "external id", "user name", "display name", "email", "type", "department", "cost center", "usage location", "enabled", "roles", "created at",
		},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.UserWhere) (*query.UserConnection, error) {
				return j.reader.Users(ctx, p, w, nil)
			}, func(_ context.Context, u *query.User) error {
				return j.row(named(u.ID()), maybe(u.ExternalID()), maybe(u.UserName()), maybe(u.DisplayName()), maybe(u.Email()), maybePlain(u.Type()), maybe(u.Department()),
					maybe(u.CostCenter()), maybePlain(u.UsageLocation()), maybeBoolean(u.Enabled()), list(u.Roles()), maybeInstant(u.CreatedAt()))
			})
		},
	},
	{
		name: "groups", about: "sets of users and of groups", input: "GroupWhere",
		columns: []string{"ringfence id", "external id", "name", "members", "created at"},
		write: func(ctx context.Context, j *job) error {
			return walk(ctx, j, func(ctx context.Context, p query.Page, w *query.GroupWhere) (*query.GroupConnection, error) {
				return j.reader.Groups(ctx, p, w, &query.GroupOrder{Field: "CREATED_AT"})
			}, func(ctx context.Context, g *query.Group) error {
				members, err := g.MemberCount(ctx)
				if err != nil {
					return err
				}
				return j.row(named(g.ID()), maybe(g.ExternalID()), word(g.Name), number(members), instant(g.CreatedAt))
			})
		},
	},
	{
		name: "memberships", about: "who, and which group, is a direct member of which group",
		columns: []string{"group", "group external id", "user name", "user external id", "member group", "member group external id"},
		write: func(ctx context.Context, j *job) error {
			if err := walk(ctx, j, j.reader.Memberships, j.membership); err != nil {
				return err
			}
			return walk(ctx, j, j.reader.Nestings, j.membership)
		},
	},
}

func (j *job) membership(_ context.Context, m *query.Membership) error {
	group, id := word(m.Group.Name), maybe(m.Group.ExternalID())
	if m.Nested != nil {
		return j.row(group, id, cell{}, cell{}, word(m.Nested.Name), maybe(m.Nested.ExternalID()))
	}
	return j.row(group, id, maybe(m.User.UserName()), maybe(m.User.ExternalID()), cell{}, cell{})
}
