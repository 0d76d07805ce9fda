package operation

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store"
)

// maxMembers is how many members one request may name.
const maxMembers = 50_000

func (c *GroupMembers) check() error {
	if n := len(c.UserIDs) + len(c.MemberGroupIDs); n == 0 || n > maxMembers {
		return fault.Invalid("userIds", "name 1 to %d members", maxMembers)
	}
	return nil
}

func (c *AddGroupMembers) action() string { return "addGroupMembers" }

func (c *AddGroupMembers) prepare(ctx context.Context, r *reading) (*plan[GroupPayload], error) {
	return r.planMembers(ctx, &c.GroupMembers, c.action(), (*writing).addMembers)
}

func (c *RemoveGroupMembers) action() string { return "removeGroupMembers" }

func (c *RemoveGroupMembers) prepare(ctx context.Context, r *reading) (*plan[GroupPayload], error) {
	return r.planMembers(ctx, &c.GroupMembers, c.action(), (*writing).removeMembers)
}

// memberChange is a change of the members of one group, locked and checked.
type memberChange struct {
	group    int64
	users    []int64 // direct members to add or remove
	children []int64 // nested groups to add or remove
	affected []int64 // users whose licenses may change: the users, and the members of the children
	grants   []*groupLicense
}

// planMembers is the common way of adding and removing members.
func (r *reading) planMembers(ctx context.Context, c *GroupMembers, action string,
	change func(w *writing, ctx context.Context, m *memberChange) (int64, error),
) (*plan[GroupPayload], error) {
	m := &memberChange{group: c.GroupID.Key(id.Group), users: keys(c.UserIDs, id.User), children: keys(c.MemberGroupIDs, id.Group)}
	if err := r.exists(ctx, "groups", m.group, fault.Missing("groupId", "group")); err != nil {
		return nil, err
	}
	if err := r.checkMembers(ctx, m); err != nil {
		return nil, err
	}
	line, err := r.above(ctx, []int64{m.group})
	if err != nil {
		return nil, err
	}
	under, err := r.below(ctx, m.children)
	if err != nil {
		return nil, err
	}
	if err := r.lockGroups(ctx, append(line, under...)); err != nil {
		return nil, err
	}
	if err := r.exists(ctx, "groups", m.group, fault.Missing("groupId", "group")); err != nil { // it may be gone, or nested elsewhere, by now
		return nil, err
	}
	if err := r.checkMembers(ctx, m); err != nil {
		return nil, err
	}
	if m.affected, err = r.affectedBy(ctx, m.users, under); err != nil {
		return nil, err
	}
	if m.grants, err = r.grantsFor(ctx, []int64{m.group}); err != nil {
		return nil, err
	}
	if err := r.lockGrants(ctx, m.grants); err != nil {
		return nil, err
	}
	if r.plansMatter() {
		if err := r.lockUsers(ctx, m.affected); err != nil {
			return nil, err
		}
	}
	ask := &policy.Input{Now: r.Now(), Action: action, Principal: r.who.facts(), Group: &policy.Group{ID: m.group, Members: int64(len(m.affected))}}
	return &plan[GroupPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*GroupPayload, error) {
		changed, err := change(w, ctx, m)
		if err != nil {
			return nil, err
		}
		return w.membersChanged(ctx, m, action, changed)
	}}, nil
}

func (r *reading) affectedBy(ctx context.Context, users, groups []int64) ([]int64, error) {
	if len(groups) == 0 {
		return sorted(users), nil
	}
	nested, err := r.ids(ctx, `SELECT DISTINCT user_id FROM memberships WHERE `+r.Any("group_id", 1), r.Array(groups))
	return sorted(append(nested, users...)), err
}

// checkMembers answers an error that names the first member that does not exist, or that would nest a group in itself.
func (r *reading) checkMembers(ctx context.Context, m *memberChange) error {
	if err := r.allExist(ctx, "users", "userIds", "user", m.users); err != nil {
		return err
	}
	if err := r.allExist(ctx, "groups", "memberGroupIds", "group", m.children); err != nil {
		return err
	}
	for i, child := range m.children {
		under, err := r.below(ctx, []int64{child})
		if err != nil {
			return err
		}
		if slices.Contains(under, m.group) {
			return fault.Invalid(fmt.Sprintf("memberGroupIds.%d", i), "a group cannot be nested in itself")
		}
	}
	m.users, m.children = sorted(m.users), sorted(m.children)
	return nil
}

// allExist answers an error that names the first of some users or groups that is not there, or that the caller may not see.
func (r *reading) allExist(ctx context.Context, table, field, noun string, wanted []int64) error {
	if len(wanted) == 0 {
		return nil
	}
	found, err := r.ids(ctx, `SELECT id FROM "`+table+`" WHERE `+r.Any("id", 1), r.Array(sorted(wanted)))
	if err == nil {
		found, err = r.seen(ctx, noun, found)
	}
	if err != nil {
		return err
	}
	known := make(map[int64]bool, len(found))
	for _, key := range found {
		known[key] = true
	}
	for i, key := range wanted {
		if !known[key] {
			return fault.Missing(fmt.Sprintf("%s.%d", field, i), noun)
		}
	}
	return nil
}

func (w *writing) addMembers(ctx context.Context, m *memberChange) (int64, error) {
	present, err := w.ids(ctx, `SELECT user_id FROM memberships WHERE group_id = $1 AND `+w.Any("user_id", 2), m.group, w.Array(m.users))
	if err != nil {
		return 0, err
	}
	m.users = without(m.users, present)
	present, err = w.ids(ctx, `SELECT child_id FROM group_nestings WHERE parent_id = $1 AND `+w.Any("child_id", 2), m.group, w.Array(m.children))
	if err != nil {
		return 0, err
	}
	m.children = without(m.children, present)
	if err := w.tx.Insert(ctx, "memberships", store.Column{Name: "group_id", Values: repeat(m.group, len(m.users))},
		store.Column{Name: "user_id", Values: m.users}); err != nil {
		return 0, err
	}
	err = w.tx.Insert(ctx, "group_nestings", store.Column{Name: "parent_id", Values: repeat(m.group, len(m.children))},
		store.Column{Name: "child_id", Values: m.children})
	if err == nil {
		_, err = w.tx.Exec(ctx, `UPDATE "groups" SET members = members + $1 WHERE id = $2`, len(m.users), m.group)
	}
	return int64(len(m.users) + len(m.children)), err
}

func (w *writing) removeMembers(ctx context.Context, m *memberChange) (int64, error) {
	users, err := w.tx.Exec(ctx, `DELETE FROM memberships WHERE group_id = $1 AND `+w.Any("user_id", 2), m.group, w.Array(m.users))
	if err != nil {
		return 0, err
	}
	children, err := w.tx.Exec(ctx, `DELETE FROM group_nestings WHERE parent_id = $1 AND `+w.Any("child_id", 2), m.group, w.Array(m.children))
	if err == nil {
		_, err = w.tx.Exec(ctx, `UPDATE "groups" SET members = members - $1 WHERE id = $2`, users, m.group)
	}
	return users + children, err
}

// membersChanged brings the affected users in line and answers.
func (w *writing) membersChanged(ctx context.Context, m *memberChange, action string, changed int64) (*GroupPayload, error) {
	if len(m.grants) > 0 && changed > 0 {
		if err := w.realign(ctx, m.grants, m.affected); err != nil {
			return nil, err
		}
	}
	if changed > 0 {
		if err := w.touch(ctx, m.group); err != nil {
			return nil, err
		}
		if err := w.reopenScopes(ctx, m); err != nil {
			return nil, err
		}
		kind := map[bool]string{true: "MEMBERS_ADDED", false: "MEMBERS_REMOVED"}[action == "addGroupMembers"]
		w.happened(kind, "group", m.group, map[string]any{"count": changed, "users": idsOf(id.User, m.users), "groups": idsOf(id.Group, m.children)}).group = m.group
	}
	row, err := w.tx.Client().Group.Get(ctx, m.group)
	return &GroupPayload{Group: row, Changed: changed}, err
}

// reopenScopes leaves to the sweep what the scope of an allotment, which names the group, may have stood against until now: members
// of other groups that are licensed from it or from below it.
func (w *writing) reopenScopes(ctx context.Context, m *memberChange) error {
	grants, err := w.tx.Exec(ctx, `UPDATE group_licenses SET pending = $1 WHERE pending = $2 AND allotment_id IN (
		WITH RECURSIVE open(id) AS (SELECT allotment_id FROM allotment_scopes WHERE group_id = $3
			UNION SELECT a.id FROM allotments a JOIN open ON a.parent_id = open.id) SELECT id FROM open)`, pendingFill, pendingNone, m.group)
	w.unfinished = w.unfinished || grants > 0
	return err
}

func without(ids, gone []int64) []int64 {
	set := make(map[int64]bool, len(gone))
	for _, id := range gone {
		set[id] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return set[id] })
}

func repeat[T any](value T, n int) []T { return slices.Repeat([]T{value}, n) }
