package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// follow does what follows: the groups count their members anew, the log is told, and seats come and go.
func (o *roster) follow(ctx context.Context, w *writing) error {
	if err := o.findLicensed(ctx, w.reading); err != nil { // again: what was nested anew is reached now, too
		return err
	}
	var groups, more, users []int64
	for _, group := range o.sortedGroups() {
		c := o.changes[group]
		if c == nil || len(c.added)+len(c.removed)+len(c.joined)+len(c.parted) == 0 {
			continue
		}
		groups, more = append(groups, group), append(more, int64(len(c.added)-len(c.removed)))
		w.tellMembers("MEMBERS_ADDED", group, c.added, c.joined)
		w.tellMembers("MEMBERS_REMOVED", group, c.removed, c.parted)
		if err := w.reopenScopes(ctx, &memberChange{group: group}); err != nil {
			return err
		}
		if !o.licensed[group] {
			continue
		}
		under, err := w.below(ctx, slices.Concat(c.joined, c.parted))
		if err != nil {
			return err
		}
		shaken, err := w.affectedBy(ctx, slices.Concat(c.added, c.removed), under)
		if err != nil {
			return err
		}
		users = append(users, shaken...)
	}
	if len(groups) == 0 {
		return nil
	}
	table, args := w.tx.Table("v", 1, store.Column{Name: "id", Values: groups}, store.Column{Name: "n", Values: more})
	if _, err := w.tx.Exec(ctx, fmt.Sprintf(`UPDATE "groups" SET members = "groups".members + v.n, updated_at = $%d FROM %s WHERE "groups".id = v.id`,
		len(args)+1, table), append(args, w.Now())...); err != nil {
		return err
	}
	return o.realign(ctx, w, sorted(users))
}

// tellMembers notes members that came or went.
func (w *writing) tellMembers(kind string, group int64, users, groups []int64) {
	for len(users)+len(groups) > 0 {
		n := min(len(users), tellAtOnce)
		w.happened(kind, "group", group, map[string]any{"count": n + len(groups), "users": idsOf(id.User, users[:n]), "groups": idsOf(id.Group, groups)}).group = group
		users, groups = users[n:], nil
	}
}

// realign brings users, in order, in line with the licenses of the groups, a part of them at a time, with a fresh book.
func (o *roster) realign(ctx context.Context, w *writing, users []int64) error {
	users, err := w.waitingFirst(ctx, users)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(users, importPart) {
		if err := w.turnPage(ctx); err != nil {
			return err
		}
		grants, err := w.grantsFor(ctx, o.licensedGroups())
		if err != nil {
			return err
		}
		if err := w.lockGrants(ctx, grants); err != nil {
			return err
		}
		if w.plansMatter() {
			if err := w.lockUsers(ctx, part); err != nil {
				return err
			}
		}
		if err := w.realign(ctx, grants, part); err != nil {
			return err
		}
	}
	return nil
}
