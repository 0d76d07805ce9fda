package query

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/ent/predicate"
	"github.com/ringfence/ringfence/internal/id"
)

// Group is a set of users as the API shows it.
type Group struct {
	*ent.Group
	family *family[*Group]
}

// Pages of groups.
type (
	GroupConnection = Connection[*Group]
	GroupEdge       = Edge[*Group]
)

var groups = &noun[*ent.Group, *Group]{
	kind: kindGroup, table: "groups",
	find: func(ctx context.Context, c *ent.Client, where func(*sql.Selector)) ([]*ent.Group, error) {
		return c.Group.Query().Where(predicate.Group(where)).All(ctx)
	},
	key:  func(row *ent.Group) int64 { return row.ID },
	view: func(row *ent.Group, f *family[*Group]) *Group { return &Group{row, f} },
}

func groupKey(g *Group) int64 { return g.Group.ID }

// ID gives the opaque id.
func (g *Group) ID() id.ID { return id.Of(id.Group, g.Group.ID) }

// ExternalID gives the id in the directory.
func (g *Group) ExternalID() *string {
	return masked(g.family.facts, kindGroup, "external_id", g.Group.ExternalID)
}

const membersOf = "memberships AS m JOIN users AS t ON t.id = m.user_id"

// MemberCount gives how many direct members there are, those only that may be seen.
func (g *Group) MemberCount(ctx context.Context) (int64, error) {
	shown := g.family.visible(g.family.facts, kindUser, "t")
	if shown == nil {
		return g.Group.Members, nil
	}
	counts, err := together(ctx, g.family, "memberCount", func(ctx context.Context, members []*Group) (map[int64]int64, error) {
		l := list{from: membersOf, parent: "m.group_id", where: shown}
		for _, member := range members {
			l.parents = append(l.parents, member.Group.ID)
		}
		return g.family.count(ctx, l)
	})
	return counts[g.Group.ID], err
}

// Members gives the direct members.
func (g *Group) Members(ctx context.Context, first *int, after *string, last *int, before *string) (*UserConnection, error) {
	return below(ctx, g.family, g, users, nested[*Group]{
		field: "members", parent: "m.group_id", owner: groupKey, from: membersOf, key: "m.user_id",
	}, Page{first, after, last, before})
}

// NestedGroups gives the groups nested directly in the group.
func (g *Group) NestedGroups(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupConnection, error) {
	return below(ctx, g.family, g, groups, nested[*Group]{
		field: "nestedGroups", parent: "n.parent_id", owner: groupKey, from: "group_nestings AS n JOIN groups AS t ON t.id = n.child_id",
	}, Page{first, after, last, before})
}

// ParentGroups gives the groups this one is nested in directly.
func (g *Group) ParentGroups(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupConnection, error) {
	return below(ctx, g.family, g, groups, nested[*Group]{
		field: "parentGroups", parent: "n.child_id", owner: groupKey, from: "group_nestings AS n JOIN groups AS t ON t.id = n.parent_id",
	}, Page{first, after, last, before})
}

// GroupLicenses gives what the members of the group get.
func (g *Group) GroupLicenses(ctx context.Context, first *int, after *string, last *int, before *string) (*GroupLicenseConnection, error) {
	return below(ctx, g.family, g, groupLicenses, nested[*Group]{
		field: "groupLicenses", parent: "t.group_id", owner: groupKey,
	}, Page{first, after, last, before})
}

// GroupWhere are conditions on groups.
type GroupWhere struct {
	IDIn       []id.ID
	Search     *string
	Name       *TextFilter
	ExternalID *TextFilter
	MemberID   *id.ID
	Licensed   *bool
}

// GroupOrderField is what groups can be ordered by, as the schema lists it.
type GroupOrderField string

// GroupOrder is an order of groups.
type GroupOrder struct {
	Field     GroupOrderField
	Direction OrderDirection
}

// Groups lists the groups the principal may see.
func (r *Reader) Groups(ctx context.Context, p Page, where *GroupWhere, o *GroupOrder) (*GroupConnection, error) {
	s := r.session(ctx)
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	l := list{order: by("name", "", text, sqlf("t.name"))}
	if where != nil {
		if used(where.ExternalID) {
			if err := f.open(kindGroup, "externalId", "external_id"); err != nil {
				return nil, err
			}
		}
		l.where = s.groupsWhere(f, where)
	}
	if o != nil {
		l.order = by("name", o.Direction, text, sqlf("t.name"))
		if o.Field == "CREATED_AT" {
			l.order = recorded(o.Direction)
		}
	}
	return root(ctx, s, groups, l, p)
}

func (s *session) groupsWhere(f *facts, w *GroupWhere) condition {
	var member condition
	if w.MemberID != nil {
		// A user who may not be seen is in no group to tell of.
		member = sqlf("t.id IN (SELECT wm.group_id FROM memberships wm JOIN users wu ON wu.id = wm.user_id WHERE wm.user_id = ? AND ?)",
			w.MemberID.Key(id.User), and(s.visible(f, kindUser, "wu")))
	}
	licensed := sqlf("t.id IN (SELECT wg.group_id FROM group_licenses wg WHERE ?)", and(s.visible(f, kindGroupLicense, "wg")))
	return and(
		named("t.id", id.Group, w.IDIn), searching(w.Search, "t.name"), w.Name.on("t.name"), w.ExternalID.on("t.external_id"),
		member, whether(w.Licensed, licensed),
	)
}
