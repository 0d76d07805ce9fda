package query

import (
	"context"
	stdsql "database/sql"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

// What a provisioning client reads: whole users and groups, found by what SCIM calls a filter. What the policy hides is not found.
// A principal for whom a field is masked is refused: half a user would be written back as half a user.

// DirectoryUser is a user as a provisioning client sees them.
type DirectoryUser struct {
	*ent.User
	Groups []Relative // those the user is a direct member of, if they were asked for
}

// DirectoryGroup is a group as a provisioning client sees it.
type DirectoryGroup struct{ *ent.Group }

// Relative is a member of a group or a group of a user.
type Relative struct {
	ID   id.ID
	Name string
}

// Search is which users or groups are asked for, and which part of them.
type Search struct {
	Match      Match // nil: all
	SortBy     string
	Descending bool
	Offset     int
	Limit      int
}

// Sortable tells whether users, or groups, can be sorted by an attribute.
func Sortable(users bool, attribute string) bool {
	t := (&session{}).groupsTable(&facts{})
	if users {
		t = (&session{}).usersTable(&facts{})
	}
	return t.attributes[attribute] != nil
}

// FindUsers gives users and how many there are in all.
func (r *Reader) FindUsers(ctx context.Context, search Search) ([]*DirectoryUser, int, error) {
	s := r.session(ctx)
	f, err := s.whole(ctx)
	if err != nil {
		return nil, 0, err
	}
	keys, total, err := s.page(ctx, search, kindUser, "users", s.usersTable(f), f)
	if err != nil {
		return nil, 0, err
	}
	found, err := users.byKey(ctx, s, keys)
	list := make([]*DirectoryUser, 0, len(keys))
	for _, key := range keys {
		if u := found[key]; u != nil {
			list = append(list, &DirectoryUser{User: u.User})
		}
	}
	return list, total, err
}

// FindGroups gives groups and how many there are in all.
func (r *Reader) FindGroups(ctx context.Context, search Search) ([]*DirectoryGroup, int, error) {
	s := r.session(ctx)
	f, err := s.whole(ctx)
	if err != nil {
		return nil, 0, err
	}
	keys, total, err := s.page(ctx, search, kindGroup, "groups", s.groupsTable(f), f)
	if err != nil {
		return nil, 0, err
	}
	found, err := groups.byKey(ctx, s, keys)
	list := make([]*DirectoryGroup, 0, len(keys))
	for _, key := range keys {
		if g := found[key]; g != nil {
			list = append(list, &DirectoryGroup{g.Group})
		}
	}
	return list, total, err
}

// DirectoryUser gives one user, NOT_FOUND for who is not there or may not be seen.
func (r *Reader) DirectoryUser(ctx context.Context, one id.ID) (*DirectoryUser, error) {
	s := r.session(ctx)
	if _, err := s.whole(ctx); err != nil {
		return nil, err
	}
	key := one.Key(id.User)
	found, err := users.visibleByKey(ctx, s, []int64{key})
	if err != nil {
		return nil, err
	}
	if found[key] == nil {
		return nil, fault.Missing("userId", "user")
	}
	return &DirectoryUser{User: found[key].User}, nil
}

// DirectoryGroup gives one group, NOT_FOUND for what is not there or may not be seen.
func (r *Reader) DirectoryGroup(ctx context.Context, one id.ID) (*DirectoryGroup, error) {
	s := r.session(ctx)
	if _, err := s.whole(ctx); err != nil {
		return nil, err
	}
	key := one.Key(id.Group)
	found, err := groups.visibleByKey(ctx, s, []int64{key})
	if err != nil {
		return nil, err
	}
	if found[key] == nil {
		return nil, fault.Missing("groupId", "group")
	}
	return &DirectoryGroup{found[key].Group}, nil
}

// SeesWhole refuses a principal who is not shown whole users and groups: they may not write them either.
func (r *Reader) SeesWhole(ctx context.Context) error {
	_, err := r.session(ctx).whole(ctx)
	return err
}

// whole is sight for a principal who is shown whole users and groups.
func (s *session) whole(ctx context.Context) (*facts, error) {
	f, err := s.sight(ctx)
	if err == nil && len(f.view.Masked[kindUser])+len(f.view.Masked[kindGroup]) > 0 {
		err = fault.New(fault.PolicyDenied, "users and groups are shown whole here, and you may not see all of them")
	}
	return f, err
}

// page gives the keys of one page of rows, and how many rows there are on all of them.
func (s *session) page(ctx context.Context, search Search, kind, table string, t *directoryTable, f *facts) ([]int64, int, error) {
	var matching condition
	if search.Match != nil {
		var err error
		if matching, err = search.Match.on(t); err != nil {
			return nil, 0, err
		}
	}
	where := and(s.visible(f, kind, "t"), matching)
	var keys []int64
	if search.Limit > 0 {
		sort := t.attributes[search.SortBy]
		err := s.rows(ctx, func(b *builder) {
			b.write("SELECT t.id FROM "+table+" AS t WHERE ? ORDER BY ", where)
			if sort != nil {
				sort.order(b, search.Descending)
			}
			b.write("t.id"+direction(search.Descending && sort != nil)+" LIMIT ? OFFSET ?", search.Limit, search.Offset)
		}, func(rows *stdsql.Rows) error {
			var key int64
			err := rows.Scan(&key)
			keys = append(keys, key)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if n := len(keys); n < search.Limit && (n > 0 || search.Offset == 0) {
			return keys, search.Offset + n, nil // the last page tells
		}
	}
	counts, err := s.count(ctx, list{from: table + " AS t", where: where})
	return keys, int(counts[0]), err
}

// ReadGroups fills in the groups of users, those that may be seen, in the order in which they were made.
func (r *Reader) ReadGroups(ctx context.Context, people []*DirectoryUser) error {
	s := r.session(ctx)
	f, err := s.whole(ctx)
	if err != nil {
		return err
	}
	keys := make([]int64, len(people))
	for i, u := range people {
		keys[i] = u.ID
	}
	of := map[int64][]Relative{}
	if err := s.relatives(ctx, of, sqlf(`SELECT m.user_id, 'grp', g.id, g.name FROM memberships m JOIN groups g ON g.id = m.group_id
		WHERE ? ORDER BY m.user_id, g.id`, and(in("m.user_id", keys), s.visible(f, kindGroup, "g")))); err != nil {
		return err
	}
	for _, u := range people {
		u.Groups = of[u.ID]
	}
	return nil
}

// DirectoryMembers gives the direct members of groups by the keys of the groups, those that may be seen: users, then groups, each in
// the order in which they were made.
func (r *Reader) DirectoryMembers(ctx context.Context, keys []int64) (map[int64][]Relative, error) {
	s := r.session(ctx)
	f, err := s.whole(ctx)
	if err != nil {
		return nil, err
	}
	of := map[int64][]Relative{}
	if len(keys) == 0 {
		return of, nil
	}
	err = s.relatives(ctx, of, sqlf(`SELECT m.group_id, 'usr', u.id, `+shownName+` FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE ? ORDER BY m.group_id, u.id`, and(in("m.group_id", keys), s.visible(f, kindUser, "u"))))
	if err != nil {
		return nil, err
	}
	return of, s.relatives(ctx, of, sqlf(`SELECT n.parent_id, 'grp', g.id, g.name FROM group_nestings n JOIN groups g ON g.id = n.child_id
		WHERE ? ORDER BY n.parent_id, g.id`, and(in("n.parent_id", keys), s.visible(f, kindGroup, "g"))))
}

func (s *session) relatives(ctx context.Context, of map[int64][]Relative, statement condition) error {
	return s.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var owner int64
		var one Relative
		err := rows.Scan(&owner, &one.ID.Noun, &one.ID.N, &one.Name)
		of[owner] = append(of[owner], one)
		return err
	})
}

// DirectoryUserOf makes the view of a user out of a command's answer.
func (r *Reader) DirectoryUserOf(row *ent.User) *DirectoryUser { return &DirectoryUser{User: row} }

// DirectoryGroupOf makes the view of a group out of a command's answer.
func (r *Reader) DirectoryGroupOf(row *ent.Group) *DirectoryGroup { return &DirectoryGroup{row} }
