package operation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/licensing"
)

// checkPlans answers an error that names the plan in disabledPlanIds unless all plans belong to the product of the license.
func (r *reading) checkPlans(ctx context.Context, plans []id.ID, license int64) error {
	if len(plans) == 0 {
		return nil
	}
	known, err := r.ids(ctx, `SELECT plan_id FROM product_plans WHERE product_id = $1`, r.facts.licenses[license].productID)
	if err != nil {
		return err
	}
	for i, key := range keys(plans, id.ServicePlan) {
		if !slices.Contains(known, key) {
			return fault.Invalid(fmt.Sprintf("disabledPlanIds.%d", i), "this is no service plan of the product")
		}
	}
	return nil
}

// below gives groups and all groups nested in them, however deep; cycles end by themselves.
func (r *reading) below(ctx context.Context, groups []int64) ([]int64, error) {
	return r.ids(ctx, `WITH RECURSIVE tree(id) AS (
		SELECT id FROM "groups" WHERE `+r.Any("id", 1)+` UNION SELECT n.child_id FROM group_nestings n JOIN tree ON tree.id = n.parent_id)
		SELECT id FROM tree ORDER BY id`, r.Array(groups))
}

// above gives groups and all groups they are nested in.
func (r *reading) above(ctx context.Context, groups []int64) ([]int64, error) {
	return r.ids(ctx, `WITH RECURSIVE tree(id) AS (
		SELECT id FROM "groups" WHERE `+r.Any("id", 1)+` UNION SELECT n.parent_id FROM group_nestings n JOIN tree ON tree.id = n.child_id)
		SELECT id FROM tree ORDER BY id`, r.Array(groups))
}

// grantsFor gives the group licenses that reach direct members of groups: those of the groups themselves, and those of groups above
// that include nested ones.
func (r *reading) grantsFor(ctx context.Context, groups []int64) ([]*groupLicense, error) {
	line, err := r.above(ctx, groups)
	if err != nil || len(line) == 0 {
		return nil, err
	}
	return r.loadGrants(ctx, r.Any("group_id", 1)+` AND (`+r.Any("group_id", 2)+` OR include_nested)`, r.Array(line), r.Array(groups))
}

// members gives, of the users named, those that a group license reaches: members of its group (or of groups nested in it, if
// it includes them) who are not excluded.
func (r *reading) members(ctx context.Context, grant *groupLicense, users []int64) (map[int64]bool, error) {
	groups, err := r.reach(ctx, grant)
	if err != nil {
		return nil, err
	}
	found, err := r.ids(ctx, `SELECT DISTINCT m.user_id FROM memberships m WHERE `+r.Any("m.group_id", 1)+` AND `+r.Any("m.user_id", 2)+`
		AND NOT EXISTS (SELECT 1 FROM exclusions x WHERE x.group_license_id = $3 AND x.user_id = m.user_id AND (x.ends_at IS NULL OR x.ends_at > $4))`,
		r.Array(groups), r.Array(users), grant.id, r.Now())
	reached := make(map[int64]bool, len(found))
	for _, id := range found {
		reached[id] = true
	}
	return reached, err
}

// align makes the reasons of users what group licenses say: it adds those that are missing and ends those that no longer hold. Users
// and their seats are known, the licenses locked. Nothing is served before the book is settled.
func (w *writing) align(ctx context.Context, grants []*groupLicense, users []int64) error {
	for _, grant := range grants {
		reached := map[int64]bool{}
		if grant.pending != pendingEnd {
			var err error
			if reached, err = w.members(ctx, grant, users); err != nil {
				return err
			}
		}
		for _, id := range users {
			w.alignOne(grant, id, reached[id])
		}
	}
	return nil
}

func (w *writing) alignOne(grant *groupLicense, userID int64, reached bool) {
	u, account := w.book.User(userID), w.facts.users[userID]
	var reason *licensing.Reason
	if seat := u.Find(grant.license); seat != nil {
		reason = seat.Find(grant.id)
	}
	reached = reached && account != nil && account.enabled
	switch {
	case reason != nil && !reached:
		w.book.End(reason)
	case reason == nil && reached && grant.replacedBy == 0:
		w.book.Want(u, &licensing.Reason{GroupLicense: grant.id, Bundle: grant.bundle(), Pool: w.book.Pools[grant.key()]})
	}
}

// lockGrants locks the licenses that group licenses draw on, with those of their all-or-nothing companions and of what they replace.
func (r *reading) lockGrants(ctx context.Context, grants []*groupLicense, more ...int64) error {
	licenses := slices.Clone(more)
	var replaced []int64
	for _, g := range grants {
		licenses = append(licenses, g.license)
		replaced = append(replaced, g.id)
	}
	if len(replaced) > 0 {
		old, err := r.loadGrants(ctx, r.Any("replaced_by", 1), r.Array(replaced))
		if err != nil {
			return err
		}
		for _, g := range old {
			licenses = append(licenses, g.license)
		}
	}
	return r.lockLicenses(ctx, licenses)
}

// licensesOf gives the licenses users have seats of, in any state.
func (r *reading) licensesOf(ctx context.Context, users []int64) ([]int64, error) {
	return r.ids(ctx, `SELECT DISTINCT license_id FROM seats WHERE `+r.Any("user_id", 1), r.Array(users))
}

// summary counts what became of the members of a group license, and names why some were passed over.
func (w *writing) summary(ctx context.Context, grant *groupLicense) (*SeatSummary, error) {
	s := &SeatSummary{}
	err := w.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN s.state = 'ACTIVE' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN s.state = 'WAITING' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN s.state = 'ERROR' THEN 1 ELSE 0 END), 0) FROM seat_reasons r JOIN seats s ON s.license_id = r.license_id AND s.user_id = r.user_id
		WHERE r.group_license_id = $1`, grant.id).Scan(&s.Active, &s.Waiting, &s.Errors)
	if err != nil {
		return nil, err
	}
	skipped := map[string]int64{}
	for _, seat := range w.book.Touched() {
		if seat.License == grant.license && len(seat.Refused) > 0 && seat.Find(grant.id) == nil {
			skipped[seat.Refused[0].Code]++
		}
	}
	s.Skipped = skippedOf(skipped)
	return s, nil
}

// skippedOf gives counts by code, in the order of the codes.
func skippedOf(counts map[string]int64) []SkippedMembers {
	var list []SkippedMembers
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, SkippedMembers{Code: code, Count: counts[code]})
	}
	return list
}
