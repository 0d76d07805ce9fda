package operation

import "context"

// chunk is how many members of a group are worked through in one transaction. It bounds how long a pool stays locked; what is left
// goes on in transactions of its own, also after a crash (Runner.Sweep).
var chunk = int64(100_000) // a variable so that a test can do with a few users

// fill gives members who have no reason from a group license yet what it grants, from a user on, in order of their ids. It returns
// the last user looked at, 0 when all are done.
func (w *writing) fill(ctx context.Context, grant *groupLicense, after int64, whole bool) (int64, error) {
	limit := chunk
	if whole {
		limit = 1 << 40
	}
	users, err := w.unservedUsers(ctx, grant, after, limit)
	if err != nil {
		return 0, err
	}
	if err := w.know(ctx, users); err != nil {
		return 0, err
	}
	if err := w.align(ctx, []*groupLicense{grant}, users); err != nil {
		return 0, err
	}
	if err := w.settle(ctx); err != nil {
		return 0, err
	}
	if int64(len(users)) == limit {
		return users[len(users)-1], nil
	}
	grant.pending = pendingNone
	_, err = w.tx.Exec(ctx, `UPDATE group_licenses SET pending = 0 WHERE id = $1`, grant.id)
	return 0, err
}

func (r *reading) unservedUsers(ctx context.Context, grant *groupLicense, after, limit int64) ([]int64, error) {
	groups, err := r.reach(ctx, grant)
	if err != nil {
		return nil, err
	}
	return r.ids(ctx, `SELECT DISTINCT m.user_id FROM memberships m WHERE `+r.Any("m.group_id", 1)+` AND m.user_id > $2
		AND NOT EXISTS (SELECT 1 FROM seat_reasons r WHERE r.group_license_id = $3 AND r.user_id = m.user_id)
		ORDER BY m.user_id LIMIT $4`, r.Array(groups), after, grant.id, limit)
}

// unserved counts the members who have no reason from a group license.
func (r *reading) unserved(ctx context.Context, grant *groupLicense) (int64, error) {
	groups, err := r.reach(ctx, grant)
	if err != nil {
		return 0, err
	}
	var n int64
	err = r.QueryRow(ctx, `SELECT COUNT(DISTINCT m.user_id) FROM memberships m WHERE `+r.Any("m.group_id", 1)+`
		AND NOT EXISTS (SELECT 1 FROM seat_reasons r WHERE r.group_license_id = $2 AND r.user_id = m.user_id)`, r.Array(groups), grant.id).Scan(&n)
	return n, err
}

// reach gives the groups whose direct members a group license is for.
func (r *reading) reach(ctx context.Context, grant *groupLicense) ([]int64, error) {
	if grant.nested {
		return r.below(ctx, []int64{grant.group})
	}
	return []int64{grant.group}, nil
}

// drain ends the reasons of a group license that is to go, and removes it when none is left. It returns how many are left.
func (w *writing) drain(ctx context.Context, grant *groupLicense, whole bool) (int64, error) {
	limit := chunk
	if whole {
		limit = 1 << 40
	}
	users, err := w.ids(ctx, `SELECT user_id FROM seat_reasons WHERE group_license_id = $1 ORDER BY user_id LIMIT $2`, grant.id, limit)
	if err != nil {
		return 0, err
	}
	if err := w.know(ctx, users); err != nil {
		return 0, err
	}
	for _, user := range users {
		if reason := w.book.User(user).Seat(grant.license).Find(grant.id); reason != nil {
			w.book.End(reason)
		}
	}
	if err := w.settle(ctx); err != nil {
		return 0, err
	}
	if err := w.flush(ctx); err != nil {
		return 0, err
	}
	var left int64
	if err := w.QueryRow(ctx, `SELECT COUNT(*) FROM seat_reasons WHERE group_license_id = $1`, grant.id).Scan(&left); err != nil || left > 0 {
		return left, err
	}
	return 0, w.dropGrant(ctx, grant.id)
}

// dropGrant removes a group license nobody has a reason from. What it was to replace stays, for all members: those who had moved to
// it get back what they had, in a transaction of its own.
func (w *writing) dropGrant(ctx context.Context, grant int64) error {
	if _, err := w.tx.Exec(ctx, `DELETE FROM exclusions WHERE group_license_id = $1`, grant); err != nil {
		return err
	}
	back, err := w.tx.Exec(ctx, `UPDATE group_licenses SET replaced_by = 0, pending = $2 WHERE replaced_by = $1`, grant, pendingFill)
	if err != nil {
		return err
	}
	w.unfinished = w.unfinished || back > 0
	_, err = w.tx.Exec(ctx, `DELETE FROM group_licenses WHERE id = $1`, grant)
	return err
}

// refill brings all members and former members of a group license in line with it. More tells that it switches plans on: whoever
// has the seat is checked again, because a plan may exclude another.
func (w *writing) refill(ctx context.Context, grant *groupLicense, more bool) error {
	users, err := w.unservedUsers(ctx, grant, 0, 1<<40)
	if err != nil {
		return err
	}
	holders, err := w.ids(ctx, `SELECT user_id FROM seat_reasons WHERE group_license_id = $1`, grant.id)
	if err != nil {
		return err
	}
	users = sorted(append(users, holders...))
	if err := w.know(ctx, users); err != nil {
		return err
	}
	if err := w.align(ctx, []*groupLicense{grant}, users); err != nil {
		return err
	}
	for _, user := range users { // a plan that is off now stands against nothing anymore
		w.book.Retry(w.book.User(user))
		if reason := w.book.User(user).Seat(grant.license).Find(grant.id); more && reason != nil {
			w.book.Reconsider(reason)
		}
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.flush(ctx)
}

// realign brings users in line with group licenses and settles and writes what follows.
func (w *writing) realign(ctx context.Context, grants []*groupLicense, users []int64) error {
	if err := w.know(ctx, users); err != nil {
		return err
	}
	if err := w.align(ctx, grants, users); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.flush(ctx)
}
