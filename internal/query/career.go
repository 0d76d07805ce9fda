package query

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/store"
)

// post is where in the organization a user is.
type post struct{ department, costCenter string }

// career is where a user was when: posts[i] until until[i], the last one since then.
type career struct {
	posts  []post
	until  []time.Time
	hidden bool // not there any more, or not for the principal to see
}

// careers are those of the users of a rerun; nil where it does not matter.
type careers map[int64]*career

// of tells in which bin a user belongs from one time to another.
func (c careers) of(user int64, from, to time.Time, tell func(b bin, from, to time.Time)) {
	known := c[user]
	if known == nil {
		tell(bin{user: user}, from, to)
		return
	}
	b := bin{user: user}
	if known.hidden {
		b.user = 0
	}
	for i, p := range known.posts {
		end := to
		if i < len(known.until) && known.until[i].Before(to) {
			end = known.until[i]
		}
		if from.Before(end) {
			b.department, b.costCenter = p.department, p.costCenter
			tell(b, from, end)
			from = end
		}
	}
}

// readCareers reads where the users were whose seats were told, if rows are told apart by that or by the user.
func (r *rerun) readCareers(ctx context.Context, group func(bin) bin) (careers, error) {
	kept := group(bin{department: "d", costCenter: "c", user: 1})
	if kept.department == "" && kept.costCenter == "" && kept.user == 0 || len(r.held) == 0 {
		return nil, nil
	}
	keys := make([]int64, len(r.held))
	for i, h := range r.held {
		keys[i] = h.User
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	all := make(careers, len(keys))
	for _, key := range keys {
		all[key] = &career{posts: []post{{}}, hidden: true}
	}
	if err := r.readPosts(ctx, all, keys); err != nil {
		return nil, err
	}
	if kept.department == "" && kept.costCenter == "" {
		return all, nil
	}
	return all, r.readMoves(ctx, all, keys)
}

// readPosts reads where users are now, and who may be seen.
func (r *rerun) readPosts(ctx context.Context, all careers, keys []int64) error {
	statement := sqlf(`SELECT t.id, t.department, t.cost_center, CASE WHEN ? THEN 1 ELSE 0 END FROM users t WHERE ?`,
		and(r.visible(r.facts, kindUser, "t")), in("t.id", keys))
	return r.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key, shown int64
		var p post
		if err := rows.Scan(&key, &p.department, &p.costCenter, &shown); err != nil {
			return err
		}
		all[key].posts[0], all[key].hidden = p, shown == 0
		return nil
	})
}

// readMoves goes back from where users are now through what was recorded of them, the latest first. An event says where users
// were before it. Of before that was recorded, the first known place stands.
func (r *rerun) readMoves(ctx context.Context, all careers, keys []int64) error {
	statement := sqlf(`SELECT t.user_id, t.at, t.data FROM events t WHERE ? ORDER BY t.id DESC`, and(
		in("t.type", []string{"USER_MOVED", "USER_DELETED"}), or(in("t.user_id", keys), sqlf("t.user_id = 0"))))
	err := r.rows(ctx, statement, func(rows *stdsql.Rows) error {
		var key int64
		var at store.Time
		var data string
		if err := rows.Scan(&key, &at, &data); err != nil {
			return err
		}
		var told struct {
			Was   *struct{ Department, CostCenter string }
			Users []id.ID
		}
		if err := json.Unmarshal([]byte(data), &told); data == "" || err == nil && told.Was == nil {
			return nil // recorded before events kept where users were
		} else if err != nil {
			return err
		}
		moved := []int64{key}
		if key == 0 {
			moved = keysOf(id.User, told.Users)
		}
		for _, user := range moved {
			if c := all[user]; c != nil {
				c.posts, c.until = append(c.posts, post{told.Was.Department, told.Was.CostCenter}), append(c.until, at.Time)
			}
		}
		return nil
	})
	for _, c := range all { // they were read backwards
		slices.Reverse(c.posts)
		slices.Reverse(c.until)
	}
	return err
}
