package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/feed"
)

// memberImport takes memberships in: what the file names and is not there is added; with Complete, what is there and not named is
// removed from the groups the file names. Seats follow, as with addGroupMembers.
type memberImport struct {
	c      *Import
	p      *ImportPayload
	roster *roster
}

func beginMemberships(c *Import, p *ImportPayload) importer {
	return &memberImport{c: c, p: p, roster: newRoster(p, c.Complete)}
}

// link is one membership: of a user in a group or, with child, of a group. Line and text say where it stands and who it is.
type link struct {
	group, user, child int64
	line               int
	text               string
}

func (m *memberImport) parts(ctx context.Context, r *reading, do func(links []link) error) error {
	groups := map[string]int64{}
	return inSheet(&m.c.File, feed.Memberships, func(part []feed.Membership) error {
		links, err := m.resolve(ctx, r, groups, part)
		if err != nil {
			return err
		}
		return do(links)
	})
}

// resolve finds the groups and users of a part of the file; groups are those found before.
func (m *memberImport) resolve(ctx context.Context, r *reading, groups map[string]int64, part []feed.Membership) ([]link, error) {
	var wanted, people []string
	for _, row := range part {
		for _, name := range []string{row.Group, row.Subgroup} {
			if _, known := groups[name]; !known && name != "" {
				wanted = append(wanted, name)
			}
		}
		if row.User != "" {
			people = append(people, row.User)
		}
	}
	if err := r.groupKeys(ctx, wanted, groups); err != nil {
		return nil, err
	}
	users, err := r.userKeys(ctx, people)
	if err != nil {
		return nil, err
	}
	wrong := &rowMistakes{file: m.c.File.Name}
	links := make([]link, len(part))
	for i, row := range part {
		links[i] = link{group: groups[row.Group], child: groups[row.Subgroup], user: users[row.User], line: row.Line, text: row.User + row.Subgroup + " in " + row.Group}
		if links[i].user == 0 {
			links[i].user = users[nameKey(row.User)]
		}
		if links[i].group == 0 {
			wrong.add(row.Line, "group", "there is no group %q; import groups first", row.Group)
		}
		if row.Subgroup != "" && links[i].child == 0 {
			wrong.add(row.Line, "member group", "there is no group %q; import groups first", row.Subgroup)
		}
		if row.User != "" && links[i].user == 0 {
			wrong.add(row.Line, "user", "there is no user %q; import users first", row.User)
		}
	}
	return links, wrong.failure()
}

// groupKeys finds groups by external id, else by name, and adds them to those known.
func (r *reading) groupKeys(ctx context.Context, wanted []string, known map[string]int64) error {
	if len(wanted) == 0 {
		return nil
	}
	list := r.Array(append(wanted, ""))
	rows, err := r.Query(ctx, `SELECT name, id FROM "groups" WHERE `+r.Any("name", 1), list)
	if err := each(rows, err, scanKey(known)); err != nil {
		return err
	}
	rows, err = r.Query(ctx, `SELECT external_id, id FROM "groups" WHERE `+r.Any("external_id", 1), list) // it wins over a name
	return each(rows, err, scanKey(known))
}

// userKeys finds users by external id or by name without case. A name is the key of its lower case.
func (r *reading) userKeys(ctx context.Context, wanted []string) (map[string]int64, error) {
	keys := make([]string, len(wanted))
	for i, name := range wanted {
		keys[i] = nameKey(name)
	}
	found := map[string]int64{}
	rows, err := r.Query(ctx, `SELECT name_key, id FROM users WHERE `+r.Any("name_key", 1), r.Array(keys))
	if err := each(rows, err, scanKey(found)); err != nil {
		return nil, err
	}
	rows, err = r.Query(ctx, `SELECT external_id, id FROM users WHERE `+r.Any("external_id", 1), r.Array(append(wanted, "")))
	return found, each(rows, err, scanKey(found))
}

func scanKey(into map[string]int64) func(s scanner) error {
	return func(s scanner) error {
		var name string
		var key int64
		err := s.Scan(&name, &key)
		into[name] = key
		return err
	}
}

func (m *memberImport) look(ctx context.Context, r *reading) error {
	if err := m.parts(ctx, r, func(links []link) error {
		m.roster.plan(links, nil)
		return nil
	}); err != nil {
		return err
	}
	if m.c.Complete {
		if err := m.roster.planComplete(ctx, r); err != nil {
			return err
		}
	}
	return m.roster.lock(ctx, r)
}

func (m *memberImport) store(ctx context.Context, w *writing) error {
	if err := m.parts(ctx, w.reading, func(links []link) error { return m.roster.add(ctx, w, links) }); err != nil {
		return err
	}
	if m.c.Complete {
		if err := m.roster.complete(ctx, w); err != nil {
			return err
		}
	}
	return m.roster.follow(ctx, w)
}
