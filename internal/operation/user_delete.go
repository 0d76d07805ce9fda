package operation

import (
	"context"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/policy"
)

func (c *DeleteUsers) action() string { return "deleteUsers" }

func (c *DeleteUsers) check() error { return checkUsers(c.UserIDs) }

func (c *DeleteUsers) prepare(ctx context.Context, r *reading) (*plan[DeleteUsersPayload], error) {
	wanted := keys(c.UserIDs, id.User)
	if err := r.allExist(ctx, "users", "userIds", "user", wanted); err != nil {
		return nil, err
	}
	users := sorted(wanted)
	if _, err := r.lockAround(ctx, users); err != nil {
		return nil, err
	}
	for _, user := range users {
		if err := r.isVersion(ctx, "users", user, c.Version); err != nil {
			return nil, err
		}
	}
	ask := &policy.Input{Now: r.Now(), Action: c.action(), Principal: r.who.facts(), Args: map[string]any{"count": len(users)}}
	return &plan[DeleteUsersPayload]{ask: ask, write: func(ctx context.Context, w *writing) (*DeleteUsersPayload, error) {
		return &DeleteUsersPayload{DeletedIDs: c.UserIDs}, w.deleteUsers(ctx, users)
	}}, nil
}

func (w *writing) deleteUsers(ctx context.Context, users []int64) error {
	if err := w.know(ctx, users); err != nil {
		return err
	}
	were, err := w.posts(ctx, users)
	if err != nil {
		return err
	}
	for _, key := range users {
		for _, seat := range w.book.User(key).Seats {
			for _, reason := range seat.Live() {
				w.book.End(reason)
			}
		}
		w.happened("USER_DELETED", "user", key, map[string]any{"was": were[key]}).user = key
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	list := w.Array(users)
	if _, err := w.tx.Exec(ctx, `UPDATE "groups" SET updated_at = $2, members = members - (SELECT COUNT(*) FROM memberships m
		WHERE m.group_id = "groups".id AND `+w.Any("m.user_id", 1)+`) WHERE id IN (SELECT group_id FROM memberships WHERE `+w.Any("user_id", 1)+`)`,
		list, w.Now()); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM memberships WHERE ` + w.Any("user_id", 1),
		`DELETE FROM allotment_delegates WHERE ` + w.Any("user_id", 1),
		`DELETE FROM exclusions WHERE ` + w.Any("user_id", 1),
		`DELETE FROM users WHERE ` + w.Any("id", 1),
	} {
		if _, err := w.tx.Exec(ctx, statement, list); err != nil {
			return err
		}
	}
	return nil
}
