package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/feed"
)

// graphUserImport takes pages of users or users/delta in: users are created and changed as from a file, users who were deleted are
// disabled, and what licenses they have in Entra is compared with the seats they have here.
type graphUserImport struct {
	c     *Import
	p     *ImportPayload
	users *userImport
	names map[string]string // of users who were deleted, by external id
	state *entraState
}

func beginGraphUsers(c *Import, p *ImportPayload) importer {
	g := &graphUserImport{c: c, p: p, names: map[string]string{}, state: newEntraState(c.Contract)}
	g.users = &userImport{file: &c.File, p: p, parts: g.rows}
	return g
}

// each hands the users of the page to do, a part at a time: at most so many that nobody is named twice in it.
func (g *graphUserImport) each(do func(part []feed.GraphUser) error) error {
	return inPage(&g.c.File, feed.GraphUsers, func(part []feed.GraphUser) error {
		return uniquely(part, func(u *feed.GraphUser) string { return *u.ExternalID }, do)
	})
}

// rows hands the users to do, as rows of a file of users. Those who were deleted are disabled, under the names they have here.
func (g *graphUserImport) rows(do func(part []feed.User) error) error {
	return g.each(func(part []feed.GraphUser) error {
		rows := make([]feed.User, 0, len(part))
		for _, u := range part {
			if u.Removed {
				if u.UserName = g.names[*u.ExternalID]; u.UserName == "" { // nobody here ever knew them
					continue
				}
				off := false
				u.User = feed.User{Line: u.Line, ExternalID: u.ExternalID, UserName: u.UserName, Enabled: &off}
			}
			rows = append(rows, u.User)
		}
		return do(rows)
	})
}

func (g *graphUserImport) look(ctx context.Context, r *reading) error {
	if err := g.each(func(part []feed.GraphUser) error { return g.findGone(ctx, r, part) }); err != nil {
		return err
	}
	return g.users.look(ctx, r)
}

// findGone finds the names of users who were deleted.
func (g *graphUserImport) findGone(ctx context.Context, r *reading, part []feed.GraphUser) error {
	var ids []string
	for _, u := range part {
		if u.Removed {
			ids = append(ids, *u.ExternalID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := r.Query(ctx, `SELECT external_id, user_name FROM users WHERE `+r.Any("external_id", 1), r.Array(ids))
	return each(rows, err, func(s scanner) error {
		var external, name string
		err := s.Scan(&external, &name)
		g.names[external] = name
		return err
	})
}

func (g *graphUserImport) store(ctx context.Context, w *writing) error {
	if err := g.users.store(ctx, w); err != nil {
		return err
	}
	if n := len(g.names); n > 0 {
		g.p.note("%d users were deleted there; they are disabled here, and can be deleted with deleteUsers", n)
	}
	if err := w.turnPage(ctx); err != nil { // seats are compared as they are stored
		return err
	}
	if err := g.state.begin(ctx, w.reading); err != nil {
		return err
	}
	if err := g.each(func(part []feed.GraphUser) error { return g.state.compare(ctx, w.reading, part) }); err != nil {
		return err
	}
	g.p.Entra = g.state.report()
	return nil
}
