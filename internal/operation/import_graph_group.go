package operation

import (
	"context"
	"slices"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/feed"
)

// graphGroupImport takes pages of groups or groups/delta in: groups are created and renamed, members come and go, groups that were
// deleted are emptied and, unless something here rests on them, removed.
type graphGroupImport struct {
	c      *Import
	p      *ImportPayload
	groups *groupImport
	roster *roster
	gone   map[int64]feed.GraphGroup // groups that were deleted, by key
	others int64                     // members that are neither users nor groups
}

func beginGraphGroups(c *Import, p *ImportPayload) importer {
	g := &graphGroupImport{c: c, p: p, roster: newRoster(p, false), gone: map[int64]feed.GraphGroup{}}
	g.groups = &groupImport{file: &c.File, p: p, parts: g.named, alike: true}
	return g
}

// each hands the groups of the page to do, a part at a time: at most so many that no group is named twice in it.
func (g *graphGroupImport) each(do func(part []feed.GraphGroup) error) error {
	return inPage(&g.c.File, feed.GraphGroups, func(part []feed.GraphGroup) error {
		return uniquely(part, func(x *feed.GraphGroup) string { return x.ID }, do)
	})
}

// uniquely cuts a list where something is named again, and hands the pieces to do in order: what comes later in an export is newer.
func uniquely[T any](list []T, key func(*T) string, do func(part []T) error) error {
	seen := map[string]bool{}
	from := 0
	for i := range list {
		name := key(&list[i])
		if seen[name] {
			if err := do(list[from:i]); err != nil {
				return err
			}
			from, seen = i, map[string]bool{}
		}
		seen[name] = true
	}
	if from == len(list) {
		return nil
	}
	return do(list[from:])
}

// named hands the groups that are there to do, as rows of a file of groups. A page may tell of a group's members alone.
func (g *graphGroupImport) named(do func(part []feed.Group) error) error {
	return g.each(func(part []feed.GraphGroup) error {
		var rows []feed.Group
		for _, x := range part {
			if !x.Removed && x.Name != "" {
				rows = append(rows, feed.Group{Line: x.Line, ExternalID: &x.ID, Name: x.Name})
			}
		}
		return do(rows)
	})
}

func (g *graphGroupImport) look(ctx context.Context, r *reading) error {
	if err := g.groups.look(ctx, r); err != nil {
		return err
	}
	err := g.each(func(part []feed.GraphGroup) error {
		come, gone, err := g.links(ctx, r, part, false)
		g.roster.plan(come, gone)
		return err
	})
	if err != nil {
		return err
	}
	for key := range g.gone {
		g.roster.groups[key] = true
		if err := g.members(ctx, r, key, func(links []link) error {
			g.roster.plan(nil, links)
			return nil
		}); err != nil {
			return err
		}
	}
	return g.roster.lock(ctx, r)
}

func (g *graphGroupImport) store(ctx context.Context, w *writing) error {
	if err := g.groups.store(ctx, w); err != nil {
		return err
	}
	g.p.tally("memberships")
	err := g.each(func(part []feed.GraphGroup) error {
		come, gone, err := g.links(ctx, w.reading, part, true)
		if err != nil {
			return err
		}
		g.roster.plan(come, gone) // groups that are new are known now
		if err := g.roster.add(ctx, w, come); err != nil {
			return err
		}
		return g.roster.remove(ctx, w, gone)
	})
	if err != nil {
		return err
	}
	for key := range g.gone {
		if err := g.members(ctx, w.reading, key, func(links []link) error { return g.roster.remove(ctx, w, links) }); err != nil {
			return err
		}
	}
	if err := g.roster.follow(ctx, w); err != nil {
		return err
	}
	if g.others > 0 {
		g.p.note("%d members that are neither users nor groups are left out", g.others)
	}
	return g.remove(ctx, w)
}

// links finds the members that come and go in a part of the page. Without strict, groups that are not there yet are passed over.
func (g *graphGroupImport) links(ctx context.Context, r *reading, part []feed.GraphGroup, strict bool) (come, gone []link, err error) {
	var groupIDs, userIDs []string
	for _, x := range part {
		groupIDs = append(groupIDs, x.ID)
		for _, m := range x.Members {
			if m.Group {
				groupIDs = append(groupIDs, m.ID)
			} else if !m.Other {
				userIDs = append(userIDs, m.ID)
			}
		}
	}
	groups, users := map[string]int64{}, map[string]int64{}
	rows, err := r.Query(ctx, `SELECT external_id, id FROM "groups" WHERE `+r.Any("external_id", 1), r.Array(append(groupIDs, "")))
	if err := each(rows, err, scanKey(groups)); err != nil {
		return nil, nil, err
	}
	rows, err = r.Query(ctx, `SELECT external_id, id FROM users WHERE `+r.Any("external_id", 1), r.Array(append(userIDs, "")))
	if err := each(rows, err, scanKey(users)); err != nil {
		return nil, nil, err
	}
	wrong := &rowMistakes{file: g.c.File.Name}
	for _, x := range part {
		key := groups[x.ID]
		if key == 0 {
			if strict && !x.Removed {
				wrong.add(x.Line, "id", "there is no group %s, and its name is not told; read the pages before this one first", x.ID)
			}
			continue
		}
		if x.Removed {
			g.gone[key] = x
			continue
		}
		delete(g.gone, key)
		for _, m := range x.Members {
			l := link{group: key, user: users[m.ID], line: x.Line, text: m.ID + " in " + titleOf(x)}
			if m.Group {
				l.user, l.child = 0, groups[m.ID]
			}
			switch {
			case m.Other:
				if strict {
					g.others++
				}
			case l.user == 0 && l.child == 0:
				if strict && !m.Removed {
					wrong.add(x.Line, "members@delta", "there is no %s %s; import %s first", kindOf(m), m.ID, importOf(m))
				}
			case m.Removed:
				gone = append(gone, l)
			default:
				come = append(come, l)
			}
		}
	}
	return come, gone, wrong.failure()
}

// titleOf names a group in words.
func titleOf(g feed.GraphGroup) string {
	if g.Name == "" {
		return g.ID
	}
	return g.Name
}

func kindOf(m feed.Member) string {
	if m.Group {
		return "group"
	}
	return "user"
}

func importOf(m feed.Member) string {
	if m.Group {
		return "the pages that name it"
	}
	return "graph-users"
}

// members hands all memberships of a group to do, a part at a time.
func (g *graphGroupImport) members(ctx context.Context, r *reading, group int64, do func(links []link) error) error {
	o := &roster{named: map[int64][]int64{}, come: map[int64][]int64{}}
	all, err := o.unnamed(ctx, r, group)
	if err != nil {
		return err
	}
	parents, err := r.ids(ctx, `SELECT parent_id FROM group_nestings WHERE child_id = $1 ORDER BY parent_id`, group)
	if err != nil {
		return err
	}
	for _, parent := range parents {
		all = append(all, link{group: parent, child: group, text: titleOf(g.gone[group]) + " in another group"})
	}
	for part := range slices.Chunk(all, importPart) {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the groups that were deleted and on which nothing here rests. They are empty by now.
func (g *graphGroupImport) remove(ctx context.Context, w *writing) error {
	keys := make([]int64, 0, len(g.gone))
	for key := range g.gone {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if err := w.turnPage(ctx); err != nil {
		return err
	}
	count := g.p.tally("groups")
	for _, key := range keys {
		row, err := w.tx.Client().Group.Get(ctx, key)
		if ent.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		var held int64
		if err := w.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM group_licenses WHERE group_id = $1) + (SELECT COUNT(*) FROM allotment_scopes WHERE group_id = $1)`, key).
			Scan(&held); err != nil {
			return err
		}
		if held > 0 {
			g.p.note("the group %s was deleted there; it is empty now, and stays because it has licenses or an allotment's scope names it", row.Name)
			continue
		}
		if err := w.deleteGroup(ctx, key, nil, nil); err != nil {
			return err
		}
		count.Removed++
		g.p.example("- group %s", row.Name)
	}
	return nil
}
