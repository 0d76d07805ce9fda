package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/ent"
	entgroup "github.com/ringfence/ringfence/ent/group"
	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

// action is what the request is mainly about; prepare asks for the rest of it, too.
func (c *ProvisionGroup) action() string {
	switch {
	case c.named():
		return "upsertGroups"
	case c.Replace || len(c.AddUserIDs)+len(c.AddGroupIDs) > 0:
		return "addGroupMembers"
	}
	return "removeGroupMembers"
}

func (c *ProvisionGroup) named() bool {
	return c.GroupID == nil || c.Name != nil || c.ExternalID.IsSet()
}

func (c *ProvisionGroup) check() error {
	if n := len(c.AddUserIDs) + len(c.AddGroupIDs) + len(c.RemoveUserIDs) + len(c.RemoveGroupIDs); n > maxMembers {
		return errTooManyMembers()
	}
	if c.GroupID == nil && c.Name == nil {
		return fault.Invalid("name", "this must not be empty")
	}
	if c.Name != nil {
		if err := checkText("name", *c.Name, 300); err != nil {
			return err
		}
	}
	return checkExternal("externalId", c.ExternalID.Value())
}

func errTooManyMembers() error {
	return fault.New(fault.TooComplex, "more than %d members would change at once; send the change in parts", maxMembers)
}

func (c *ProvisionGroup) prepare(ctx context.Context, r *reading) (*plan[GroupPayload], error) {
	joining := &memberChange{users: keys(c.AddUserIDs, id.User), children: keys(c.AddGroupIDs, id.Group)}
	leaving := &memberChange{}
	var known *ent.Group
	var err error
	if c.GroupID != nil {
		joining.group = c.GroupID.Key(id.Group)
		leaving.group = joining.group
		known, err = c.find(ctx, r, joining, leaving)
	} else {
		err = c.keepMembers(ctx, r, joining)
	}
	if err == nil {
		err = c.isFree(ctx, r, known)
	}
	if err != nil {
		return nil, err
	}
	ask, before := c.questions(r, joining, leaving)
	return &plan[GroupPayload]{ask: ask, before: before, write: func(ctx context.Context, w *writing) (*GroupPayload, error) {
		return c.write(ctx, w, known, joining, leaving)
	}}, nil
}

// keepMembers checks the members of a new group, and has the groups among them stay: nothing else would notice that one goes.
func (c *ProvisionGroup) keepMembers(ctx context.Context, r *reading, joining *memberChange) error {
	if err := r.lockGroups(ctx, joining.children); err != nil {
		return err
	}
	return c.exist(ctx, r, joining)
}

// exist answers an error that names the first member to add that does not exist or that would nest the group in itself.
func (c *ProvisionGroup) exist(ctx context.Context, r *reading, joining *memberChange) error {
	if err := r.allExist(ctx, "users", "addUserIds", "user", joining.users); err != nil {
		return err
	}
	if err := r.allExist(ctx, "groups", "addGroupIds", "group", joining.children); err != nil {
		return err
	}
	for i, child := range joining.children {
		under, err := r.below(ctx, []int64{child})
		if err != nil {
			return err
		}
		if slices.Contains(under, joining.group) {
			return fault.Invalid(fmt.Sprintf("addGroupIds.%d", i), "a group cannot be nested in itself")
		}
	}
	joining.users, joining.children = sorted(joining.users), sorted(joining.children)
	return nil
}

// find locks the group with all that its members' licenses may depend on, and works out who comes and who leaves.
func (c *ProvisionGroup) find(ctx context.Context, r *reading, joining, leaving *memberChange) (*ent.Group, error) {
	missing := fault.Missing("groupId", "group")
	if err := r.sees(ctx, "groups", "group", joining.group, missing); err != nil {
		return nil, err
	}
	if err := c.exist(ctx, r, joining); err != nil {
		return nil, err
	}
	nested, err := r.ids(ctx, `SELECT child_id FROM group_nestings WHERE parent_id = $1`, joining.group)
	if err != nil {
		return nil, err
	}
	line, err := r.above(ctx, []int64{joining.group})
	if err != nil {
		return nil, err
	}
	under, err := r.below(ctx, append(nested, joining.children...))
	if err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, append(line, under...)); err != nil {
		return nil, err
	}
	known, err := r.Client().Group.Get(ctx, joining.group)
	if ent.IsNotFound(err) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	if err := r.isVersion(ctx, "groups", joining.group, c.Version); err != nil {
		return nil, err
	}
	if err := c.exist(ctx, r, joining); err != nil { // again, now that nothing moves
		return nil, err
	}
	if err := c.difference(ctx, r, joining, leaving); err != nil {
		return nil, err
	}
	if len(without(leaving.children, nested)) > 0 { // nested meanwhile, and not locked
		return nil, &widenError{}
	}
	return known, c.lockLicenses(ctx, r, joining, leaving)
}

// difference leaves in joining those who are no members yet, and puts into leaving those who are and are to leave.
func (c *ProvisionGroup) difference(ctx context.Context, r *reading, joining, leaving *memberChange) error {
	for _, side := range []struct {
		table, own, member string
		add, leave         *[]int64
		remove             []int64
	}{
		{"memberships", "group_id", "user_id", &joining.users, &leaving.users, keys(c.RemoveUserIDs, id.User)},
		{"group_nestings", "parent_id", "child_id", &joining.children, &leaving.children, keys(c.RemoveGroupIDs, id.Group)},
	} {
		query, args := `SELECT `+side.member+` FROM `+side.table+` WHERE `+side.own+` = $1`, []any{joining.group}
		if !c.Replace {
			query, args = query+` AND `+r.Any(side.member, 2), append(args, r.Array(append(slices.Clone(*side.add), side.remove...)))
		}
		present, err := r.ids(ctx, query, args...)
		if err != nil {
			return err
		}
		present = sorted(present)
		if c.Replace {
			*side.leave = without(present, *side.add)
		} else {
			*side.leave = without(sorted(side.remove), without(side.remove, present)) // of those named, who is there
			*side.leave = without(*side.leave, *side.add)
		}
		*side.add = without(*side.add, present)
	}
	if len(joining.users)+len(joining.children)+len(leaving.users)+len(leaving.children) > maxMembers {
		return errTooManyMembers()
	}
	return nil
}

// lockLicenses locks the licenses that the group reaches and, where it matters, those who come and leave. What concerns both is
// kept with those who come.
func (c *ProvisionGroup) lockLicenses(ctx context.Context, r *reading, joining, leaving *memberChange) error {
	moving, err := r.below(ctx, append(slices.Clone(joining.children), leaving.children...))
	if err != nil {
		return err
	}
	if joining.affected, err = r.affectedBy(ctx, append(slices.Clone(joining.users), leaving.users...), moving); err != nil {
		return err
	}
	if joining.grants, err = r.grantsFor(ctx, []int64{joining.group}); err != nil {
		return err
	}
	if err := r.lockGrants(ctx, joining.grants); err != nil {
		return err
	}
	if r.plansMatter() {
		return r.lockUsers(ctx, joining.affected)
	}
	return nil
}

// isFree answers a CONFLICT that names what another group has already.
func (c *ProvisionGroup) isFree(ctx context.Context, r *reading, known *ent.Group) error {
	own := int64(0)
	if known != nil {
		own = known.ID
	}
	groups := r.Client().Group
	if c.Name != nil {
		if other, err := groups.Query().Where(entgroup.Name(*c.Name), entgroup.IDNEQ(own)).Exist(ctx); err != nil || other {
			return firstError(err, taken("name", "another group has this name"))
		}
	}
	if external := c.ExternalID.Value(); external != nil {
		if other, err := groups.Query().Where(entgroup.ExternalID(*external), entgroup.IDNEQ(own)).Exist(ctx); err != nil || other {
			return firstError(err, taken("externalId", "another group has this externalId"))
		}
	}
	return nil
}

// questions are what the policy is asked: once for each of the operations that the request is made of.
func (c *ProvisionGroup) questions(r *reading, joining, leaving *memberChange) (ask *policy.Input, before []*policy.Input) {
	about := &policy.Group{ID: joining.group, Members: int64(len(joining.affected))}
	main := c.action()
	for _, part := range []struct {
		action string
		asked  bool
	}{
		{"upsertGroups", c.named()},
		{"addGroupMembers", len(joining.users)+len(joining.children) > 0},
		{"removeGroupMembers", len(leaving.users)+len(leaving.children) > 0},
	} {
		if part.asked && part.action != main {
			question := r.question(part.action, nil)
			question.Group = about
			before = append(before, question)
		}
	}
	if main == "upsertGroups" {
		return r.question(main, map[string]any{"count": 1}), before
	}
	ask = r.question(main, nil)
	ask.Group = about
	return ask, before
}

func (c *ProvisionGroup) write(ctx context.Context, w *writing, known *ent.Group, joining, leaving *memberChange) (*GroupPayload, error) {
	row, err := c.writeGroup(ctx, w, known)
	if err != nil {
		return nil, err
	}
	joining.group, leaving.group = row.ID, row.ID
	left, err := w.removeMembers(ctx, leaving)
	if err != nil {
		return nil, err
	}
	came, err := w.addMembers(ctx, joining)
	if err != nil {
		return nil, err
	}
	if left+came == 0 {
		return &GroupPayload{Group: row}, nil
	}
	if err := w.touch(ctx, row.ID); err != nil {
		return nil, err
	}
	if len(joining.grants) > 0 {
		if err := w.realign(ctx, joining.grants, joining.affected); err != nil {
			return nil, err
		}
	}
	if err := w.reopenScopes(ctx, joining); err != nil {
		return nil, err
	}
	w.tellMembers("MEMBERS_REMOVED", row.ID, leaving.users, leaving.children)
	w.tellMembers("MEMBERS_ADDED", row.ID, joining.users, joining.children)
	row, err = w.tx.Client().Group.Get(ctx, row.ID)
	return &GroupPayload{Group: row, Changed: left + came}, err
}

// writeGroup makes the group, or gives it the name and the external id that the request has for it.
func (c *ProvisionGroup) writeGroup(ctx context.Context, w *writing, known *ent.Group) (*ent.Group, error) {
	external, given := c.ExternalID.ValueOK()
	if known == nil {
		row, err := w.tx.Client().Group.Create().SetName(*c.Name).SetNillableExternalID(external).SetCreatedAt(w.Now()).Save(ctx)
		if err == nil {
			w.happened("GROUP_CREATED", "group", row.ID, map[string]any{"name": *c.Name}).group = row.ID
		}
		return row, err
	}
	name := known.Name
	set(&name, c.Name)
	if name == known.Name && (!given || same(known.ExternalID, external)) {
		return known, nil
	}
	update := known.Update().SetName(name).SetUpdatedAt(*after(w.Now(), changedAt(known.CreatedAt, known.UpdatedAt)))
	if external != nil {
		update.SetExternalID(*external)
	} else if given {
		update.ClearExternalID()
	}
	w.happened("GROUP_UPDATED", "group", known.ID, map[string]any{"name": name}).group = known.ID
	return update.Save(ctx)
}
