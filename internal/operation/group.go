package operation

import (
	"context"
	"fmt"

	"github.com/ringfence/ringfence/ent"
	entgroup "github.com/ringfence/ringfence/ent/group"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

// maxUpsert is how many users or groups one request may carry.
const maxUpsert = 10_000

func (c *UpsertGroups) action() string { return "upsertGroups" }

func (c *UpsertGroups) check() error {
	if len(c.Groups) == 0 || len(c.Groups) > maxUpsert {
		return fault.Invalid("groups", "give 1 to %d groups", maxUpsert)
	}
	names, externals := map[string]bool{}, map[string]bool{}
	for i, g := range c.Groups {
		if err := checkText(fmt.Sprintf("groups.%d.name", i), g.Name, 300); err != nil {
			return err
		}
		external := g.ExternalID.Value()
		if err := checkExternal(fmt.Sprintf("groups.%d.externalId", i), external); err != nil {
			return err
		}
		if names[g.Name] || external != nil && externals[*external] {
			return fault.Invalid(fmt.Sprintf("groups.%d.name", i), "the group is named twice")
		}
		names[g.Name] = true
		if external != nil {
			externals[*external] = true
		}
	}
	return nil
}

func (c *UpsertGroups) prepare(_ context.Context, r *reading) (*plan[GroupsPayload], error) { //nolint:unparam // as every command
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), Args: map[string]any{"count": len(c.Groups)}}
	return &plan[GroupsPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*GroupsPayload, error) {
		p := &GroupsPayload{}
		for _, g := range c.Groups {
			row, err := w.upsertGroup(ctx, g)
			if err != nil {
				return nil, err
			}
			p.Groups = append(p.Groups, row)
		}
		return p, nil
	}}, nil
}

// upsertGroup finds a group by its external id, else by its name, and makes or changes it.
func (w *writing) upsertGroup(ctx context.Context, g GroupInput) (*ent.Group, error) {
	external, given := g.ExternalID.ValueOK()
	groups := w.tx.Client().Group
	var known *ent.Group
	var err error
	if external != nil {
		known, err = groups.Query().Where(entgroup.ExternalID(*external)).Only(ctx)
	}
	if known == nil && (err == nil || ent.IsNotFound(err)) {
		known, err = groups.Query().Where(entgroup.Name(g.Name)).Only(ctx)
	}
	switch {
	case ent.IsNotFound(err):
		row, err := groups.Create().SetName(g.Name).SetNillableExternalID(external).SetCreatedAt(w.Now()).Save(ctx)
		if err == nil {
			w.happened("GROUP_CREATED", "group", row.ID, map[string]any{"name": g.Name}).group = row.ID
		}
		return row, err
	case err != nil:
		return nil, err
	case known.Name == g.Name && (!given || same(known.ExternalID, external)):
		return known, nil
	}
	update := known.Update().SetName(g.Name).SetUpdatedAt(*after(w.Now(), changedAt(known.CreatedAt, known.UpdatedAt)))
	if external != nil {
		update.SetExternalID(*external)
	} else if given {
		update.ClearExternalID()
	}
	w.happened("GROUP_UPDATED", "group", known.ID, map[string]any{"name": g.Name}).group = known.ID
	return update.Save(ctx)
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func (c *DeleteGroup) action() string { return "deleteGroup" }

func (c *DeleteGroup) check() error { return nil }

func (c *DeleteGroup) prepare(ctx context.Context, r *reading) (*plan[DeletePayload], error) {
	key := c.GroupID.Key(id.Group)
	if err := r.exists(ctx, "groups", key, fault.Missing("groupId", "group")); err != nil {
		return nil, err
	}
	line, err := r.above(ctx, []int64{key})
	if err != nil {
		return nil, err
	}
	under, err := r.below(ctx, []int64{key})
	if err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, append(line, under...)); err != nil {
		return nil, err
	}
	if err := r.isVersion(ctx, "groups", key, c.Version); err != nil {
		return nil, err
	}
	users, err := r.affectedBy(ctx, nil, under)
	if err != nil {
		return nil, err
	}
	grants, err := r.grantsFor(ctx, []int64{key})
	if err != nil {
		return nil, err
	}
	if err := r.lockGrants(ctx, grants); err != nil {
		return nil, err
	}
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), Group: &policy.Group{ID: key, Members: int64(len(users))}}
	return &plan[DeletePayload]{ask: ask, write: func(ctx context.Context, w *writing) (*DeletePayload, error) {
		return &DeletePayload{DeletedID: c.GroupID}, w.deleteGroup(ctx, key, grants, users)
	}}, nil
}

func (w *writing) deleteGroup(ctx context.Context, key int64, grants []*groupLicense, users []int64) error {
	for _, grant := range grants {
		if grant.group == key {
			return fault.New(fault.Conflict, "the group has licenses; take them away first")
		}
	}
	var scopes int
	if err := w.QueryRow(ctx, `SELECT COUNT(*) FROM allotment_scopes WHERE group_id = $1`, key).Scan(&scopes); err != nil {
		return err
	}
	if scopes > 0 { // an allotment whose scope lost its last group would be open to everyone
		return fault.New(fault.Conflict, "the scope of an allotment names the group; change it first")
	}
	for _, statement := range []string{
		`DELETE FROM memberships WHERE group_id = $1`,
		`DELETE FROM group_nestings WHERE parent_id = $1 OR child_id = $1`,
		`DELETE FROM allotment_delegates WHERE group_id = $1`,
	} {
		if _, err := w.tx.Exec(ctx, statement, key); err != nil {
			return err
		}
	}
	if len(grants) > 0 {
		if err := w.realign(ctx, grants, users); err != nil {
			return err
		}
	}
	w.happened("GROUP_DELETED", "group", key, nil).group = key
	_, err := w.tx.Exec(ctx, `DELETE FROM "groups" WHERE id = $1`, key)
	return err
}
