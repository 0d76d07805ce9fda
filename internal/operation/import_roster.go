package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/internal/feed"
	"github.com/ringfence/ringfence/internal/store"
)

// roster carries members into many groups and out of them. It is told everything twice: once to find out what is to be locked,
// once to write.
type roster struct {
	p        *ImportPayload
	whole    bool              // members who are not named are to leave
	groups   map[int64]bool    // groups whose members change, or may
	licensed map[int64]bool    // those of them that a group license reaches
	named    map[int64][]int64 // members that are to be there, by group, if others are to leave
	come     map[int64][]int64 // groups that are to be there, by group
	nested   []int64           // groups that become members, or may be members no longer
	changes  map[int64]*memberChanges
}

// memberChanges are users and groups that became members of a group, or are members no longer.
type memberChanges struct{ added, removed, joined, parted []int64 }

func newRoster(p *ImportPayload, whole bool) *roster {
	return &roster{p: p, whole: whole, groups: map[int64]bool{}, licensed: map[int64]bool{}, named: map[int64][]int64{}, come: map[int64][]int64{}, changes: map[int64]*memberChanges{}}
}

func (o *roster) of(group int64) *memberChanges {
	if o.changes[group] == nil {
		o.changes[group] = &memberChanges{}
	}
	return o.changes[group]
}

// plan notes what is to be there and what is to go.
func (o *roster) plan(come, gone []link) {
	for _, l := range come {
		o.groups[l.group] = true
		if l.child != 0 {
			o.come[l.group] = append(o.come[l.group], l.child)
			o.nested = append(o.nested, l.child)
		} else if o.whole {
			o.named[l.group] = append(o.named[l.group], l.user)
		}
	}
	for _, l := range gone {
		o.groups[l.group] = true
		if l.child != 0 {
			o.nested = append(o.nested, l.child)
		}
	}
}

func (l *link) pair() [2]int64 { return [2]int64{l.group, l.user} }

// findLicensed notes which of the groups are reached by a group license.
func (o *roster) findLicensed(ctx context.Context, r *reading) error {
	grants, err := r.grantsFor(ctx, o.sortedGroups())
	if err != nil {
		return err
	}
	for _, grant := range grants {
		reached, err := r.reach(ctx, grant)
		if err != nil {
			return err
		}
		for _, group := range reached {
			o.licensed[group] = true
		}
	}
	return nil
}

// present tells which of some memberships of users are there, as pairs of group and user.
func (r *reading) present(ctx context.Context, links []link) (map[[2]int64]bool, error) {
	there := map[[2]int64]bool{}
	groups, users := pairs(links)
	if len(groups) == 0 {
		return there, nil
	}
	table, args := r.Table("v", 1, store.Column{Name: "group_id", Values: groups}, store.Column{Name: "user_id", Values: users})
	rows, err := r.Query(ctx, `SELECT m.group_id, m.user_id FROM `+table+` JOIN memberships m ON m.group_id = v.group_id AND m.user_id = v.user_id`, args...)
	return there, each(rows, err, func(s scanner) error {
		var pair [2]int64
		err := s.Scan(&pair[0], &pair[1])
		there[pair] = true
		return err
	})
}

// pairs gives the groups and users of those links that are of users.
func pairs(links []link) (groups, users []int64) {
	for _, l := range links {
		if l.child == 0 {
			groups, users = append(groups, l.group), append(users, l.user)
		}
	}
	return groups, users
}

// planComplete notes which groups may cease to be members.
func (o *roster) planComplete(ctx context.Context, r *reading) error {
	children, err := r.ids(ctx, `SELECT DISTINCT child_id FROM group_nestings WHERE `+r.Any("parent_id", 1), r.Array(o.sortedGroups()))
	o.nested = append(o.nested, children...)
	return err
}

func (o *roster) sortedGroups() []int64 {
	groups := make([]int64, 0, len(o.groups))
	for group := range o.groups {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return groups
}

func (o *roster) licensedGroups() []int64 {
	return slices.DeleteFunc(o.sortedGroups(), func(group int64) bool { return !o.licensed[group] })
}

// lock locks the groups, with those they are nested in and those that become nested in them or cease to be, and the licenses that come
// with them.
func (o *roster) lock(ctx context.Context, r *reading) error {
	line, err := r.above(ctx, o.sortedGroups())
	if err != nil {
		return err
	}
	under, err := r.below(ctx, sorted(o.nested))
	if err != nil {
		return err
	}
	if err := r.lockGroups(ctx, append(line, under...)); err != nil {
		return err
	}
	if err := o.findLicensed(ctx, r); err != nil {
		return err
	}
	grants, err := r.grantsFor(ctx, o.licensedGroups())
	if err != nil {
		return err
	}
	return r.lockGrants(ctx, grants)
}

// add stores memberships that are not there.
func (o *roster) add(ctx context.Context, w *writing, links []link) error {
	present, err := w.present(ctx, links)
	if err != nil {
		return err
	}
	count := o.p.tally("memberships")
	var fresh []link
	for _, l := range links {
		switch {
		case l.child != 0:
			if err := o.nest(ctx, w, &l); err != nil {
				return err
			}
		case present[l.pair()]:
			count.Unchanged++
		default:
			present[l.pair()] = true // it may be named again
			count.Created++
			o.p.example("+ %s", l.text)
			fresh = append(fresh, l)
			c := o.of(l.group)
			c.added = append(c.added, l.user)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	groups, users := pairs(fresh)
	return w.tx.Insert(ctx, "memberships", store.Column{Name: "group_id", Values: groups}, store.Column{Name: "user_id", Values: users})
}

// nest makes a group a member of another.
func (o *roster) nest(ctx context.Context, w *writing, l *link) error {
	under, err := w.below(ctx, []int64{l.child})
	if err != nil {
		return err
	}
	if slices.Contains(under, l.group) {
		return feed.At(o.p.File, l.line, "member group", "a group cannot be nested in itself")
	}
	n, err := w.tx.Exec(ctx, `INSERT INTO group_nestings (parent_id, child_id) SELECT $1, $2
		WHERE NOT EXISTS (SELECT 1 FROM group_nestings WHERE parent_id = $1 AND child_id = $2)`, l.group, l.child)
	if err != nil {
		return err
	}
	if n == 0 {
		o.p.tally("memberships").Unchanged++
		return nil
	}
	o.p.tally("memberships").Created++
	o.p.example("+ %s", l.text)
	c := o.of(l.group)
	c.joined = append(c.joined, l.child)
	return nil
}

// remove takes memberships away that are there.
func (o *roster) remove(ctx context.Context, w *writing, links []link) error {
	present, err := w.present(ctx, links)
	if err != nil {
		return err
	}
	count := o.p.tally("memberships")
	var gone []link
	for _, l := range links {
		c := o.of(l.group)
		if l.child != 0 {
			n, err := w.tx.Exec(ctx, `DELETE FROM group_nestings WHERE parent_id = $1 AND child_id = $2`, l.group, l.child)
			if err != nil {
				return err
			}
			if count.Removed += n; n > 0 {
				c.parted = append(c.parted, l.child)
				o.p.example("- %s", l.text)
			}
		} else if present[l.pair()] {
			present[l.pair()] = false
			count.Removed++
			o.p.example("- %s", l.text)
			gone = append(gone, l)
			c.removed = append(c.removed, l.user)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	groups, users := pairs(gone)
	table, args := w.tx.Table("v", 1, store.Column{Name: "group_id", Values: groups}, store.Column{Name: "user_id", Values: users})
	_, err = w.tx.Exec(ctx, `DELETE FROM memberships WHERE (group_id, user_id) IN (SELECT v.group_id, v.user_id FROM `+table+`)`, args...)
	return err
}

// complete removes the members of the groups that were not named.
func (o *roster) complete(ctx context.Context, w *writing) error {
	for _, group := range o.sortedGroups() {
		gone, err := o.unnamed(ctx, w.reading, group)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(gone, importPart) {
			if err := o.remove(ctx, w, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// unnamed gives the memberships of a group that are there and were not named.
func (o *roster) unnamed(ctx context.Context, r *reading, group int64) ([]link, error) {
	var gone []link
	named := make(map[int64]bool, len(o.named[group]))
	for _, user := range o.named[group] {
		named[user] = true
	}
	rows, err := r.Query(ctx, `SELECT u.id, u.user_name, g.name FROM memberships m JOIN users u ON u.id = m.user_id JOIN "groups" g ON g.id = m.group_id
		WHERE m.group_id = $1 ORDER BY u.id`, group)
	if err := each(rows, err, func(s scanner) error {
		var user int64
		var name, of string
		err := s.Scan(&user, &name, &of)
		if !named[user] {
			gone = append(gone, link{group: group, user: user, text: name + " in " + of})
		}
		return err
	}); err != nil {
		return nil, err
	}
	rows, err = r.Query(ctx, `SELECT c.id, c.name, g.name FROM group_nestings n JOIN "groups" c ON c.id = n.child_id JOIN "groups" g ON g.id = n.parent_id
		WHERE n.parent_id = $1 ORDER BY c.id`, group)
	return gone, each(rows, err, func(s scanner) error {
		var child int64
		var name, of string
		err := s.Scan(&child, &name, &of)
		if !slices.Contains(o.come[group], child) {
			gone = append(gone, link{group: group, child: child, text: name + " in " + of})
		}
		return err
	})
}
