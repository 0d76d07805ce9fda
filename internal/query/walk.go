package query

import (
	"context"

	"github.com/ringfence/ringfence/ent/seat"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

// walkPage is how many rows of a list that is read from end to end are read at once.
const walkPage = 500

// BeginWalk is Begin for a reading in which lists may be walked.
func (r *Reader) BeginWalk(ctx context.Context) context.Context {
	s := r.open(ctx)
	s.walking = true
	return context.WithValue(ctx, sessionKey{}, s)
}

// Sight tells whether the principal of the context may read at all: whoever is not signed in or disabled may not.
func (r *Reader) Sight(ctx context.Context) error {
	_, err := r.session(ctx).sight(ctx)
	return err
}

// window checks a page of a list; a walk takes larger ones than clients may.
func (s *session) window(p Page) (window, error) {
	if s.walking && p.First != nil && *p.First == walkPage {
		w, err := Page{After: p.After}.window()
		w.size = walkPage
		return w, err
	}
	return p.window()
}

// Walk reads a list from end to end, page by page, and gives each page to see; only the page is in memory. The context is one that
// BeginWalk gave.
func Walk[V any](ctx context.Context, list func(ctx context.Context, p Page) (*Connection[V], error), see func(ctx context.Context, page []V) error) error {
	size := walkPage
	p := Page{First: &size}
	for {
		c, err := list(ctx, p)
		if err != nil {
			return err
		}
		if err := see(ctx, c.Nodes()); err != nil {
			return err
		}
		if !c.PageInfo.HasNextPage {
			return nil
		}
		if p.After = c.PageInfo.EndCursor; p.After == nil {
			return fault.New(fault.Unavailable, "what was being read was removed meanwhile; try again")
		}
	}
}

// SeatWhere are conditions on seats.
type SeatWhere struct {
	LicenseIDIn []id.ID
	UserIDIn    []id.ID
	State       *seat.State
}

// Seats lists the seats the principal may see, in the order in which they were recorded.
func (r *Reader) Seats(ctx context.Context, p Page, w *SeatWhere) (*SeatConnection, error) {
	l := list{order: byKey}
	if w != nil {
		l.where = and(named("t.license_id", id.License, w.LicenseIDIn), named("t.user_id", id.User, w.UserIDIn), inSeatState(w.State))
	}
	return root(ctx, r.session(ctx), seats, l, p)
}

// Membership says that a user, or else another group, is a direct member of a group.
type Membership struct {
	Group  *Group
	User   *User
	Nested *Group
}

// MembershipWhere are conditions on memberships.
type MembershipWhere struct{ GroupIDIn []id.ID }

// Memberships lists who is a direct member of which group, as far as the principal may see both, by group.
func (r *Reader) Memberships(ctx context.Context, p Page, where *MembershipWhere) (*Connection[*Membership], error) {
	return memberships(ctx, r.session(ctx), p, where, users, kindUser, "memberships AS m JOIN users AS t ON t.id = m.user_id JOIN groups AS g ON g.id = m.group_id",
		"m.user_id", "m.group_id", func(g *Group, u *User) *Membership { return &Membership{Group: g, User: u} })
}

// Nestings lists which group is a direct member of which, as far as the principal may see both, by group.
func (r *Reader) Nestings(ctx context.Context, p Page, where *MembershipWhere) (*Connection[*Membership], error) {
	return memberships(ctx, r.session(ctx), p, where, groups, kindGroup,
		"group_nestings AS m JOIN groups AS t ON t.id = m.child_id JOIN groups AS g ON g.id = m.parent_id", "m.child_id", "m.parent_id",
		func(g, nested *Group) *Membership { return &Membership{Group: g, Nested: nested} })
}

// memberships reads a page of pairs of a group and what is in it: the order is by group, then by member.
func memberships[E, V any](ctx context.Context, s *session, p Page, where *MembershipWhere, n *noun[E, V], kind, from, member, group string,
	pair func(*Group, V) *Membership) (*Connection[*Membership], error) {
	f, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	w, err := s.window(p)
	if err != nil {
		return nil, err
	}
	l := list{from: from, key: member, order: by("group", "", number, sqlf(group)), where: and(s.visible(f, kindGroup, "g"), s.visible(f, kind, "t"))}
	if where != nil {
		l.where = and(l.where, named("g.id", id.Group, where.GroupIDIn))
	}
	pages, err := s.read(ctx, l, w)
	if err != nil {
		return nil, err
	}
	page := pages[0][:min(len(pages[0]), w.size)]
	owners, members := make([]int64, len(page)), make([]int64, len(page))
	for i, at := range page {
		owners[i], _ = at.values[0].(int64)
		members[i] = at.key
	}
	groupsByKey, err := groups.byKey(ctx, s, owners)
	if err != nil {
		return nil, err
	}
	membersByKey, err := n.byKey(ctx, s, members)
	if err != nil {
		return nil, err
	}
	c := &Connection[*Membership]{PageInfo: &PageInfo{HasNextPage: len(pages[0]) > w.size}, count: func(ctx context.Context) (int64, error) {
		counts, err := s.count(ctx, l)
		return counts[0], err
	}}
	for i, at := range page {
		member, found := membersByKey[members[i]]
		if g := groupsByKey[owners[i]]; g != nil && found {
			c.Edges = append(c.Edges, &Edge[*Membership]{Node: pair(g, member), Cursor: at.cursor(l.order)})
		}
	}
	if len(c.Edges) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[len(c.Edges)-1].Cursor
	}
	return c, nil
}
